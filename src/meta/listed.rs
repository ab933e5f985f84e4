//! Attributes in one header, as s3cmd and MinIO mc write them: `atime:1/gid:2/gname:users/mode:33188/mtime:3/uid:4`.

use super::{Attrs, Time, mode};

/// The headers that hold such a list (without `x-amz-meta-`). s3cmd writes plain seconds, mc `seconds#nanoseconds`.
pub(super) const HEADERS: [&str; 2] = ["s3cmd-attrs", "mc-attrs"];

/// A field of the list.
pub(super) fn get<'a>(list: &'a str, field: &str) -> Option<&'a str> {
    list.split('/').find_map(|pair| pair.split_once(':').filter(|(name, _)| *name == field)).map(|(_, value)| value)
}

/// The list with the fields that it has brought up to date. Names of owner and group go where the number changed, since
/// we cannot know the new ones.
pub(super) fn update(list: &str, attrs: &Attrs) -> String {
    let uid = attrs.uid.to_string();
    let gid = attrs.gid.to_string();
    let new_owner = get(list, "uid").is_some_and(|old| old != uid);
    let new_group = get(list, "gid").is_some_and(|old| old != gid);
    let pairs = list.split('/').filter_map(|pair| {
        let Some((field, old)) = pair.split_once(':') else { return Some(pair.to_owned()) };
        let value = match field {
            "uname" if new_owner => return None,
            "gname" if new_group => return None,
            "uid" => uid.clone(),
            "gid" => gid.clone(),
            "mode" => mode::to_header(attrs.kind, attrs.mode),
            "mtime" => time(old, attrs.mtime),
            "ctime" => time(old, attrs.ctime),
            "atime" => time(old, attrs.atime),
            _ => old.to_owned(),
        };
        Some(format!("{field}:{value}"))
    });
    pairs.collect::<Vec<_>>().join("/")
}

/// The list without a field.
pub(super) fn without(list: &str, field: &str) -> String {
    let others = list.split('/').filter(|pair| pair.split_once(':').is_none_or(|(name, _)| name != field));
    others.collect::<Vec<_>>().join("/")
}

fn time(old: &str, new: Time) -> String {
    if old.contains('#') { format!("{}#{}", new.secs, new.nanos) } else { new.secs.to_string() }
}
