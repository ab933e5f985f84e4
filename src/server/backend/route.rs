//! Requests that only RGW knows, taken out of all others before the protocol crate looks at them.

use std::sync::Arc;

use http::{Extensions, HeaderMap, Method, Uri};
use s3s::route::S3Route;
use s3s::{Body as HttpBody, S3Request, S3Response, S3Result};

use super::{Backend, with_raw_headers};

/// Takes them.
pub(crate) struct Route(pub(crate) Arc<Backend>);

/// A parameter of the query.
pub(super) fn query<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let mut pairs = uri.query()?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

fn appends(method: &Method, uri: &Uri) -> bool {
    method == Method::PUT && query(uri, "append").is_some()
}

fn asks_usage(method: &Method, uri: &Uri) -> bool {
    method == Method::GET && uri.path() == "/" && query(uri, "usage").is_some()
}

#[async_trait::async_trait]
impl S3Route for Route {
    fn is_match(&self, method: &Method, uri: &Uri, _: &HeaderMap, _: &mut Extensions) -> bool {
        appends(method, uri) || asks_usage(method, uri)
    }

    /// The access control lists decide, in the work itself.
    async fn check_access(&self, _: &mut S3Request<HttpBody>) -> S3Result<()> {
        Ok(())
    }

    async fn call(&self, req: S3Request<HttpBody>) -> S3Result<S3Response<HttpBody>> {
        let req = with_raw_headers(req);
        match appends(&req.method, &req.uri) {
            true => self.0.append_object(req).await,
            false => self.0.get_usage(&req),
        }
    }
}
