//! `--metrics`: the status as Prometheus reads it, by HTTP.

use super::served::Served;
use crate::mount::status::Status;
use crate::store::BOUNDS_MS;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TEXT_FORMAT, TextEncoder};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// A scraper that says nothing does not keep a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends with its owner.
pub struct Metrics(tokio::task::JoinHandle<()>);

impl Drop for Metrics {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Answers at this address.
pub async fn serve(address: SocketAddr, served: Arc<Served>) -> std::io::Result<Metrics> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!("metrics at http://{}/metrics", listener.local_addr()?);
    Ok(Metrics(tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let served = served.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer(&request, &served);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let mut http = http1::Builder::new();
                let connection = http
                    .timer(TokioTimer::new())
                    .header_read_timeout(PATIENCE)
                    .serve_connection(TokioIo::new(stream), service);
                if let Err(e) = connection.await {
                    tracing::debug!("a reader of the metrics went away: {e}");
                }
            });
        }
    })))
}

fn answer(request: &Request<Incoming>, served: &Served) -> Response<Full<Bytes>> {
    if request.method() != Method::GET || request.uri().path() != "/metrics" {
        let mut response = Response::new(Full::from("look at /metrics\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    let mut response = Response::new(Full::from(text(&served.look())));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(TEXT_FORMAT));
    response
}

/// The status in Prometheus' text format.
pub fn text(status: &Status) -> Vec<u8> {
    let mount = [("bucket", status.source.as_str()), ("mountpoint", status.mountpoint.as_str())];
    let one = |value: u64| vec![(Vec::new(), value as f64)];
    let of_ops = |value: fn(&crate::mount::status::Requests) -> u64| {
        status
            .requests
            .iter()
            .map(|(op, requests)| (vec![("operation", op.as_str())], value(requests) as f64))
            .collect()
    };
    let of_operations = |value: fn(&crate::mount::status::Operation) -> u64| {
        let each = status.operations.iter();
        each.map(|(name, operation)| (vec![("operation", name.as_str())], value(operation) as f64)).collect()
    };
    let bytes = vec![
        (vec![("direction", "up")], status.bytes_up as f64),
        (vec![("direction", "down")], status.bytes_down as f64),
    ];
    let left = status.pending.iter().map(|file| file.bytes.saturating_sub(file.sent)).sum();
    let blocks =
        vec![(vec![("found", "yes")], status.cache.hits as f64), (vec![("found", "no")], status.cache.misses as f64)];
    let families = [
        family("osirisfs_start_time_seconds", "When the mount began.", false, &mount, one(status.since)),
        family("osirisfs_requests_failed_total", "S3 requests that failed.", true, &mount, of_ops(|r| r.failed)),
        family("osirisfs_requests_in_flight", "S3 requests on their way.", false, &mount, of_ops(|r| r.in_flight)),
        family("osirisfs_request_retries_total", "Second and further attempts.", true, &mount, one(status.retries)),
        family("osirisfs_transferred_bytes_total", "Bytes of bodies sent and received.", true, &mount, bytes),
        family("osirisfs_cache_bytes", "Memory in use for data that was read.", false, &mount, one(status.cache.used)),
        family("osirisfs_cache_limit_bytes", "Upper bound of that memory.", false, &mount, one(status.cache.size)),
        family(
            "osirisfs_cache_blocks_total",
            "Blocks that readers wanted, by whether they were in memory.",
            true,
            &mount,
            blocks,
        ),
        family(
            "osirisfs_pending_files",
            "Files and directories to be stored.",
            false,
            &mount,
            one(status.pending.len() as u64),
        ),
        family("osirisfs_pending_bytes", "Bytes of these that are still to be sent.", false, &mount, one(left)),
        family("osirisfs_known_inodes", "Files and directories in memory.", false, &mount, one(status.inodes)),
        family(
            "osirisfs_conflicts_total",
            "Files that another client changed meanwhile.",
            true,
            &mount,
            one(status.conflicts),
        ),
        family(
            "osirisfs_last_answer_time_seconds",
            "When the service last answered.",
            false,
            &mount,
            one(status.service.answered.unwrap_or(0)),
        ),
        family("osirisfs_operations_total", "What programs asked for.", true, &mount, of_operations(|o| o.calls)),
        family(
            "osirisfs_operations_failed_total",
            "Operations that failed by the service, the way to it or the local disk.",
            true,
            &mount,
            of_operations(|o| o.failed),
        ),
        family(
            "osirisfs_operations_waiting",
            "Operations without an answer yet.",
            false,
            &mount,
            of_operations(|o| o.waiting),
        ),
        durations(
            "osirisfs_operation_duration_seconds",
            "Time until programs had their answer; what memory answers at once counts as no time.",
            &mount,
            status.operations.iter().map(|(name, o)| (name, o.calls - o.waiting.min(o.calls), o.spent_ms, &o.classes)),
        ),
        durations(
            "osirisfs_request_duration_seconds",
            "Time of S3 requests until their answer.",
            &mount,
            status.requests.iter().map(|(name, r)| (name, r.ended, r.spent_ms, &r.classes)),
        ),
    ];
    let families: Vec<MetricFamily> = families.into_iter().filter(|family| !family.get_metric().is_empty()).collect();
    let mut out = Vec::new();
    if let Err(e) = TextEncoder::new().encode(&families, &mut out) {
        tracing::warn!("the metrics cannot be written: {e}");
    }
    out
}

type Labels<'a> = Vec<(&'a str, &'a str)>;

fn family(name: &str, help: &str, counter: bool, mount: &[(&str, &str)], values: Vec<(Labels, f64)>) -> MetricFamily {
    let metrics = values.into_iter().map(|(labels, value)| {
        let mut metric = labelled(mount, &labels);
        if counter {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        metric
    });
    whole(name, help, if counter { MetricType::COUNTER } else { MetricType::GAUGE }, metrics.collect())
}

/// Name of the operation, how many have ended, their milliseconds, their classes.
type Times<'a> = (&'a String, u64, u64, &'a Vec<u64>);

fn durations<'a>(name: &str, help: &str, mount: &[(&str, &str)], all: impl Iterator<Item = Times<'a>>) -> MetricFamily {
    let metrics = all.map(|(operation, ended, spent_ms, classes)| {
        let mut histogram = Histogram::default();
        histogram.set_sample_count(ended);
        histogram.set_sample_sum(spent_ms as f64 / 1000.0);
        let mut so_far = 0;
        let buckets = BOUNDS_MS.iter().zip(classes).map(|(bound, count)| {
            so_far += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound as f64 / 1000.0);
            // The counters are read one after the other while others count on.
            bucket.set_cumulative_count(so_far.min(ended));
            bucket
        });
        histogram.set_bucket(buckets.collect());
        let mut metric = labelled(mount, &[("operation", operation)]);
        metric.set_histogram(histogram);
        metric
    });
    whole(name, help, MetricType::HISTOGRAM, metrics.collect())
}

fn labelled(mount: &[(&str, &str)], more: &[(&str, &str)]) -> Metric {
    let labels = mount.iter().chain(more).map(|(name, value)| {
        let mut label = LabelPair::default();
        label.set_name(name.to_string());
        label.set_value(value.to_string());
        label
    });
    let mut metric = Metric::default();
    metric.set_label(labels.collect());
    metric
}

fn whole(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_kinds_of_times_have_the_same_classes() {
        assert_eq!(crate::store::BOUNDS_MS, crate::fuse::BOUNDS_MS);
    }
}
