//! One message over SMTP (RFC 5321) to a relay, as MIME text (RFC 2045, 2047).

use super::Outcome;
use crate::settings::Smtp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A message for one person.
pub(crate) struct Mail<'a> {
    pub to: &'a str,
    /// Without angle brackets; the same for every attempt, so that a mailbox can tell a repetition.
    pub id: &'a str,
    pub subject: &'a str,
    pub body: &'a str,
    /// UTC milliseconds.
    pub at: i64,
}

/// Plausible as `local@domain`, and nothing that could end a command early.
pub(crate) fn is_address(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !"<>()[]\\,;:\"".contains(c);
    match text.split_once('@') {
        Some((local, domain)) => {
            !local.is_empty()
                && text.len() <= 254
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && !domain.contains('@')
                && text.chars().filter(|c| *c != '@').all(plain)
        }
        None => false,
    }
}

/// Hands the message to the relay.
pub(crate) async fn send(settings: &Smtp, mail: &Mail<'_>, limit: Duration) -> Outcome {
    match tokio::time::timeout(limit, exchange(settings, mail)).await {
        Ok(Ok(())) => Outcome::Sent,
        Ok(Err(outcome)) => outcome,
        Err(_) => Outcome::Unreachable("unreachable", format!("no answer within {} s", limit.as_secs())),
    }
}

async fn exchange(settings: &Smtp, mail: &Mail<'_>) -> Result<(), Outcome> {
    let down = |e: std::io::Error| Outcome::Unreachable("unreachable", e.to_string());
    let stream = TcpStream::connect(&settings.server).await.map_err(down)?;
    let mut relay = Relay(BufReader::new(stream));
    relay.expect_code(220).await?;
    let name = settings.from.rsplit_once('@').map_or("localhost", |(_, d)| d);
    relay.say(&format!("EHLO {name}"), 250).await?;
    if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
        let plain = STANDARD.encode(format!("\0{user}\0{password}"));
        relay.say(&format!("AUTH PLAIN {plain}"), 235).await?;
    }
    relay.say(&format!("MAIL FROM:<{}>", settings.from), 250).await?;
    relay.say(&format!("RCPT TO:<{}>", mail.to), 250).await?;
    relay.say("DATA", 354).await?;
    relay.write(&text(settings, mail)).await?;
    // From here on the relay has the message: an error in parting is no failure.
    relay.say(".", 250).await?;
    let _ = relay.say("QUIT", 221).await;
    Ok(())
}

struct Relay(BufReader<TcpStream>);

impl Relay {
    async fn write(&mut self, text: &str) -> Result<(), Outcome> {
        let written = self.0.get_mut().write_all(text.as_bytes()).await;
        written.map_err(|e| Outcome::Unreachable("unreachable", e.to_string()))
    }
    async fn say(&mut self, command: &str, code: u16) -> Result<(), Outcome> {
        self.write(&format!("{command}\r\n")).await?;
        self.expect_code(code).await
    }
    /// Reads one reply, of one or many lines.
    async fn expect_code(&mut self, code: u16) -> Result<(), Outcome> {
        loop {
            let mut line = String::new();
            let n = self.0.read_line(&mut line).await;
            let n = n.map_err(|e| Outcome::Unreachable("unreachable", e.to_string()))?;
            if n == 0 || line.len() > 2_000 {
                return Err(Outcome::Unreachable("unreachable", "the relay hung up".into()));
            }
            if line.as_bytes().get(3) == Some(&b'-') {
                continue;
            }
            let got: u16 = line.get(..3).and_then(|c| c.parse().ok()).unwrap_or(0);
            let said: String = line.trim().chars().take(200).collect();
            return match got {
                g if g == code => Ok(()),
                500..=599 => Err(Outcome::Never("smtp-refused", said)),
                _ => Err(Outcome::Later("smtp-refused", said)),
            };
        }
    }
}

/// Header and body; the body is base64, so no line is long and none begins with a dot.
fn text(settings: &Smtp, mail: &Mail<'_>) -> String {
    let date = jiff::Timestamp::from_millisecond(mail.at)
        .ok()
        .and_then(|t| jiff::fmt::rfc2822::to_string(&t.to_zoned_datetime(jiff::tz::TimeZone::UTC)).ok())
        .unwrap_or_default();
    let mut body = String::new();
    for line in STANDARD
        .encode(mail.body.replace('\n', "\r\n"))
        .as_bytes()
        .chunks(76)
    {
        body.push_str(&String::from_utf8_lossy(line));
        body.push_str("\r\n");
    }
    format!(
        "From: <{}>\r\nTo: <{}>\r\nSubject: {}\r\nDate: {date}\r\nMessage-ID: <{}>\r\nAuto-Submitted: auto-generated\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}",
        settings.from,
        mail.to,
        encoded_words(mail.subject),
        mail.id
    )
}

/// RFC 2047: words of at most 75 characters, each whole in itself.
fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut part = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if part.len() + c.len_utf8() > 42 {
            words.push(std::mem::take(&mut part));
        }
        part.push(c);
    }
    words.push(part);
    let words = words
        .iter()
        .map(|w| format!("=?UTF-8?B?{}?=", STANDARD.encode(w)));
    words.collect::<Vec<_>>().join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses() {
        assert!(is_address("a.b+c@city.example"));
        for bad in [
            "",
            "a",
            "a@b",
            "a@b.c>\r\nRCPT TO:<x@y.z",
            "a b@c.d",
            "@c.d",
            "a@.d",
            "a@c.",
            "a@b@c.d",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn subjects_are_encoded_in_whole_characters_and_short_lines() {
        let s = encoded_words("您的申请已收到，编号 2026-OR-000001，请保存好这条消息以便查询");
        assert!(s.lines().all(|l| l.len() <= 77), "{s}");
        let back: String = s
            .split("\r\n ")
            .map(|w| {
                let inner = w.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap();
                String::from_utf8(STANDARD.decode(inner).unwrap()).unwrap()
            })
            .collect();
        assert!(back.ends_with("以便查询") && back.starts_with("您的申请"));
        assert!(!encoded_words("a\r\nBcc: x@y.z").contains("\nBcc"));
    }
}
