//! Access control lists in headers and in XML.

use http::{HeaderMap, StatusCode};
use s3s::dto;
use s3s::{S3Result, s3_error};

use super::super::access::{Acl, Grant, Grantee, Permission};
use super::super::auth::Users;
use super::conditions::text;
use super::error;

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

/// The most grants that a list may have (`rgw_acl_grants_max_num`).
const MOST: usize = 100;

const GRANT_HEADERS: [(&str, Permission); 5] = [
    ("x-amz-grant-full-control", Permission::FullControl),
    ("x-amz-grant-read", Permission::Read),
    ("x-amz-grant-write", Permission::Write),
    ("x-amz-grant-read-acp", Permission::ReadAcp),
    ("x-amz-grant-write-acp", Permission::WriteAcp),
];

fn group(uri: &str) -> Option<Grantee> {
    match uri {
        ALL_USERS => Some(Grantee::AllUsers),
        AUTHENTICATED_USERS => Some(Grantee::AuthenticatedUsers),
        _ => None,
    }
}

/// The list that a request's headers ask for, or `None` if they do not ask. `bucket_owner` is for the canned lists that
/// name him; for a bucket itself it is empty.
pub(crate) fn from_headers(
    headers: &HeaderMap,
    owner: &str,
    bucket_owner: &str,
    users: &Users,
) -> S3Result<Option<Acl>> {
    let canned = text(headers, "x-amz-acl").filter(|canned| !canned.is_empty());
    let mut grants = Vec::new();
    for (name, permission) in GRANT_HEADERS {
        for item in headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')) {
            grants.push(Grant { grantee: from_header_item(item, users)?, permission });
        }
    }
    match (canned, grants.is_empty()) {
        // Both kinds together are refused; grant headers alone make exactly the list that they name.
        (Some(_), false) => Err(s3_error!(InvalidRequest)),
        (Some(canned), true) => from_canned(canned, owner, bucket_owner).map(Some),
        (None, false) => Ok(Some(Acl { owner: owner.to_owned(), grants })),
        (None, true) => Ok(None),
    }
}

/// One of `id=bob`, `id="bob"`, `uri="http://.."`.
fn from_header_item(item: &str, users: &Users) -> S3Result<Grantee> {
    let (kind, value) = item.trim().split_once('=').ok_or_else(|| s3_error!(InvalidArgument))?;
    let value = value.trim().trim_matches('"');
    match kind.trim().to_ascii_lowercase().as_str() {
        "id" if users.knows(value) => Ok(Grantee::User(value.to_owned())),
        // An unknown user and any mail address: RGW looks for the user and answers that there is no such key.
        "id" | "emailaddress" => Err(s3_error!(NoSuchKey)),
        "uri" => group(value).ok_or_else(|| s3_error!(InvalidArgument)),
        _ => Err(s3_error!(InvalidArgument)),
    }
}

fn from_canned(canned: &str, owner: &str, bucket_owner: &str) -> S3Result<Acl> {
    let mut acl = Acl::private(owner);
    let mut grant = |grantee, permission| acl.grants.push(Grant { grantee, permission });
    let to_bucket_owner = || Grantee::User(bucket_owner.to_owned());
    match canned {
        "private" => {}
        "public-read" => grant(Grantee::AllUsers, Permission::Read),
        "public-read-write" => {
            grant(Grantee::AllUsers, Permission::Read);
            grant(Grantee::AllUsers, Permission::Write);
        }
        "authenticated-read" => grant(Grantee::AuthenticatedUsers, Permission::Read),
        "bucket-owner-read" if owner != bucket_owner => grant(to_bucket_owner(), Permission::Read),
        "bucket-owner-full-control" if owner != bucket_owner => grant(to_bucket_owner(), Permission::FullControl),
        "bucket-owner-read" | "bucket-owner-full-control" => {}
        _ => return Err(s3_error!(InvalidArgument)),
    }
    Ok(acl)
}

/// The list of a PutAcl body. The owner cannot be changed.
pub(crate) fn from_xml(policy: &dto::AccessControlPolicy, owner: &str, users: &Users) -> S3Result<Acl> {
    if policy.owner.as_ref().and_then(|owner| owner.id.as_ref()).is_some_and(|id| id != owner) {
        return Err(s3_error!(AccessDenied));
    }
    let lines = policy.grants.as_deref().unwrap_or_default();
    if lines.len() > MOST {
        return Err(error::custom(StatusCode::BAD_REQUEST, "LimitExceeded"));
    }
    let mut grants = Vec::with_capacity(lines.len());
    for line in lines {
        let grantee = line.grantee.as_ref().ok_or_else(|| s3_error!(MalformedACLError))?;
        let permission = line.permission.as_ref().and_then(|permission| Permission::from_name(permission.as_str()));
        let grantee = match (&grantee.id, &grantee.uri) {
            (Some(id), _) if users.knows(id) => Grantee::User(id.clone()),
            (None, Some(uri)) => group(uri).ok_or_else(|| s3_error!(InvalidArgument))?,
            _ => return Err(s3_error!(InvalidArgument)),
        };
        grants.push(Grant { grantee, permission: permission.ok_or_else(|| s3_error!(MalformedACLError))? });
    }
    Ok(Acl { owner: owner.to_owned(), grants })
}

/// A user as XML has him.
pub(crate) fn owner(id: &str) -> dto::Owner {
    dto::Owner { id: Some(id.to_owned()), display_name: Some(id.to_owned()) }
}

/// The lines of a list as XML has them.
pub(crate) fn to_xml(acl: &Acl) -> Vec<dto::Grant> {
    let id = |line: &dto::Grant| line.grantee.as_ref().and_then(|grantee| grantee.id.clone());
    let line = |grant: &Grant| {
        let (id, uri) = match &grant.grantee {
            Grantee::User(id) => (Some(id.clone()), None),
            Grantee::AllUsers => (None, Some(ALL_USERS.to_owned())),
            Grantee::AuthenticatedUsers => (None, Some(AUTHENTICATED_USERS.to_owned())),
        };
        let type_ = if id.is_some() { dto::Type::CANONICAL_USER } else { dto::Type::GROUP };
        dto::Grant {
            grantee: Some(dto::Grantee {
                display_name: id.clone(),
                id,
                uri,
                email_address: None,
                type_: dto::Type::from_static(type_),
            }),
            permission: Some(dto::Permission::from_static(grant.permission.name())),
        }
    };
    // RGW shows groups first and then users by id.
    let mut lines: Vec<dto::Grant> = acl.grants.iter().map(line).collect();
    lines.sort_by_key(id);
    lines
}
