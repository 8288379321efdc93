//! One POST over HTTP/1.1: no redirects, no keep-alive, bounded in time and size.

use super::Outcome;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// More of an answer is not read.
const ANSWER: u64 = 64 << 10;

/// Where a POST goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    pub host: String,
    pub port: u16,
    pub path: String,
}

impl Target {
    /// `http://host[:port]/path`; the error says in English what is wrong.
    pub fn parse(url: &str) -> Result<Target, &'static str> {
        let rest = url
            .strip_prefix("http://")
            .ok_or("only http:// (a relay carries the TLS)")?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        if url.contains(|c: char| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
            return Err("an address holds printable ASCII only");
        }
        if authority.contains(['@', '#', '?', '\\']) || path.contains('#') {
            return Err("no user, password or fragment");
        }
        let v6_end = authority.rfind(']');
        let (host, port) = match authority
            .rfind(':')
            .filter(|at| v6_end.is_none_or(|end| *at > end))
        {
            Some(at) => (
                &authority[..at],
                authority[at + 1..].parse().map_err(|_| "bad port")?,
            ),
            None => (authority, 80),
        };
        if host.is_empty() || port == 0 {
            return Err("no host");
        }
        Ok(Target {
            host: host.to_ascii_lowercase(),
            port,
            path: path.to_string(),
        })
    }
    /// The host as a resolver takes it: no brackets.
    pub fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// Sends to exactly these addresses (they were checked); the status of the answer.
pub(crate) async fn post(
    target: &Target,
    addresses: &[SocketAddr],
    headers: &[(&str, String)],
    (kind, body): (&str, &str),
    limit: Duration,
) -> Result<u16, String> {
    let exchange = async {
        let mut stream = TcpStream::connect(addresses).await.map_err(|e| e.to_string())?;
        let mut head = format!(
            "POST {} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Connection: close\r\nUser-Agent: Yiwang\r\n",
            target.path,
            target.host,
            target.port,
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.push_str(body);
        stream
            .write_all(head.as_bytes())
            .await
            .map_err(|e| e.to_string())?;
        // The status line is all that counts; what follows is not read to its end.
        let mut answer = Vec::new();
        let mut part = stream.take(ANSWER);
        let mut buffer = [0u8; 1024];
        while !answer.windows(2).any(|w| w == b"\r\n") {
            match part.read(&mut buffer).await.map_err(|e| e.to_string())? {
                0 => break,
                n => answer.extend_from_slice(&buffer[..n]),
            }
        }
        status(&answer).ok_or_else(|| "the answer is no HTTP".to_string())
    };
    match tokio::time::timeout(limit, exchange).await {
        Ok(result) => result,
        Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
    }
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = String::from_utf8_lossy(answer);
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.split(' ')
        .nth(1)?
        .get(..3)?
        .parse()
        .ok()
        .filter(|s| (100..600).contains(s))
}

/// What a status means for the delivery.
pub(crate) fn judge(status: Result<u16, String>, success: Outcome) -> Outcome {
    match status {
        Ok(200..=299) => success,
        Ok(s @ (408 | 425 | 429 | 500..=599)) => Outcome::Later("http-status", s.to_string()),
        Ok(s) => Outcome::Never("http-status", s.to_string()),
        Err(e) => Outcome::Unreachable("unreachable", e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_tricks_refused() {
        let t = Target::parse("http://Hook.example:8080/a?b=c").unwrap();
        assert_eq!(
            (t.host.as_str(), t.port, t.path.as_str()),
            ("hook.example", 8080, "/a?b=c")
        );
        assert_eq!(Target::parse("http://[::1]:81/").unwrap().name(), "::1");
        assert_eq!(Target::parse("http://[::1]/").unwrap().port, 80);
        for bad in [
            "https://a/",
            "file:///etc/passwd",
            "http://",
            "http://user@a/",
            "http://a:b/",
            "http://a/\r\nX: y",
            "http://a/#x",
            "http://a:0/",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_status_decides() {
        let of = |s| judge(Ok(s), Outcome::Delivered);
        assert_eq!(of(204), Outcome::Delivered);
        assert!(matches!(of(500), Outcome::Later(..)) && matches!(of(429), Outcome::Later(..)));
        assert!(matches!(of(404), Outcome::Never(..)) && matches!(of(302), Outcome::Never(..)));
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(status(b"SSH-2.0-x\r\n"), None);
    }
}
