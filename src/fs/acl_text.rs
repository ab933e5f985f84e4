//! Access control lists as text: one grant a line, `id:bob_wsu:READ`, `group:AllUsers:READ`. Pure.

use super::{FsError, Result};
use crate::store::{Acl, Grant, Grantee};

/// URI of the groups, before their name.
const GROUPS: &str = "http://acs.amazonaws.com/groups/global/";
/// The groups that RGW knows.
const KNOWN_GROUPS: [&str; 2] = ["AllUsers", "AuthenticatedUsers"];
const PERMISSIONS: [&str; 5] = ["READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"];
pub(super) const FULL_CONTROL: &str = "FULL_CONTROL";

/// A whole list.
pub(super) fn list_text(acl: &Acl) -> String {
    let lines = acl.grants.iter().map(|grant| format!("{}:{}", grantee_text(&grant.grantee), grant.permission));
    lines.collect::<Vec<_>>().join("\n")
}

fn grantee_text(grantee: &Grantee) -> String {
    match grantee {
        Grantee::Id(id) => format!("id:{id}"),
        Grantee::Group(uri) => format!("group:{}", uri.strip_prefix(GROUPS).unwrap_or(uri)),
        Grantee::BucketOwner => "owner-of-the-bucket".to_owned(),
    }
}

/// Reads a whole list. Empty lines do not count, so that a text may end in a newline. EINVAL for junk.
pub(super) fn parse_list(text: &[u8]) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    for line in lines(text)? {
        let (who, permission) = line.rsplit_once(':').ok_or(FsError::invalid())?;
        let grantee = if who.contains(':') { parse_grantee(who)? } else { return Err(FsError::invalid()) };
        push(&mut grants, Grant { grantee, permission: parse_permission(permission)? });
    }
    Ok(grants)
}

/// A grantee as the name of an attribute ends: `bob_wsu`, `id:bob_wsu` or `group:AllUsers`.
pub(super) fn parse_grantee(text: &str) -> Result<Grantee> {
    let (kind, name) = text.split_once(':').unwrap_or(("id", text));
    // What a header or a list cannot carry is no id.
    let plain =
        !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | ','));
    match kind {
        "id" if plain => Ok(Grantee::Id(name.to_owned())),
        "group" => {
            let name = name.strip_prefix(GROUPS).unwrap_or(name);
            if KNOWN_GROUPS.contains(&name) {
                Ok(Grantee::Group(format!("{GROUPS}{name}")))
            } else {
                Err(FsError::invalid())
            }
        }
        _ => Err(FsError::invalid()),
    }
}

/// What one grantee may do: `READ` or `READ,WRITE`, also one a line.
pub(super) fn parse_permissions(text: &[u8]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for word in lines(text)?.into_iter().flat_map(|line| line.split(',')) {
        let permission = parse_permission(word)?;
        if !found.contains(&permission) {
            found.push(permission);
        }
    }
    if found.is_empty() { Err(FsError::invalid()) } else { Ok(found) }
}

fn parse_permission(word: &str) -> Result<String> {
    let word = word.trim().to_ascii_uppercase();
    if PERMISSIONS.contains(&word.as_str()) { Ok(word) } else { Err(FsError::invalid()) }
}

fn lines(text: &[u8]) -> Result<Vec<&str>> {
    let text = std::str::from_utf8(text).map_err(|_| FsError::invalid())?;
    // `setfattr -v "$(printf ...)"` and programs in C may leave a NUL at the end.
    let text = text.trim_end_matches('\0');
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect())
}

fn push(grants: &mut Vec<Grant>, grant: Grant) {
    if !grants.contains(&grant) {
        grants.push(grant);
    }
}

/// What one grantee is granted, `READ,WRITE_ACP`; `None`: nothing.
pub(super) fn granted(acl: &Acl, grantee: &Grantee) -> Option<String> {
    let permissions: Vec<&str> =
        acl.grants.iter().filter(|grant| grant.grantee == *grantee).map(|grant| grant.permission.as_str()).collect();
    if permissions.is_empty() { None } else { Some(permissions.join(",")) }
}

/// The list with exactly these permissions for one grantee.
pub(super) fn with_grantee(acl: &Acl, grantee: &Grantee, permissions: &[String]) -> Acl {
    let mut grants: Vec<Grant> = acl.grants.iter().filter(|grant| grant.grantee != *grantee).cloned().collect();
    let new = |permission: &String| Grant { grantee: grantee.clone(), permission: permission.clone() };
    grants.extend(permissions.iter().map(new));
    Acl { owner: acl.owner.clone(), grants }
}

/// The list with the owner's full control in it: without it RGW would refuse the owner his own object.
pub(super) fn with_owner(mut acl: Acl) -> Acl {
    let full = Grant { grantee: Grantee::Id(acl.owner.clone()), permission: FULL_CONTROL.to_owned() };
    if !acl.grants.contains(&full) {
        acl.grants.insert(0, full);
    }
    acl
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "id:alice_um:FULL_CONTROL\nid:bob_wsu:READ\nid:bob_wsu:READ_ACP\ngroup:AllUsers:READ";

    fn acl(text: &str) -> Acl {
        Acl { owner: "alice_um".to_owned(), grants: parse_list(text.as_bytes()).unwrap() }
    }

    #[test]
    fn a_list_reads_back_as_it_was_written() {
        assert_eq!(list_text(&acl(LIST)), LIST);
        assert_eq!(list_text(&acl(&format!("\n {LIST} \n\n\0"))), LIST);
        assert_eq!(list_text(&acl("id:bob_wsu:read\nid:bob_wsu:READ")), "id:bob_wsu:READ");
        assert_eq!(list_text(&acl(&format!("group:{GROUPS}AllUsers:READ"))), "group:AllUsers:READ");
        assert_eq!(list_text(&acl("")), "");
    }

    #[test]
    fn junk_is_refused() {
        for junk in [
            "bob_wsu",
            "bob_wsu:READ",
            "id:bob_wsu:SING",
            "id::READ",
            "group:Friends:READ",
            "mail:a@b:READ",
            "id:bob wsu:READ",
            "id:bob_wsu",
            "\u{0}id:bob_wsu:READ",
            "id:a,b:READ",
        ] {
            assert_eq!(parse_list(junk.as_bytes()).unwrap_err().errno(), libc::EINVAL, "{junk}");
        }
        assert!(parse_list(&[0xff]).is_err());
        assert!(parse_permissions(b"").is_err() && parse_permissions(b"READ,").is_err());
        assert!(parse_grantee("").is_err() && parse_grantee("group:x").is_err());
    }

    #[test]
    fn one_grantee_is_set_changed_and_removed() {
        let (bob, list) = (parse_grantee("bob_wsu").unwrap(), acl(LIST));
        assert_eq!(granted(&list, &bob).as_deref(), Some("READ,READ_ACP"));
        let all = parse_grantee("group:AllUsers").unwrap();
        assert_eq!(granted(&list, &all).as_deref(), Some("READ"));
        let none = with_grantee(&list, &bob, &[]);
        assert_eq!(list_text(&none), "id:alice_um:FULL_CONTROL\ngroup:AllUsers:READ");
        let write = with_grantee(&none, &bob, &parse_permissions(b"write, READ\n").unwrap());
        assert_eq!(granted(&write, &bob).as_deref(), Some("WRITE,READ"));
        assert_eq!(granted(&none, &bob), None);
    }

    #[test]
    fn the_owner_stays_in() {
        let locked_out = acl("id:alice_um:READ\nid:bob_wsu:FULL_CONTROL");
        let first = "id:alice_um:FULL_CONTROL\nid:alice_um:READ\nid:bob_wsu:FULL_CONTROL";
        assert_eq!(list_text(&with_owner(locked_out)), first);
        assert_eq!(list_text(&with_owner(acl(LIST))), LIST);
    }
}
