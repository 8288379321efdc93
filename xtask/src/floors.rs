//! Which crate may depend on which, and house rules about the text of the crates.

use crate::source::{code, files, is_test, line_of, text};
use crate::world::World;
use crate::{Outcome, none_of};
use std::path::Path;

const MOST_LINES: usize = 900;
/// The kernel and everything above it serve any city; a name belongs into a pack.
const CITY: [&str; 4] = ["淮安", "huai'an", "huai’an", "huaian"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Floor {
    Kernel,
    Engine,
    Base,
    Net,
    Portal,
    Top,
    Verify,
    /// xtask, bench, stories: stand beside the house and may look into every room.
    Tool,
}

/// The floor of a crate by its folder, relative to the workspace.
fn floor(folder: &str) -> Option<Floor> {
    let parts: Vec<&str> = folder.split('/').collect();
    Some(match parts.as_slice() {
        ["crates", "kernel"] => Floor::Kernel,
        ["crates", "engines", _] => Floor::Engine,
        ["crates", "base", _] => Floor::Base,
        ["crates", "nets", _] => Floor::Net,
        ["crates", "portal"] => Floor::Portal,
        ["crates", "yiwang"] => Floor::Top,
        ["verify"] => Floor::Verify,
        ["xtask"] | ["bench"] | ["tests", _] => Floor::Tool,
        _ => return None,
    })
}

/// Whether a crate on one floor may depend on `name` of another.
fn may(from: Floor, to: Floor, name: &str) -> bool {
    use Floor::*;
    match from {
        Kernel | Engine => false,
        Base => matches!(to, Kernel | Engine | Base),
        Net => matches!(to, Kernel | Engine | Base),
        Portal => !matches!(to, Top | Tool | Portal),
        Top => to != Tool,
        Verify => name == "merkle",
        Tool => true,
    }
}

/// The verb `floors`.
pub fn check() -> Outcome {
    let world = World::read()?;
    let mut findings = dependencies(&world)?;
    findings.extend(smells(&world)?);
    none_of(findings, "floors")
}

fn dependencies(world: &World) -> Result<Vec<String>, String> {
    let of = |folder: &Path| floor(&world.shown(folder));
    let mut findings = Vec::new();
    for p in &world.packages {
        let folder = p.manifest_path.parent().unwrap_or(&p.manifest_path);
        let manifest = world.shown(&p.manifest_path);
        let Some(from) = of(folder) else {
            findings.push(format!(
                "{manifest}:1: {} is on no floor (see xtask/src/floors.rs)",
                p.name
            ));
            continue;
        };
        let toml = text(&p.manifest_path)?;
        for d in &p.dependencies {
            let Some(to) = d.path.as_deref() else { continue };
            if !of(to).is_some_and(|to| may(from, to, &d.name)) {
                let names = |l: &str| {
                    l.strip_prefix(&d.name)
                        .is_some_and(|r| r.starts_with(['.', ' ', '=']))
                };
                let line = toml.lines().position(names).map_or(1, |n| n + 1);
                findings.push(format!(
                    "{manifest}:{line}: {} may not depend on {}",
                    p.name, d.name
                ));
            }
        }
        let lib = folder.join("src/lib.rs");
        if lib.exists() && !text(&lib)?.starts_with("//!") {
            findings.push(format!(
                "{}:1: a crate begins by saying what it is (//!)",
                world.shown(&lib)
            ));
        }
    }
    Ok(findings)
}

fn smells(world: &World) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    for path in files(
        &world.workspace_root.join("crates"),
        &["rs", "sql", "html", "ftl"],
    )? {
        let (shown, text) = (world.shown(&path), text(&path)?);
        let lines = text.lines().count();
        if lines > MOST_LINES {
            findings.push(format!(
                "{shown}:{lines}: more than {MOST_LINES} lines; divide it"
            ));
        }
        if path.components().any(|c| c.as_os_str() == "migrations") && !is_migration(&shown) {
            findings.push(format!("{shown}:1: a migration is called NNNN_name.sql"));
        }
        if is_test(Path::new(&shown)) {
            continue;
        }
        for (n, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            if let Some(name) = CITY.iter().find(|c| line.contains(**c)) {
                findings.push(format!(
                    "{shown}:{}: a city is named ({name}); that belongs into its pack",
                    n + 1
                ));
            }
        }
        if path.extension().is_some_and(|e| e == "rs") && shown.contains("/src/") {
            for at in panics(&code(&text)) {
                findings.push(format!(
                    "{shown}:{}: unwrap or expect outside tests",
                    line_of(&text, at)
                ));
            }
        }
    }
    Ok(findings)
}

/// Offsets of `unwrap()` and of `expect` with a message; a parser's own `expect(tag)` takes no text.
fn panics(code: &str) -> Vec<usize> {
    let expects = code.match_indices(".expect(").filter(|(at, call)| {
        let argument = code[at + call.len()..].trim_start();
        ["\"", "r\"", "r#", "&format!"]
            .iter()
            .any(|s| argument.starts_with(s))
    });
    code.match_indices(".unwrap()")
        .chain(expects)
        .map(|(at, _)| at)
        .collect()
}

fn is_migration(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (number, rest) = name.split_at_checked(4).unwrap_or((name, ""));
    let word = rest
        .strip_prefix('_')
        .and_then(|r| r.strip_suffix(".sql"))
        .unwrap_or("");
    number.len() == 4
        && number.bytes().all(|b| b.is_ascii_digit())
        && !word.is_empty()
        && word
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_stand_on_lower_ones_only() {
        let floors = [
            "crates/kernel",
            "crates/engines/form",
            "crates/base/data",
            "crates/nets/services",
        ];
        let [kernel, engine, base, net] = floors.map(|f| floor(f).unwrap());
        assert!(may(base, kernel, "kernel") && may(base, base, "trust") && may(net, engine, "form"));
        assert!(
            !may(kernel, engine, "form") && !may(engine, kernel, "kernel") && !may(engine, engine, "form")
        );
        assert!(
            !may(net, net, "health") && !may(net, Floor::Portal, "portal") && !may(base, net, "services")
        );
        assert!(may(Floor::Portal, net, "services") && !may(Floor::Portal, Floor::Top, "yiwang"));
        assert!(may(Floor::Verify, engine, "merkle") && !may(Floor::Verify, engine, "form"));
        assert!(floor("crates/attic").is_none());
    }

    #[test]
    fn expect_is_told_from_a_parsers_own() {
        let of = |s: &str| panics(&code(s)).len();
        assert_eq!(
            of("a.unwrap(); b.expect(\"x\"); c.expect(\n  \"y\"); d.expect(&format!(\"z\"));"),
            4
        );
        assert_eq!(
            of("r.expect(der::SEQUENCE)?; a.unwrap_or(1); b.unwrap_or_default();"),
            0
        );
    }

    #[test]
    fn migrations_have_four_digits_and_a_name() {
        assert!(is_migration("crates/a/migrations/0001_first_table2.sql"));
        for bad in [
            "1_a.sql",
            "0001.sql",
            "0001_.sql",
            "00001_a.sql",
            "0001_A.sql",
            "x",
            "0001_a.txt",
        ] {
            assert!(!is_migration(bad), "{bad}");
        }
    }
}
