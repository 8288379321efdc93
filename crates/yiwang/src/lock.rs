//! On SQLite one process serves a data folder. Command-line verbs beside it go through SQLite's own locking.

use kernel::ctx::Config;
use kernel::{Fault, Result};
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};

/// Takes the data folder for this process; released when dropped, or when the process dies. `None` on PostgreSQL.
pub fn take(config: &Config) -> Result<Option<File>> {
    if config.database.is_some() {
        return Ok(None);
    }
    let folder = config.data.display().to_string();
    let cannot = |e: std::io::Error| {
        Fault::of(
            format!(
                "cannot write in the data folder {folder}: let this user own it, mount it writable or free some space, or \
                 choose another with --data"
            ),
            e,
        )
    };
    std::fs::create_dir_all(&config.data).map_err(cannot)?;
    let path = config.data.join("lock");
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(Fault::new(format!(
                "the data folder {folder} is in use by process {}; stop that one, or choose another with --data",
                holder.trim()
            ))
            .into());
        }
        Err(TryLockError::Error(e)) => return Err(cannot(e).into()),
    }
    // The number only helps people; the lock holds without it, and a full disk is told where it matters.
    let _ = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(Some(file))
}
