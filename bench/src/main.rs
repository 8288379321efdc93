//! Measures what `docs/performance.md` states: `cargo run --release -p bench -- [name …]`, all of them without a name.
//!
//! Every figure is a ratio to a peer measured in the same run: machines differ and a disk's fsync rate swings by a
//! factor of ten within an hour, so the peer's rounds are interleaved with ours (A B A B …) and medians are taken.
//! Everything happens in a temporary folder (set `TMPDIR` to choose the disk) and ends by itself.

mod crypto;
mod engines;
mod http;
mod log;
mod reads;
mod transactions;

use std::io::Write;

/// What went wrong, for the one line that `main` prints.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Rounds of each side; odd, so that the median is a measured value.
pub const ROUNDS: usize = 7;

/// One finished comparison. Rates are per second.
pub struct Figure {
    pub name: &'static str,
    /// What our side and the peer did, in a few words.
    pub ours_is: &'static str,
    pub peer_is: &'static str,
    pub ours: Vec<f64>,
    pub peer: Vec<f64>,
    /// The ratio (median of the rounds' ratios) that should be reached.
    pub aim: f64,
    /// More figures of the same run, as (name, value).
    pub more: Vec<(&'static str, f64)>,
}

impl Figure {
    /// Ours / peer of each round, the peer measured just before.
    fn ratios(&self) -> Vec<f64> {
        self.ours
            .iter()
            .zip(&self.peer)
            .map(|(ours, peer)| ours / peer)
            .collect()
    }

    fn print(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let (ours, peer) = (median(self.ours.clone()), median(self.peer.clone()));
        let (ratio, worst) = (
            median(self.ratios()),
            self.ratios().into_iter().fold(f64::INFINITY, f64::min),
        );
        let verdict = if ratio >= self.aim { "reached" } else { "MISSED" };
        writeln!(out, "\n{}", self.name)?;
        writeln!(out, "  {:<52} {:>12}  rounds", "", "median /s")?;
        for (what, middle, all) in [(self.ours_is, ours, &self.ours), (self.peer_is, peer, &self.peer)] {
            let rounds: Vec<String> = all.iter().map(|v| format!("{v:.0}")).collect();
            writeln!(out, "  {what:<52} {middle:>12.0}  {}", rounds.join(" "))?;
        }
        writeln!(
            out,
            "  {:<52} {ratio:>12.2}  aim {:.2}: {verdict}",
            "ratio", self.aim
        )?;
        writeln!(out, "  {:<52} {worst:>12.2}", "lowest ratio of a round")?;
        for (what, value) in &self.more {
            writeln!(out, "  {what:<52} {value:>12.2}")?;
        }
        let more: serde_json::Map<_, _> = self
            .more
            .iter()
            .map(|(k, v)| (k.to_string(), (*v).into()))
            .collect();
        let line = serde_json::json!({
            "bench": self.name, "ours": ours, "peer": peer, "ratio": ratio, "lowest": worst, "aim": self.aim,
            "reached": ratio >= self.aim, "rounds_ours": self.ours, "rounds_peer": self.peer, "more": more,
        });
        writeln!(out, "{line}")
    }
}

/// The middle value; 0 of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

type Bench = (&'static str, fn(&std::path::Path) -> Result<Figure, Failure>);
const ALL: [Bench; 17] = [
    ("transactions", transactions::run),
    ("point-reads", reads::run),
    ("decisions", engines::decisions),
    ("instances", engines::instances),
    ("durable", engines::durable),
    ("submissions", http::submissions),
    ("home", http::home),
    ("guide", http::guide),
    ("search", http::search),
    ("million", http::million),
    ("tokens", http::openid::tokens),
    ("introspections", http::openid::introspections),
    ("scan", http::openid::scan),
    ("identities", http::identities::identities),
    ("sm2-sign", crypto::sign),
    ("sm2-verify", crypto::verify),
    ("log", log::run),
];

fn main() -> std::process::ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("bench: {e}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run(names: Vec<String>) -> Result<(), Failure> {
    if let [flag, place, people] = &names[..]
        && flag == "--identities"
    {
        return http::identities::served(std::path::Path::new(place), people.parse()?);
    }
    if let Some(unknown) = names.iter().find(|n| ALL.iter().all(|(known, _)| known != n)) {
        let known: Vec<&str> = ALL.iter().map(|(n, _)| *n).collect();
        return Err(format!("no bench {unknown}; there are: {}", known.join(", ")).into());
    }
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, {ROUNDS} rounds a side, interleaved; a figure missed is reported, not an error");
    for (_, bench) in ALL
        .iter()
        .filter(|(n, _)| names.is_empty() || names.iter().any(|m| m == n))
    {
        let folder = tempfile::tempdir()?;
        bench(folder.path())?.print()?;
    }
    Ok(())
}
