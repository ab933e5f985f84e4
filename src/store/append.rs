//! RGW's own way to append to an object: `PUT key?append&position=N`.
//!
//! Measured with 16.2.15 and 20.2.4, over one gateway and over two:
//! - Of several that append at the same position of an object one is taken, the others get 409: PositionNotEqualToLength, or
//!   BucketAlreadyExists while they run at the same time (the piece that they want to write is there already).
//! - Where there is no object, all of them are told 200 and one is kept (16 ignores If-None-Match, 20 honours it). An empty
//!   body has no piece, so nothing guards it. Hence [`Store::append`] begins an object only under a key that nobody else knows.
//! - If-Match is ignored by 16 and honoured by 20. On 16 an append that meets a PUT, a copy or a DELETE within the same
//!   milliseconds is told 200 and is lost as if it had come before; a HEAD afterwards tells.
//! - The answer's etag is the MD5 of the new bytes alone; that of the object is computed in [`after`].

use super::digest::md5;
use super::errors_from_sdk::Failure;
use super::exchange::Extra;
use super::headers::write_headers;
use super::retry::{Tries, uploading};
use super::settle::{condition_header, contradicts, explain, lost, stored_as};
use super::{Body, Condition, ETag, ErrorKind, GetRequest, Result, Store, StoreError, Stored, WriteHeaders};
use md5_many::Digest;
use std::sync::atomic::Ordering;

const OP: &str = "AppendObject";
const NEXT: &str = "x-rgw-next-append-position";
/// A piece that is there though the object is as it was may be of a writer that is at work, or of a gateway that died.
const TAKEN: u32 = 3;

/// What is appended to: the object's tag and its size.
#[derive(Clone, Debug)]
pub struct Tail {
    /// Its tag.
    pub etag: ETag,
    /// Its size: where the new bytes go.
    pub size: u64,
}

/// What stands under the key after an append that may or may not have happened.
enum Landed {
    /// Our bytes, where they belong.
    Ours,
    /// What stood there before.
    Before,
    /// Something else.
    Lost,
}

/// An append under way.
struct Sending<'a> {
    key: &'a str,
    tail: Option<&'a Tail>,
    /// MD5 of the new bytes.
    part: ETag,
    /// Tag of the object that has them.
    whole: ETag,
    end: u64,
    extra: Extra,
}

impl Store {
    /// Whether appending is worth a try.
    pub fn may_append(&self) -> bool {
        // Encrypted bytes depend on where a piece begins, and what appends of some releases make of that was not tried.
        self.sse.is_none() && !self.place.no_append.load(Ordering::Relaxed)
    }

    /// Appends to the object that is described by `tail`, which its own HEAD or GET must have called appendable: a service that
    /// does not know the request would take it for a PUT. `None`: begins an object that can be appended to, under a key of
    /// our own. `look`: asks afterwards whether the object is what it should be, for releases that ignore the condition.
    ///
    /// [`ErrorKind::PreconditionFailed`]: the object is another one now. [`ErrorKind::NotAppendable`]: not this object, or not
    /// here at all; without `tail` there may be an object under the key all the same.
    pub async fn append(
        &self,
        key: &str,
        tail: Option<&Tail>,
        body: Body,
        with: &WriteHeaders,
        look: bool,
    ) -> Result<Stored> {
        if !self.may_append() {
            return Err(not_appendable("the service knows no append"));
        }
        if tail.is_some() && body.is_empty() {
            return Err(not_appendable("nothing to append"));
        }
        let md5 = md5(OP, &body).await?;
        let part = ETag::new(&hex::encode(md5));
        let (position, whole) = match tail {
            None => (0, part.clone()),
            Some(tail) => (tail.size, after(&tail.etag, md5).ok_or_else(|| not_appendable("an etag of another form"))?),
        };
        let mut headers = write_headers(OP, with)?;
        if let Some(tail) = tail {
            headers.extend(condition_header(&Condition::Match(tail.etag.clone()), &self.quirks().await?));
        }
        let query = Some(format!("append&position={position}").into());
        let extra = Extra { query, ..Extra::from(headers) };
        let sending = Sending { key, tail, part, whole, end: position + body.len(), extra };
        let mut tries = Tries::new(self, OP, key, self.store_for).with_upload(body.len());
        let mut taken = 0;
        loop {
            let attempt = tries.attempt(uploading(body.len()), sending.extra.clone(), |client, exchange| {
                self.put_object(client, key, md5, &body).customize().interceptor(exchange).send()
            });
            let mut failure = match attempt.await {
                Ok(done) => match done.answer.number(NEXT) {
                    // Of an object that was called appendable this cannot be.
                    None if tail.is_none() => return Err(self.knows_no_append("it takes an append for a PUT")),
                    Some(next) if next == sending.end => {
                        match stored_as(OP, &done.answer, done.output.e_tag(), &sending.part) {
                            Ok(_) if look => return self.looked_at(sending).await,
                            Ok(_) => return Ok(Stored { etag: sending.whole }),
                            Err(failure) => failure,
                        }
                    }
                    _ => Failure::nonsense(OP, &done.answer, "the answer names another position"),
                },
                Err(failure) => failure,
            };
            self.read_refusal(&sending, &mut failure, &mut taken)?;
            let refused = failure.is(ErrorKind::PreconditionFailed);
            let doubtful = failure.unclear || tries.unclear && !failure.retry || refused && failure.retry;
            if doubtful {
                match tries.asker().landed(&sending).await? {
                    Landed::Ours if failure.unclear || tries.unclear => return Ok(Stored { etag: sending.whole }),
                    Landed::Before if taken >= TAKEN => return Err(not_appendable("its next piece is taken")),
                    Landed::Before => failure.retry |= refused,
                    // Without an attempt of ours that may have been carried out, equal bytes are someone else's.
                    Landed::Ours | Landed::Lost => return Err(lost(OP)),
                }
            }
            tries.again(explain(failure, &sending.extra)).await?;
        }
    }

    /// What RGW means by its refusals, and what those of other services show.
    fn read_refusal(&self, sending: &Sending<'_>, failure: &mut Failure, taken: &mut u32) -> Result<()> {
        match failure.error.code.as_str() {
            // Said before anything is done.
            "PositionNotEqualToLength" | "ObjectNotAppendable" => failure.unclear = false,
            "BucketAlreadyExists" => {
                failure.unclear = false;
                failure.error.kind = ErrorKind::PreconditionFailed;
                failure.retry = true;
                *taken += 1;
            }
            "InvalidBucketState" => return Err(self.knows_no_append("the bucket keeps versions")),
            "" => {}
            _ if sending.tail.is_none()
                && matches!(failure.error.kind, ErrorKind::Unsupported | ErrorKind::BadRequest) =>
            {
                return Err(self.knows_no_append("it refuses appends"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes that there is no use in asking again.
    fn knows_no_append(&self, why: &str) -> StoreError {
        if !self.place.no_append.swap(true, Ordering::Relaxed) {
            tracing::debug!(bucket = self.bucket(), why, "nothing can be appended here");
        }
        not_appendable(why)
    }

    /// After an append that was taken: whether it is there.
    async fn looked_at(&self, sending: Sending<'_>) -> Result<Stored> {
        match self.landed(&sending).await {
            Ok(Landed::Before | Landed::Lost) => Err(lost(OP)),
            Ok(Landed::Ours) => Ok(Stored { etag: sending.whole }),
            // It was taken, and the next look will tell.
            Err(error) => {
                tracing::debug!(key = sending.key, %error, "what was appended could not be looked at");
                Ok(Stored { etag: sending.whole })
            }
        }
    }

    async fn landed(&self, sending: &Sending<'_>) -> Result<Landed> {
        let now = match self.head(sending.key).await {
            Ok(now) => now,
            Err(error) if error.is_not_found() && sending.tail.is_none() => return Ok(Landed::Before),
            Err(error) if error.is_not_found() => return Ok(Landed::Lost),
            Err(error) => return Err(error),
        };
        if now.etag == sending.whole {
            let ours = !contradicts(&now, &sending.extra);
            return Ok(if ours { Landed::Ours } else { Landed::Lost });
        }
        let Some(tail) = sending.tail else { return Ok(Landed::Lost) };
        if now.etag == tail.etag {
            return Ok(Landed::Before);
        }
        // Somebody may have appended more since: then our bytes stand before his.
        if !now.appendable || now.size <= sending.end {
            return Ok(Landed::Lost);
        }
        let request = GetRequest { range: Some(tail.size..sending.end), if_match: Some(now.etag), if_none_match: None };
        let mut there = match self.get(sending.key, request).await {
            Ok(there) => there,
            Err(error) if matches!(error.kind, ErrorKind::PreconditionFailed | ErrorKind::NotFound) => {
                return Ok(Landed::Lost);
            }
            Err(error) => return Err(error),
        };
        let mut digest = md5_many::Md5::new();
        while let Some(bytes) = there.next().await? {
            digest.update(&bytes);
        }
        let same = sending.part.as_md5() == Some(&*hex::encode(digest.finalize()));
        Ok(if same { Landed::Ours } else { Landed::Lost })
    }
}

fn not_appendable(why: &str) -> StoreError {
    StoreError::local(ErrorKind::NotAppendable, OP, why)
}

/// The etag after an append: the MD5 of the one before and of the new bytes' MD5, and the number of pieces. `None`: the one
/// before is not of that form.
fn after(before: &ETag, md5: [u8; 16]) -> Option<ETag> {
    let (hash, pieces) = parse(before)?;
    let joined = md5_many::Md5::new().chain_update(hex::decode(hash).ok()?).chain_update(md5).finalize();
    Some(ETag::new(&format!("{}-{}", hex::encode(joined), pieces + 1)))
}

fn parse(etag: &ETag) -> Option<(&str, u64)> {
    let (hash, pieces) = etag.as_str().split_once('-').unwrap_or((etag.as_str(), "1"));
    let hex = hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    Some((hash, pieces.parse().ok().filter(|_| hex)?))
}

/// Of how many pieces an appendable object is, by its etag.
pub fn pieces(etag: &ETag) -> u64 {
    parse(etag).map_or(1, |(_, pieces)| pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What radosgw 16.2.15 gave after `hello` was appended one, two and three times.
    #[test]
    fn etags_as_measured() {
        let hello: [u8; 16] = md5_many::Md5::digest("hello").into();
        let first = ETag::new(&hex::encode(hello));
        let second = after(&first, hello).unwrap();
        assert_eq!(second.as_str(), "616b22817b80eed9f65c3aa38cd29054-2");
        let third = after(&second, hello).unwrap();
        assert_eq!(third.as_str(), "78091db0c9a5d23c31f31d8e5ffaa6f9-3");
        assert_eq!([pieces(&first), pieces(&second), pieces(&third)], [1, 2, 3]);
        for other in ["", "-2", "e", "616b22817b80eed9f65c3aa38cd29054-", "616b22817b80eed9f65c3aa38cd29054-x"] {
            assert_eq!(after(&ETag::new(other), hello), None, "{other}");
        }
    }
}
