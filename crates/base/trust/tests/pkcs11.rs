//! A master key that a token wraps, with SoftHSM as the token. `apt-get install softhsm2`, which `cargo xtask test` does; without
//! it these tests fail, for a test that passes by not running proves nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use trust::token::{self, Settings};

const LIBRARIES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
];

fn library() -> PathBuf {
    let found = LIBRARIES.iter().map(Path::new).find(|p| p.exists());
    found
        .expect("SoftHSM is not installed: apt-get install softhsm2")
        .into()
}

/// The library can be started once in a process, and reads the variable of its configuration then; so each test starts this
/// very program again, with the step to do in the environment.
fn step(folder: &Path, name: &str) -> String {
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_step", "--nocapture", "--ignored"])
        .env("SOFTHSM2_CONF", folder.join("softhsm2.conf"))
        .env("STEP", name)
        .env("FOLDER", folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let said = text.split("<<").nth(1).and_then(|t| t.split(">>").next());
    said.unwrap_or_else(|| panic!("{name}: {text}{}", String::from_utf8_lossy(&out.stderr)))
        .to_string()
}

#[test]
#[ignore = "one step of the other test, in a process of its own"]
fn a_step() {
    let folder = PathBuf::from(std::env::var("FOLDER").unwrap());
    let mut settings = Settings {
        module: library(),
        token: "yiwang".into(),
        pin_file: folder.join("pin"),
    };
    let name = std::env::var("STEP").unwrap();
    match name.as_str() {
        "no-library" => settings.module = "/nowhere/lib.so".into(),
        "no-token" => settings.token = "other".into(),
        _ => {}
    }
    let key = "5a".repeat(32);
    let file = folder.join("wrapped");
    let said = match token::token(&settings) {
        Err(e) => format!("error: {e}"),
        Ok(t) if name == "wrap" => {
            let text = t.wrap(&key).unwrap();
            assert!(token::is_wrapped(&text) && !text.contains(&key));
            std::fs::write(&file, text).unwrap();
            format!("{:?}", token::module_status())
        }
        Ok(t) => match t.unwrap(&std::fs::read_to_string(&file).unwrap()) {
            Ok(k) => format!("opened {}", *k == key),
            Err(e) => format!("error: {e}"),
        },
    };
    println!("<<{said}>>");
}

#[test]
fn the_master_key_opens_only_with_its_token_and_the_right_pin() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let tokens = at.join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let conf = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
    std::fs::write(at.join("softhsm2.conf"), conf).unwrap();
    let made = Command::new("softhsm2-util")
        .args([
            "--init-token",
            "--free",
            "--label",
            "yiwang",
            "--so-pin",
            "12345678",
            "--pin",
            "987654",
        ])
        .env("SOFTHSM2_CONF", at.join("softhsm2.conf"))
        .output()
        .expect("SoftHSM is not installed: apt-get install softhsm2");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let why = step(at, "open");
    assert!(why.contains("cannot read the PIN file"), "{why}");
    std::fs::write(at.join("pin"), "987654\n").unwrap();
    let why = step(at, "no-library");
    assert!(
        why.contains("/nowhere/lib.so") && why.contains("is it installed"),
        "{why}"
    );
    let why = step(at, "no-token");
    assert!(
        why.contains("no token `other`") && why.contains("yiwang"),
        "{why}"
    );

    let status = step(at, "wrap");
    assert!(
        status.contains("token: \"yiwang\"") && status.contains("SoftHSM"),
        "{status}"
    );
    assert_eq!(step(at, "open"), "opened true");
    // An altered file does not open.
    let text = std::fs::read_to_string(at.join("wrapped")).unwrap();
    let mut altered = text.trim_end().to_string();
    let last = if altered.pop() == Some('0') { '1' } else { '0' };
    altered.push(last);
    std::fs::write(at.join("wrapped"), altered).unwrap();
    let why = step(at, "open");
    assert!(why.contains("does not unwrap"), "{why}");
    std::fs::write(at.join("wrapped"), text).unwrap();

    // One wrong PIN is told; a second start does not even try the next, so that no loop of restarts locks the token.
    std::fs::write(at.join("pin"), "000000\n").unwrap();
    let why = step(at, "open");
    assert!(
        why.contains("is not the one of the token") && !why.contains("000000"),
        "{why}"
    );
    for _ in 0..3 {
        let why = step(at, "open");
        assert!(why.contains("none is tried now"), "{why}");
    }
    // The token is gone.
    std::fs::rename(&tokens, at.join("away")).unwrap();
    std::fs::create_dir(&tokens).unwrap();
    let why = step(at, "open");
    assert!(why.contains("no token `yiwang`"), "{why}");
}
