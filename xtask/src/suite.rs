//! The whole test suite in order, stopping at the first failure.

use crate::postgres::{self, Postgres};
use crate::source::{files, text};
use crate::world::{World, cargo, program, run, succeeds};
use crate::{Outcome, floors, locales};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What the steps share.
struct Suite {
    world: World,
    /// Started by the first step that needs it.
    postgres: Option<Postgres>,
}

type Step = (&'static str, fn(&mut Suite) -> Outcome);

const STEPS: [Step; 12] = [
    ("tools", tools),
    ("web", web),
    ("fmt", fmt),
    ("floors", |_| floors::check()),
    ("locales", |_| locales::check()),
    ("clippy", clippy),
    ("postgres", |s| s.postgres().map(|url| println!("{url}"))),
    ("tests", tests),
    ("doc-tests", doc_tests),
    ("build", build),
    ("pack", pack),
    ("e2e", e2e),
];

/// The verb `test`: all steps, or the named ones.
pub fn run_steps(only: &[&str]) -> Outcome {
    let known = STEPS.map(|s| s.0);
    if let Some(wrong) = only.iter().find(|o| !known.contains(o)) {
        return Err(format!(
            "there is no step `{wrong}`; the steps are {}",
            known.join(", ")
        ));
    }
    let chosen: Vec<Step> = STEPS
        .into_iter()
        .filter(|s| only.is_empty() || only.contains(&s.0))
        .collect();
    let mut suite = Suite {
        world: World::read()?,
        postgres: None,
    };
    let whole = Instant::now();
    let mut table = Vec::new();
    for (n, (name, step)) in chosen.iter().enumerate() {
        println!("\n=== {}/{} {name}", n + 1, chosen.len());
        let since = Instant::now();
        let outcome = step(&mut suite);
        let seconds = since.elapsed().as_secs_f64();
        if let Err(e) = outcome {
            return Err(format!(
                "{e}\n\nFAILED in step `{name}` after {seconds:.1} s; again: cargo xtask test {name}"
            ));
        }
        println!("=== {name} ok, {seconds:.1} s");
        table.push(format!("  {name:<10} {seconds:>7.1} s"));
    }
    println!(
        "\n{}\n  {:<10} {:>7.1} s\nAll passed.",
        table.join("\n"),
        "together",
        whole.elapsed().as_secs_f64()
    );
    Ok(())
}

impl Suite {
    fn root(&self) -> &Path {
        &self.world.workspace_root
    }

    fn postgres(&mut self) -> Result<String, String> {
        if self.postgres.is_none() {
            self.postgres = Some(Postgres::start()?);
        }
        Ok(self.postgres.as_ref().map(Postgres::url).unwrap_or_default())
    }
}

/// A Debian package and how to see that what it brings is there.
type Package = (&'static str, fn() -> bool);

const PACKAGES: [Package; 7] = [
    ("postgresql-15", || postgres::binaries().is_some()),
    ("chromium", || Path::new("/usr/bin/chromium").exists()),
    ("fonts-noto-cjk", || {
        Path::new("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").exists()
            || succeeds("dpkg", &["-s", "fonts-noto-cjk"])
    }),
    ("poppler-utils", || succeeds("pdftotext", &["-v"])),
    // The PKCS #11 token of crates/base/trust/tests/pkcs11.rs.
    ("softhsm2", || succeeds("softhsm2-util", &["--version"])),
    ("openssl", || succeeds("openssl", &["version"])),
    ("python3-venv", || {
        succeeds("python3", &["-c", "import venv, ensurepip"])
    }),
];

fn tools(s: &mut Suite) -> Outcome {
    let missing: Vec<&str> = PACKAGES.iter().filter(|p| !(p.1)()).map(|p| p.0).collect();
    if !missing.is_empty() {
        println!("missing: {}", missing.join(" "));
        let install = || {
            run(apt(s.root()).arg("update"))?;
            run(apt(s.root())
                .args(["install", "-y", "--no-install-recommends"])
                .args(&missing))
        };
        let still = |e: String| format!("{e}\nthe tests need these Debian packages: {}", missing.join(" "));
        install().map_err(still)?;
        if let Some(p) = PACKAGES.iter().find(|p| !(p.1)()) {
            return Err(format!(
                "{} was installed, but what it should bring is not there",
                p.0
            ));
        }
    }
    if !has_nextest() {
        let installed = run(cargo(s.root()).args(["install", "cargo-nextest", "--locked"]));
        if let Err(e) = installed {
            println!("{e}; the tests run under `cargo test` instead");
        }
    }
    Ok(())
}

/// `apt-get`, through sudo where that is needed and there.
fn apt(root: &Path) -> Command {
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|o| o.stdout.trim_ascii() == b"0");
    let mut c = if is_root || !succeeds("sudo", &["--version"]) {
        program("apt-get", root)
    } else {
        let mut c = program("sudo", root);
        c.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        c
    };
    c.env("DEBIAN_FRONTEND", "noninteractive");
    c
}

fn has_nextest() -> bool {
    succeeds("cargo", &["nextest", "--version"])
}

/// Builds when the sources changed (the Makefile knows when), then lets TypeScript check the types.
fn web(s: &mut Suite) -> Outcome {
    run(program("make", s.root()).args(["--no-print-directory", "web"]))?;
    run(program("npm", &s.root().join("web")).args(["run", "check"]))?;
    run(program("npm", &s.root().join("web")).arg("test"))
}

fn fmt(s: &mut Suite) -> Outcome {
    run(cargo(s.root()).args(["fmt", "--all", "--check"]))
}

fn clippy(s: &mut Suite) -> Outcome {
    run(cargo(s.root()).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn tests(s: &mut Suite) -> Outcome {
    let url = s.postgres()?;
    let mut c = cargo(s.root());
    if has_nextest() {
        c.args(["nextest", "run", "--workspace"]);
    } else {
        c.args(["test", "--workspace", "--lib", "--bins", "--tests"]);
    }
    run(c.env("YIWANG_TEST_POSTGRES", url))
}

fn doc_tests(s: &mut Suite) -> Outcome {
    for path in files(s.root(), &["rs"])? {
        // A fence that names another language is text, not an example.
        let example = |l: &str| matches!(l.trim(), "/// ```" | "//! ```" | "/// ```rust" | "//! ```rust");
        if text(&path)?.lines().any(example) {
            return run(cargo(s.root()).args(["test", "--doc", "--workspace"]));
        }
    }
    println!("there are none");
    Ok(())
}

fn build(s: &mut Suite) -> Outcome {
    // With the whole workspace the features are those of the tests, so nothing is compiled twice.
    run(cargo(s.root()).args(["build", "--workspace", "--bins"]))
}

fn pack(s: &mut Suite) -> Outcome {
    run(program(s.world.binary("debug", "yiwang"), s.root()).args(["pack", "check", "packs/huaian"]))
}

fn e2e(s: &mut Suite) -> Outcome {
    let url = s.postgres()?;
    let folder = s.root().join("tests/e2e");
    run(program("npm", &folder).arg("ci"))?;
    run(program("node", &folder)
        .arg("run.mjs")
        .env("YIWANG_BIN", s.world.binary("debug", "yiwang"))
        .env("YIWANG_VERIFY_BIN", s.world.binary("debug", "yiwang-verify"))
        .env("YIWANG_TEST_POSTGRES", url))
}
