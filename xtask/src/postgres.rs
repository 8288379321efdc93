//! A PostgreSQL of our own for the length of a run: own folder, own port, gone at the end.

use crate::world::{free_port, program};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const INSTALLED: &str = "/usr/lib/postgresql";
/// The oldest version the product is tested with.
const OLDEST: u32 = 15;

/// A shell that runs the server until its own input ends, then stops it and removes the folder: so nothing
/// stays behind even when this process is killed.
const KEEPER: &str = r#"trap '' INT TERM HUP
"$@" >"$FOLDER/log" 2>&1 &
server=$!
cat >/dev/null
kill -INT $server
wait $server
rm -rf "$FOLDER""#;

/// A running server. Dropping it stops it.
pub struct Postgres {
    keeper: Child,
    port: u16,
}

/// The newest installed folder with `initdb` and `postgres`.
pub fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<u32> = std::fs::read_dir(INSTALLED)
        .ok()?
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok())
        .filter(|v| *v >= OLDEST)
        .collect();
    versions.sort_unstable();
    let found = versions
        .iter()
        .rev()
        .map(|v| PathBuf::from(format!("{INSTALLED}/{v}/bin")));
    found
        .into_iter()
        .find(|d| d.join("initdb").exists() && d.join("postgres").exists())
}

/// The user the server runs as: itself refuses to be root.
fn server_user() -> Result<Option<(u32, u32)>, String> {
    if id(&["-u"])? != 0 {
        return Ok(None);
    }
    Ok(Some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?)))
}

fn id(args: &[&str]) -> Result<u32, String> {
    let out = Command::new("id")
        .args(args)
        .output()
        .map_err(|e| format!("cannot run id: {e}"))?;
    let text = String::from_utf8_lossy(&out.stdout);
    text.trim()
        .parse()
        .map_err(|_| format!("`id {}` found no user", args.join(" ")))
}

impl Postgres {
    /// A fresh cluster, ready for connections as `postgres` without a password from this machine only.
    pub fn start() -> Result<Postgres, String> {
        let bin = binaries().ok_or("PostgreSQL is not installed")?;
        let user = server_user()?;
        let folder = std::env::temp_dir().join(format!("yiwang-postgres-{}", std::process::id()));
        let cannot = |e: std::io::Error| format!("{}: {e}", folder.display());
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(cannot)?;
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).map_err(cannot)?;
        }
        let started = Self::start_in(&bin, user, &folder);
        if started.is_err() {
            // A keeper that was started has removed it already.
            let _ = std::fs::remove_dir_all(&folder);
        }
        started
    }

    fn start_in(bin: &Path, user: Option<(u32, u32)>, folder: &Path) -> Result<Postgres, String> {
        let as_server = |name: &Path| {
            let mut c = program(name, folder);
            if let Some((uid, gid)) = user {
                c.gid(gid).uid(uid);
            }
            c
        };
        let cluster = folder.join("cluster");
        let mut initdb = as_server(&bin.join("initdb"));
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        let out = initdb
            .arg("-D")
            .arg(&cluster)
            .output()
            .map_err(|e| format!("initdb: {e}"))?;
        if !out.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&out.stderr)));
        }
        let port = free_port()?;
        let mut keeper = as_server(Path::new("/bin/sh"));
        keeper
            .args(["-c", KEEPER, "keeper"])
            .arg(bin.join("postgres"))
            .arg("-D")
            .arg(&cluster);
        keeper
            .arg("-k")
            .arg(folder)
            .args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        for setting in [
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "max_connections=300",
        ] {
            keeper.args(["-c", setting]);
        }
        // Its own group: Ctrl-C shall not reach it before the programs that still use it.
        keeper
            .env("FOLDER", folder)
            .stdin(Stdio::piped())
            .process_group(0);
        let keeper = keeper.spawn().map_err(|e| format!("PostgreSQL: {e}"))?;
        let server = Postgres { keeper, port };
        server.wait_until_ready(bin, folder)?;
        Ok(server)
    }

    fn wait_until_ready(&self, bin: &Path, folder: &Path) -> Result<(), String> {
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(30) {
            let mut ready = Command::new(bin.join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if ready.status().is_ok_and(|s| s.success()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        Err(format!(
            "PostgreSQL does not answer on port {}:\n{log}",
            self.port
        ))
    }

    /// Address without a database name.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut input) = self.keeper.stdin.take() {
            let _ = input.flush();
        }
        let _ = self.keeper.wait();
    }
}
