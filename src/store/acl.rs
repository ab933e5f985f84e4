//! Access control lists and tags.

use super::exchange::Extra;
use super::retry::ASKING;
use super::{Acl, ErrorKind, Grant, Grantee, Result, Store, StoreError};
use aws_sdk_s3::types::{self, AccessControlPolicy, BucketCannedAcl, ObjectCannedAcl, Owner, Permission, Tagging};

impl Store {
    /// GetObjectAcl.
    pub async fn get_acl(&self, key: &str) -> Result<Acl> {
        const OP: &str = "GetObjectAcl";
        let call = self.request(OP, key, self.ask_for, ASKING, Extra::default(), |client, exchange| {
            client.get_object_acl().bucket(self.bucket()).key(key).customize().interceptor(exchange).send()
        });
        let output = call.await?.output;
        read(OP, output.owner(), output.grants())
    }

    /// PutObjectAcl: replaces the whole list. [`ErrorKind::UnknownGrantee`] for a user whom the service does not know.
    pub async fn put_acl(&self, key: &str, acl: &Acl) -> Result<()> {
        const OP: &str = "PutObjectAcl";
        let policy = policy(OP, acl)?;
        let call = self.request(OP, key, self.store_for, ASKING, Extra::default(), |client, exchange| {
            client
                .put_object_acl()
                .bucket(self.bucket())
                .key(key)
                .access_control_policy(policy.clone())
                .customize()
                .interceptor(exchange)
                .send()
        });
        call.await.map(|_| ()).map_err(refused)
    }

    /// PutObjectAcl with one of the lists that have a name (`private`, `public-read`).
    pub async fn put_canned_acl(&self, key: &str, canned: &str) -> Result<()> {
        const OP: &str = "PutObjectAcl";
        let call = self.request(OP, key, self.store_for, ASKING, Extra::default(), |client, exchange| {
            let acl = ObjectCannedAcl::from(canned);
            client.put_object_acl().bucket(self.bucket()).key(key).acl(acl).customize().interceptor(exchange).send()
        });
        call.await.map(|_| ())
    }

    /// PutBucketAcl: replaces the whole list of the bucket.
    pub async fn put_bucket_acl(&self, acl: &Acl) -> Result<()> {
        const OP: &str = "PutBucketAcl";
        let policy = policy(OP, acl)?;
        let call = self.request(OP, "", self.store_for, ASKING, Extra::default(), |client, exchange| {
            let call = client.put_bucket_acl().bucket(self.bucket()).access_control_policy(policy.clone());
            call.customize().interceptor(exchange).send()
        });
        call.await.map(|_| ()).map_err(refused)
    }

    /// PutBucketAcl with one of the lists that have a name.
    pub async fn put_canned_bucket_acl(&self, canned: &str) -> Result<()> {
        const OP: &str = "PutBucketAcl";
        let call = self.request(OP, "", self.store_for, ASKING, Extra::default(), |client, exchange| {
            let acl = BucketCannedAcl::from(canned);
            client.put_bucket_acl().bucket(self.bucket()).acl(acl).customize().interceptor(exchange).send()
        });
        call.await.map(|_| ())
    }

    /// GetBucketAcl.
    pub async fn get_bucket_acl(&self) -> Result<Acl> {
        const OP: &str = "GetBucketAcl";
        let call = self.request(OP, "", self.ask_for, ASKING, Extra::default(), |client, exchange| {
            client.get_bucket_acl().bucket(self.bucket()).customize().interceptor(exchange).send()
        });
        let output = call.await?.output;
        read(OP, output.owner(), output.grants())
    }

    /// GetObjectTagging.
    pub async fn get_tags(&self, key: &str) -> Result<Vec<(String, String)>> {
        const OP: &str = "GetObjectTagging";
        let call = self.request(OP, key, self.ask_for, ASKING, Extra::default(), |client, exchange| {
            client.get_object_tagging().bucket(self.bucket()).key(key).customize().interceptor(exchange).send()
        });
        match call.await {
            Ok(done) => {
                Ok(done.output.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
            }
            Err(error) if error.code == "NoSuchTagSet" => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// PutObjectTagging.
    pub async fn put_tags(&self, key: &str, tags: &[(String, String)]) -> Result<()> {
        const OP: &str = "PutObjectTagging";
        let tag = |(k, v): &(String, String)| types::Tag::builder().key(k).value(v).build();
        let set = tags.iter().map(tag).collect::<std::result::Result<Vec<_>, _>>();
        let set = set.and_then(|set| Tagging::builder().set_tag_set(Some(set)).build());
        let set = set.map_err(|e| StoreError::local(ErrorKind::BadRequest, OP, e.to_string()))?;
        let call = self.request(OP, key, self.store_for, ASKING, Extra::default(), |client, exchange| {
            client
                .put_object_tagging()
                .bucket(self.bucket())
                .key(key)
                .tagging(set.clone())
                .customize()
                .interceptor(exchange)
                .send()
        });
        call.await.map(|_| ())
    }
}

/// RGW answers 400 InvalidArgument to a list that names a user whom it has never seen. (Groups that it does not know
/// get the same; those are checked before.)
fn refused(mut error: StoreError) -> StoreError {
    if error.code == "InvalidArgument" {
        error.kind = ErrorKind::UnknownGrantee;
        error.message = "a grantee is not known to the service".into();
    }
    error
}

fn read(op: &'static str, owner: Option<&Owner>, grants: &[types::Grant]) -> Result<Acl> {
    let Some(owner) = owner.and_then(Owner::id) else {
        return Err(StoreError::local(ErrorKind::Server, op, "an access control list without owner"));
    };
    let grants = grants.iter().filter_map(|grant| {
        let who = grant.grantee()?;
        let grantee = match (who.uri(), who.id(), who.email_address()) {
            (Some(uri), _, _) if !uri.is_empty() => Grantee::Group(uri.to_owned()),
            (_, Some(id), _) => Grantee::Id(id.to_owned()),
            (_, _, Some(email)) => Grantee::Id(email.to_owned()),
            _ => return None,
        };
        Some(Grant { grantee, permission: grant.permission()?.as_str().to_owned() })
    });
    Ok(Acl { owner: owner.to_owned(), grants: grants.collect() })
}

fn policy(op: &'static str, acl: &Acl) -> Result<AccessControlPolicy> {
    let mut policy = AccessControlPolicy::builder().owner(Owner::builder().id(&acl.owner).build());
    for grant in &acl.grants {
        let who = match &grant.grantee {
            Grantee::Id(id) => types::Grantee::builder().r#type(types::Type::CanonicalUser).id(id),
            Grantee::Group(uri) => types::Grantee::builder().r#type(types::Type::Group).uri(uri),
            Grantee::BucketOwner => continue,
        };
        let who = who.build().map_err(|e| StoreError::local(ErrorKind::BadRequest, op, e.to_string()))?;
        let permission = Permission::from(grant.permission.as_str());
        policy = policy.grants(types::Grant::builder().grantee(who).permission(permission).build());
    }
    Ok(policy.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_survives_the_sdk_types() {
        let grant = |grantee, permission: &str| Grant { grantee, permission: permission.into() };
        let acl = Acl {
            owner: "alice_um".into(),
            grants: vec![
                grant(Grantee::Id("alice_um".into()), "FULL_CONTROL"),
                grant(Grantee::Group("http://acs.amazonaws.com/groups/global/AllUsers".into()), "READ"),
                grant(Grantee::Id("bob_wsu".into()), "WRITE_ACP"),
            ],
        };
        let sdk = policy("PutObjectAcl", &acl).unwrap();
        assert_eq!(read("GetObjectAcl", sdk.owner(), sdk.grants()).unwrap(), acl);
        assert_eq!(read("GetObjectAcl", None, sdk.grants()).unwrap_err().kind, ErrorKind::Server);
    }
}
