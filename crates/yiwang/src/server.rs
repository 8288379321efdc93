//! The listening half of `serve`: connections with limits on what a slow or dead visitor may hold, and an orderly end.

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::{Layer, ServiceExt};
use tower_http::timeout::RequestBodyTimeoutLayer;

/// How long and how many.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until a request's head has arrived, and how long an idle connection stays open.
    pub head: Duration,
    /// Between two pieces of a body.
    pub body: Duration,
    /// Connections at once; further ones wait in the system's queue.
    pub connections: usize,
    /// How long running requests may take once the process was asked to end.
    pub ending: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head: Duration::from_secs(15),
            body: Duration::from_secs(15),
            connections: 4_096,
            ending: Duration::from_secs(10),
        }
    }
}

/// Serves until `stop` changes; then takes no new connection, lets running requests finish and returns.
pub async fn run(listener: TcpListener, router: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    let service = RequestBodyTimeoutLayer::new(limits.body).layer(router);
    let places = Arc::new(Semaphore::new(limits.connections));
    let ending = GracefulShutdown::new();
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            _ = stop.changed() => break,
        };
        let (stream, peer): (TcpStream, SocketAddr) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                // No file handle left, or the visitor has gone already: neither is a reason to stop.
                tracing::warn!("cannot accept a connection: {e}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let service = service.clone().map_request(move |mut request: Request<_>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = ending.watch(connection);
        tokio::spawn(async move {
            if let Err(e) = connection.await {
                tracing::debug!("connection ended: {e}");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.ending, ending.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests were still running after {:?}", limits.ending);
    }
}

/// Tells systemd how far the process is (sd_notify(3): one datagram to the socket that `NOTIFY_SOCKET` names). Without systemd
/// there is no such socket, and nothing happens.
pub fn notify(state: &str) {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let Ok(name) = std::env::var("NOTIFY_SOCKET") else {
        return;
    };
    let told = UnixDatagram::unbound().and_then(|socket| {
        let address = match name.strip_prefix('@') {
            Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
            None => SocketAddr::from_pathname(&name)?,
        };
        socket.send_to_addr(state.as_bytes(), &address)
    });
    if let Err(e) = told {
        tracing::warn!("NOTIFY_SOCKET {name}: {e}");
    }
}
