//! Listings: objects and unfinished uploads.

use super::errors_from_sdk::Failure;
use super::exchange::Extra;
use super::retry::{ASKING, Tries};
use super::{ETag, ErrorKind, ListEntry, ListPage, ListRequest, ListToken, PendingUpload, Result, Store, StoreError};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode;
use std::borrow::Cow;
use std::time::SystemTime;

const LIST: &str = "ListObjectsV2";
/// Sorts after every key that continues a prefix.
const LAST: char = '\u{10ffff}';

impl Store {
    /// One page of ListObjectsV2 (always `encoding-type=url`).
    pub async fn list(&self, request: ListRequest) -> Result<ListPage> {
        let (token, after) = match &request.from {
            Some(ListToken::Token(token)) => (Some(token.clone()), None),
            Some(ListToken::After(key)) => (None, Some(key.clone())),
            None => (None, None),
        };
        let max = if request.max_keys == 0 { 1000 } else { request.max_keys.min(1000) };
        let mut tries = Tries::new(self, LIST, &request.prefix, self.ask_for);
        loop {
            let attempt = tries.attempt(ASKING, Extra::default(), |client, exchange| {
                client
                    .list_objects_v2()
                    .bucket(self.bucket())
                    .prefix(&request.prefix)
                    .set_delimiter(request.by_directory.then(|| "/".to_owned()))
                    .max_keys(max as i32)
                    .encoding_type(EncodingType::Url)
                    .set_continuation_token(token.clone())
                    .set_start_after(after.clone())
                    .customize()
                    .interceptor(exchange)
                    .send()
            });
            let failure = match attempt.await {
                // An empty or foreign document parses as an empty list; a list names its bucket.
                Ok(done) if done.output.name().is_none() => {
                    Failure::nonsense(LIST, &done.answer, "the answer is not a list")
                }
                Ok(done) => return page(&done.output, request.from.as_ref()),
                Err(failure) => failure,
            };
            tries.again(failure).await?;
        }
    }

    /// The S3 user id of an object's owner, which only a listing tells (and the object's list, to those who may read it).
    pub async fn owner_of(&self, key: &str) -> Result<Option<String>> {
        let call = self.request(LIST, key, self.ask_for, ASKING, Extra::default(), |client, exchange| {
            let call = client.list_objects_v2().bucket(self.bucket()).prefix(key).max_keys(1).fetch_owner(true);
            call.encoding_type(EncodingType::Url).customize().interceptor(exchange).send()
        });
        let found = call.await?.output;
        // A key comes before all that it begins.
        let entry = found
            .contents()
            .first()
            .filter(|entry| entry.key().is_some_and(|text| decode(text, true).as_deref() == Some(key)));
        Ok(entry.and_then(|entry| entry.owner()?.id()).map(str::to_owned))
    }

    /// Multipart uploads in progress of one key.
    pub(super) async fn uploads_of(&self, key: &str) -> Result<Vec<PendingUpload>> {
        let mut found = self.list_uploads(key).await?;
        found.retain(|upload| upload.key == key);
        Ok(found)
    }

    /// Multipart uploads in progress below a prefix.
    pub async fn list_uploads(&self, prefix: &str) -> Result<Vec<PendingUpload>> {
        const OP: &str = "ListMultipartUploads";
        let mut found = Vec::new();
        let (mut key_marker, mut id_marker): (Option<String>, Option<String>) = (None, None);
        loop {
            let call = self.request(OP, prefix, self.ask_for, ASKING, Extra::default(), |client, exchange| {
                client
                    .list_multipart_uploads()
                    .bucket(self.bucket())
                    .prefix(prefix)
                    .encoding_type(EncodingType::Url)
                    .set_key_marker(key_marker.clone())
                    .set_upload_id_marker(id_marker.clone())
                    .customize()
                    .interceptor(exchange)
                    .send()
            });
            let output = call.await?.output;
            let before = (key_marker.clone(), id_marker.clone());
            for upload in output.uploads() {
                let key = upload.key().and_then(|key| {
                    // RGW (16) encodes the keys here without saying so, and does not encode the markers.
                    let encoded = output.encoding_type() == Some(&EncodingType::Url) || looks_encoded(key);
                    decode(key, encoded)
                });
                if let (Some(key), Some(id)) = (key, upload.upload_id()) {
                    (key_marker, id_marker) = (Some(key.clone()), Some(id.to_owned()));
                    let started = upload.initiated().and_then(|at| SystemTime::try_from(*at).ok());
                    found.push(PendingUpload { key, id: id.to_owned(), started });
                }
            }
            if output.is_truncated() != Some(true) {
                return Ok(found);
            }
            if before == (key_marker.clone(), id_marker.clone()) {
                return Err(no_progress(OP));
            }
        }
    }
}

fn page(output: &ListObjectsV2Output, from: Option<&ListToken>) -> Result<ListPage> {
    let encoded = output.encoding_type() == Some(&EncodingType::Url);
    let mut page = ListPage::default();
    for object in output.contents() {
        let Some(raw) = object.key() else { continue };
        let Some(key) = decode(raw, encoded) else {
            tracing::warn!(key = raw, "a key that is not UTF-8 is left out of the listing");
            continue;
        };
        page.objects.push(ListEntry {
            key,
            etag: ETag::new(object.e_tag().unwrap_or_default()),
            size: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            modified: object
                .last_modified()
                .and_then(|at| SystemTime::try_from(*at).ok())
                .unwrap_or(SystemTime::UNIX_EPOCH),
            storage_class: object.storage_class().map(|c| c.as_str().to_owned()).filter(|c| c != "STANDARD"),
        });
    }
    page.prefixes.extend(output.common_prefixes().iter().filter_map(|p| decode(p.prefix()?, encoded)));
    page.next = next_page(output, &page);
    if page.next.is_some() && page.next.as_ref() == from {
        return Err(no_progress(LIST));
    }
    Ok(page)
}

fn next_page(output: &ListObjectsV2Output, page: &ListPage) -> Option<ListToken> {
    if output.is_truncated() != Some(true) {
        return None;
    }
    if let Some(token) = output.next_continuation_token().filter(|token| !token.is_empty()) {
        return Some(ListToken::Token(token.to_owned()));
    }
    let last_key = page.objects.iter().map(|object| object.key.clone()).max();
    let last_prefix = page.prefixes.iter().max().map(|prefix| format!("{prefix}{LAST}"));
    last_key.max(last_prefix).map(ListToken::After)
}

fn no_progress(op: &'static str) -> StoreError {
    StoreError::local(ErrorKind::Server, op, "the service gives the same page again and again")
}

/// Whether this can only be the output of an encoder: it has escapes, and nothing that needs one.
fn looks_encoded(text: &str) -> bool {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"-._~/+%*".contains(&b);
    let mut rest = text.split('%');
    rest.next();
    text.contains('%')
        && text.bytes().all(bare)
        && rest.all(|part| part.len() >= 2 && part.bytes().take(2).all(|b| b.is_ascii_hexdigit()))
}

/// A name of a listing. RGW writes a space as `%20`, Amazon as `+`; a plus sign is `%2B` for both.
fn decode(text: &str, encoded: bool) -> Option<String> {
    if !encoded {
        return Some(text.to_owned());
    }
    let text: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    percent_decode(text.as_bytes()).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::types::{CommonPrefix, Object};

    #[test]
    fn names_are_decoded_only_when_encoded() {
        assert_eq!(decode("a%20b+c%2Bd%25%0A", true).unwrap(), "a b c+d%\n");
        assert_eq!(decode("%C3%A9", true).unwrap(), "é");
        assert_eq!(decode("%FF", true), None);
        assert_eq!(decode("100%25+", false).unwrap(), "100%25+");
    }

    #[test]
    fn encoded_names_are_recognised() {
        assert!(looks_encoded("d/a%2Bb%20%C3%A9"));
        for plain in ["a b%20", "100%", "a%4", "plain", "é%41"] {
            assert!(!looks_encoded(plain), "{plain}");
        }
    }

    fn output(keys: &[&str], prefixes: &[&str], token: Option<&str>) -> ListObjectsV2Output {
        ListObjectsV2Output::builder()
            .set_contents(Some(keys.iter().map(|key| Object::builder().key(*key).build()).collect()))
            .set_common_prefixes(Some(prefixes.iter().map(|p| CommonPrefix::builder().prefix(*p).build()).collect()))
            .encoding_type(EncodingType::Url)
            .is_truncated(true)
            .set_next_continuation_token(token.map(str::to_owned))
            .build()
    }

    #[test]
    fn goes_on_without_a_token() {
        let next = |keys: &[&str], prefixes: &[&str]| page(&output(keys, prefixes, None), None).unwrap().next;
        assert_eq!(next(&["a", "b%2Bc"], &[]), Some(ListToken::After("b+c".into())));
        assert_eq!(next(&["a"], &["d/"]), Some(ListToken::After(format!("d/{LAST}"))));
        assert_eq!(next(&["e"], &["d/"]), Some(ListToken::After("e".into())));
        // Truncated, empty, no token: there is nowhere to go on.
        assert_eq!(next(&[], &[]), None);
    }

    #[test]
    fn the_same_token_again_is_an_error() {
        let token = ListToken::Token("t".into());
        assert_eq!(page(&output(&["a"], &[], Some("t")), None).unwrap().next, Some(token.clone()));
        let error = page(&output(&["a"], &[], Some("t")), Some(&token)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Server);
        let after = ListToken::After("a".into());
        assert!(page(&output(&["a"], &[], None), Some(&after)).is_err());
    }
}
