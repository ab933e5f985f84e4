//! Settings and credentials: from options, environment and files to one immutable value.

pub mod aws_files;
pub mod credentials;
pub mod dash_o;
pub mod env;
pub mod error;
pub mod file;
pub mod files;
pub mod folders;
pub mod key_files;
mod names;
pub mod options;
pub mod origin;
pub mod owner_map;
pub mod parse;
pub mod private;
pub mod process;
pub mod profiles;
pub mod reach;
pub mod resolve;
pub mod s3fs;
pub mod service;
pub mod settings;
pub mod sites;
pub mod sse;

pub use env::Env;
pub use error::ConfigError;
pub use files::Files;
pub use folders::Folders;
pub use options::Options;
pub use origin::{Origin, Origins};
pub use owner_map::OwnerMap;
pub use reach::{Reach, Way};
pub use resolve::resolve;
pub use settings::{Conflict, ExclusiveCreate, Metadata, MountFlags, Settings};
pub use sites::{Site, Sites};
