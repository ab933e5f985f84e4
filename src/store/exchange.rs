//! One request and its answer as the wire has them: headers and a query that the SDK has no field for, and the
//! answer's status and headers, which it hides.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::borrow::Cow;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;

/// Extra headers of a request, by name.
pub(super) type HeaderList = Vec<(String, String)>;

/// What goes into a request beyond the SDK's own fields.
#[derive(Clone, Debug, Default)]
pub(super) struct Extra {
    /// Set before signing; replaces the SDK's value.
    pub(super) headers: Arc<HeaderList>,
    /// Added to the query (`read-stats`, `append`).
    pub(super) query: Option<Cow<'static, str>>,
    /// Path and query in place of the SDK's (`/?usage`).
    pub(super) target: Option<&'static str>,
}

impl From<HeaderList> for Extra {
    fn from(headers: HeaderList) -> Extra {
        Extra { headers: Arc::new(headers), ..Extra::default() }
    }
}

/// Status and headers of an answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Headers,
    /// The body was a document that breaks off.
    pub(super) cut: bool,
}

impl Answer {
    /// The first header of this name that is UTF-8.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// A header's number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.trim().parse().ok()
    }

    /// All headers; a value that is not UTF-8 is taken as ISO 8859-1, as HTTP/1.1 says.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.headers.iter_bytes().map(|(name, value)| {
            let text = match std::str::from_utf8(value) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(value.iter().map(|&b| char::from(b)).collect()),
            };
            (name, text)
        })
    }

    /// The service's clock.
    pub(super) fn date(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.header("date")?).ok()
    }

    /// RGW's and Amazon's id of the request.
    pub(super) fn request_id(&self) -> Option<String> {
        self.header("x-amz-request-id").filter(|id| !id.is_empty()).map(str::to_owned)
    }
}

/// The interceptor that is put into each SDK call. Clones share the answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    extra: Extra,
    /// The answer's body is an object, not a document.
    object: bool,
    answer: Arc<Mutex<Option<Answer>>>,
}

impl Exchange {
    pub(super) fn new(extra: Extra, object: bool) -> Exchange {
        Exchange { extra, object, answer: Arc::default() }
    }

    /// What came back, if anything did.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[dyn_dispatch_hint]
impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "osirisfs::Exchange"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        for (name, value) in self.extra.headers.iter() {
            request.headers_mut().try_insert(name.clone(), value.clone())?;
        }
        if let Some(target) = self.extra.target {
            let uri = request.uri();
            let host = uri.find("://").map_or(0, |at| at + 3);
            let end = uri[host..].find(['/', '?']).map_or(uri.len(), |at| host + at);
            let uri = format!("{}{target}", &uri[..end]);
            request.set_uri(uri)?;
        }
        if let Some(query) = &self.extra.query {
            let uri = request.uri();
            let separator = if uri.contains('?') { '&' } else { '?' };
            let uri = format!("{uri}{separator}{query}");
            request.set_uri(uri)?;
        }
        Ok(())
    }

    // Later hooks see headers that the SDK has already dropped (an `Expires` that is no date).
    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let answer = Answer { status: response.status().as_u16(), headers: response.headers().clone(), cut: false };
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !self.object {
            let body = context.response_mut().body_mut();
            let raw = std::mem::replace(body, SdkBody::taken());
            *body = SdkBody::from_body_1_x(Legible(raw));
        }
        Ok(())
    }

    // The SDK's parser takes the end of the input for the end of all elements: half a listing would be a short one.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let cut = context.response().body().bytes().is_some_and(|body| !is_whole(body));
        if let Some(answer) = &mut *self.answer.lock().unwrap_or_else(PoisonError::into_inner) {
            answer.cut = cut;
        }
        Ok(())
    }
}

/// A document without the characters that XML 1.0 forbids. Services repeat keys in their answers as they are, and a
/// parser refuses the whole answer. Where the key itself matters it is asked for with `encoding-type=url`.
struct Legible(SdkBody);

impl http_body::Body for Legible {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(cx).map_ok(|frame| frame.map_data(legible))
    }

    fn is_end_stream(&self) -> bool {
        http_body::Body::is_end_stream(&self.0)
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.0)
    }
}

fn legible(bytes: Bytes) -> Bytes {
    let forbidden = |b: u8| b < b' ' && !matches!(b, b'\t' | b'\r' | b'\n');
    if !bytes.iter().any(|&b| forbidden(b)) {
        return bytes;
    }
    bytes.iter().map(|&b| if forbidden(b) { b'?' } else { b }).collect()
}

/// Whether an XML document ends with the end of its root element. What is no XML is none of our business.
fn is_whole(body: &[u8]) -> bool {
    let mut text = body.trim_ascii();
    if !text.starts_with(b"<") {
        return true;
    }
    let end = text;
    while text.starts_with(b"<?") || text.starts_with(b"<!") {
        let Some(close) = text.iter().position(|&b| b == b'>') else { return false };
        text = text[close + 1..].trim_ascii_start();
    }
    let Some(root) = text.strip_prefix(b"<") else { return false };
    let name = root.split(|b| b" \t\r\n/>".contains(b)).next().unwrap_or_default();
    let closes = end.strip_suffix(b">").map(<[u8]>::trim_ascii_end).and_then(|rest| rest.strip_suffix(name));
    let empty = root.strip_suffix(b"/>").is_some_and(|rest| !rest.contains(&b'<') && !rest.contains(&b'>'));
    empty || closes.is_some_and(|rest| rest.ends_with(b"</"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_characters_are_replaced() {
        let whole = Bytes::from_static(b"<a>\t\r\n\xc3\xa9</a>");
        assert_eq!(legible(whole.clone()), whole);
        assert_eq!(legible(Bytes::from_static(b"a\x13b\0")), "a?b?");
    }

    #[test]
    fn a_document_is_whole_when_its_root_is_closed() {
        for whole in
            ["", "  ", "text", "<a/>", "<a x='1'/>\n", "<?xml version=\"1.0\"?>\n<a x=\"1\"><b/></a >\n", "<a></a>"]
        {
            assert!(is_whole(whole.as_bytes()), "{whole}");
        }
        for cut in ["<?xml", "<?xml version=\"1.0\"?>", "<a", "<a>", "<a><b/>", "<a><b></b>", "<a></b>", "<a></a"] {
            assert!(!is_whole(cut.as_bytes()), "{cut}");
        }
    }
}
