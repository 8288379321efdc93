//! What `/metrics` says, in the OpenMetrics text format: requests by route, how long they took, the log, consumers, jobs, the
//! machine. No label names a person.

use crate::ctx::{App, Ctx};
use crate::error::{Fault, Result};
use crate::rate::Rate;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::Ordering;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: String,
    method: String,
    /// `2xx` …: the code itself stands in the log.
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Limited {
    rate: &'static str,
}

fn histogram() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ])
}

/// Counts of this process since its start.
pub struct Meter {
    answered: Family<Answered, Counter>,
    seconds: Family<Kind, Histogram>,
    running: Gauge,
    limited: Family<Limited, Counter>,
}

impl Default for Meter {
    fn default() -> Self {
        Meter {
            answered: Family::default(),
            seconds: Family::new_with_constructor(histogram as fn() -> Histogram),
            running: Gauge::default(),
            limited: Family::default(),
        }
    }
}

/// One request under way; it counts as over when this is dropped, also when the visitor has gone.
pub(crate) struct Running<'m>(&'m Meter);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.dec();
    }
}

impl Running<'_> {
    /// `seconds` until the answer's head was ready.
    pub(crate) fn end(self, route: &str, method: &str, status: u16, seconds: f64) {
        let status = ["1xx", "2xx", "3xx", "4xx", "5xx"][usize::from(status / 100).clamp(1, 5) - 1];
        let kind = match route {
            r if r.starts_with("/api/") => "api",
            r if r.starts_with("/assets/") || r.starts_with("/log/tile/") => "file",
            _ => "page",
        };
        // An invented method must not make a series of its own.
        let method = match method {
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
            _ => "other",
        };
        let labels = Answered {
            route: route.into(),
            method: method.into(),
            status,
        };
        self.0.answered.get_or_create(&labels).inc();
        self.0.seconds.get_or_create(&Kind { kind }).observe(seconds);
    }
}

impl Meter {
    pub(crate) fn begin(&self) -> Running<'_> {
        self.running.inc();
        Running(self)
    }
    pub(crate) fn limited(&self, rate: Rate) {
        self.limited.get_or_create(&Limited { rate: rate.name() }).inc();
    }
}

/// What is read when somebody asks.
#[derive(Debug)]
struct State {
    storage: bool,
    head: i64,
    /// (consumer, facts it has not handled yet)
    lags: Vec<(&'static str, i64)>,
    /// (state, jobs), and the seconds since the oldest due one should have begun.
    jobs: Vec<(String, i64)>,
    late: f64,
    /// Bytes of this process in memory, bytes free where the data lies.
    resident: Option<u64>,
    free: Option<u64>,
    version: &'static str,
}

/// Reads the state and writes all measures as OpenMetrics text.
pub async fn text(ctx: &Ctx) -> Result<String> {
    let app = &ctx.app;
    let storage = app.db.trouble().await.is_none();
    let now = ctx.now();
    let (head, cursors, jobs, oldest) = ctx
        .read("kernel.metrics", |tx| {
            let cursors = tx.query("SELECT consumer, seq FROM kernel_cursor", &[])?;
            let jobs = tx.query(
                "SELECT state, COUNT(*) AS n FROM kernel_job GROUP BY state ORDER BY state",
                &[],
            )?;
            let oldest: Option<i64> = tx.scalar(
                "SELECT COALESCE(MIN(due_at), $1) AS due FROM kernel_job WHERE state = 'waiting' AND due_at <= $1",
                crate::params![now],
            )?;
            Ok((crate::fact::head(tx)?, cursors, jobs, oldest))
        })
        .await?;
    let mut lags = Vec::new();
    let consumers = app.modules.iter().flat_map(|m| &m.consumers).map(|c| c.name);
    let batches = app.modules.iter().flat_map(|m| &m.batches).map(|b| b.name);
    for name in batches.chain(consumers) {
        let row = cursors
            .iter()
            .find(|r| r.get::<String>("consumer").is_ok_and(|c| c == name));
        let at: i64 = row.map(|r| r.get("seq")).transpose()?.unwrap_or(0);
        lags.push((name, (head - at).max(0)));
    }
    let jobs = jobs
        .iter()
        .map(|r| Ok((r.get("state")?, r.get("n")?)))
        .collect::<Result<Vec<(String, i64)>, Fault>>()?;
    let state = State {
        storage,
        head,
        lags,
        jobs,
        late: oldest.map_or(0.0, |due| (now - due).max(0) as f64 / 1000.0),
        resident: resident(),
        free: free(&app.config.data),
        version: env!("CARGO_PKG_VERSION"),
    };
    encode(app, state)
}

fn encode(app: &App, state: State) -> Result<String> {
    let mut registry = Registry::with_prefix("yiwang");
    let m = &app.meter;
    registry.register("http_requests", "Requests answered.", m.answered.clone());
    let took = "Time until the answer's head was ready.";
    registry.register_with_unit("http_request", took, Unit::Seconds, m.seconds.clone());
    registry.register("http_running", "Requests under way.", m.running.clone());
    let limited = "Requests refused because their caller asked too much.";
    registry.register("http_limited", limited, m.limited.clone());
    registry.register_collector(Box::new(state));
    let mut out = String::new();
    text::encode(&mut out, &registry).map_err(|e| Fault::of("metrics", e))?;
    Ok(out)
}

impl Collector for State {
    fn encode(&self, mut e: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: f64| {
            let g = ConstGauge::new(value);
            let encoder = e.encode_descriptor(name, help, unit, g.metric_type())?;
            g.encode(encoder)
        };
        gauge(
            "storage_up",
            "Whether the database takes writes.",
            None,
            f64::from(u8::from(self.storage)),
        )?;
        let late = "Time since the oldest due job should have begun.";
        gauge("job_late", late, Some(&Unit::Seconds), self.late)?;
        if let Some(bytes) = self.resident {
            let help = "Memory of this process.";
            gauge("resident_memory", help, Some(&Unit::Bytes), bytes as f64)?;
        }
        if let Some(bytes) = self.free {
            let help = "Room left where the data folder lies.";
            gauge("disk_free", help, Some(&Unit::Bytes), bytes as f64)?;
        }
        let head = ConstCounter::new(self.head as u64);
        let encoder = e.encode_descriptor("facts", "Facts in the log.", None, head.metric_type())?;
        head.encode(encoder)?;
        let kind = ConstGauge::new(0i64).metric_type();
        let help = "Facts that a consumer has not handled yet.";
        let mut family = e.encode_descriptor("consumer_lag", help, None, kind)?;
        for (consumer, lag) in &self.lags {
            let labels = [("consumer", *consumer)];
            ConstGauge::new(*lag).encode(family.encode_family(&labels)?)?;
        }
        let mut family = e.encode_descriptor("jobs", "Jobs by state.", None, kind)?;
        for (state, n) in &self.jobs {
            let labels = [("state", state.as_str())];
            ConstGauge::new(*n).encode(family.encode_family(&labels)?)?;
        }
        let mut family = e.encode_descriptor("build", "The program.", None, kind)?;
        let labels = [("version", self.version)];
        ConstGauge::new(1i64).encode(family.encode_family(&labels)?)
    }
}

/// Bytes of this process in memory, where the system tells (Linux `/proc`, proc(5)).
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Bytes that are left to this user where `folder` lies.
pub(crate) fn free(folder: &std::path::Path) -> Option<u64> {
    let at = rustix::fs::statvfs(folder).ok()?;
    Some(at.f_bavail * at.f_frsize)
}

/// Whether there is room for new work: 64 MB, or a fiftieth of a disk that is small.
pub(crate) fn room(folder: &std::path::Path) -> bool {
    const ENOUGH: u64 = 64 << 20;
    let Ok(at) = rustix::fs::statvfs(folder) else {
        return true;
    };
    at.f_bavail * at.f_frsize >= ENOUGH.min(at.f_blocks * at.f_frsize / 50)
}

/// Whether this process was asked to end.
pub(crate) fn stopping(app: &App) -> bool {
    app.stopping.load(Ordering::Relaxed)
}
