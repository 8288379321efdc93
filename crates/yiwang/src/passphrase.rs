//! Where a passphrase comes from: the environment, an open file, or a person at the terminal.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::process::{Command, Stdio};

/// The passphrase in `NAME`, behind the file descriptor in `NAME_FD`, or typed at the terminal without being shown.
pub fn get(name: &str, what: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    if let Some(given) = env(name).filter(|p| !p.is_empty()) {
        return Ok(given);
    }
    let descriptor = format!("{name}_FD");
    if let Some(fd) = env(&descriptor) {
        let number: u32 = fd
            .parse()
            .map_err(|_| format!("{descriptor} `{fd}`: give the number of an open file, such as 3"))?;
        let mut text = String::new();
        // A passphrase is short; whatever is longer is another file.
        std::fs::File::open(format!("/dev/fd/{number}"))
            .and_then(|f| f.take(4096).read_to_string(&mut text))
            .map_err(|e| format!("{descriptor} {number}: {e}"))?;
        return Ok(text.lines().next().unwrap_or_default().to_string());
    }
    if !std::io::stdin().is_terminal() {
        return Err(format!(
            "the master key is under a passphrase: give it in {name}, or behind the open file whose number is in {descriptor}, \
             or start at a terminal"
        ));
    }
    eprint!("{what}: ");
    let _ = std::io::stderr().flush();
    let echo = |on: &str| Command::new("stty").arg(on).stdin(Stdio::inherit()).status();
    let hidden = echo("-echo").is_ok_and(|s| s.success());
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if hidden {
        let _ = echo("echo");
        eprintln!();
    }
    read.map_err(|e| format!("{what}: {e}"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_string())
}
