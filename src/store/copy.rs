//! CopyObject.

use super::errors_from_sdk::Failure;
use super::exchange::{Extra, HeaderList};
use super::headers::{copy_source, grant_headers, quoted, write_headers};
use super::retry::{COPYING, Tries};
use super::settle::{explain, has_grants};
use super::{Condition, ETag, ErrorKind, GetRequest, Grant, Result, Store, StoreError, Stored, WriteHeaders};
use aws_sdk_s3::types::MetadataDirective;
use std::sync::Arc;

const OP: &str = "CopyObject";

impl Store {
    /// [`Store::copy_from`] within the bucket.
    pub async fn copy(
        &self,
        source: &str,
        source_etag: Option<&ETag>,
        target: &str,
        replace: Option<&WriteHeaders>,
        grants: &[Grant],
    ) -> Result<Stored> {
        self.copy_from(self, source, source_etag, target, replace, grants).await
    }

    /// CopyObject from a bucket of the same service (up to 5 GiB). `replace: None` keeps headers and tags of the source (directive
    /// COPY) and resets the ACL to `grants`; `Some` sends everything anew (directive REPLACE; tags are then lost on
    /// RGW before 20: see [`Store::put_tags`]). `source_etag` is sent as `x-amz-copy-source-if-match` **and** compared
    /// with the answer's etag where the copy keeps it. Source and target may be the same key only with `replace`.
    pub async fn copy_from(
        &self,
        from: &Store,
        source: &str,
        source_etag: Option<&ETag>,
        target: &str,
        replace: Option<&WriteHeaders>,
        grants: &[Grant],
    ) -> Result<Stored> {
        let extra = Extra::from(copy_headers(replace, grants)?);
        let directive = if replace.is_some() { MetadataDirective::Replace } else { MetadataDirective::Copy };
        let mut tries = Tries::new(self, OP, target, self.store_for);
        loop {
            let attempt = tries.attempt(COPYING, extra.clone(), |client, exchange| {
                client
                    .copy_object()
                    .bucket(self.bucket())
                    .key(target)
                    .copy_source(copy_source(from.bucket(), source))
                    .set_copy_source_if_match(source_etag.map(quoted))
                    .metadata_directive(directive.clone())
                    .customize()
                    .interceptor(exchange)
                    .send()
            });
            let failure = match attempt.await {
                Ok(done) => match done.output.copy_object_result().and_then(|result| result.e_tag()) {
                    Some(etag) if !etag.is_empty() => {
                        let etag = ETag::new(etag);
                        from.check_source(source, source_etag, &etag).await?;
                        return Ok(Stored { etag });
                    }
                    _ => Failure::nonsense(OP, &done.answer, "an answer without ETag"),
                },
                // Which of the two is missing, the source or a grantee?
                Err(failure) if failure.is(ErrorKind::NotFound) && has_grants(&extra) => {
                    if from.head(source).await.is_ok() { explain(failure, &extra) } else { failure }
                }
                Err(failure) if failure.is(ErrorKind::Unsupported) && self.sse.is_some() => {
                    return self.copy_by_hand(from, source, source_etag, target, replace, grants).await;
                }
                Err(failure) => explain(failure, &extra),
            };
            tries.again(failure).await?;
        }
    }

    /// A copy that the service cannot make, because only the user has the key of the object: fetched and stored again.
    async fn copy_by_hand(
        &self,
        from: &Store,
        source: &str,
        source_etag: Option<&ETag>,
        target: &str,
        replace: Option<&WriteHeaders>,
        grants: &[Grant],
    ) -> Result<Stored> {
        tracing::info!(source, target, "encrypted with a key of the user's: sent again instead of copied");
        let request = GetRequest { if_match: source_etag.cloned(), ..GetRequest::default() };
        let (info, _, body) = from.fetched(source, request).await?;
        let mut with = match replace {
            Some(with) => with.clone(),
            None => {
                let tags = if info.tag_count > 0 { from.get_tags(source).await? } else { Vec::new() };
                WriteHeaders { headers: Arc::unwrap_or_clone(info.headers), grants: Vec::new(), tags }
            }
        };
        if !grants.is_empty() {
            with.grants = grants.to_vec();
        }
        self.put(target, body, &with, &Condition::Always).await
    }

    /// RGW 16 does not look at the source's condition, but every RGW keeps the etag in the copy. Amazon looks, and
    /// makes a plain MD5 of a multipart source's etag.
    async fn check_source(&self, source: &str, wanted: Option<&ETag>, copied: &ETag) -> Result<()> {
        let Some(wanted) = wanted else { return Ok(()) };
        if wanted == copied {
            return Ok(());
        }
        let recomputed = wanted.as_md5().is_none() && copied.as_md5().is_some();
        if recomputed && self.head(source).await?.etag == *wanted {
            return Ok(());
        }
        Err(StoreError::local(ErrorKind::PreconditionFailed, OP, "the source was another object when it was copied"))
    }
}

fn copy_headers(replace: Option<&WriteHeaders>, grants: &[Grant]) -> Result<HeaderList> {
    let Some(with) = replace else { return grant_headers(OP, grants) };
    let mut with = with.clone();
    if !grants.is_empty() {
        with.grants = grants.to_vec();
    }
    let mut list = write_headers(OP, &with)?;
    list.push(("x-amz-tagging-directive".into(), "REPLACE".into()));
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Grantee;

    #[test]
    fn grants_of_the_call_win_over_those_of_the_headers() {
        let grant = |who: &str| Grant { grantee: Grantee::Id(who.into()), permission: "READ".into() };
        let with = WriteHeaders { grants: vec![grant("alice_um")], ..Default::default() };
        let names = |list: HeaderList| list.into_iter().map(|(n, v)| format!("{n}: {v}")).collect::<Vec<_>>();
        assert_eq!(
            names(copy_headers(Some(&with), &[grant("bob_wsu")]).unwrap()),
            ["x-amz-grant-read: id=\"bob_wsu\"", "x-amz-tagging-directive: REPLACE"]
        );
        assert!(names(copy_headers(Some(&with), &[]).unwrap()).contains(&"x-amz-grant-read: id=\"alice_um\"".into()));
        assert_eq!(names(copy_headers(None, &[grant("bob_wsu")]).unwrap()), ["x-amz-grant-read: id=\"bob_wsu\""]);
    }
}
