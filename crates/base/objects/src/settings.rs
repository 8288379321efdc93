//! `[objects]` in `yiwang.toml`.

use serde::Deserialize;
use std::path::PathBuf;

/// Where the object store is and what goes there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `http://host[:port]`. TLS is a relay's business; contents are sealed before they leave.
    pub endpoint: String,
    pub bucket: String,
    #[serde(default = "region")]
    pub region: String,
    pub key_id: String,
    /// A file with the secret of that key.
    pub secret_file: PathBuf,
    /// Contents of so many KiB and more go there; smaller ones stay in the database.
    #[serde(default = "from_kb")]
    pub from_kb: u32,
    /// How long one request may take, in seconds.
    #[serde(default = "timeout")]
    pub timeout_seconds: u32,
    /// How many days a content stays after its row is gone; no shorter than the oldest backup that may be restored.
    #[serde(default = "keep")]
    pub keep_days: u32,
}

fn region() -> String {
    "us-east-1".into()
}
fn from_kb() -> u32 {
    64
}
fn timeout() -> u32 {
    20
}
fn keep() -> u32 {
    30
}
