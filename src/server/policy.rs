//! Bucket policies, as far as sharing needs them: Allow and Deny for principals, actions and resources, with conditions on
//! the prefix of a listing.

use serde_json::Value;

/// Who asks, in the words of a policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    /// `None` is the anonymous user.
    pub(crate) id: Option<&'a str>,
    /// A user of LDAP, who belongs to a tenant of his own name. That is why `arn:aws:iam:::user/ID` never means him.
    pub(crate) token: bool,
}

/// What a policy says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Allowed, whatever the access control lists say.
    Allow,
    /// Refused, whatever they say, the owner too.
    Deny,
    /// Nothing: the lists decide.
    Silent,
}

/// A policy that was understood.
#[derive(Debug)]
pub(crate) struct Policy {
    /// As it was sent.
    pub(crate) text: String,
    statements: Vec<Statement>,
}

#[derive(Debug)]
struct Statement {
    allow: bool,
    principals: Vec<String>,
    actions: Vec<String>,
    resources: Vec<String>,
    /// Patterns of which one must match the prefix that is listed, each with whether it is one of StringLike.
    prefixes: Option<Vec<(String, bool)>>,
}

impl Policy {
    /// Reads a policy; `None` if this server, or RGW, would not take it.
    pub(crate) fn parse(text: &str) -> Option<Policy> {
        let json: Value = serde_json::from_str(text).ok()?;
        let statements = match json.get("Statement")? {
            Value::Array(list) => list.iter().map(Statement::parse).collect::<Option<Vec<_>>>()?,
            one => vec![Statement::parse(one)?],
        };
        Some(Policy { text: text.to_owned(), statements })
    }

    /// What it says to an action on a resource. `prefix`: of a listing.
    pub(crate) fn verdict(&self, who: Who<'_>, action: &str, resource: &str, prefix: Option<&str>) -> Verdict {
        let speaks = |statement: &&Statement| {
            statement.principals.iter().any(|principal| means(principal, who))
                && statement.actions.iter().any(|pattern| matches(pattern, action))
                && statement.resources.iter().any(|pattern| matches(pattern, resource))
                && statement.prefixes.as_ref().is_none_or(|patterns| fits(patterns, prefix))
        };
        let mut verdict = Verdict::Silent;
        for statement in self.statements.iter().filter(speaks) {
            if !statement.allow {
                return Verdict::Deny;
            }
            verdict = Verdict::Allow;
        }
        verdict
    }
}

impl Statement {
    fn parse(json: &Value) -> Option<Statement> {
        let allow = match json.get("Effect")?.as_str()? {
            "Allow" => true,
            "Deny" => false,
            _ => return None,
        };
        let principals = match json.get("Principal")? {
            Value::String(all) if all == "*" => vec!["*".to_owned()],
            named => texts(named.get("AWS")?)?,
        };
        let actions = texts(json.get("Action")?)?;
        let resources = texts(json.get("Resource")?)?;
        let plain = |name: &String| !name.contains(char::is_whitespace);
        let known = actions.iter().all(|action| action == "*" || action.starts_with("s3:"));
        let arns = resources.iter().all(|resource| resource == "*" || resource.starts_with("arn:aws:s3:"));
        if !principals.iter().all(plain) || !known || !arns {
            return None;
        }
        let prefixes = match json.get("Condition") {
            None => None,
            Some(condition) => Some(prefixes(condition)?),
        };
        Some(Statement { allow, principals, actions, resources, prefixes })
    }
}

/// The patterns of a condition on `s3:prefix`; others are not known here.
fn prefixes(condition: &Value) -> Option<Vec<(String, bool)>> {
    let mut patterns = Vec::new();
    for (operator, values) in condition.as_object()? {
        let like = match operator.as_str() {
            "StringLike" => true,
            "StringEquals" => false,
            _ => return None,
        };
        for (name, values) in values.as_object()? {
            if name != "s3:prefix" {
                return None;
            }
            patterns.extend(texts(values)?.into_iter().map(|pattern| (pattern, like)));
        }
    }
    Some(patterns)
}

/// A text or a list of texts.
fn texts(json: &Value) -> Option<Vec<String>> {
    match json {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(list) => list.iter().map(|one| Some(one.as_str()?.to_owned())).collect(),
        _ => None,
    }
}

fn fits(patterns: &[(String, bool)], prefix: Option<&str>) -> bool {
    let Some(prefix) = prefix else { return false };
    patterns.iter().any(|(pattern, like)| if *like { matches(pattern, prefix) } else { pattern == prefix })
}

/// Whether a principal is this user, in the forms that RGW was seen to understand.
fn means(principal: &str, who: Who<'_>) -> bool {
    if principal == "*" || principal == "arn:aws:iam:::root" {
        return true;
    }
    let Some(id) = who.id else { return false };
    let tenant = if who.token { id } else { "" };
    let account = format!("arn:aws:iam::{tenant}:root");
    let user = format!("arn:aws:iam::{tenant}:user/{id}");
    principal == user || who.token && (principal == account || principal == id)
}

/// `*` stands for any text, `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            matches(rest, text) || text.char_indices().any(|(at, c)| matches(rest, &text[at + c.len_utf8()..]))
        }
        Some(wanted) => {
            let mut chars = text.chars();
            let fits = chars.next().is_some_and(|c| wanted == '?' || c == wanted);
            fits && matches(&pattern[wanted.len_utf8()..], chars.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: Who<'static> = Who { id: Some("bob_wsu"), token: true };
    const DAVE: Who<'static> = Who { id: Some("dave_vai"), token: false };

    #[test]
    fn patterns() {
        for (pattern, text) in [("*", ""), ("*", "a/b"), ("a*c", "abc"), ("a?c", "abc"), ("d/*", "d/"), ("*b*", "abc")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a", ""), ("a?c", "ac"), ("d/*", "d"), ("a*c", "abd")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn principals_as_measured() {
        for principal in ["arn:aws:iam::bob_wsu:user/bob_wsu", "arn:aws:iam::bob_wsu:root", "bob_wsu", "*"] {
            assert!(means(principal, BOB), "{principal}");
        }
        assert!(!means("arn:aws:iam:::user/bob_wsu", BOB), "never a token user");
        assert!(means("arn:aws:iam:::user/dave_vai", DAVE) && !means("bob_wsu", DAVE));
        assert!(!means("bob_wsu", Who { id: None, token: false }));
    }

    #[test]
    fn deny_wins_and_prefixes_limit() {
        let text = r#"{"Statement":[
            {"Effect":"Allow","Principal":{"AWS":"bob_wsu"},"Action":"s3:Get*","Resource":"arn:aws:s3:::b/*"},
            {"Effect":"Deny","Principal":"*","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::b/no/*"]},
            {"Effect":"Allow","Principal":{"AWS":["bob_wsu"]},"Action":"s3:ListBucket","Resource":"arn:aws:s3:::b",
             "Condition":{"StringLike":{"s3:prefix":"d/*"}}}]}"#;
        let policy = Policy::parse(text).unwrap();
        let get = |key: &str| policy.verdict(BOB, "s3:GetObject", &format!("arn:aws:s3:::b/{key}"), None);
        assert_eq!((get("x"), get("no/x")), (Verdict::Allow, Verdict::Deny));
        assert_eq!(policy.verdict(DAVE, "s3:GetObject", "arn:aws:s3:::b/x", None), Verdict::Silent);
        let list = |prefix| policy.verdict(BOB, "s3:ListBucket", "arn:aws:s3:::b", prefix);
        assert_eq!((list(Some("d/")), list(Some("")), list(None)), (Verdict::Allow, Verdict::Silent, Verdict::Silent));
    }

    #[test]
    fn junk_is_no_policy() {
        for junk in [
            "",
            "junk",
            "{}",
            r#"{"Statement":[{"Effect":"Allow"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"a b"},"Action":"s3:GetObject","Resource":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sing","Resource":"*"}]}"#,
        ] {
            assert!(Policy::parse(junk).is_none(), "{junk}");
        }
    }
}
