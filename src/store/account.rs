//! What the service says of the user, without any bucket.

use super::exchange::Extra;
use super::retry::ASKING;
use super::{Result, Store};

impl Store {
    /// Our S3 user id, as the service knows us (GET of the list of buckets, which names its owner); empty
    /// if the service does not name it.
    pub async fn who_am_i(&self) -> Result<String> {
        const OP: &str = "ListBuckets";
        let call = self.request(OP, "", self.ask_for, ASKING, Extra::default(), |client, exchange| {
            client.list_buckets().customize().interceptor(exchange).send()
        });
        let output = call.await?.output;
        Ok(output.owner().and_then(|owner| owner.id()).unwrap_or_default().to_owned())
    }
}
