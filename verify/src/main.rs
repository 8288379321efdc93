//! Command line of the verifier.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Checks a published log of Yiwang, and a certificate against it.

usage: yiwang-verify --key FILE [--witness FILE] LOGDIR [CERTIFICATE.pdf PROOF.json]
       yiwang-verify monitor --key FILE --state FILE URL

  --key FILE       text file with the verifier keys of the log (name+id+key), one on a line; every one must have
                   signed. With a key of SM2 it is the tree hashed with SM3
  --witness FILE   checkpoint kept from an earlier day: must be a beginning of this log
  LOGDIR           folder with `checkpoint` and `tile/entries/...` as published
  CERTIFICATE.pdf  certificate as issued
  PROOF.json       proof handed out with it

monitor            compares the log served at URL (http://host/log, or http://host/log/sm3) with the head kept in
                   the state file and keeps the new one: run it by a timer, away from the log's operator. A head that
                   is refused is written beside the state as evidence

exit code: 0 everything fits, 1 something does not fit, 2 wrong use or unreadable file
";

/// What went wrong, by exit code.
enum Failure {
    Refuted(String),
    Usage(String),
}

struct Args {
    key: PathBuf,
    witness: Option<PathBuf>,
    log: PathBuf,
    certificate: Option<(PathBuf, PathBuf)>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    if args.iter().any(|a| a == "--help" || a == "-h") {
        say(HELP.trim_end());
        return ExitCode::SUCCESS;
    }
    let done = match args.split_first() {
        Some((first, rest)) if first == "monitor" => monitor(rest.to_vec()),
        _ => parse(args).and_then(|args| run(&args)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Refuted(why)) => {
            say(&format!("FAILED: {why}"));
            ExitCode::from(1)
        }
        Err(Failure::Usage(why)) => {
            // A closed standard error leaves nothing better to do than the exit code.
            let _ = writeln!(std::io::stderr(), "yiwang-verify: {why}");
            ExitCode::from(2)
        }
    }
}

fn parse(args: Vec<String>) -> Result<Args, Failure> {
    let usage = |why: &str| Failure::Usage(format!("{why}; see --help"));
    let (mut key, mut witness, mut files) = (None, None, Vec::new());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--key" => key = Some(args.next().ok_or_else(|| usage("--key needs a file"))?.into()),
            "--witness" => {
                let file = args.next().ok_or_else(|| usage("--witness needs a file"))?;
                witness = Some(PathBuf::from(file));
            }
            a if a.starts_with("--") => return Err(usage(&format!("unknown option {a}"))),
            _ => files.push(PathBuf::from(arg)),
        }
    }
    let key = key.ok_or_else(|| usage("--key is missing"))?;
    let mut files = files.into_iter();
    match (files.next(), files.next(), files.next(), files.next()) {
        (Some(log), None, ..) => Ok(Args {
            key,
            witness,
            log,
            certificate: None,
        }),
        (Some(log), Some(pdf), Some(proof), None) => Ok(Args {
            key,
            witness,
            log,
            certificate: Some((pdf, proof)),
        }),
        _ => Err(usage("give LOGDIR, or LOGDIR CERTIFICATE.pdf PROOF.json")),
    }
}

fn monitor(args: Vec<String>) -> Result<(), Failure> {
    let usage = |why: &str| Failure::Usage(format!("{why}; see --help"));
    let (mut key, mut state, mut url) = (None, None, None);
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let place = match arg.as_str() {
            "--key" => &mut key,
            "--state" => &mut state,
            a if a.starts_with("--") => return Err(usage(&format!("unknown option {a}"))),
            _ => {
                if url.replace(arg).is_some() {
                    return Err(usage("give one URL"));
                }
                continue;
            }
        };
        *place = Some(args.next().ok_or_else(|| usage(&format!("{arg} needs a file")))?);
    }
    let (Some(key), Some(state), Some(url)) = (key, state, url) else {
        return Err(usage("monitor needs --key FILE, --state FILE and a URL"));
    };
    let state = PathBuf::from(state);
    let seen = match state.exists() {
        true => Some(text(&state)?),
        false => None,
    };
    let keep = |path: &Path, note: &str| {
        // A crash leaves the old head or the new one, never half of it.
        let partial = path.with_added_extension("partial");
        std::fs::write(&partial, note)
            .and_then(|()| std::fs::rename(&partial, path))
            .map_err(|e| Failure::Usage(format!("{}: {e}", path.display())))
    };
    use verify::monitor::Trouble;
    match verify::monitor::watch(&text(Path::new(&key))?, &url, seen.as_deref()) {
        Ok(watched) => {
            keep(&state, &watched.note)?;
            watched.lines.iter().for_each(|line| say(&format!("OK: {line}")));
            Ok(())
        }
        Err(Trouble::Unreachable(why)) => Err(Failure::Usage(why)),
        Err(trouble) => {
            if let Trouble::Wrong { note: Some(note), .. } = &trouble {
                keep(&state.with_added_extension("refused"), note)?;
            }
            Err(Failure::Refuted(trouble.to_string()))
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let key = text(&args.key)?;
    if !args.log.is_dir() {
        return Err(Failure::Usage(format!("{}: not a folder", args.log.display())));
    }
    let files = match &args.certificate {
        Some((pdf, proof)) => Some((bytes(pdf)?, text(proof)?)),
        None => None,
    };
    let report = verify::verify_log(&key, &args.log).map_err(Failure::Refuted)?;
    say(&format!(
        "log {}: {} entries, root {}",
        report.origin, report.size, report.root_hex
    ));
    say("OK: the entries fit the signed checkpoint");
    for e in verify::verify_chain(&key, &args.log).map_err(Failure::Refuted)? {
        say(&format!(
            "OK: it continues the log {}, which ended with {} entries",
            e.origin, e.size
        ));
    }
    if let Some(file) = &args.witness {
        match verify::compare_witness(&key, &args.log, &text(file)?).map_err(Failure::Refuted)? {
            verify::Witness::Continued { origin, size } => {
                say(&format!(
                    "OK: the {size} entries of {origin} that the witness saw are all there"
                ));
            }
            verify::Witness::Lost { origin, first, last } => {
                return Err(Failure::Refuted(format!(
                    "entries {first} to {last} of {origin}, which the witness saw, are lost"
                )));
            }
        }
    }
    if let Some((pdf, proof)) = files {
        let done =
            verify::verify_certificate(&key, Some(&args.log), &pdf, &proof).map_err(Failure::Refuted)?;
        say(&format!("OK: {done}"));
    }
    Ok(())
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| Failure::Usage(format!("{}: {e}", path.display())))
}

fn text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(bytes(path)?).map_err(|_| Failure::Usage(format!("{}: not UTF-8", path.display())))
}

fn say(line: &str) {
    // As above: the exit code still tells the result when nobody reads.
    let _ = writeln!(std::io::stdout(), "{line}");
}
