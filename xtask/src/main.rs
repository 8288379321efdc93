//! House checks that the compiler does not make, and the whole test suite: `cargo xtask <verb>`.

mod budget;
mod floors;
mod locales;
mod postgres;
mod source;
mod suite;
mod world;

use std::process::ExitCode;

const HELP: &str = "cargo xtask <verb>

  floors         which crate may depend on which, and house rules about the text of the crates
  locales        Fluent keys: both languages, no doubles, every key used exists
  test [STEP…]   the whole suite in order, or only the named steps
  budget         size of the release binary, time to start, memory at rest";

/// What went wrong, as lines for a person.
pub type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["floors"] => floors::check(),
        ["locales"] => locales::check(),
        ["test", steps @ ..] => suite::run_steps(steps),
        ["budget"] => budget::check(),
        _ => Err(HELP.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

/// `Ok` when there are no findings, otherwise all of them with a count.
pub fn none_of(mut findings: Vec<String>, what: &str) -> Outcome {
    if findings.is_empty() {
        println!("{what}: nothing found");
        return Ok(());
    }
    findings.sort();
    let n = findings.len();
    Err(format!("{}\n{what}: {n} found", findings.join("\n")))
}
