//! The listening half of `serve` from outside: visitors that dawdle, visitors that crowd, and an orderly end.

use axum::Router;
use axum::routing::{get, post};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use yiwang::server::{Limits, run};

const LIMITS: Limits = Limits {
    head: Duration::from_millis(400),
    body: Duration::from_millis(400),
    connections: 8,
    ending: Duration::from_secs(5),
};

struct Running {
    address: String,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

async fn start(limits: Limits) -> Running {
    let router = Router::new()
        .route("/", get(async || "here"))
        .route(
            "/slow",
            get(async || {
                tokio::time::sleep(Duration::from_millis(700)).await;
                "done"
            }),
        )
        .route("/echo", post(async |body: String| body));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(run(listener, router, limits, stopped));
    Running { address, stop, task }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }
}

/// All that comes until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut out = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut out))
        .await
        .expect("the server closes the connection");
    String::from_utf8_lossy(&out).into_owned()
}

async fn ask(s: &Running, path: &str) -> String {
    let mut stream = s.connect().await;
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_dribbles_in_is_cut_off() {
    let s = start(LIMITS).await;
    let mut slow = s.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let (mut read, mut write) = slow.into_split();
    // One header line after the other, faster than any idle limit, and never the end.
    let dribble = tokio::spawn(async move {
        for n in 0..200 {
            let line = format!("X-{n}: y\r\n");
            if write.write_all(line.as_bytes()).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let begun = Instant::now();
    let mut out = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(15), read.read_to_end(&mut out)).await;
    assert!(end.is_ok(), "the connection is closed");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    dribble.abort();
    assert!(ask(&s, "/").await.ends_with("here"), "others are served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_stops_is_given_up() {
    let s = start(LIMITS).await;
    let mut slow = s.connect().await;
    let head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf";
    slow.write_all(head).await.unwrap();
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_make_room() {
    let s = start(LIMITS).await;
    let mut idle = Vec::new();
    for _ in 0..LIMITS.connections {
        idle.push(s.connect().await);
    }
    // All places are taken by visitors who say nothing; the next one is served once they are sent away.
    assert!(ask(&s, "/").await.ends_with("here"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_waits_for_running_requests() {
    let s = start(LIMITS).await;
    let mut idle = s.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut seen = [0u8; 64];
    assert!(idle.read(&mut seen).await.unwrap() > 0, "kept open");
    let mut running = s.connect().await;
    running
        .write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    s.stop.send(true).unwrap();
    let answer = rest(&mut running).await;
    assert!(answer.contains("200 OK") && answer.ends_with("done"), "{answer}");
    tokio::time::timeout(Duration::from_secs(10), s.task)
        .await
        .expect("returns")
        .unwrap();
    assert!(
        TcpStream::connect(&s.address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_does_not_wait_for_ever() {
    let s = start(Limits {
        ending: Duration::from_millis(100),
        ..LIMITS
    })
    .await;
    let mut running = s.connect().await;
    running
        .write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    s.stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(10), s.task)
        .await
        .expect("returns")
        .unwrap();
}
