//! Access control lists, and who may do what by them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Who sent a request; `None` is the anonymous user.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller(pub(crate) Option<Arc<str>>);

impl Caller {
    /// The user's id, empty for the anonymous user (so RGW shows the owner of what he made).
    pub(crate) fn id(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }
}

/// Who is granted something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Grantee {
    /// One user by id.
    User(String),
    /// Everybody, the anonymous user too.
    AllUsers,
    /// Everybody with a name.
    AuthenticatedUsers,
}

/// What is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Permission {
    /// Read an object, or list a bucket.
    Read,
    /// Write and delete in a bucket.
    Write,
    /// Read the list itself.
    ReadAcp,
    /// Change the list itself.
    WriteAcp,
    /// The four together.
    FullControl,
}

impl Permission {
    fn bits(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::ReadAcp => 4,
            Self::WriteAcp => 8,
            Self::FullControl => 15,
        }
    }

    /// The permission's name in headers and XML.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::ReadAcp => "READ_ACP",
            Self::WriteAcp => "WRITE_ACP",
            Self::FullControl => "FULL_CONTROL",
        }
    }

    /// The permission of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::ReadAcp, Self::WriteAcp, Self::FullControl]
            .into_iter()
            .find(|permission| permission.name() == name)
    }
}

/// What somebody asks to do: the action by the name that policies have for it, and what a list must grant for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) action: &'static str,
    pub(crate) permission: Permission,
    /// The object; `None`: the bucket itself.
    pub(crate) key: Option<&'a str>,
    /// The prefix of a listing.
    pub(crate) prefix: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// Something with a bucket.
    pub(crate) fn bucket(action: &'static str, permission: Permission) -> Self {
        Self { action, permission, key: None, prefix: None }
    }

    /// Something with an object.
    pub(crate) fn object(action: &'static str, permission: Permission, key: &'a str) -> Self {
        Self { action, permission, key: Some(key), prefix: None }
    }

    /// To read an object.
    pub(crate) fn get(key: &'a str) -> Self {
        Self::object("s3:GetObject", Permission::Read, key)
    }

    /// To write an object.
    pub(crate) fn put(key: &'a str) -> Self {
        Self::object("s3:PutObject", Permission::Write, key)
    }

    /// To list what begins with this.
    pub(crate) fn list(prefix: &'a str) -> Self {
        Self { prefix: Some(prefix), ..Self::bucket("s3:ListBucket", Permission::Read) }
    }
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) grantee: Grantee,
    pub(crate) permission: Permission,
}

/// The access control list of a bucket or an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acl {
    pub(crate) owner: String,
    pub(crate) grants: Vec<Grant>,
}

impl Acl {
    /// The owner alone, with everything: what a new bucket or object gets.
    pub(crate) fn private(owner: &str) -> Self {
        let grants = vec![Grant { grantee: Grantee::User(owner.to_owned()), permission: Permission::FullControl }];
        Self { owner: owner.to_owned(), grants }
    }

    /// Whether `caller` has `permission`. The owner always may read and change the list, but nothing else unless the
    /// list names him: a list without him locks him out of reading, as in RGW.
    pub(crate) fn allows(&self, caller: &Caller, permission: Permission) -> bool {
        let mut bits = 0;
        for grant in &self.grants {
            let matches = match &grant.grantee {
                Grantee::User(id) => caller.0.as_deref() == Some(id),
                Grantee::AllUsers => true,
                Grantee::AuthenticatedUsers => caller.0.is_some(),
            };
            if matches {
                bits |= grant.permission.bits();
            }
        }
        if caller.0.as_deref() == Some(self.owner.as_str()) {
            bits |= Permission::ReadAcp.bits() | Permission::WriteAcp.bits();
        }
        bits & permission.bits() == permission.bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> Caller {
        Caller(Some(id.into()))
    }

    #[test]
    fn private_is_for_the_owner_alone() {
        let acl = Acl::private("alice_um");
        assert!(acl.allows(&user("alice_um"), Permission::FullControl));
        assert!(!acl.allows(&user("bob_wsu"), Permission::Read));
        assert!(!acl.allows(&Caller::default(), Permission::Read));
    }

    #[test]
    fn a_list_without_the_owner_locks_him_out_but_for_the_list() {
        let grants = vec![Grant { grantee: Grantee::User("bob_wsu".into()), permission: Permission::Read }];
        let acl = Acl { owner: "alice_um".into(), grants };
        assert!(!acl.allows(&user("alice_um"), Permission::Read));
        assert!(acl.allows(&user("alice_um"), Permission::WriteAcp));
        assert!(acl.allows(&user("bob_wsu"), Permission::Read));
        assert!(!acl.allows(&user("bob_wsu"), Permission::ReadAcp));
    }

    #[test]
    fn groups() {
        let mut acl = Acl::private("alice_um");
        acl.grants.push(Grant { grantee: Grantee::AuthenticatedUsers, permission: Permission::Read });
        assert!(acl.allows(&user("bob_wsu"), Permission::Read));
        assert!(!acl.allows(&Caller::default(), Permission::Read));
        acl.grants.push(Grant { grantee: Grantee::AllUsers, permission: Permission::Read });
        assert!(acl.allows(&Caller::default(), Permission::Read));
    }
}
