//! Checksums that a client sends with a body (`x-amz-checksum-..`). RGW checks, keeps and gives them back from release
//! 20 on; the releases before do not know them.

use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::{S3Result, s3_error};

use super::super::Style;
use super::conditions::text;

/// The names of the headers.
pub(crate) const NAMES: [&str; 5] = [
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
];

/// Computes the checksums that a request states.
pub(crate) struct Checksums {
    stated: Vec<(&'static str, String)>,
    hasher: ChecksumHasher,
}

impl Checksums {
    /// The checksums of a request.
    pub(crate) fn of(headers: &HeaderMap, style: Style) -> Self {
        let mut this = Self { stated: Vec::new(), hasher: ChecksumHasher::default() };
        if style == Style::Rgw16 {
            return this;
        }
        for name in NAMES {
            let Some(value) = text(headers, name) else { continue };
            this.stated.push((name, value.to_owned()));
            match name {
                "x-amz-checksum-crc32" => this.hasher.crc32 = Some(Default::default()),
                "x-amz-checksum-crc32c" => this.hasher.crc32c = Some(Default::default()),
                "x-amz-checksum-crc64nvme" => this.hasher.crc64nvme = Some(Default::default()),
                "x-amz-checksum-sha1" => this.hasher.sha1 = Some(Default::default()),
                _ => this.hasher.sha256 = Some(Default::default()),
            }
        }
        this
    }

    /// Takes some bytes of the body.
    pub(crate) fn update(&mut self, data: &[u8]) {
        self.hasher.update(data);
    }

    /// Fails if one of them is not what the request states.
    pub(crate) fn check(self) -> S3Result<()> {
        let found = self.hasher.finalize();
        let all = [
            &found.checksum_crc32,
            &found.checksum_crc32c,
            &found.checksum_crc64nvme,
            &found.checksum_sha1,
            &found.checksum_sha256,
        ];
        for (name, stated) in &self.stated {
            let found = NAMES.iter().zip(all).find(|(found, _)| *found == name).and_then(|(_, value)| value.as_ref());
            if found != Some(stated) {
                return Err(s3_error!(BadDigest));
            }
        }
        Ok(())
    }
}
