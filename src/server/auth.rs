//! Who a request comes from.
//!
//! Token users have no secret key, so their signatures cannot be verified, as with RGW's LDAP users: the access key
//! alone tells who they are. The signatures of users with a secret key are verified by the protocol crate.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{StatusCode, header, request};
use percent_encoding::percent_decode_str;
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3Result, s3_error};

use super::access::Caller;
use super::backend::{error, text};
use super::{Style, User};

/// The token of a made-up user: what RGW's LDAP log-in takes as an access key.
pub(crate) fn token(id: &str) -> String {
    // In the order of the fields that COmanage writes.
    let token = format!(r#"{{"RGW_TOKEN":{{"version":1,"type":"ldap","id":"{id}","key":"pw-{id}"}}}}"#);
    BASE64.encode(token)
}

struct Known {
    id: Arc<str>,
    secret: Option<SecretKey>,
}

/// All users.
pub(crate) struct Users {
    by_access_key: RwLock<HashMap<String, Known>>,
}

impl Users {
    pub(crate) fn new(users: &[User]) -> Self {
        Self { by_access_key: RwLock::new(Self::known(users)) }
    }

    /// From now on these are all there are.
    pub(crate) fn set(&self, users: &[User]) {
        *self.by_access_key.write().unwrap_or_else(PoisonError::into_inner) = Self::known(users);
    }

    fn known(users: &[User]) -> HashMap<String, Known> {
        let known = users.iter().map(|user| {
            let secret = user.secret_key.as_ref().map(|secret| SecretKey::from(secret.as_str()));
            (user.access_key.clone(), Known { id: user.id.as_str().into(), secret })
        });
        known.collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Known>> {
        self.by_access_key.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a user of that id.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.read().values().any(|user| &*user.id == id)
    }

    /// Whether this is a user of LDAP.
    pub(crate) fn has_token(&self, id: &str) -> bool {
        self.read().values().any(|user| &*user.id == id && user.secret.is_none())
    }

    /// Finds out who sent the request. A token user's signature is taken out of it, so that nothing tries to verify it;
    /// the signature of a user with a secret key stays in.
    pub(crate) fn identify(&self, parts: &mut request::Parts, style: Style) -> S3Result<Caller> {
        let Some(access_key) = access_key(parts) else { return Ok(Caller::default()) };
        let users = self.read();
        let user = users.get(&access_key).ok_or_else(|| unknown_key(&access_key))?;
        if user.secret.is_none() {
            refuse_signed_chunks(parts, style)?;
            strip_signature(parts);
        }
        Ok(Caller(Some(user.id.clone())))
    }
}

#[async_trait::async_trait]
impl S3Auth for Users {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let user = self.read().get(access_key).and_then(|user| user.secret.clone());
        user.ok_or_else(|| unknown_key(access_key))
    }
}

/// RGW with LDAP says that a token with a wrong name or password is no access key; anything that is not a token, or a
/// token without a password, is just denied.
fn unknown_key(access_key: &str) -> S3Error {
    let token = BASE64.decode(access_key).ok();
    let token = token.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    match token.as_ref().map(|token| &token["RGW_TOKEN"]["key"]) {
        Some(serde_json::Value::String(key)) if !key.is_empty() => s3_error!(InvalidAccessKeyId),
        _ => s3_error!(AccessDenied),
    }
}

/// The access key of a signature of version 4 or 2, in a header or in the query. It may have slashes in it: a token is
/// Base64, so the credential is taken apart from its end.
fn access_key(parts: &request::Parts) -> Option<String> {
    let of_credential = |credential: &str| credential.rsplitn(5, '/').nth(4).map(str::to_owned);
    if let Some(value) = text(&parts.headers, header::AUTHORIZATION) {
        if let Some(v2) = value.strip_prefix("AWS ") {
            return v2.rsplit_once(':').map(|(key, _)| key.to_owned());
        }
        let (_, rest) = value.split_once("Credential=")?;
        return of_credential(rest.split(',').next()?.trim());
    }
    for (name, value) in query_pairs(parts.uri.query()?) {
        let decode = || percent_decode_str(value).decode_utf8().ok();
        match name {
            "X-Amz-Credential" => return of_credential(&decode()?),
            "AWSAccessKeyId" => return Some(decode()?.into_owned()),
            _ => {}
        }
    }
    None
}

fn query_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Chunks that are signed one by one, and checksums in trailers, cannot be verified without a secret key: RGW refuses
/// them, with 411 before release 18 if they come with a trailer.
fn refuse_signed_chunks(parts: &request::Parts, style: Style) -> S3Result<()> {
    match text(&parts.headers, "x-amz-content-sha256") {
        Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER") if style == Style::Rgw16 => {
            Err(error::custom(StatusCode::LENGTH_REQUIRED, "MissingContentLength"))
        }
        Some(payload) if payload.starts_with("STREAMING-") => Err(s3_error!(NotImplemented)),
        _ => Ok(()),
    }
}

fn strip_signature(parts: &mut request::Parts) {
    parts.headers.remove(header::AUTHORIZATION);
    let Some(query) = parts.uri.query() else { return };
    let is_signature = |name: &str| name.starts_with("X-Amz-") || matches!(name, "AWSAccessKeyId" | "Signature");
    if !query_pairs(query).any(|(name, _)| is_signature(name)) {
        return;
    }
    let pairs = query.split('&').filter(|pair| !is_signature(pair.split('=').next().unwrap_or_default()));
    let query = pairs.collect::<Vec<_>>().join("&");
    if let Ok(uri) = format!("{}?{query}", parts.uri.path()).parse() {
        parts.uri = uri;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, authorization: Option<&str>) -> request::Parts {
        let mut builder = http::Request::builder().uri(uri);
        if let Some(authorization) = authorization {
            builder = builder.header("authorization", authorization);
        }
        builder.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn access_keys_may_have_the_signs_of_base64() {
        let v4 =
            "AWS4-HMAC-SHA256 Credential=a/b+c=/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(access_key(&parts("/", Some(v4))).as_deref(), Some("a/b+c="));
        assert_eq!(access_key(&parts("/", Some("AWS a/b+c=:sig="))).as_deref(), Some("a/b+c="));
        let query = "/b/k?X-Amz-Credential=a%2Fb%2Bc%3D%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0";
        assert_eq!(access_key(&parts(query, None)).as_deref(), Some("a/b+c="));
        assert_eq!(access_key(&parts("/b/k?AWSAccessKeyId=a%2Fb&Signature=0", None)).as_deref(), Some("a/b"));
        assert_eq!(access_key(&parts("/b/k?prefix=x", None)), None);
    }

    #[test]
    fn a_stripped_signature_leaves_the_rest() {
        let mut request = parts("/b/k?partNumber=1&X-Amz-Signature=0&X-Amz-Date=1&uploadId=2", Some("AWS a:b"));
        strip_signature(&mut request);
        assert_eq!(request.uri, "/b/k?partNumber=1&uploadId=2");
        assert!(request.headers.is_empty());
    }

    #[test]
    fn debug_shows_no_secret() {
        let user = User { id: "alice_um".into(), access_key: "token".into(), secret_key: Some("secret".into()) };
        let shown = format!("{user:?}");
        assert!(shown.contains("alice_um") && !shown.contains("token") && !shown.contains("secret"));
    }
}
