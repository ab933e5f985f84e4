//! Bucket policies: JSON, kept by the service as it was sent.

use super::exchange::Extra;
use super::retry::ASKING;
use super::{Result, Store};

impl Store {
    /// GetBucketPolicy; `None`: the bucket has none. Only the owner (or whom the policy allows it) may ask.
    pub async fn get_policy(&self) -> Result<Option<String>> {
        let call = self.request("GetBucketPolicy", "", self.ask_for, ASKING, Extra::default(), |client, exchange| {
            client.get_bucket_policy().bucket(self.bucket()).customize().interceptor(exchange).send()
        });
        match call.await {
            Ok(done) => Ok(done.output.policy().filter(|text| !text.trim().is_empty()).map(str::to_owned)),
            Err(error) if error.code == "NoSuchBucketPolicy" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// PutBucketPolicy: replaces the whole policy.
    pub async fn put_policy(&self, policy: &str) -> Result<()> {
        let call = self.request("PutBucketPolicy", "", self.store_for, ASKING, Extra::default(), |client, exchange| {
            client.put_bucket_policy().bucket(self.bucket()).policy(policy).customize().interceptor(exchange).send()
        });
        call.await.map(|_| ())
    }

    /// DeleteBucketPolicy. Deleting what is not there is a success.
    pub async fn delete_policy(&self) -> Result<()> {
        let call =
            self.request("DeleteBucketPolicy", "", self.store_for, ASKING, Extra::default(), |client, exchange| {
                client.delete_bucket_policy().bucket(self.bucket()).customize().interceptor(exchange).send()
            });
        match call.await {
            Err(error) if error.code != "NoSuchBucketPolicy" => Err(error),
            _ => Ok(()),
        }
    }
}
