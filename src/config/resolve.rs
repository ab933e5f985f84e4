//! From what the user asked for to what will be done: options, environment and files become [`Settings`].

use super::{ConfigError, Env, MountFlags, Options, Settings, parse};
use std::path::Path;

/// Fills in everything that was not said. `kernel` is what `-o` said for the kernel.
///
/// The mount point is made absolute here; whether it is fit to be one is looked at later (`mount::check`).
pub fn resolve(options: &Options, kernel: MountFlags, env: &Env) -> Result<Settings, ConfigError> {
    let (bucket, prefix) = parse::source(options.source.as_deref().unwrap_or(parse::ALL))?;
    let found = options.reach.credentials(&bucket, env)?;
    let service = options.reach.service(&found.profile, &options.origins, env, &options.sites)?;
    let source = options.reach.source(&found, &bucket, env);

    let settings = Settings {
        bucket,
        prefix,
        mountpoint: env.absolute(&options.mountpoint),
        endpoint: service.endpoint,
        region: service.region,
        ca_file: service.ca_file,
        network: service.network,
        credentials: found.credentials,
        credentials_from: found.from,
        source,
        token_grace: options.token_grace,
        max_connections: options.connections.into(),
        ask_for: options.ask_for,
        retry_for: options.retry_for,
        read_only: options.read_only,
        uid: options.uid.unwrap_or(env.uid),
        gid: options.gid.unwrap_or(env.gid),
        file_mode: options.file_mode.unwrap_or(0o666 & !options.umask),
        dir_mode: options.dir_mode.unwrap_or(0o777 & !options.umask),
        allow_other: options.allow_other,
        flags: kernel,
        cache_dir: options.cache_dir.as_ref().map(|path| env.absolute(path)),
        cache_size: options.cache_size,
        max_age: options.max_age,
        metadata: options.metadata,
        exclusive_create: options.exclusive_create,
        copy_limit: options.copy_limit,
        conflict: options.conflict,
        also: options.also.clone(),
        cou: options.cou.clone().or(found.profile.cou),
        // A placement alone is of the default zone group.
        placement: options
            .placement
            .as_ref()
            .map(|text| if text.contains(':') { text.clone() } else { format!(":{text}") }),
        owner_map: match &options.owner_map {
            Some(path) => super::owner_map::read(&env.absolute(path))?,
            None => super::OwnerMap::new(),
        },
        sse_c: options.sse_c_key_file.as_ref().map(|path| super::sse::read(&env.absolute(path))).transpose()?,
        inherit_acl: options.inherit_acl,
        log: options.log.clone(),
        log_requests: options.log_requests,
        metrics: options.metrics,
        log_file: options.log_file.as_ref().map(|path| env.absolute(path)),
        foreground: options.foreground,
        threads: options.threads.into(),
    };
    check(&settings)?;
    Ok(settings)
}

/// What can be seen to be wrong without asking anybody.
fn check(settings: &Settings) -> Result<(), ConfigError> {
    for (what, path) in [("--cache-dir", &settings.cache_dir), ("--log-file", &settings.log_file)] {
        if let Some(path) = path
            && path.starts_with(&settings.mountpoint)
        {
            return Err(ConfigError::new(
                format!("{what} {} lies in the mount itself", path.display()),
                format!("choose a place outside {}", settings.mountpoint.display()),
            ));
        }
    }
    if let Some(path) = &settings.cache_dir {
        usable_folder(path)?;
    }
    if !settings.bucket.is_empty() && !settings.also.is_empty() {
        return Err(ConfigError::new("--also goes with a mount of all buckets", "leave the bucket out, or --also"));
    }
    if settings.sse_c.is_some() && !settings.endpoint.starts_with("https:") {
        return Err(ConfigError::new(
            format!("--sse-c-key-file sends the key to the service, which {} would not hide", settings.endpoint),
            "use the service's https address",
        ));
    }
    if settings.ask_for.is_zero() || settings.retry_for.is_zero() {
        return Err(ConfigError::new("--ask-for and --retry-for cannot be 0", "leave them out for 60s and 600s"));
    }
    Ok(())
}

fn usable_folder(path: &Path) -> Result<(), ConfigError> {
    let wrong = |why: String| {
        ConfigError::new(
            format!("the cache folder {} cannot be used: {why}", path.display()),
            "choose a folder of your own with --cache-dir",
        )
    };
    std::fs::create_dir_all(path).map_err(|e| wrong(e.to_string()))?;
    tempfile::tempfile_in(path).map_err(|e| wrong(e.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests;
