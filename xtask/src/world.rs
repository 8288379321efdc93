//! The workspace as Cargo sees it, and running programs in it.

use crate::Outcome;
use serde::Deserialize;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The part of `cargo metadata` used here.
#[derive(Debug, Deserialize)]
pub struct World {
    pub workspace_root: PathBuf,
    pub target_directory: PathBuf,
    pub packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
pub struct Package {
    pub name: String,
    pub manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub struct Dependency {
    pub name: String,
    /// Only set for crates that lie in a folder, that is for those of the house.
    pub path: Option<PathBuf>,
}

impl World {
    /// Asks Cargo; works from any folder inside the workspace.
    pub fn read() -> Result<World, String> {
        let out = cargo(Path::new("."))
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| format!("cannot run cargo: {e}"))?;
        if !out.status.success() {
            return Err("cargo metadata failed".into());
        }
        serde_json::from_slice(&out.stdout).map_err(|e| format!("cargo metadata: {e}"))
    }

    /// A path as written in messages: relative to the workspace.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.workspace_root)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    /// A built program: `debug` or `release`.
    pub fn binary(&self, profile: &str, name: &str) -> PathBuf {
        self.target_directory.join(profile).join(name)
    }
}

/// A program to run in a folder, without what `cargo run` put into the environment: build scripts
/// that watch those variables would otherwise run again. Settings of somebody's own city go too.
pub fn program(name: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut c = Command::new(name);
    c.current_dir(folder);
    for (key, _) in std::env::vars_os() {
        let k = key.to_string_lossy();
        let of_run = [
            "YIWANG_",
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ];
        if of_run.iter().any(|p| k.starts_with(p)) || k == "CARGO" || k == "CARGO_PRIMARY_PACKAGE" {
            c.env_remove(&key);
        }
    }
    c
}

/// [`program`] for cargo.
pub fn cargo(folder: &Path) -> Command {
    program("cargo", folder)
}

/// Runs to the end, with its output shown; an error names the command.
pub fn run(command: &mut Command) -> Outcome {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .collect();
    let line = words.join(OsStr::new(" ")).to_string_lossy().into_owned();
    println!("$ {line}");
    match command.status() {
        Ok(s) if s.success() => Ok(()),
        Ok(s) => Err(format!("`{line}` ended with {s}")),
        Err(e) => Err(format!("`{line}` cannot be run: {e}")),
    }
}

/// Whether a command runs and succeeds; its output is not shown.
pub fn succeeds(name: &str, args: &[&str]) -> bool {
    let mut c = program(name, Path::new("."));
    c.args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    c.status().is_ok_and(|s| s.success())
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|e| format!("no free port: {e}"))?;
    listener
        .local_addr()
        .map(|a| a.port())
        .map_err(|e| format!("no free port: {e}"))
}
