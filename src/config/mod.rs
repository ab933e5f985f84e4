//! Settings and credentials: from options, environment and files to one immutable value.

pub mod aws_files;
pub mod credentials;
pub mod dash_o;
pub mod env;
pub mod error;
pub mod file;
pub mod files;
mod names;
pub mod options;
pub mod origin;
pub mod owner_map;
pub mod parse;
pub mod resolve;
pub mod s3fs;
pub mod settings;
pub mod sse;

pub use env::Env;
pub use error::ConfigError;
pub use file::Site;
pub use files::Files;
pub use options::Options;
pub use origin::{Origin, Origins};
pub use owner_map::OwnerMap;
pub use resolve::resolve;
pub use settings::{Conflict, ExclusiveCreate, Metadata, MountFlags, Settings};
