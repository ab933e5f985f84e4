//! `Content-Type` of what we make.

/// Of a directory's marker: how s3fs marks directories.
pub const DIRECTORY: &str = "application/x-directory";

/// Of a symbolic link, like s3fs.
pub const SYMLINK: &str = "application/octet-stream";

/// Of a new file of this name, by its extension; `None`: unknown, let the service choose. A name that ends in `/` is a
/// directory.
pub fn content_type(name: &str) -> Option<String> {
    if name.ends_with('/') {
        return Some(DIRECTORY.to_owned());
    }
    let mime = mime_guess::from_path(name).first()?;
    Some(mime.essence_str().to_owned())
}
