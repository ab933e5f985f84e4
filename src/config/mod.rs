//! Settings and credentials: from options, environment and files to one immutable value.

pub mod aws_files;
pub mod credentials;
pub mod dash_o;
pub mod env;
pub mod error;
pub mod options;
pub mod owner_map;
pub mod parse;
pub mod resolve;
pub mod settings;
pub mod sse;

pub use env::Env;
pub use error::ConfigError;
pub use options::Options;
pub use owner_map::OwnerMap;
pub use resolve::resolve;
pub use settings::{Conflict, ExclusiveCreate, Metadata, MountFlags, Settings};
