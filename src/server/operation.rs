//! Which S3 operation a request is.

use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

/// A request's operation and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) bucket: String,
    /// The key; for a listing its prefix.
    pub(crate) key: String,
}

/// Whether a key is one that RGW takes: UTF-8, no NUL, at most 1024 bytes.
pub(crate) fn is_legal_path(path: &str) -> bool {
    let key = path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key);
    match percent_decode_str(key).decode_utf8() {
        Ok(key) => key.len() <= 1024 && !key.contains('\0'),
        Err(_) => false,
    }
}

impl Operation {
    /// The operation of a request, by the same rules as the protocol crate's.
    pub(crate) fn of(method: &Method, path: &str, query: &str, headers: &HeaderMap) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (bucket, key) = match path.trim_start_matches('/').split_once('/') {
            Some((bucket, key)) => (decode(bucket), decode(key)),
            None => (decode(path.trim_start_matches('/')), String::new()),
        };
        let mut key = key;
        let value = |name: &str| {
            query.split('&').find_map(|pair| {
                let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
                (found == name).then(|| decode(&value.replace('+', " ")))
            })
        };
        let has = |name: &str| value(name).is_some();
        let copies = headers.contains_key("x-amz-copy-source");
        let name = match (method.as_str(), bucket.is_empty(), key.is_empty()) {
            ("GET", true, _) if has("usage") => "GetUsage",
            ("GET" | "HEAD", true, _) => "ListBuckets",
            ("HEAD", false, true) => "HeadBucket",
            ("GET", false, true) if has("acl") => "GetBucketAcl",
            ("GET", false, true) if has("uploads") => "ListMultipartUploads",
            ("GET", false, true) if has("location") => "GetBucketLocation",
            ("GET", false, true) if has("versioning") => "GetBucketVersioning",
            ("GET", false, true) if has("policy") => "GetBucketPolicy",
            ("GET", false, true) => {
                key = value("prefix").unwrap_or_default();
                if value("list-type").as_deref() == Some("2") { "ListObjectsV2" } else { "ListObjects" }
            }
            ("PUT", false, true) if has("acl") => "PutBucketAcl",
            ("PUT", false, true) if has("policy") => "PutBucketPolicy",
            ("PUT", false, true) => "CreateBucket",
            ("DELETE", false, true) if has("policy") => "DeleteBucketPolicy",
            ("DELETE", false, true) => "DeleteBucket",
            ("POST", false, true) if has("delete") => "DeleteObjects",
            ("HEAD", false, false) => "HeadObject",
            ("GET", false, false) if has("acl") => "GetObjectAcl",
            ("GET", false, false) if has("tagging") => "GetObjectTagging",
            ("GET", false, false) if has("uploadId") => "ListParts",
            ("GET", false, false) => "GetObject",
            ("PUT", false, false) if has("acl") => "PutObjectAcl",
            ("PUT", false, false) if has("tagging") => "PutObjectTagging",
            ("PUT", false, false) if has("append") => "AppendObject",
            ("PUT", false, false) if has("uploadId") && copies => "UploadPartCopy",
            ("PUT", false, false) if has("uploadId") => "UploadPart",
            ("PUT", false, false) if copies => "CopyObject",
            ("PUT", false, false) => "PutObject",
            ("POST", false, false) if has("uploads") => "CreateMultipartUpload",
            ("POST", false, false) if has("uploadId") => "CompleteMultipartUpload",
            ("DELETE", false, false) if has("tagging") => "DeleteObjectTagging",
            ("DELETE", false, false) if has("uploadId") => "AbortMultipartUpload",
            ("DELETE", false, false) => "DeleteObject",
            _ => "Unknown",
        };
        Self { name, bucket, key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, path: &str, query: &str) -> (&'static str, String, String) {
        let method = method.parse().expect("a method");
        let operation = Operation::of(&method, path, query, &HeaderMap::new());
        (operation.name, operation.bucket, operation.key)
    }

    #[test]
    fn names_as_in_s3() {
        let is = |name, bucket: &str, key: &str| (name, bucket.to_owned(), key.to_owned());
        assert_eq!(of("GET", "/", ""), is("ListBuckets", "", ""));
        assert_eq!(of("GET", "/", "usage"), is("GetUsage", "", ""));
        assert_eq!(of("GET", "/b", "list-type=2&prefix=a%2Fb+c"), is("ListObjectsV2", "b", "a/b c"));
        assert_eq!(of("GET", "/b/", "prefix=x"), is("ListObjects", "b", "x"));
        assert_eq!(of("PUT", "/b//k%C3%A9", ""), is("PutObject", "b", "/ké"));
        assert_eq!(of("PUT", "/b/k", "append&position=0"), is("AppendObject", "b", "k"));
        assert_eq!(of("PUT", "/b/k", "partNumber=1&uploadId=x"), is("UploadPart", "b", "k"));
        assert_eq!(of("HEAD", "/b", "read-stats"), is("HeadBucket", "b", ""));
    }

    #[test]
    fn illegal_keys() {
        assert!(is_legal_path("/b/a%0Ab"));
        assert!(is_legal_path(&format!("/b/{}", "a".repeat(1024))));
        assert!(!is_legal_path(&format!("/b/{}", "a".repeat(1025))));
        assert!(!is_legal_path("/b/%FF"));
        assert!(!is_legal_path("/b/a%00"));
    }
}
