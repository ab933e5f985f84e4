//! Builds the SDK client: what it signs with, what it must not do by itself.

use super::StoreConfig;
use super::http::HttpService;
use super::identity::SharedCredentials;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::{ReconnectMode, RetryConfig};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    AppName, BehaviorVersion, Config, IdentityCache, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use aws_smithy_async::time::TimeSource;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// The service's clock as far as we know it: ours plus an offset learned from a `Date` header.
#[derive(Debug, Default)]
pub(super) struct Clock {
    offset_ms: AtomicI64,
}

impl Clock {
    /// Now, by the service's clock.
    pub(super) fn now(&self) -> SystemTime {
        now_ahead(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Takes over the service's time; gives back the offset in seconds.
    pub(super) fn learn(&self, server: SystemTime) -> i64 {
        let offset = match server.duration_since(SystemTime::now()) {
            Ok(ahead) => i64::try_from(ahead.as_millis()).unwrap_or(0),
            Err(behind) => -i64::try_from(behind.duration().as_millis()).unwrap_or(0),
        };
        self.offset_ms.store(offset, Ordering::Relaxed);
        offset / 1000
    }
}

/// Now, by a clock that is ahead of ours by so many milliseconds.
pub(super) fn now_ahead(ms: i64) -> SystemTime {
    let shift = Duration::from_millis(ms.unsigned_abs());
    let now = SystemTime::now();
    if ms >= 0 { now.checked_add(shift) } else { now.checked_sub(shift) }.unwrap_or(now)
}

#[derive(Debug)]
struct SigningTime(Arc<Clock>);

impl TimeSource for SigningTime {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
}

#[derive(Debug)]
struct Provider(Arc<SharedCredentials>);

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let now = self.0.now();
        let credentials =
            aws_credential_types::Credentials::new(now.access_key, now.secret_key, None, None, "osirisfs-store");
        future::ProvideCredentials::ready(Ok(credentials))
    }
}

/// The SDK client for one of the service's names.
pub(super) fn build(
    config: &StoreConfig,
    endpoint: &str,
    http: HttpService,
    clock: Arc<Clock>,
    credentials: Arc<SharedCredentials>,
) -> Client {
    let mut builder = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(config.region.clone()))
        .endpoint_url(endpoint.trim_end_matches('/'))
        // RGW serves bucket names in the host only when the zonegroup lists host names, and certificates rarely
        // cover them.
        .force_path_style(true)
        .credentials_provider(Provider(credentials))
        // A replaced token must sign the very next request.
        .identity_cache(IdentityCache::no_cache())
        // RGW holds no secret of a token user and cannot verify trailers or signed chunks (it answers 411 or 501).
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        // Retries, time-outs and the clock are ours: see retry.rs. So are the connections (http.rs): the SDK, which is not shown
        // them, would log an error each time that it found none to close.
        .retry_config(RetryConfig::disabled().with_reconnect_mode(ReconnectMode::ReuseAllConnections))
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // The SDK measures against the middle of the exchange, which is minutes off for a slow completion.
        .disable_clock_skew_correction(true)
        .time_source(SigningTime(clock))
        .http_client(http);
    if let Ok(name) = AppName::new("osirisfs") {
        builder = builder.app_name(name);
    }
    Client::from_conf(builder.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_follows_the_service_both_ways() {
        let clock = Clock::default();
        for seconds in [1200_i64, -1200] {
            let shift = Duration::from_secs(1200);
            let server = if seconds > 0 { SystemTime::now() + shift } else { SystemTime::now() - shift };
            let learned = clock.learn(server);
            assert!((learned - seconds).abs() <= 1, "{learned}");
            let apart = clock.now().duration_since(server).unwrap_or_else(|e| e.duration());
            assert!(apart < Duration::from_secs(2));
        }
    }

    #[test]
    fn no_debug_output_shows_a_token() {
        let credentials = crate::store::Credentials { access_key: "tok3n".into(), secret_key: "s3cret".into() };
        let shared = SharedCredentials::new(&StoreConfig::new("http://127.0.0.1", "b", credentials));
        let text = format!("{:?} {:?}", shared, Provider(shared.clone()));
        assert!(!text.contains("tok3n") && !text.contains("s3cret"), "{text}");
    }
}
