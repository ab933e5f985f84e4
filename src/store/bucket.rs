//! Buckets: to see them, to make and to remove them.

use super::exchange::{Answer, Extra};
use super::retry::ASKING;
use super::{Body, BucketInfo, ErrorKind, ListRequest, Result, Store, StoreError};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

impl Store {
    /// HEAD bucket: does it exist, may we see it, how full is it. [`ErrorKind::NoSuchBucket`] for 404.
    pub async fn head_bucket(&self) -> Result<BucketInfo> {
        const OP: &str = "HeadBucket";
        // RGW 20 counts only when asked; older ones and Amazon ignore the query.
        let extra = Extra { query: Some("read-stats".into()), ..Extra::default() };
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
                let prefix = self.place.probes.clone();
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

    /// Whether the service answers: HEAD bucket, or, of no bucket in particular, whether the user is known.
    pub async fn is_there(&self) -> Result<()> {
        match self.bucket() {
            "" => self.user_id().await.map(drop),
            _ => self.head_bucket().await.map(drop),
        }
    }

    /// Whether objects may be written below the place of probes, found out without writing: a part for an upload that
    /// there is none of is refused for the one reason or for the other.
    pub async fn may_write(&self) -> Result<bool> {
        let key = format!("{}write", self.place.probes);
        match self.upload_part(&key, "none", 1, Body::new()).await {
            Ok(_) => Ok(true),
            Err(error) => match error.kind {
                ErrorKind::Denied => Ok(false),
                ErrorKind::NoSuchUpload | ErrorKind::NotFound | ErrorKind::Quota | ErrorKind::BadRequest => Ok(true),
                _ => Err(error),
            },
        }
    }

    /// The names of one's own buckets.
    pub async fn list_buckets(&self) -> Result<Vec<String>> {
        let (mut names, mut from) = (Vec::new(), None::<String>);
        loop {
            let call = self.request("ListBuckets", "", self.ask_for, ASKING, Extra::default(), |client, exchange| {
                client.list_buckets().set_continuation_token(from.clone()).customize().interceptor(exchange).send()
            });
            let page = call.await?.output;
            names.extend(page.buckets().iter().filter_map(|bucket| bucket.name()).map(str::to_owned));
            match page.continuation_token() {
                Some(token) if !token.is_empty() && from.as_deref() != Some(token) => from = Some(token.to_owned()),
                _ => return Ok(names),
            }
        }
    }

    /// The S3 user id of whoever asks; an error if the service does not name it.
    pub async fn user_id(&self) -> Result<String> {
        match self.who_am_i().await? {
            id if id.is_empty() => {
                Err(StoreError::local(ErrorKind::Server, "ListBuckets", "a list of buckets without owner"))
            }
            id => Ok(id),
        }
    }

    /// Makes the bucket. `location`: zone group and placement (`:placement`), else the service's own choice.
    pub async fn create_bucket(&self, location: Option<&str>) -> Result<()> {
        let call = self.request("CreateBucket", "", self.store_for, ASKING, Extra::default(), |client, exchange| {
            let constraint = |text| {
                let constraint = BucketLocationConstraint::from(text);
                CreateBucketConfiguration::builder().location_constraint(constraint).build()
            };
            let call = client.create_bucket().bucket(self.bucket());
            let call = call.set_create_bucket_configuration(location.map(constraint));
            call.customize().interceptor(exchange).send()
        });
        call.await.map(|_| ())
    }

    /// Whether the bucket keeps old versions of its objects.
    pub async fn is_versioned(&self) -> Result<bool> {
        use aws_sdk_s3::types::BucketVersioningStatus::Enabled;
        let call =
            self.request("GetBucketVersioning", "", self.ask_for, ASKING, Extra::default(), |client, exchange| {
                client.get_bucket_versioning().bucket(self.bucket()).customize().interceptor(exchange).send()
            });
        Ok(call.await?.output.status() == Some(&Enabled))
    }

    /// Removes the bucket; [`ErrorKind::NotEmpty`] if anything is in it.
    pub async fn delete_bucket(&self) -> Result<()> {
        let call = self.request("DeleteBucket", "", self.store_for, ASKING, Extra::default(), |client, exchange| {
            client.delete_bucket().bucket(self.bucket()).customize().interceptor(exchange).send()
        });
        call.await.map(|_| ())
    }
}

fn info(answer: &Answer) -> BucketInfo {
    BucketInfo {
        objects: answer.number("x-rgw-object-count"),
        bytes: answer.number("x-rgw-bytes-used"),
        // -1, or silence: no quota.
        quota_bytes: answer.number("x-rgw-quota-bucket-size"),
        quota_objects: answer.number("x-rgw-quota-bucket-objects"),
        user_quota_bytes: answer.number("x-rgw-quota-user-size"),
        user_quota_objects: answer.number("x-rgw-quota-user-objects"),
        own: answer.header("x-rgw-quota-max-buckets").is_some(),
        server: answer.header("server").map(str::to_owned),
    }
}
