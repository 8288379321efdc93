//! Watches a log over the network for somebody else than its operator: fetches the head, proves that it continues the
//! one that was seen before, and follows a log that a restore has reopened under another name.
//!
//! What it needs are the public tiles of C2SP tlog-tiles; only the step over a restore is particular to Yiwang.

use crate::{Previous, Proof, REOPENED};
use merkle::{Checkpoint, Hash, Hashes, Hashing, LogKeys, MemoryTree};
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 4 << 20;
/// Most epochs followed in one run.
const MAX_EPOCHS: usize = 1_000;

/// The head that was proved, to be kept for the next time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The signed note.
    pub note: String,
    /// What was found, a sentence each.
    pub lines: Vec<String>,
}

/// What is wrong with a log, in the word that stands first in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not signed by the log's keys, or the link between two epochs does not hold.
    Forged,
    /// The same log shows fewer entries than before.
    Shrunk,
    /// Two heads of one log that cannot both be true.
    Forked,
    /// A backup was restored that lacks entries which were seen.
    Lost,
}

/// Why there is nothing new to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The server cannot be asked or does not answer as a log does; nothing is said about the log.
    Unreachable(String),
    /// The log is wrong. The note, if there is one, is evidence: keep it beside the one seen before.
    Wrong {
        kind: Kind,
        why: String,
        note: Option<String>,
    },
}

impl Trouble {
    fn wrong(kind: Kind, why: impl Into<String>, note: &str) -> Trouble {
        Trouble::Wrong {
            kind,
            why: why.into(),
            note: Some(note.to_string()),
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Unreachable(why) => f.write_str(why),
            Trouble::Wrong { kind, why, .. } => {
                let word = match kind {
                    Kind::Forged => "forged",
                    Kind::Shrunk => "shrunk",
                    Kind::Forked => "forked",
                    Kind::Lost => "lost heads",
                };
                write!(f, "{word}: {why}")
            }
        }
    }
}

/// Looks at the log below `url` (`http://host[:port]/log`, or its `/sm3`). `key` is the key file, `seen` the note kept the
/// last time.
///
/// # Errors
/// Why the head cannot be trusted or had.
pub fn watch(key: &str, url: &str, seen: Option<&str>) -> Result<Watched, Trouble> {
    let unreachable = Trouble::Unreachable;
    let keys = LogKeys::parse(key).map_err(|e| unreachable(e.to_string()))?;
    let hashing = keys.hashing();
    let base = url.trim_end_matches('/');
    let note = text(base, "checkpoint")?;
    let head = signed(&keys, &note)?;
    // Without a head from before, the log named by the key is known to have been empty once.
    let mut last = match seen {
        Some(seen) => open(&keys, seen).map_err(|e| unreachable(format!("the kept head: {e}")))?,
        None => Checkpoint {
            origin: keys.name().to_string(),
            size: 0,
            root: hashing.empty(),
        },
    };
    let mut lines = Vec::new();
    for _ in 0..MAX_EPOCHS {
        if last.origin == head.origin {
            break;
        }
        last = step(&keys, base, &last, &mut lines)?;
    }
    if last.origin != head.origin {
        let why = format!("{:?} is served in the place of {:?}", head.origin, last.origin);
        return Err(Trouble::wrong(Kind::Forged, why, &note));
    }
    if head.size < last.size {
        let why = format!(
            "{} had {} entries and now shows {}",
            head.origin, last.size, head.size
        );
        return Err(Trouble::wrong(Kind::Shrunk, why, &note));
    }
    continued(hashing, base, &last, &head, &note)?;
    lines.push(match head.size - last.size {
        0 => format!("{}: {} entries, as before", head.origin, head.size),
        more => format!(
            "{}: {} entries continue the {} seen before by {more}",
            head.origin, head.size, last.size
        ),
    });
    Ok(Watched { note, lines })
}

/// From the last head seen of an ended epoch to the beginning of the next one.
fn step(
    keys: &LogKeys,
    base: &str,
    last: &Checkpoint,
    lines: &mut Vec<String>,
) -> Result<Checkpoint, Trouble> {
    let hashing = keys.hashing();
    let gone = |why: String| Trouble::Wrong {
        kind: Kind::Forged,
        why,
        note: None,
    };
    let number: u64 = last
        .origin
        .rsplit_once('/')
        .and_then(|(_, n)| n.parse().ok())
        .ok_or_else(|| gone(format!("another log is served in the place of {:?}", last.origin)))?;
    let missing = |e: Trouble| match e {
        Trouble::Unreachable(why) if why.ends_with(": 404") => {
            gone(format!("the log {:?} is gone: {why}", last.origin))
        }
        other => other,
    };
    let ended_at = format!("{base}/epoch/{number}");
    let note = text(&ended_at, "checkpoint").map_err(missing)?;
    let ended = signed(keys, &note)?;
    if ended.origin != last.origin {
        let why = format!("{:?} is served as the end of {:?}", ended.origin, last.origin);
        return Err(Trouble::wrong(Kind::Forged, why, &note));
    }
    if ended.size < last.size {
        let why = format!(
            "entries {} to {} of {} were seen and are not in the backup that was restored",
            ended.size + 1,
            last.size,
            ended.origin
        );
        return Err(Trouble::wrong(Kind::Lost, why, &note));
    }
    continued(hashing, &ended_at, last, &ended, &note)?;
    let opening = text(&format!("{base}/epoch/{}", number + 1), "opening").map_err(missing)?;
    let next = opened(keys, &opening, &ended).map_err(|why| Trouble::wrong(Kind::Forged, why, &opening))?;
    lines.push(format!(
        "{} ended with {} entries; a restore goes on as {}",
        ended.origin, ended.size, next
    ));
    Ok(Checkpoint {
        origin: next,
        size: 0,
        root: hashing.empty(),
    })
}

/// The name of the epoch whose first entry holds exactly this last head.
fn opened(keys: &LogKeys, opening: &str, ended: &Checkpoint) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Entry {
        #[serde(rename = "type")]
        kind: String,
        payload: Payload,
    }
    #[derive(Deserialize)]
    struct Payload {
        previous: Previous,
    }
    let hashing = keys.hashing();
    let proof: Proof =
        serde_json::from_str(opening).map_err(|e| format!("the opening of the next epoch: {e}"))?;
    let head = open(keys, &proof.checkpoint)?;
    let leaf = hashing.leaf(proof.leaf.as_bytes());
    if proof.index != 0
        || !merkle::verify_inclusion(hashing, &leaf, 0, head.size, &proof.hashes()?, &head.root)
    {
        return Err(format!("the opening is not the first entry of {:?}", head.origin));
    }
    let entry: Entry = serde_json::from_str(&proof.leaf).map_err(|e| format!("the first entry: {e}"))?;
    let held = entry.payload.previous.checkpoint(hashing);
    let held = held.map(|note| open(keys, &note)).transpose()?;
    if entry.kind != REOPENED || held.as_ref() != Some(ended) {
        return Err(format!(
            "the first entry of {:?} does not hold the last head of {:?}",
            head.origin, ended.origin
        ));
    }
    Ok(head.origin)
}

/// A note signed by the same keys, whatever epoch it is of.
fn open(keys: &LogKeys, note: &str) -> Result<Checkpoint, String> {
    let origin = Checkpoint::parse(note).map_err(|e| e.to_string())?.origin;
    keys.renamed(&origin).open(note)
}

fn signed(keys: &LogKeys, note: &str) -> Result<Checkpoint, Trouble> {
    open(keys, note).map_err(|why| Trouble::wrong(Kind::Forged, why, note))
}

/// Proves by the tiles of `at` that one head continues another of the same log.
fn continued(
    hashing: Hashing,
    at: &str,
    old: &Checkpoint,
    new: &Checkpoint,
    note: &str,
) -> Result<(), Trouble> {
    let tiles = Tiles {
        at,
        hashing,
        size: new.size,
        read: RefCell::default(),
        failed: RefCell::default(),
    };
    let proof = merkle::consistency(&tiles, old.size, new.size);
    if let Some(failed) = tiles.failed.into_inner() {
        return Err(failed);
    }
    let fits = proof
        .is_some_and(|p| merkle::verify_consistency(hashing, old.size, new.size, &old.root, &new.root, &p));
    match fits {
        true => Ok(()),
        false => {
            let why = format!(
                "the {} entries of {} do not begin with the {} that were seen",
                new.size, new.origin, old.size
            );
            Err(Trouble::wrong(Kind::Forked, why, note))
        }
    }
}

/// The hashes of a log as its tiles give them.
struct Tiles<'a> {
    at: &'a str,
    hashing: Hashing,
    size: u64,
    read: RefCell<HashMap<(u8, u64), Vec<u8>>>,
    failed: RefCell<Option<Trouble>>,
}

impl Tiles<'_> {
    fn tile(&self, level: u8, index: u64) -> Option<Vec<u8>> {
        if let Some(known) = self.read.borrow().get(&(level, index)) {
            return Some(known.clone());
        }
        let width = (self.size >> (8 * u32::from(level)))
            .checked_sub(index * 256)?
            .min(256) as u16;
        let path = merkle::tile_path(level, index, (width < 256).then_some(width));
        match fetch(&format!("{}/{path}", self.at)) {
            Ok(bytes) => {
                self.read.borrow_mut().insert((level, index), bytes.clone());
                Some(bytes)
            }
            Err(e) => {
                self.failed.borrow_mut().get_or_insert(e);
                None
            }
        }
    }
}

impl Hashes for Tiles<'_> {
    fn hashing(&self) -> Hashing {
        self.hashing
    }

    /// A level between those of tiles is computed from the hashes below it, which all lie in one tile.
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        let (high, low) = (level / 8, level % 8);
        let first = index << low;
        let tile = self.tile(high, first / 256)?;
        let from = (first % 256) as usize * 32;
        let mut tree = MemoryTree::new(self.hashing);
        for hash in tile.get(from..from + (32 << low))?.chunks(32) {
            tree.append(hash.try_into().ok()?);
        }
        tree.node(low, 0)
    }
}

fn text(at: &str, path: &str) -> Result<String, Trouble> {
    let url = format!("{at}/{path}");
    String::from_utf8(fetch(&url)?).map_err(|_| Trouble::Unreachable(format!("{url}: not UTF-8")))
}

/// GET of HTTP/1.0, which has no chunks; TLS is left to a proxy, for every answer is proved anyway.
fn fetch(url: &str) -> Result<Vec<u8>, Trouble> {
    let failed = |why: String| Trouble::Unreachable(format!("{url}: {why}"));
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| failed("only http:// is read".into()))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let port = host
        .rsplit_once(':')
        .is_some_and(|(_, p)| p.parse::<u16>().is_ok());
    let address = if port {
        host.to_string()
    } else {
        format!("{host}:80")
    };
    let ask = || -> std::io::Result<Vec<u8>> {
        let address = address.to_socket_addrs()?.next();
        let address = address.ok_or_else(|| std::io::Error::other("no such host"))?;
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        write!(
            stream,
            "GET /{path} HTTP/1.0\r\nHost: {host}\r\nAccept: */*\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|e| failed(e.to_string()))?;
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.ok_or_else(|| failed("no answer of HTTP".into()))? + 4);
    let head = String::from_utf8_lossy(head);
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if status != "200" {
        return Err(failed(status.into()));
    }
    let length = head.lines().find_map(|l| {
        let (name, value) = l.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    match length {
        Some(length) if length != body.len() => Err(failed("the answer was cut short".into())),
        _ => Ok(body.to_vec()),
    }
}
