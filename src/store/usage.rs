//! What all buckets of a user come to, and the user's quota: `GET /?usage`, which only RGW knows.

use super::exchange::Extra;
use super::retry::ASKING;
use super::{ErrorKind, Result, Store, StoreError};
use quick_xml::events::Event;
use std::collections::BTreeMap;

/// The sum over the buckets that a user owns. RGW (16.2, 18.2, 20.2) counts anew when it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in all buckets.
    pub bytes: u64,
    /// Objects in all buckets, if the service counts them.
    pub objects: Option<u64>,
    /// The user's quota in bytes.
    pub quota_bytes: Option<u64>,
    /// The user's quota in objects.
    pub quota_objects: Option<u64>,
    /// Bytes in each bucket.
    pub buckets: BTreeMap<String, u64>,
}

impl Store {
    /// The sum over all buckets of whoever asks. [`ErrorKind::Unsupported`] of a service that has no such request.
    pub async fn usage(&self) -> Result<Usage> {
        const OP: &str = "GetUsage";
        let extra = Extra { target: Some("/?usage"), ..Extra::default() };
        // The SDK knows no such request. This one gives the body as it is; its own path and query are replaced.
        let call = self.request(OP, "", self.ask_for, ASKING, extra, |client, exchange| {
            client.get_bucket_policy().bucket("usage").customize().interceptor(exchange).send()
        });
        let text = call.await?.output.policy().unwrap_or_default().to_owned();
        // Amazon gives the list of buckets.
        parse(&text).ok_or_else(|| StoreError::local(ErrorKind::Unsupported, OP, "the answer tells no usage"))
    }
}

fn parse(text: &str) -> Option<Usage> {
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut path, mut usage, mut bucket): (Vec<String>, _, _) = (Vec::new(), Usage::default(), String::new());
    let (mut total, mut is_usage) = (None, false);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                path.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
                is_usage |= path == ["Usage"];
            }
            Event::End(_) => drop(path.pop()),
            Event::Text(value) => {
                let value = value.decode().ok()?.trim().to_owned();
                let within = path.iter().rev().nth(1).map(String::as_str);
                // -1: no quota.
                let number = value.parse::<u64>().ok();
                match (within, path.last().map(String::as_str)) {
                    (Some("Summary" | "Stats"), Some("TotalBytes")) => total = number,
                    (Some("Summary" | "Stats"), Some("TotalEntries")) => usage.objects = number,
                    (Some("Summary"), Some("QuotaMaxBytes")) => usage.quota_bytes = number,
                    (Some("Summary"), Some("QuotaMaxObjCount")) => usage.quota_objects = number,
                    (Some("Entry"), Some("Bucket")) => bucket = value,
                    (Some("Entry"), Some("Bytes")) if !bucket.is_empty() => {
                        usage.buckets.insert(std::mem::take(&mut bucket), number.unwrap_or(0));
                    }
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    usage.bytes = total.unwrap_or_else(|| usage.buckets.values().sum());
    is_usage.then_some(usage)
}
