//! A connection that is kept: HTTP/1.1 over TCP, just enough to load a server without costing more than it.

use crate::Failure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One keep-alive connection.
pub struct Client {
    stream: TcpStream,
    /// Value of the header, empty for none.
    authorization: String,
    buffer: Vec<u8>,
}

/// Status and body.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON when the status is one of success.
    pub fn json(&self) -> Result<serde_json::Value, Failure> {
        if !(200..300).contains(&self.status) {
            let text = String::from_utf8_lossy(&self.body);
            return Err(format!(
                "answered {}: {}",
                self.status,
                text.chars().take(400).collect::<String>()
            )
            .into());
        }
        Ok(serde_json::from_slice(&self.body)?)
    }
}

impl Client {
    pub async fn open(address: std::net::SocketAddr, bearer: &str) -> Result<Client, Failure> {
        let authorization = match bearer {
            "" => String::new(),
            token => format!("Bearer {token}"),
        };
        Client::open_as(address, authorization).await
    }

    /// With this authorization, whatever its scheme.
    pub async fn open_as(address: std::net::SocketAddr, authorization: String) -> Result<Client, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream,
            authorization,
            buffer: Vec::with_capacity(64 << 10),
        })
    }

    /// One request and its whole answer.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> Result<Answer, Failure> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n",
            body.len()
        );
        if !kind.is_empty() {
            head.push_str(&format!("content-type: {kind}\r\naccept: application/json\r\n"));
        } else {
            head.push_str("accept: text/html\r\n");
        }
        if !self.authorization.is_empty() {
            head.push_str(&format!("authorization: {}\r\n", self.authorization));
        }
        head.push_str("\r\n");
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        self.answer().await
    }

    pub async fn get(&mut self, path: &str) -> Result<Answer, Failure> {
        self.send("GET", path, "", &[]).await
    }

    pub async fn post(&mut self, path: &str, body: &serde_json::Value) -> Result<Answer, Failure> {
        self.send("POST", path, "application/json", body.to_string().as_bytes())
            .await
    }

    async fn answer(&mut self) -> Result<Answer, Failure> {
        self.buffer.clear();
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        let status = head
            .get(9..12)
            .and_then(|s| s.parse().ok())
            .ok_or("no status line")?;
        let length: usize = head
            .lines()
            .find_map(|l| l.strip_prefix("content-length:"))
            .and_then(|l| l.trim().parse().ok())
            .ok_or_else(|| format!("an answer without length: {head}"))?;
        while self.buffer.len() < end + length {
            self.fill().await?;
        }
        Ok(Answer {
            status,
            body: self.buffer[end..end + length].to_vec(),
        })
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}
