//! Multipart uploads.

use std::collections::BTreeMap;
use std::sync::Arc;

use md5_many::{Digest, Md5};
use s3s::dto;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::super::Style;
use super::super::access::{Ask, Permission};
use super::body::{Body, md5_of};
use super::conditions::{self, text};
use super::list::page;
use super::model::{Bucket, Object, Part, Upload, now};
use super::{Backend, acl, attributes, caller, range, tags};

/// The most entries on a page of ListParts and ListMultipartUploads.
const LARGEST_PAGE: i32 = 1000;

/// The ETag of an object made of parts: the MD5 of the parts' MD5s, and how many they are.
fn etag_of_parts<'a>(md5s: impl ExactSizeIterator<Item = &'a [u8; 16]>) -> String {
    let count = md5s.len();
    let mut md5 = Md5::new();
    for part in md5s {
        md5.update(part);
    }
    format!("{}-{count}", hex::encode(md5.finalize()))
}

/// The numbers and MD5s that a CompleteMultipartUpload names. RGW takes them in any order.
fn named_parts(list: Option<dto::CompletedMultipartUpload>) -> S3Result<BTreeMap<u32, [u8; 16]>> {
    let list = list.and_then(|list| list.parts).filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| s3_error!(MalformedXML))?;
    let mut named = BTreeMap::new();
    for part in list {
        let number = part.part_number.and_then(|number| u32::try_from(number).ok());
        let number = number.ok_or_else(|| s3_error!(InvalidPart))?;
        let mut md5 = [0; 16];
        let etag = part.e_tag.ok_or_else(|| s3_error!(InvalidPart))?;
        hex::decode_to_slice(etag.value(), &mut md5).map_err(|_| s3_error!(InvalidPart))?;
        named.insert(number, md5);
    }
    Ok(named)
}

impl Backend {
    pub(super) fn create_multipart_upload(
        &self,
        req: S3Request<dto::CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CreateMultipartUploadOutput>> {
        let who = caller(&req.extensions);
        let bucket = self.bucket_for(&req.input.bucket, &who, Ask::put(&req.input.key))?;
        let upload = Upload {
            key: req.input.key.clone(),
            initiator: who.id().to_owned(),
            initiated: now(),
            headers: attributes::from_request(&req.headers, self.style)?,
            tags: tags::from_header(text(&req.headers, "x-amz-tagging"))?,
            acl: self.acl_of_new(&req.headers, who.id(), &bucket)?,
            parts: BTreeMap::new(),
        };
        // Unlike any id of an earlier run of the server.
        let id = format!("2~{:016x}{:08x}", fastrand::u64(..), self.new_id());
        bucket.uploads().insert(id.clone(), upload);
        Ok(S3Response::new(dto::CreateMultipartUploadOutput {
            bucket: Some(req.input.bucket),
            key: Some(req.input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    fn check_part(&self, bucket: &Bucket, key: &str, id: &str, number: i32) -> S3Result<u32> {
        if bucket.uploads().get(id).is_none_or(|upload| upload.key != key) {
            return Err(s3_error!(NoSuchUpload));
        }
        let number = u32::try_from(number).ok().filter(|number| (1..=self.limits.max_parts).contains(number));
        number.ok_or_else(|| s3_error!(InvalidArgument))
    }

    /// Puts a part in the place of the one with the same number.
    fn store_part(&self, bucket: &Bucket, id: &str, number: u32, part: Part) -> S3Result<()> {
        let mut uploads = bucket.uploads();
        let upload = uploads.get_mut(id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        let len = part.body.len();
        let replaced = upload.parts.insert(number, part);
        let mut index = bucket.index_mut();
        index.bytes = index.bytes + len - replaced.as_ref().map_or(0, |part| part.body.len());
        drop(index);
        drop(uploads);
        drop(replaced);
        Ok(())
    }

    pub(super) async fn upload_part(
        &self,
        req: S3Request<dto::UploadPartInput>,
    ) -> S3Result<S3Response<dto::UploadPartOutput>> {
        let input = req.input;
        let bucket = self.bucket_for(&input.bucket, &caller(&req.extensions), Ask::put(&input.key))?;
        let number = self.check_part(&bucket, &input.key, &input.upload_id, input.part_number)?;
        let (body, md5) = self.receive(&req.headers, input.body, &bucket, self.limits.max_put).await?;
        self.store_part(&bucket, &input.upload_id, number, Part { body, md5, modified: now() })?;
        let e_tag = Some(dto::ETag::Strong(hex::encode(md5)));
        Ok(S3Response::new(dto::UploadPartOutput { e_tag, ..Default::default() }))
    }

    /// Conditions on the source are not heard by any release.
    pub(super) async fn upload_part_copy(
        &self,
        req: S3Request<dto::UploadPartCopyInput>,
    ) -> S3Result<S3Response<dto::UploadPartCopyOutput>> {
        let who = caller(&req.extensions);
        let input = req.input;
        let bucket = self.bucket_for(&input.bucket, &who, Ask::put(&input.key))?;
        let number = self.check_part(&bucket, &input.key, &input.upload_id, input.part_number)?;
        let (_, source) = self.copy_source(&input.copy_source, &who)?;
        let body = match &input.copy_source_range {
            Some(range) => source.body.slice(range::parse_copy(range, source.body.len())?),
            None => source.body.clone(),
        };
        if body.len() > self.limits.max_copy {
            return Err(s3_error!(EntityTooLarge));
        }
        self.check_quota(&bucket, body.len())?;
        let md5 = md5_of(&body).await.map_err(super::error::disk)?;
        let modified = now();
        self.store_part(&bucket, &input.upload_id, number, Part { body, md5, modified })?;
        let result = dto::CopyPartResult {
            e_tag: Some(dto::ETag::Strong(hex::encode(md5))),
            last_modified: Some(modified.into()),
            ..Default::default()
        };
        Ok(S3Response::new(dto::UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() }))
    }

    pub(super) fn complete_multipart_upload(
        &self,
        req: S3Request<dto::CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CompleteMultipartUploadOutput>> {
        let input = req.input;
        let bucket = self.bucket_for(&input.bucket, &caller(&req.extensions), Ask::put(&input.key))?;
        let named = named_parts(input.multipart_upload)?;
        let etag = etag_of_parts(named.values());
        let mut uploads = bucket.uploads();
        let mut shown = etag.clone();
        match uploads.get(&input.upload_id).filter(|upload| upload.key == input.key) {
            Some(upload) => {
                let object = self.assemble(upload, &named, &etag)?;
                let check = |current: Option<&Object>| conditions::check_put_if_new(&req.headers, current, self.style);
                let len = object.body.len();
                self.store(&bucket, &input.key, object, check)?;
                // The bytes were counted as parts already.
                bucket.index_mut().bytes -= len;
                uploads.remove(&input.upload_id);
                // Release 16 writes no ETag into the first answer.
                if self.style == Style::Rgw16 {
                    shown = String::new();
                }
            }
            // The same request sent again: RGW says yes if the object is what these parts make.
            None if bucket.object(&input.key).is_some_and(|object| object.etag == etag) => {}
            // Release 16 takes an upload that is gone for one that is just being completed.
            None if self.style == Style::Rgw16 => {
                return Err(s3_error!(InternalError, "This multipart completion is already in progress"));
            }
            None => return Err(s3_error!(NoSuchUpload)),
        }
        let host = text(&req.headers, "host").unwrap_or_default();
        Ok(S3Response::new(dto::CompleteMultipartUploadOutput {
            location: Some(format!("http://{host}/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(dto::ETag::Strong(shown)),
            ..Default::default()
        }))
    }

    /// The object that the parts of an upload make. All of them must be named, with the right ETags.
    fn assemble(&self, upload: &Upload, named: &BTreeMap<u32, [u8; 16]>, etag: &str) -> S3Result<Object> {
        if named.len() != upload.parts.len() {
            return Err(s3_error!(InvalidPart));
        }
        // RGW goes through the uploaded parts and looks at the size of each before its ETag.
        for (index, (part, (number, md5))) in upload.parts.iter().zip(named).enumerate() {
            if index + 1 < named.len() && part.1.body.len() < self.limits.min_part {
                return Err(s3_error!(EntityTooSmall));
            }
            if part.0 != number || part.1.md5 != *md5 {
                return Err(s3_error!(InvalidPart));
            }
        }
        Ok(Object {
            record: 0,
            body: Body::concat(upload.parts.values().map(|part| &part.body)),
            etag: etag.to_owned(),
            modified: now(),
            headers: upload.headers.clone(),
            tags: upload.tags.clone(),
            acl: upload.acl.clone(),
            appends: 0,
            parts: upload.parts.values().map(|part| part.body.len()).collect(),
        })
    }

    pub(super) fn abort_multipart_upload(
        &self,
        req: S3Request<dto::AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::AbortMultipartUploadOutput>> {
        let ask = Ask::object("s3:AbortMultipartUpload", Permission::Write, &req.input.key);
        let bucket = self.bucket_for(&req.input.bucket, &caller(&req.extensions), ask)?;
        let mut uploads = bucket.uploads();
        if uploads.get(&req.input.upload_id).is_none_or(|upload| upload.key != req.input.key) {
            return Err(s3_error!(NoSuchUpload));
        }
        let removed = uploads.remove(&req.input.upload_id);
        let bytes: u64 = removed.iter().flat_map(|upload| upload.parts.values()).map(|part| part.body.len()).sum();
        bucket.index_mut().bytes -= bytes;
        Ok(S3Response::new(dto::AbortMultipartUploadOutput::default()))
    }

    pub(super) fn list_parts(&self, req: S3Request<dto::ListPartsInput>) -> S3Result<S3Response<dto::ListPartsOutput>> {
        let input = req.input;
        let ask = Ask::object("s3:ListMultipartUploadParts", Permission::Write, &input.key);
        let bucket = self.bucket_for(&input.bucket, &caller(&req.extensions), ask)?;
        let uploads = bucket.uploads();
        let upload = uploads.get(&input.upload_id).filter(|upload| upload.key == input.key);
        let upload = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
        let max = input.max_parts.unwrap_or(LARGEST_PAGE).clamp(0, LARGEST_PAGE);
        let after = input.part_number_marker.and_then(|after| u32::try_from(after).ok()).unwrap_or(0);
        let mut rest = upload.parts.range(after + 1..);
        let parts: Vec<dto::Part> = rest
            .by_ref()
            .take(max as usize)
            .map(|(number, part)| dto::Part {
                part_number: Some(*number as i32),
                e_tag: Some(dto::ETag::Strong(hex::encode(part.md5))),
                last_modified: Some(part.modified.into()),
                size: Some(part.body.len() as i64),
                ..Default::default()
            })
            .collect();
        let owner = acl::owner(&upload.initiator);
        Ok(S3Response::new(dto::ListPartsOutput {
            next_part_number_marker: parts.last().and_then(|part| part.part_number),
            is_truncated: Some(rest.next().is_some()),
            parts: Some(parts),
            part_number_marker: Some(after as i32),
            max_parts: Some(max),
            initiator: Some(dto::Initiator { id: owner.id.clone(), display_name: owner.display_name.clone() }),
            owner: Some(owner),
            storage_class: Some("STANDARD".to_owned().into()),
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            ..Default::default()
        }))
    }

    pub(super) fn list_multipart_uploads(
        &self,
        req: S3Request<dto::ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<dto::ListMultipartUploadsOutput>> {
        let input = req.input;
        let ask = Ask::bucket("s3:ListBucketMultipartUploads", Permission::Read);
        let bucket = self.bucket_for(&input.bucket, &caller(&req.extensions), ask)?;
        // Ordered by key and then by id; NUL is in no key, so it keeps the two apart.
        let uploads = bucket.uploads();
        let ordered: BTreeMap<String, Arc<(String, dto::MultipartUpload)>> = uploads
            .iter()
            .map(|(id, upload)| {
                let owner = acl::owner(&upload.initiator);
                let shown = dto::MultipartUpload {
                    key: Some(upload.key.clone()),
                    upload_id: Some(id.clone()),
                    initiated: Some(upload.initiated.into()),
                    initiator: Some(dto::Initiator { id: owner.id.clone(), display_name: owner.display_name.clone() }),
                    owner: Some(owner),
                    storage_class: Some("STANDARD".to_owned().into()),
                    ..Default::default()
                };
                (format!("{}\0{id}", upload.key), Arc::new((id.clone(), shown)))
            })
            .collect();
        drop(uploads);
        let max = input.max_uploads.unwrap_or(LARGEST_PAGE).clamp(0, LARGEST_PAGE);
        let after = match (&input.key_marker, &input.upload_id_marker) {
            (None, _) => String::new(),
            (Some(key), Some(id)) => format!("{key}\0{id}"),
            // Behind all uploads of that key.
            (Some(key), None) => format!("{key}\0\u{10ffff}"),
        };
        let prefix = input.prefix.clone().unwrap_or_default();
        let found = page(&ordered, &prefix, input.delimiter.as_deref().unwrap_or_default(), &after, max as usize);
        let next = found.next.as_deref().map(|next| next.split_once('\0').unwrap_or((next, "")));
        Ok(S3Response::new(dto::ListMultipartUploadsOutput {
            is_truncated: Some(next.is_some()),
            next_key_marker: next.map(|(key, _)| key.to_owned()),
            next_upload_id_marker: next.map(|(_, id)| id.to_owned()),
            uploads: Some(found.entries.iter().map(|(_, upload)| upload.1.clone()).collect()),
            common_prefixes: Some(
                found.prefixes.into_iter().map(|prefix| dto::CommonPrefix { prefix: Some(prefix) }).collect(),
            ),
            bucket: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            key_marker: input.key_marker,
            upload_id_marker: input.upload_id_marker,
            max_uploads: Some(max),
            ..Default::default()
        }))
    }
}
