//! Checks a published log, and certificates against it, without any part of the server.
//!
//! Input are files anyone can fetch: the log after C2SP tlog-tiles, the certificate, and its proof. The only
//! thing to trust are the verifier keys; where one of them is of SM2, the tree is the one hashed with SM3.

pub mod monitor;

use base64::{Engine, engine::general_purpose::STANDARD};
use merkle::{Checkpoint, Hash, Hashing, LogKeys, Tree};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const PROOF_FORMAT: &str = "yiwang-proof/1";
const ISSUED: &str = "documents.certificate.issued";

/// A log that fits its signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Identity of the log.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root hash in hexadecimal.
    pub root_hex: String,
}

/// Recomputes the root of the log in `dir` from its entries and compares it with the signed checkpoint.
///
/// `key` is the key file: note verifier keys `name+id+key`, one on a line, all of which must have signed. Entries beyond the size of the checkpoint are not looked at:
/// they may be published before the next checkpoint.
///
/// # Errors
/// A sentence that says what does not fit.
pub fn verify_log(key: &str, dir: &Path) -> Result<Report, String> {
    let (log, _) = check_log(&trusted(key)?, dir, 0)?;
    Ok(Report {
        origin: log.origin,
        size: log.size,
        root_hex: hex(&log.root),
    })
}

/// Checks that the PDF is the certificate whose issue is recorded in the log.
///
/// `proof_json` is the proof file (`yiwang-proof/1`). With `dir`, the whole log is checked as well, and that it
/// continues the log the proof speaks of. Returns a sentence for the reader.
///
/// # Errors
/// A sentence that says what does not fit.
pub fn verify_certificate(
    key: &str,
    dir: Option<&Path>,
    pdf: &[u8],
    proof_json: &str,
) -> Result<String, String> {
    let key = trusted(key)?;
    let proof: Proof =
        serde_json::from_str(proof_json).map_err(|e| format!("the proof cannot be read: {e}"))?;
    if proof.format != PROOF_FORMAT {
        return Err(format!(
            "the proof has the format {:?}, not {PROOF_FORMAT:?}",
            proof.format
        ));
    }
    // A proof from before a restore is of an ended epoch: same key, another name, another folder.
    let (key, dir) = match dir {
        Some(dir) => of_note(&key, dir, &proof.checkpoint)?,
        None => (key, None),
    };
    let dir = dir.as_deref();
    let head = checkpoint(&proof.checkpoint, &key).map_err(|e| format!("the proof's checkpoint: {e}"))?;
    let hashing = key.hashing();
    let leaf = hashing.leaf(proof.leaf.as_bytes());
    if !merkle::verify_inclusion(
        hashing,
        &leaf,
        proof.index,
        head.size,
        &proof.hashes()?,
        &head.root,
    ) {
        return Err("the proof does not show that the entry is in the log".into());
    }
    let digest = hex(&Sha256::digest(pdf));
    entry_fits(&proof.leaf, &digest)?;
    let mut text = format!(
        "certificate with SHA-256 {digest} is entry {} of {} in the log {}",
        proof.index, head.size, head.origin
    );
    if let Some(dir) = dir {
        let (log, then) = check_log(&key, dir, head.size)?;
        if log.origin != head.origin {
            return Err(format!(
                "the proof is of the log {:?}, the folder holds {:?}",
                head.origin, log.origin
            ));
        }
        match then {
            None => {
                return Err(format!(
                    "the folder holds {} entries, fewer than the {} of the proof; fetch the log again",
                    log.size, head.size
                ));
            }
            Some(root) if root != head.root => {
                return Err(format!(
                    "the first {} entries of the folder are not those of the proof",
                    head.size
                ));
            }
            Some(_) => text.push_str(&format!(", and the log of {} entries continues it", log.size)),
        }
    }
    Ok(text)
}

/// The ended epochs of the log in `dir` (below `epoch/N`), the newest first: each is checked like the log itself, and the
/// first entry of the one after it must hold exactly its last head.
///
/// # Errors
/// A sentence that says what does not fit.
pub fn verify_chain(key: &str, dir: &Path) -> Result<Vec<Report>, String> {
    let logs = chain(&trusted(key)?, dir)?;
    Ok(logs
        .into_iter()
        .skip(1)
        .map(|(_, _, head)| Report {
            origin: head.origin,
            size: head.size,
            root_hex: hex(&head.root),
        })
        .collect())
}

/// What a head that somebody kept says of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witness {
    /// The log is longer or equal and begins with what the witness saw.
    Continued { origin: String, size: u64 },
    /// The log ends before what the witness saw: these entries were lost.
    Lost { origin: String, first: u64, last: u64 },
}

/// Compares a signed head that was kept outside with the log in `dir` and its ended epochs.
///
/// # Errors
/// The head is not of this log, or the log does not begin with what it signs.
pub fn compare_witness(key: &str, dir: &Path, note: &str) -> Result<Witness, String> {
    let (key, dir) = match of_note(&trusted(key)?, dir, note)? {
        (key, Some(dir)) => (key, dir),
        (key, None) => (key, dir.to_path_buf()),
    };
    let seen = checkpoint(note, &key).map_err(|e| format!("the kept checkpoint: {e}"))?;
    let (log, then) = check_log(&key, &dir, seen.size)?;
    match then {
        _ if log.origin != seen.origin => Err(format!(
            "the kept checkpoint is of the log {:?}, the folder holds {:?}",
            seen.origin, log.origin
        )),
        None => Ok(Witness::Lost {
            origin: log.origin,
            first: log.size + 1,
            last: seen.size,
        }),
        Some(root) if root != seen.root => Err(format!(
            "the first {} entries of {} are not those of the kept checkpoint: the log was rewritten",
            seen.size, log.origin
        )),
        Some(_) => Ok(Witness::Continued {
            origin: log.origin,
            size: seen.size,
        }),
    }
}

/// The payload of the first entry of a later epoch that is looked at.
#[derive(Deserialize)]
struct Reopened {
    epoch: u64,
    previous: Previous,
}
#[derive(Deserialize)]
struct Previous {
    checkpoint: String,
    sm3: Option<Sm3Head>,
}
#[derive(Deserialize)]
struct Sm3Head {
    checkpoint: String,
}

impl Previous {
    /// The last head of the ended epoch's tree of this hash; an epoch may have ended before there was one of SM3.
    fn checkpoint(self, hashing: Hashing) -> Option<String> {
        match hashing {
            Hashing::Sha256 => Some(self.checkpoint),
            Hashing::Sm3 => self.sm3.map(|head| head.checkpoint),
        }
    }
}

const REOPENED: &str = "trust.log.reopened";

/// The log in `dir` and its ended epochs as far as their folders are there: (key, folder, head), each checked.
fn chain(key: &LogKeys, dir: &Path) -> Result<Vec<(LogKeys, PathBuf, Checkpoint)>, String> {
    let (head, _) = check_log(key, dir, 0)?;
    let mut logs = vec![(key.clone(), dir.to_path_buf(), head)];
    loop {
        let Some((_, folder, head)) = logs.last() else {
            return Ok(logs);
        };
        if head.size == 0 {
            return Ok(logs);
        }
        let first = bundle(folder, 0, head.size)?
            .into_iter()
            .next()
            .unwrap_or_default();
        let entry: Entry = serde_json::from_slice(&first).map_err(|e| format!("the first entry: {e}"))?;
        if entry.kind != REOPENED {
            return Ok(logs);
        }
        let said: Reopened = serde_json::from_value(entry.payload)
            .map_err(|e| format!("the first entry of {}: {e}", head.origin))?;
        let before = dir.join(format!("epoch/{}", said.epoch.saturating_sub(1)));
        if !before.is_dir() {
            return Ok(logs);
        }
        let Some(note) = said.previous.checkpoint(key.hashing()) else {
            return Ok(logs);
        };
        let last = Checkpoint::parse(&note).map_err(|e| e.to_string())?;
        let key = key.renamed(&last.origin);
        let last = checkpoint(&note, &key).map_err(|e| format!("the last head of {}: {e}", last.origin))?;
        let (found, _) = check_log(&key, &before, 0)?;
        if found != last {
            return Err(format!(
                "the log {} ended with {} entries, the folder {} holds {}",
                last.origin,
                last.size,
                before.display(),
                found.size
            ));
        }
        logs.push((key, before, found));
    }
}

/// The key and folder of the epoch that signed this note, among the log in `dir` and its ended epochs.
fn of_note(key: &LogKeys, dir: &Path, note: &str) -> Result<(LogKeys, Option<PathBuf>), String> {
    let origin = Checkpoint::parse(note).map_err(|e| e.to_string())?.origin;
    if origin == key.name() || !dir.join("epoch").is_dir() {
        return Ok((key.clone(), Some(dir.to_path_buf())));
    }
    let found = chain(key, dir)?.into_iter().find(|(k, ..)| k.name() == origin);
    Ok(found.map_or((key.clone(), Some(dir.to_path_buf())), |(k, d, _)| (k, Some(d))))
}

/// The proof file; hashes are base64, the lowest sibling first.
#[derive(Deserialize)]
struct Proof {
    format: String,
    leaf: String,
    index: u64,
    hashes: Vec<String>,
    checkpoint: String,
}

impl Proof {
    fn hashes(&self) -> Result<Vec<Hash>, String> {
        let hash = |text: &String| STANDARD.decode(text).ok().and_then(|b| Hash::try_from(b).ok());
        let hashes: Option<_> = self.hashes.iter().map(hash).collect();
        hashes.ok_or_else(|| "a hash of the proof is not 32 bytes in base64".into())
    }
}

/// The part of a log entry that is compared.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    payload: serde_json::Value,
}

fn entry_fits(leaf: &str, pdf_sha256: &str) -> Result<(), String> {
    let entry: Entry = serde_json::from_str(leaf).map_err(|e| format!("the entry cannot be read: {e}"))?;
    if entry.kind != ISSUED {
        return Err(format!(
            "the entry is a {:?}, not the issue of a certificate",
            entry.kind
        ));
    }
    match entry.payload.get("pdf_sha256").and_then(|v| v.as_str()) {
        Some(recorded) if recorded == pdf_sha256 => Ok(()),
        Some(recorded) => Err(format!(
            "the file has the SHA-256 {pdf_sha256}, the entry records {recorded}"
        )),
        None => Err("the entry records no SHA-256 of a file".into()),
    }
}

fn trusted(key: &str) -> Result<LogKeys, String> {
    LogKeys::parse(key).map_err(|e| e.to_string())
}

fn checkpoint(note: &str, key: &LogKeys) -> Result<Checkpoint, String> {
    key.open(note)
}

/// The signed head of the log in `dir`, recomputed, and the root it had at `mark` entries if it is that long.
fn check_log(key: &LogKeys, dir: &Path, mark: u64) -> Result<(Checkpoint, Option<Hash>), String> {
    let hashing = key.hashing();
    // The entries are the same; only the heads of the second tree lie apart.
    let path = match hashing {
        Hashing::Sha256 => "checkpoint",
        Hashing::Sm3 => "sm3/checkpoint",
    };
    let note = String::from_utf8(read(dir, path)?).map_err(|_| format!("{path}: not UTF-8"))?;
    let head = checkpoint(&note, key).map_err(|e| format!("{path}: {e}"))?;
    let mut tree = Tree::new(hashing);
    let mut then = (mark == 0).then(|| tree.root());
    for index in 0..head.size.div_ceil(u64::from(merkle::TILE_WIDTH)) {
        for entry in bundle(dir, index, head.size - tree.size())? {
            tree.append(hashing.leaf(&entry));
            if tree.size() == mark {
                then = Some(tree.root());
            }
        }
    }
    if tree.root() != head.root {
        return Err(format!(
            "the {} entries give the root {}, the checkpoint has {}",
            head.size,
            hex(&tree.root()),
            hex(&head.root)
        ));
    }
    Ok((head, then))
}

/// The entries of one bundle when `left` entries are still to come, at most a full bundle.
fn bundle(dir: &Path, index: u64, left: u64) -> Result<Vec<Vec<u8>>, String> {
    let full = merkle::entries_path(index, None);
    let width = u16::try_from(left)
        .unwrap_or(merkle::TILE_WIDTH)
        .min(merkle::TILE_WIDTH);
    let partial = merkle::entries_path(index, Some(width));
    // A log may delete a partial bundle once the full one is there.
    let path = if dir.join(&partial).is_file() {
        partial
    } else {
        full
    };
    let mut entries = merkle::decode_bundle(&read(dir, &path)?).map_err(|e| format!("{path}: {e}"))?;
    let want = usize::from(width);
    if entries.len() < want {
        return Err(format!("{path}: {} entries instead of {want}", entries.len()));
    }
    entries.truncate(want);
    Ok(entries)
}

fn read(dir: &Path, path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(dir.join(path)).map_err(|e| format!("{path}: {e}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
