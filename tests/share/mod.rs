//! Several users and one bucket: what each sees and may do, on the embedded server and on real gateways.

pub mod acls;
pub mod all;
pub mod others;
pub mod people;
pub mod quota;
mod world;

pub use world::{ALICE, BOB, CAROL, DAVE, World};

/// Hands the names of all cases to a macro that makes tests of them.
macro_rules! each_case {
    ($make:ident) => {
        $make! {
            acls { lists_are_set_and_read_back nobody_locks_himself_out junk_and_strangers one_grantee canned_lists
                   what_a_bucket_lists policies types_are_set lists_survive_every_verb nothing_is_copied_about }
            all { my_buckets_are_folders what_the_root_refuses shared_buckets_are_reached }
            others { lists_are_the_same_to_all each_sees_what_boto3_sees }
            quota { a_full_bucket a_full_user }
            people { a_bucket_by_policy a_folder_by_policy a_bucket_by_lists new_objects_inherit what_cannot_be_listed owners_are_mapped }
        }
    };
}
pub(crate) use each_case;

use rustix::fs::{XattrFlags, getxattr, listxattr, setxattr};
use rustix::io::Errno;
use std::path::Path;

/// Sets `user.osiris.NAME`.
pub fn set(path: &Path, name: &str, value: &str) -> Result<(), Errno> {
    setxattr(path, format!("user.osiris.{name}"), value.as_bytes(), XattrFlags::empty())
}

/// Reads `user.osiris.NAME`.
pub fn get(path: &Path, name: &str) -> Result<String, Errno> {
    let mut value = vec![0; 70_000];
    let len = getxattr(path, format!("user.osiris.{name}"), &mut value[..])?;
    value.truncate(len);
    Ok(String::from_utf8(value).unwrap())
}

/// Removes `user.osiris.NAME`.
pub fn remove(path: &Path, name: &str) -> Result<(), Errno> {
    rustix::fs::removexattr(path, format!("user.osiris.{name}"))
}

/// Names of attributes, sorted.
pub fn list(path: &Path) -> Vec<String> {
    let mut names = vec![0_u8; 70_000];
    let len = listxattr(path, &mut names[..]).unwrap();
    let texts = names[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut names: Vec<String> = texts.map(|name| String::from_utf8(name.to_vec()).unwrap()).collect();
    names.sort();
    names
}

/// The lines of a text, sorted.
pub fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}
