//! Listings: ListObjects of both versions.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as TOKEN;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{self, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::super::access::Ask;
use super::model::Object;
use super::{Backend, acl, caller};

/// RGW cuts larger pages to this.
const LARGEST_PAGE: i32 = 1000;

/// What `encoding-type=url` leaves as it is.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b'\'');

/// One page of a listing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) entries: Vec<(String, T)>,
    pub(crate) prefixes: Vec<String>,
    /// Where the next page begins, if there is one: after this key or prefix.
    pub(crate) next: Option<String>,
}

/// The first string that is behind all strings with this prefix.
fn behind(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // Skips the surrogates, which are no characters.
        if let Some(next) = (u32::from(last) + 1..=0x10_ffff).find_map(char::from_u32) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// A page of at most `max` keys and common prefixes, in the order of UTF-8 bytes, all of them behind `after`.
pub(crate) fn page<T: Clone>(
    keys: &BTreeMap<String, T>,
    prefix: &str,
    delimiter: &str,
    after: &str,
    max: usize,
) -> Page<T> {
    let mut page = Page { entries: Vec::new(), prefixes: Vec::new(), next: None };
    if max == 0 {
        return page;
    }
    let common = |key: &str| {
        let rest = key.strip_prefix(prefix).filter(|_| !delimiter.is_empty())?;
        rest.find(delimiter).map(|at| key[..prefix.len() + at + delimiter.len()].to_owned())
    };
    // In RGW a marker within a common prefix is behind all of that prefix.
    let mut range = match common(after) {
        Some(within) => match behind(&within) {
            Some(next) => keys.range::<str, _>((Bound::Included(next.as_str()), Bound::Unbounded)),
            None => return page,
        },
        None if after < prefix => keys.range::<str, _>((Bound::Included(prefix), Bound::Unbounded)),
        None => keys.range::<str, _>((Bound::Excluded(after), Bound::Unbounded)),
    };
    let mut last = None;
    while let Some((key, value)) = range.next() {
        if !key.starts_with(prefix) {
            break;
        }
        if page.entries.len() + page.prefixes.len() == max {
            page.next = last;
            break;
        }
        match common(key) {
            None => {
                page.entries.push((key.clone(), value.clone()));
                last = Some(key.clone());
            }
            Some(found) => {
                let next = behind(&found);
                last = Some(found.clone());
                page.prefixes.push(found);
                let Some(next) = next else { break };
                range = keys.range::<str, _>((Bound::Included(next.as_str()), Bound::Unbounded));
            }
        }
    }
    page
}

/// What the two versions of the request have in common.
struct Query {
    bucket: String,
    prefix: String,
    delimiter: String,
    after: String,
    max: i32,
    url: bool,
    owner: bool,
}

impl Query {
    fn encode(&self, text: &str) -> String {
        if self.url { utf8_percent_encode(text, PLAIN).to_string() } else { text.to_owned() }
    }

    fn encoding(&self) -> Option<dto::EncodingType> {
        self.url.then(|| dto::EncodingType::from_static(dto::EncodingType::URL))
    }

    fn objects(&self, page: &Page<Arc<Object>>) -> Option<Vec<dto::Object>> {
        let entry = |(key, object): &(String, Arc<Object>)| dto::Object {
            key: Some(self.encode(key)),
            e_tag: Some(dto::ETag::Strong(object.etag.clone())),
            last_modified: Some(object.modified.into()),
            size: Some(object.body.len() as i64),
            owner: self.owner.then(|| acl::owner(&object.acl.owner)),
            storage_class: Some(object.storage_class().to_owned().into()),
            ..dto::Object::default()
        };
        Some(page.entries.iter().map(entry).collect())
    }

    fn prefixes(&self, page: &Page<Arc<Object>>) -> Option<Vec<dto::CommonPrefix>> {
        let prefix = |prefix: &String| dto::CommonPrefix { prefix: Some(self.encode(prefix)) };
        Some(page.prefixes.iter().map(prefix).collect())
    }
}

fn page_size(asked: Option<i32>) -> i32 {
    asked.unwrap_or(LARGEST_PAGE).clamp(0, LARGEST_PAGE)
}

fn is_url(encoding: Option<dto::EncodingType>) -> bool {
    encoding.is_some_and(|encoding| encoding.as_str() == dto::EncodingType::URL)
}

impl Backend {
    fn list_page<T>(&self, req: &S3Request<T>, query: &Query) -> S3Result<Page<Arc<Object>>> {
        let bucket = self.bucket(&query.bucket)?;
        if !self.allows(&bucket, &caller(&req.extensions), Ask::list(&query.prefix), None) {
            return Err(s3_error!(AccessDenied));
        }
        let index = bucket.index();
        Ok(page(&index.objects, &query.prefix, &query.delimiter, &query.after, query.max as usize))
    }

    pub(super) fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = &req.input;
        let after = match &input.continuation_token {
            Some(token) => {
                let bytes = TOKEN.decode(token).map_err(|_| s3_error!(InvalidArgument))?;
                String::from_utf8(bytes).map_err(|_| s3_error!(InvalidArgument))?
            }
            None => input.start_after.clone().unwrap_or_default(),
        };
        let query = Query {
            bucket: input.bucket.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after,
            max: page_size(input.max_keys),
            url: is_url(input.encoding_type.clone()),
            owner: input.fetch_owner.unwrap_or(false),
        };
        let page = self.list_page(&req, &query)?;
        Ok(S3Response::new(ListObjectsV2Output {
            contents: query.objects(&page),
            common_prefixes: query.prefixes(&page),
            key_count: Some((page.entries.len() + page.prefixes.len()) as i32),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_ref().map(|next| TOKEN.encode(next)),
            continuation_token: req.input.continuation_token.clone(),
            start_after: req.input.start_after.as_deref().map(|after| query.encode(after)),
            prefix: Some(query.encode(&query.prefix)),
            delimiter: req.input.delimiter.as_deref().map(|delimiter| query.encode(delimiter)),
            max_keys: Some(query.max),
            encoding_type: query.encoding(),
            name: Some(query.bucket),
            ..ListObjectsV2Output::default()
        }))
    }

    pub(super) fn list_objects(&self, req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = &req.input;
        let query = Query {
            bucket: input.bucket.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: input.marker.clone().unwrap_or_default(),
            max: page_size(input.max_keys),
            url: is_url(input.encoding_type.clone()),
            owner: true,
        };
        let page = self.list_page(&req, &query)?;
        Ok(S3Response::new(ListObjectsOutput {
            contents: query.objects(&page),
            common_prefixes: query.prefixes(&page),
            is_truncated: Some(page.next.is_some()),
            next_marker: page.next.as_deref().map(|next| query.encode(next)),
            marker: Some(query.encode(&query.after)),
            prefix: Some(query.encode(&query.prefix)),
            delimiter: req.input.delimiter.as_deref().map(|delimiter| query.encode(delimiter)),
            max_keys: Some(query.max),
            encoding_type: query.encoding(),
            name: Some(query.bucket),
            ..ListObjectsOutput::default()
        }))
    }
}

#[cfg(test)]
mod tests;
