//! The copy source of UploadPartCopy, which RGW decodes twice.
//!
//! RGW (measured on 16.2) decodes `x-amz-copy-source` once for CopyObject and twice for UploadPartCopy, so that the
//! key `a%41` would be looked for, and perhaps found, as `aA`. Keys without a percent sign do not show it.

use super::exchange::Extra;
use super::headers::{copy_source, encode};
use super::retry::COPYING;
use super::{ErrorKind, Result, Store, WriteHeaders};

impl Store {
    /// The header's value for a part copied from `key`.
    pub(super) async fn part_source(&self, key: &str) -> Result<String> {
        let once = copy_source(self.bucket(), key);
        // Decoding these once more changes nothing.
        let plain = !key.contains('%') && !key.contains("?versionId=");
        Ok(if !plain && self.decodes_parts_twice().await? { encode(&once) } else { once })
    }

    async fn decodes_parts_twice(&self) -> Result<bool> {
        let mut known = self.inner.decodes_twice.lock().await;
        if let Some(twice) = *known {
            return Ok(twice);
        }
        let source = format!("{}%41", self.place.probes);
        self.probing(&source, true);
        let twice = self.probe_part_source(&source).await;
        let deleted = self.delete(&source).await;
        let twice = twice?;
        deleted?;
        self.probing(&source, false);
        tracing::debug!(twice, "probed how the source of a part is decoded");
        *known = Some(twice);
        Ok(twice)
    }

    async fn probe_part_source(&self, source: &str) -> Result<bool> {
        const OP: &str = "UploadPartCopy";
        self.probe_put(source, None).await?;
        let upload = self.create_upload(source, &WriteHeaders::default()).await?;
        let call = self.request(OP, source, self.store_for, COPYING, Extra::default(), |client, exchange| {
            client
                .upload_part_copy()
                .bucket(self.bucket())
                .key(source)
                .upload_id(&upload)
                .part_number(1)
                .copy_source(copy_source(self.bucket(), source))
                .customize()
                .interceptor(exchange)
                .send()
        });
        let copied = call.await;
        self.abort_upload(source, &upload).await?;
        match copied {
            Ok(_) => Ok(false),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }
}
