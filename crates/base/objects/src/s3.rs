//! One bucket over S3's HTTP interface: PUT, GET, HEAD and DELETE of single objects under presigned addresses (AWS Signature
//! Version 4, query form). No retries: callers know whether to try again.

use crate::settings::Settings;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use kernel::Fault;
use rusty_s3::actions::{DeleteObject, GetObject, HeadObject, PutObject, S3Action};
use rusty_s3::{Credentials, UrlStyle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a signed address is good for; the store's clock may differ by less than this.
const VALID: Duration = Duration::from_secs(600);
/// No stored content is larger (an archive part or an upload, with its seal).
const LARGEST: usize = 256 << 20;

/// Why a request came to nothing, for the log.
#[derive(Debug)]
pub(crate) enum Trouble {
    Unreachable(String),
    Slow(Duration),
    Refused(StatusCode, String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Unreachable(why) => write!(f, "unreachable: {why}"),
            Trouble::Slow(limit) => write!(f, "no answer within {} s", limit.as_secs()),
            Trouble::Refused(status, text) => write!(f, "{status}: {text}"),
        }
    }
}

pub(crate) struct Bucket {
    bucket: rusty_s3::Bucket,
    credentials: Credentials,
    limit: Duration,
    failing: AtomicBool,
}

struct Answer {
    status: StatusCode,
    length: Option<i64>,
    body: Bytes,
}

impl Bucket {
    pub fn open(s: &Settings) -> Result<Bucket, Fault> {
        let wrong = |key: &str, why: String| Fault::new(format!("[objects] {key}: {why}"));
        let endpoint: url::Url = s
            .endpoint
            .parse()
            .map_err(|_| wrong("endpoint", "give http://host:port".into()))?;
        if endpoint.scheme() != "http" || endpoint.host_str().is_none() {
            return Err(wrong(
                "endpoint",
                "only http:// (a relay carries the TLS; contents are sealed before they leave)".into(),
            ));
        }
        let secret = std::fs::read_to_string(&s.secret_file).map_err(|e| {
            wrong(
                "secret_file",
                format!("cannot read {}: {e}", s.secret_file.display()),
            )
        })?;
        if s.timeout_seconds == 0 {
            return Err(wrong("timeout_seconds", "give at least 1".into()));
        }
        let bucket = rusty_s3::Bucket::new(endpoint, UrlStyle::Path, s.bucket.clone(), s.region.clone())
            .map_err(|e| wrong("bucket", e.to_string()))?;
        Ok(Bucket {
            bucket,
            credentials: Credentials::new(s.key_id.clone(), secret.trim().to_string()),
            limit: Duration::from_secs(s.timeout_seconds.into()),
            failing: AtomicBool::new(false),
        })
    }

    /// Whether the last request came to nothing.
    pub fn failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    pub async fn put(&self, key: &str, body: Vec<u8>) -> Result<(), Trouble> {
        let url = PutObject::new(&self.bucket, Some(&self.credentials), key).sign(VALID);
        self.ask(Method::PUT, url, body.into(), &[StatusCode::OK])
            .await
            .map(|_| ())
    }

    /// `None` when the store does not have it.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, Trouble> {
        let url = GetObject::new(&self.bucket, Some(&self.credentials), key).sign(VALID);
        let found = [StatusCode::OK, StatusCode::NOT_FOUND];
        let answer = self.ask(Method::GET, url, Bytes::new(), &found).await?;
        Ok((answer.status == StatusCode::OK).then_some(answer.body))
    }

    /// Bytes of a stored object.
    pub async fn size(&self, key: &str) -> Result<Option<i64>, Trouble> {
        let url = HeadObject::new(&self.bucket, Some(&self.credentials), key).sign(VALID);
        let found = [StatusCode::OK, StatusCode::NOT_FOUND];
        let answer = self.ask(Method::HEAD, url, Bytes::new(), &found).await?;
        Ok((answer.status == StatusCode::OK).then_some(answer.length.unwrap_or(-1)))
    }

    /// It is gone afterwards, whether it was there or not.
    pub async fn delete(&self, key: &str) -> Result<(), Trouble> {
        let url = DeleteObject::new(&self.bucket, Some(&self.credentials), key).sign(VALID);
        let gone = [StatusCode::NO_CONTENT, StatusCode::OK, StatusCode::NOT_FOUND];
        self.ask(Method::DELETE, url, Bytes::new(), &gone)
            .await
            .map(|_| ())
    }

    async fn ask(
        &self,
        method: Method,
        url: url::Url,
        body: Bytes,
        good: &[StatusCode],
    ) -> Result<Answer, Trouble> {
        let answer = tokio::time::timeout(self.limit, exchange(method, &url, body))
            .await
            .unwrap_or(Err(Trouble::Slow(self.limit)))
            .and_then(|a| {
                if good.contains(&a.status) {
                    return Ok(a);
                }
                let text: String = String::from_utf8_lossy(&a.body).chars().take(300).collect();
                Err(Trouble::Refused(a.status, text))
            });
        self.failing.store(answer.is_err(), Ordering::Relaxed);
        answer
    }
}

async fn exchange(method: Method, url: &url::Url, body: Bytes) -> Result<Answer, Trouble> {
    let lost = |e: &dyn std::fmt::Display| Trouble::Unreachable(e.to_string());
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((name, port)).await.map_err(|e| lost(&e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| lost(&e))?;
    let driving = tokio::spawn(connection);
    // The port belongs to the host that was signed, unless it is the usual one.
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    };
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(hyper::header::HOST, authority)
        .body(Full::new(body))
        .map_err(|e| lost(&e))?;
    let answer = sender.send_request(request).await.map_err(|e| lost(&e))?;
    let status = answer.status();
    let length = answer
        .headers()
        .get(hyper::header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    let body = Limited::new(answer.into_body(), LARGEST)
        .collect()
        .await
        .map_err(|e| Trouble::Unreachable(e.to_string()))?
        .to_bytes();
    driving.abort();
    Ok(Answer { status, length, body })
}
