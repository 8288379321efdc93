//! `yiwang backup`, `restore`, `verify`.
//!
//! A backup is a folder `yiwang-TIME` with `manifest.json` and the files that it names. It is made under another name and
//! gets its own only when every byte is durable, so nothing half-written looks like a backup. The master key is in none:
//! it is kept apart, and the manifest only says which one fits.

use kernel::ctx::{App, Config};
use kernel::db::copy::{self, Copied};
use kernel::{Db, Fault, Problem, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FORMAT: &str = "yiwang-backup/1";
const MANIFEST: &str = "manifest.json";
const PREFIX: &str = "yiwang-";
const PARTIAL: &str = ".partial-";

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    program: String,
    node: String,
    url: String,
    /// UTC milliseconds.
    made_at: i64,
    /// Tells which master key fits; nothing can be computed from it.
    master_key_id: String,
    /// The newest signed head of the log when the copy began.
    checkpoint: String,
    copied: Copied,
    files: Vec<FileEntry>,
}
#[derive(Debug, Serialize, Deserialize)]
struct FileEntry {
    name: String,
    bytes: u64,
    sha256: String,
}

fn io(what: &str, path: &Path) -> impl Fn(std::io::Error) -> Fault {
    let text = format!("{what} {}", path.display());
    move |e| Fault::of(text.clone(), e)
}

/// A verb that reads a city refuses to make one.
pub fn must_exist(config: &Config) -> Result<()> {
    if config.database.is_none() && !config.data.join(copy::FILE).exists() {
        return Err(Fault::new(format!(
            "there is no city in {}; name its data folder with --data, or its database with --database",
            config.data.display()
        ))
        .into());
    }
    Ok(())
}

/// `yiwang backup DEST [--keep N]`; returns the folder that was made.
pub async fn backup(app: &Arc<App>, words: &[&str]) -> Result<PathBuf> {
    const USAGE: &str = "usage: yiwang backup FOLDER [--keep N]";
    let (options, folders): (Vec<&&str>, Vec<&&str>) = words.iter().partition(|w| w.starts_with("--"));
    let [dest] = folders.as_slice() else {
        return Err(Fault::new(USAGE).into());
    };
    let keep = match options.as_slice() {
        [] => None,
        [one] => match one.strip_prefix("--keep=").and_then(|n| n.parse::<usize>().ok()) {
            Some(n) if n > 0 => Some(n),
            _ => return Err(Fault::new(format!("{USAGE}: N is a number from 1 up")).into()),
        },
        _ => return Err(Fault::new(USAGE).into()),
    };
    let dest = Path::new(dest);
    std::fs::create_dir_all(dest).map_err(io("cannot make", dest))?;
    // One backup into a folder at a time: so what is left of a broken one can be cleared away.
    let lock_path = dest.join(".lock");
    let lock = std::fs::File::create(&lock_path).map_err(io("cannot write", &lock_path))?;
    lock.try_lock()
        .map_err(|_| Fault::new(format!("another backup into {} is running", dest.display())))?;
    for old in names(dest, PARTIAL)? {
        let path = dest.join(old);
        std::fs::remove_dir_all(&path).map_err(io("cannot remove", &path))?;
    }
    let at = app.clock.now();
    // Later than all that are there, also within one second: the order of names is the order of age.
    let newest = names(dest, &format!("{PREFIX}2"))?.pop();
    let name = (0..100_000)
        .map(|n| format!("{PREFIX}{}", stamp(at + n * 1000)))
        .find(|name| newest.as_ref().is_none_or(|n| name > n) && !dest.join(name).exists())
        .ok_or_else(|| {
            Fault::new("a backup in this folder is from the future; set the clock right or move it away")
        })?;
    let partial = dest.join(format!("{PARTIAL}{name}"));
    std::fs::create_dir(&partial).map_err(io("cannot make", &partial))?;
    if let Err(e) = fill(app, &partial, at).await {
        // A full disk is why; what was written is no backup and must not stay in the way.
        let _ = std::fs::remove_dir_all(&partial);
        return Err(e);
    }
    let done = dest.join(&name);
    std::fs::rename(&partial, &done).map_err(io("cannot name", &done))?;
    copy::sync(dest)?;
    if let Some(keep) = keep {
        rotate(dest, keep, &app.ports.protect.master_id())?;
    }
    Ok(done)
}

fn stamp(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string()
}

fn names(folder: &Path, prefix: &str) -> Result<Vec<String>, Fault> {
    let entries = std::fs::read_dir(folder).map_err(io("cannot read", folder))?;
    let mut out: Vec<String> = entries
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter(|n| n.starts_with(prefix))
        .collect();
    out.sort();
    Ok(out)
}

async fn fill(app: &Arc<App>, folder: &Path, at: i64) -> Result<()> {
    let ctx = app.system("backup");
    kernel::job::follow(app).await?;
    let checkpoint = trust::api::checkpoint(&ctx).await?;
    let progress = |done: u64, of: u64| eprintln!("yiwang: backup {done} of {of}");
    let copied = app.db.copy_into(folder, &progress).await?;
    let mut files = Vec::new();
    for name in names(folder, "")? {
        let (sha256, bytes) = copy::digest(&folder.join(&name))?;
        files.push(FileEntry { name, bytes, sha256 });
    }
    let manifest = Manifest {
        format: FORMAT.into(),
        program: env!("CARGO_PKG_VERSION").into(),
        node: app.config.node.clone(),
        url: app.config.url.clone(),
        made_at: at,
        master_key_id: app.ports.protect.master_id(),
        checkpoint,
        copied,
        files,
    };
    let path = folder.join(MANIFEST);
    std::fs::write(&path, serde_json::to_string_pretty(&manifest)?).map_err(io("cannot write", &path))?;
    copy::sync(&path)?;
    copy::sync(folder)?;
    Ok(())
}

/// Removes the oldest backups of this city beyond `keep`. One that cannot be read, or is another city's, is left alone.
fn rotate(dest: &Path, keep: usize, key: &str) -> Result<(), Fault> {
    let own: Vec<PathBuf> = names(dest, PREFIX)?
        .into_iter()
        .map(|n| dest.join(n))
        .filter(|p| manifest(p).is_ok_and(|m| m.master_key_id == key))
        .collect();
    for old in own.iter().take(own.len().saturating_sub(keep)) {
        // The manifest first: what is removed halfway is no backup any more.
        let path = old.join(MANIFEST);
        std::fs::remove_file(&path).map_err(io("cannot remove", &path))?;
        std::fs::remove_dir_all(old).map_err(io("cannot remove", old))?;
    }
    Ok(())
}

fn manifest(folder: &Path) -> Result<Manifest, Fault> {
    let path = folder.join(MANIFEST);
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Fault::of(
            format!("{} is no backup: {MANIFEST} cannot be read", folder.display()),
            e,
        )
    })?;
    let m: Manifest = serde_json::from_str(&text).map_err(|e| Fault::of(path.display().to_string(), e))?;
    if m.format != FORMAT {
        return Err(Fault::new(format!(
            "{} has the format {}, not {FORMAT}",
            path.display(),
            m.format
        )));
    }
    Ok(m)
}

/// Everything of a backup that can be wrong without a database: files, hashes, names.
fn check(folder: &Path) -> Result<Manifest, Fault> {
    let m = manifest(folder)?;
    for f in &m.files {
        // A manifest comes from outside; a name must stay inside its folder.
        if f.name.contains(['/', '\\']) || f.name.starts_with('.') {
            return Err(Fault::new(format!(
                "the manifest names a file outside the backup: {}",
                f.name
            )));
        }
        let path = folder.join(&f.name);
        let (sha256, bytes) = copy::digest(&path)?;
        if (sha256.as_str(), bytes) != (f.sha256.as_str(), f.bytes) {
            return Err(Fault::new(format!(
                "{} is not what the manifest says ({bytes} bytes, SHA-256 {sha256}); use another backup",
                path.display()
            )));
        }
    }
    Ok(m)
}

/// Puts a backup into an empty data folder or database. The first start after it, which `restore` makes itself, opens the
/// new epoch of the log.
pub async fn restore(config: &Config, key: Option<&str>, from: &Path) -> Result<()> {
    let m = check(from)?;
    std::fs::create_dir_all(&config.data).map_err(io("cannot make", &config.data))?;
    let master = trust::Master::open(&config.data, key, false)?;
    if master.master_id() != m.master_key_id {
        return Err(Fault::new(format!(
            "the master key does not fit this backup, which needs the one with the id {}: name its file in \
             YIWANG_MASTER_KEY_FILE (for a demonstration, put its demo.key into {})",
            m.master_key_id,
            config.data.display()
        ))
        .into());
    }
    let wanted = if config.database.is_some() {
        "postgres"
    } else {
        "sqlite"
    };
    if m.copied.kind != wanted {
        return Err(Fault::new(format!(
            "the backup was made on {}, this place is {wanted}; {}",
            m.copied.kind,
            if wanted == "sqlite" {
                "name a database with --database"
            } else {
                "leave --database away"
            }
        ))
        .into());
    }
    let all: Vec<_> = crate::modules().into_iter().flat_map(|m| m.migrations).collect();
    let seen = copy::seen(&m.copied, &all)?;
    let mark = serde_json::json!({
        "made_at": m.made_at, "node": m.node, "seq": m.copied.seq, "checkpoint": m.checkpoint,
    })
    .to_string();
    match &config.database {
        None => {
            let target = config.data.join(copy::FILE);
            if target.exists() {
                return Err(not_empty(&config.data.display().to_string()));
            }
            let partial = config.data.join(".restoring");
            std::fs::copy(from.join(copy::FILE), &partial).map_err(io("cannot write", &partial))?;
            copy::mark_restored(&partial, &mark)?;
            std::fs::rename(&partial, &target).map_err(io("cannot name", &target))?;
            copy::sync(&config.data)?;
        }
        Some(address) => {
            let db = Db::open(address).await?;
            if !db.is_empty().await? {
                return Err(not_empty("the database"));
            }
            db.fill_from(&m.copied, from, &seen, &mark, m.made_at).await?;
        }
    }
    Ok(())
}

fn not_empty(place: &str) -> Problem {
    Fault::new(format!(
        "{place} holds a city already; a backup is restored into an empty data folder or database only"
    ))
    .into()
}

/// What a restore tells its operator, once the city has been opened.
pub async fn after_restore(app: &Arc<App>) -> Result<Vec<String>> {
    kernel::job::follow(app).await?;
    let note = trust::api::checkpoint(&app.system("restore")).await?;
    let (origin, size) = head(&note);
    Ok(vec![
        format!("restored; the log goes on as {origin} ({size} entries)"),
        "what was done after the backup is lost: compare a checkpoint that somebody kept with `yiwang verify --witness \
         FILE`; then run `yiwang doctor`"
            .into(),
    ])
}

/// (origin, size) of a signed head, for people.
fn head(note: &str) -> (&str, &str) {
    let mut lines = note.lines();
    (lines.next().unwrap_or_default(), lines.next().unwrap_or_default())
}

/// `yiwang verify [--witness FILE]`: the log as outsiders get it, proved with the library that they use. Returns what to
/// say and whether all is well.
pub async fn verify(app: &Arc<App>, words: &[&str]) -> Result<(Vec<String>, bool)> {
    let witness = match words {
        [] => None,
        [one] => match one.strip_prefix("--witness=") {
            Some(file) => {
                let path = Path::new(file);
                Some(std::fs::read_to_string(path).map_err(io("cannot read", path))?)
            }
            None => return Err(Fault::new("usage: yiwang verify [--witness FILE]").into()),
        },
        _ => return Err(Fault::new("usage: yiwang verify [--witness FILE]").into()),
    };
    let ctx = app.system("verify");
    kernel::job::follow(app).await?;
    let folder = std::env::temp_dir().join(format!("yiwang-verify-{}", hex::encode(ctx.random::<8>())));
    trust::api::export(&ctx, &folder).await?;
    let proved = prove(&folder, witness.as_deref());
    std::fs::remove_dir_all(&folder).map_err(io("cannot remove", &folder))?;
    Ok(match proved {
        Ok(lines) => (lines, true),
        Err(why) => (vec![format!("FAILED: {why}")], false),
    })
}

fn prove(folder: &Path, witness: Option<&str>) -> Result<Vec<String>, String> {
    let key = std::fs::read_to_string(folder.join("key")).map_err(|e| format!("key: {e}"))?;
    let log = verify::verify_log(&key, folder)?;
    let mut lines = vec![format!(
        "OK: log {}, {} entries, root {}",
        log.origin, log.size, log.root_hex
    )];
    for e in verify::verify_chain(&key, folder)? {
        lines.push(format!(
            "OK: it continues {}, which ended with {} entries",
            e.origin, e.size
        ));
    }
    match witness
        .map(|note| verify::compare_witness(&key, folder, note))
        .transpose()?
    {
        None => {}
        Some(verify::Witness::Continued { origin, size }) => {
            lines.push(format!(
                "OK: the {size} entries of {origin} that the witness saw are all there"
            ));
        }
        Some(verify::Witness::Lost { origin, first, last }) => {
            return Err(format!(
                "entries {first} to {last} of {origin}, which the witness saw, are lost: they were written after the backup \
                 that was restored; enter again what they recorded"
            ));
        }
    }
    Ok(lines)
}
