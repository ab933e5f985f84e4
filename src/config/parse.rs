//! How values of options are written: sizes, durations, modes, sources, addresses.

use super::ConfigError;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A number of bytes: `512M`, `2GiB`, `1048576`. A letter alone is binary (`1K` = 1024), as with `du` and `dd`.
pub fn size(text: &str) -> Result<u64, String> {
    parse_size::Config::new()
        .with_binary()
        .parse_size(text)
        .map_err(|_| "write bytes or a number with K, M or G, such as 512M".to_owned())
}

/// A duration: `90`, `2.5` (seconds), `60s`, `10m`, `1h 30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write seconds (2.5) or a number with a unit (500ms, 60s, 10m, 1h)".to_owned();
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| wrong()),
        Err(_) => humantime::parse_duration(text).map_err(|_| wrong()),
    }
}

/// `HOST:ADDR[,ADDR]`, an IPv6 address with or without brackets.
pub fn resolve(text: &str) -> Result<(String, Vec<IpAddr>), String> {
    let wrong = || "write a name, a colon and its addresses, such as rgw.example.org:192.0.2.1,192.0.2.2".to_owned();
    let (host, list) = text.split_once(':').filter(|(host, _)| !host.is_empty()).ok_or_else(wrong)?;
    let addresses: Result<Vec<IpAddr>, _> =
        list.split(',').map(|address| address.trim().trim_matches(['[', ']']).parse()).collect();
    Ok((host.to_owned(), addresses.map_err(|_| wrong())?))
}

/// Where to listen: `9100` is a port of the loopback address.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<u16>() {
        Ok(port) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        Err(_) => {
            text.parse().map_err(|_| "write a port such as 9100, or an address such as 127.0.0.1:9100".to_owned())
        }
    }
}

/// Permission bits in octal, as for chmod: `640`, `0640`, `2770`.
pub fn mode(text: &str) -> Result<u16, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u16::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o7777 && !digits.starts_with('+') => Ok(mode),
        _ => Err("write an octal mode such as 0640".to_owned()),
    }
}

/// Stands for all buckets where a source must be written: in fstab, and in the list of mounts.
pub const ALL: &str = "s3:";

/// `BUCKET`, `BUCKET/PREFIX` or `s3://BUCKET/PREFIX`. The prefix comes out empty or ending in one slash.
/// [`ALL`]: the bucket comes out empty.
pub fn source(text: &str) -> Result<(String, String), ConfigError> {
    if matches!(text, ALL | "s3://") {
        return Ok((String::new(), String::new()));
    }
    let plain = text.strip_prefix("s3://").unwrap_or(text);
    let (bucket, prefix) = plain.split_once('/').unwrap_or((plain, ""));
    let wrong = |what: String| ConfigError::new(what, "write BUCKET or BUCKET/PREFIX, such as yourcou-data/run7");
    if plain.contains("://") {
        return Err(wrong(format!("\"{text}\" is an address, not a bucket; the address goes to --endpoint")));
    }
    // RGW allows upper case and underscores in bucket names and `tenant:bucket`.
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if bucket.is_empty() || bucket.len() > 255 || !bucket.chars().all(known) {
        return Err(wrong(format!("\"{bucket}\" cannot be the name of a bucket")));
    }
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() {
        return Ok((bucket.to_owned(), String::new()));
    }
    if prefix.split('/').any(|part| matches!(part, "" | "." | "..")) || prefix.contains('\0') {
        return Err(wrong(format!("\"{prefix}\" cannot be a folder: it has an empty part, \".\" or \"..\" in it")));
    }
    Ok((bucket.to_owned(), format!("{prefix}/")))
}

/// The base address of the service; `https://` is put in front of a bare name.
pub fn endpoint(text: &str) -> Result<String, ConfigError> {
    let wrong = |why: &str| {
        // The text itself may hold a password (https://user:password@host), so it is not repeated.
        ConfigError::new(
            format!("the endpoint is not an address of the form https://HOST[:PORT]: {why}"),
            "give --endpoint https://rgw.osris.org or the address of your service",
        )
    };
    let text = text.trim();
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let uri: http::Uri = full.parse().map_err(|_| wrong("it cannot be read"))?;
    if !matches!(uri.scheme_str(), Some("https" | "http")) {
        return Err(wrong("only https and http are spoken"));
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(wrong("it names no host"));
    }
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err(wrong("it holds a user name; credentials are given with --token-file or --profile"));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(wrong("it has a path; the bucket is given as BUCKET/PREFIX"));
    }
    Ok(full.trim_end_matches('/').to_owned())
}

/// Whether what is sent to this endpoint can be read by others on the way.
pub fn readable_on_the_way(endpoint: &str) -> bool {
    let Ok(uri) = endpoint.parse::<http::Uri>() else { return true };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    uri.scheme_str() != Some("https") && !loopback
}

#[cfg(test)]
mod tests;
