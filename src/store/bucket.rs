//! HEAD bucket.

use super::exchange::{Answer, Extra};
use super::retry::ASKING;
use super::{BucketInfo, ErrorKind, ListRequest, Result, Store};

impl Store {
    /// HEAD bucket: does it exist, may we see it, how full is it. [`ErrorKind::NoSuchBucket`] for 404.
    pub async fn head_bucket(&self) -> Result<BucketInfo> {
        const OP: &str = "HeadBucket";
        // RGW 20 counts only when asked; older ones and Amazon ignore the query.
        let extra = Extra { query: Some("read-stats"), ..Extra::default() };
        let call = self.request(OP, "", self.ask_for, ASKING, extra, |client, exchange| {
            client.head_bucket().bucket(self.bucket()).customize().interceptor(exchange).send()
        });
        let mut error = match call.await {
            Ok(done) => return Ok(info(&done.answer)),
            Err(error) => error,
        };
        match error.kind {
            ErrorKind::NotFound => error.kind = ErrorKind::NoSuchBucket,
            // HEAD answers have no body: a listing tells a refused user from one that is not known.
            ErrorKind::Denied => {
                // Below the mounted prefix: some may list no more than that.
                let prefix = self.inner.config.probe_prefix.clone();
                let one = ListRequest { prefix, max_keys: 1, ..ListRequest::default() };
                match self.list(one).await {
                    Ok(_) => return Ok(BucketInfo::default()),
                    Err(named) => return Err(named),
                }
            }
            _ => {}
        }
        Err(error)
    }
}

fn info(answer: &Answer) -> BucketInfo {
    // -1: no quota.
    let quota = |bucket: &str, user: &str| [bucket, user].into_iter().filter_map(|name| answer.number(name)).min();
    BucketInfo {
        objects: answer.number("x-rgw-object-count"),
        bytes: answer.number("x-rgw-bytes-used"),
        quota_bytes: quota("x-rgw-quota-bucket-size", "x-rgw-quota-user-size"),
        quota_objects: quota("x-rgw-quota-bucket-objects", "x-rgw-quota-user-objects"),
        server: answer.header("server").map(str::to_owned),
    }
}
