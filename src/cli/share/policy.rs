//! Sharing by bucket policy: statements for one user, merged into what is there and taken out again. Pure.

use serde_json::{Map, Value, json};

/// Statements of ours begin so; those of others are kept as they are.
const OURS: &str = "Osirisfs";
/// What reading an object takes, tags too, so that a mount shows them.
const READ: [&str; 2] = ["s3:GetObject", "s3:GetObjectTagging"];
/// What writing takes beside it. Reading lists lets the writer keep them. Never `s3:*`: that lets him change the policy.
const WRITE: [&str; 6] = [
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
    "s3:GetObjectAcl",
    "s3:PutObjectTagging",
];

/// Who gets what.
#[derive(Clone, Copy, Debug)]
pub struct Share<'a> {
    pub bucket: &'a str,
    /// Empty, or a folder that ends in `/`.
    pub prefix: &'a str,
    pub owner: &'a str,
    pub user: &'a str,
    pub write: bool,
}

/// The forms in which a policy may name a user. Token users belong to a tenant of their own name (and only the first form
/// means them), users with a key pair to none.
fn principals(user: &str) -> [String; 2] {
    [format!("arn:aws:iam::{user}:user/{user}"), format!("arn:aws:iam:::user/{user}")]
}

fn names(principal: &str, user: &str) -> bool {
    principals(user).iter().any(|form| form == principal)
        || principal == user
        || principal == format!("arn:aws:iam::{user}:root")
}

/// The policy with this share in it. `policy`: what is there now.
pub fn with(policy: Option<&str>, share: Share<'_>) -> Result<String, String> {
    // A policy has no way to write these as they are.
    if share.prefix.contains(['*', '?', '$']) {
        return Err(format!("a policy cannot name the folder {:?} alone", share.prefix));
    }
    let (mut policy, statements) = parts(policy)?;
    let own = sids(&share);
    let mut statements: Vec<Value> = statements.into_iter().filter(|one| !own.contains(&sid(one).to_owned())).collect();
    let [list, objects, owner] = own;
    let bucket = format!("arn:aws:s3:::{}", share.bucket);
    let mut listing = json!({
        "Sid": list, "Effect": "Allow", "Principal": {"AWS": principals(share.user)},
        "Action": ["s3:ListBucket"], "Resource": [bucket],
    });
    if !share.prefix.is_empty() {
        listing["Condition"] = json!({"StringLike": {"s3:prefix": [format!("{}*", share.prefix)]}});
    }
    if share.write {
        listing["Action"] = json!(["s3:ListBucket", "s3:ListBucketMultipartUploads"]);
    }
    let rights: Vec<&str> = if share.write { [&READ[..], &WRITE[..]].concat() } else { READ.to_vec() };
    statements.push(listing);
    statements.push(json!({
        "Sid": objects, "Effect": "Allow", "Principal": {"AWS": principals(share.user)},
        "Action": rights, "Resource": [format!("{bucket}/{}*", share.prefix)],
    }));
    let all = [&READ[..], &WRITE[..], &["s3:PutObjectAcl"]].concat();
    // What others write belongs to them: the owner must be named to get at it.
    statements.push(json!({
        "Sid": owner, "Effect": "Allow", "Principal": {"AWS": principals(share.owner)},
        "Action": all, "Resource": [format!("{bucket}/*")],
    }));
    policy.insert("Statement".to_owned(), Value::Array(statements));
    Ok(Value::Object(policy).to_string())
}

/// What taking a share away makes of a policy.
#[derive(Debug, PartialEq, Eq)]
pub enum Without {
    /// The user is not named in it.
    Same,
    /// Nothing is left: the policy is to be removed.
    Nothing,
    /// The new policy.
    Policy(String),
}

/// The policy without what it allows the user. `prefix`: only the share of that folder.
pub fn without(policy: Option<&str>, share: Share<'_>) -> Result<Without, String> {
    let (mut policy, statements) = parts(policy)?;
    let own = sids(&share);
    let (before, mut left) = (statements.clone(), Vec::new());
    for mut statement in statements {
        let concerns = share.prefix.is_empty() || own[..2].iter().any(|name| name == sid(&statement));
        if statement["Effect"] == "Allow" && concerns && !sid(&statement).starts_with(&format!("{OURS}Owner")) {
            let named = texts(&statement["Principal"]["AWS"]);
            let others: Vec<&String> = named.iter().filter(|principal| !names(principal, share.user)).collect();
            if others.is_empty() && !named.is_empty() {
                continue;
            }
            if others.len() < named.len() {
                statement["Principal"]["AWS"] = json!(others);
            }
        }
        left.push(statement);
    }
    if left == before {
        return Ok(Without::Same);
    }
    if left.iter().all(|statement| sid(statement).starts_with(&format!("{OURS}Owner"))) {
        return Ok(Without::Nothing);
    }
    policy.insert("Statement".to_owned(), Value::Array(left));
    Ok(Without::Policy(Value::Object(policy).to_string()))
}

/// What a policy says, in plain words, a line a statement.
pub fn words(policy: &str, bucket: &str) -> Result<Vec<String>, String> {
    let (_, statements) = parts(Some(policy))?;
    let mut lines = Vec::new();
    for statement in &statements {
        let mut who: Vec<String> = match &statement["Principal"] {
            Value::String(_) => vec!["everybody, also without a login".to_owned()],
            named => texts(&named["AWS"]).iter().map(|principal| user_of(principal)).collect(),
        };
        who.sort();
        who.dedup();
        let can = if statement["Effect"] == "Deny" { "may NOT" } else { "may" };
        let root = format!("arn:aws:s3:::{bucket}");
        let places: Vec<String> = texts(&statement["Resource"]).iter().map(|resource| place(resource, &root)).collect();
        let mut line = format!("{} {can} {} in {}", who.join(", "), deeds(&statement["Action"]), places.join(", "));
        if let Some(condition) = statement.get("Condition") {
            let prefixes = texts(&condition["StringLike"]["s3:prefix"]);
            line += &if prefixes.is_empty() {
                format!(" if {condition}")
            } else {
                format!(" below {}", prefixes.join(", "))
            };
        }
        lines.push(line);
    }
    Ok(lines)
}

fn place(resource: &str, root: &str) -> String {
    match resource.strip_prefix(root) {
        Some("") => "the bucket".to_owned(),
        Some("/*") => "all of it".to_owned(),
        Some(below) => below.trim_start_matches('/').to_owned(),
        None => resource.to_owned(),
    }
}

fn deeds(action: &Value) -> String {
    let actions = texts(action);
    let mut words: Vec<&str> = Vec::new();
    for action in &actions {
        words.push(match action.as_str() {
            "s3:*" | "*" => "do everything, also change this policy",
            "s3:ListBucket" => "list",
            "s3:GetObject" => "read",
            "s3:PutObject" => "write",
            "s3:DeleteObject" => "delete",
            // What goes with them.
            _ if READ.contains(&action.as_str()) || WRITE.contains(&action.as_str()) => continue,
            "s3:ListBucketMultipartUploads" => continue,
            other => other,
        });
    }
    if words.is_empty() { actions.join(", ") } else { words.join(", ") }
}

/// The user of a principal, as people know him.
fn user_of(principal: &str) -> String {
    match principal {
        "*" | "arn:aws:iam:::root" => "everybody, also without a login".to_owned(),
        _ => principal.rsplit_once("user/").map_or(principal, |(_, user)| user).to_owned(),
    }
}

/// A policy's statements, and the rest of it.
fn parts(policy: Option<&str>) -> Result<(Map<String, Value>, Vec<Value>), String> {
    let Some(text) = policy else {
        let empty = json!({"Version": "2012-10-17"});
        return Ok((empty.as_object().cloned().unwrap_or_default(), Vec::new()));
    };
    let value: Value = serde_json::from_str(text).map_err(|e| format!("the bucket's policy cannot be read: {e}"))?;
    let Value::Object(policy) = value else { return Err("the bucket's policy cannot be read".to_owned()) };
    let statements = match policy.get("Statement") {
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    Ok((policy, statements))
}

fn sid(statement: &Value) -> &str {
    statement["Sid"].as_str().unwrap_or_default()
}

/// Names of the statements of a share: listing, objects, the owner's. Letters and digits only, as Amazon wants it.
fn sids(share: &Share<'_>) -> [String; 3] {
    let tail = hex::encode(format!("{}/{}", share.user, share.prefix));
    [format!("{OURS}List{tail}"), format!("{OURS}Objects{tail}"), format!("{OURS}Owner")]
}

/// A text or a list of texts.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(list) => list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
