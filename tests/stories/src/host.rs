//! Another system: an HTTP host that notes what it is sent.

use hmac::{Hmac, KeyInit, Mac};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// `sha256=<hex HMAC>` over `time.body`, as adapters and webhooks carry it.
pub fn signature(secret: &str, time: &str, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// A request as the far side saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub head: String,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> String {
        let line = self
            .head
            .lines()
            .find(|l| l.to_lowercase().starts_with(&format!("{name}:")));
        line.and_then(|l| l.split_once(": "))
            .unwrap_or_else(|| panic!("{name} in {}", self.head))
            .1
            .trim()
            .to_string()
    }
    pub fn signed_with(&self, secret: &str) -> bool {
        let time = self.header("x-yiwang-timestamp");
        self.header("x-yiwang-signature") == signature(secret, &time, &self.body)
    }
}

/// An HTTP host that answers with these statuses in turn, then always with the last; 0 keeps silent.
pub struct Host {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    work: tokio::task::JoinHandle<()>,
}

impl Host {
    pub async fn open(statuses: &'static [u16]) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}/hook", listener.local_addr().unwrap().port());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let all = seen.clone();
        let work = tokio::spawn(async move {
            let mut kept = Vec::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let mut head = String::new();
                while stream.read_line(&mut head).await.unwrap() > 2 {}
                let length = head
                    .to_lowercase()
                    .lines()
                    .find_map(|l| l.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                stream.read_exact(&mut body).await.unwrap();
                let n = all.lock().unwrap().len();
                all.lock().unwrap().push(Seen {
                    head,
                    body: String::from_utf8(body).unwrap(),
                });
                match statuses.get(n).or(statuses.last()).unwrap() {
                    0 => kept.push(stream),
                    s => stream
                        .write_all(format!("HTTP/1.1 {s} X\r\nContent-Length: 0\r\n\r\n").as_bytes())
                        .await
                        .unwrap(),
                }
            }
        });
        Host { url, seen, work }
    }
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.work.abort();
    }
}
