//! Settings: flag > environment > `yiwang.toml` in the data folder (or `--config`) > default.

use kernel::ctx::Config;
use serde::Deserialize;
use std::path::PathBuf;

/// Everything the command line understood.
#[derive(Clone, Debug)]
pub struct Options {
    pub config: Config,
    pub pack: PathBuf,
    /// What is left: the verb and its words.
    pub words: Vec<String>,
    pub master_key: Option<String>,
    /// Channels of messages.
    pub comms: comms::Settings,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    url: Option<String>,
    listen: Option<String>,
    data: Option<PathBuf>,
    database: Option<String>,
    pack: Option<PathBuf>,
    node: Option<String>,
    demo: Option<bool>,
    comms: Option<comms::Settings>,
}

/// Reads flags, environment and file; an unknown flag or key is an error that names it.
pub fn read(args: &[String], env: &dyn Fn(&str) -> Option<String>) -> Result<Options, String> {
    let mut flags = std::collections::BTreeMap::new();
    let mut words = Vec::new();
    let mut args = args.iter();
    while let Some(a) = args.next() {
        match a.strip_prefix("--") {
            Some("demo") => drop(flags.insert("demo", "true".to_string())),
            Some(flag) => {
                let (name, given) = match flag.split_once('=') {
                    Some((n, v)) => (n, Some(v.to_string())),
                    None => (flag, None),
                };
                // Options of one verb stay with its words.
                if ["keep", "witness"].contains(&name) {
                    let value = given.or_else(|| args.next().cloned());
                    let value = value.ok_or_else(|| format!("--{name} needs a value"))?;
                    words.push(format!("--{name}={value}"));
                    continue;
                }
                let known = ["url", "listen", "data", "database", "pack", "node", "config"];
                let name = known
                    .iter()
                    .find(|k| **k == name)
                    .ok_or_else(|| format!("unknown option --{name}"))?;
                let value = given
                    .or_else(|| args.next().cloned())
                    .ok_or_else(|| format!("--{name} needs a value"))?;
                flags.insert(name, value);
            }
            None => words.push(a.clone()),
        }
    }
    let get = |name: &str| {
        flags
            .get(name)
            .cloned()
            .or_else(|| env(&format!("YIWANG_{}", name.to_uppercase())))
    };
    // `yiwang demo` is `yiwang serve --demo` on a folder of its own.
    let demo_verb = words.first().is_some_and(|w| w == "demo");
    let default_data = if demo_verb { "data/demo" } else { "data" };
    let file_name = get("config").unwrap_or_else(|| {
        let data = get("data").unwrap_or_else(|| default_data.into());
        format!("{data}/yiwang.toml")
    });
    let file: File = match std::fs::read_to_string(&file_name) {
        Ok(text) => toml::from_str(&text).map_err(|e| format!("{file_name}: {e}"))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !flags.contains_key("config") => {
            File::default()
        }
        Err(e) => return Err(format!("{file_name}: {e}")),
    };
    let master_key = match (env("YIWANG_MASTER_KEY"), env("YIWANG_MASTER_KEY_FILE")) {
        (Some(key), _) => Some(key),
        (None, Some(name)) => {
            let text = std::fs::read_to_string(&name);
            Some(text.map_err(|e| format!("YIWANG_MASTER_KEY_FILE {name}: {e}"))?)
        }
        (None, None) => None,
    };
    let listen = get("listen")
        .or(file.listen)
        .unwrap_or_else(|| "127.0.0.1:8151".into());
    let port = listen.rsplit_once(':').map_or("8151", |p| p.1).to_string();
    let config = Config {
        url: get("url")
            .or(file.url)
            .unwrap_or_else(|| format!("http://localhost:{port}"))
            .trim_end_matches('/')
            .into(),
        listen,
        data: get("data")
            .map(PathBuf::from)
            .or(file.data)
            .unwrap_or_else(|| default_data.into()),
        database: get("database").or(file.database),
        demo: demo_verb
            || get("demo")
                .map(|v| v == "true" || v == "1")
                .or(file.demo)
                .unwrap_or(false),
        node: get("node").or(file.node).unwrap_or_else(|| "node-1".into()),
        fast_hash: false,
    };
    let comms = file.comms.unwrap_or_default().with_environment(env)?;
    let pack = get("pack")
        .map(PathBuf::from)
        .or(file.pack)
        .unwrap_or_else(|| "pack".into());
    Ok(Options {
        config,
        pack,
        words,
        master_key,
        comms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(words: &[&str], env: &[(&str, &str)]) -> Result<Options, String> {
        let words: Vec<String> = words.iter().map(|w| w.to_string()).collect();
        read(&words, &|k| {
            env.iter().find(|(n, _)| *n == k).map(|(_, v)| v.to_string())
        })
    }

    #[test]
    fn flags_win_over_environment_and_unknown_ones_are_named() {
        let o = read_words(
            &["serve", "--listen", "0.0.0.0:9000", "--demo"],
            &[("YIWANG_LISTEN", "1.1.1.1:1")],
        )
        .unwrap();
        assert_eq!(
            (o.config.listen.as_str(), o.config.url.as_str()),
            ("0.0.0.0:9000", "http://localhost:9000")
        );
        assert!(o.config.demo && o.words == ["serve"]);
        let demo = read_words(&["demo"], &[]).unwrap();
        assert!(demo.config.demo && demo.config.data.ends_with("data/demo"));
        let missing = read_words(&[], &[("YIWANG_MASTER_KEY_FILE", "/nowhere/key")]);
        assert!(missing.unwrap_err().contains("/nowhere/key"));
        assert_eq!(read_words(&[], &[("YIWANG_NODE", "b")]).unwrap().config.node, "b");
        assert_eq!(
            read_words(&["--nope", "1"], &[]).unwrap_err(),
            "unknown option --nope"
        );
        assert!(
            read_words(&["--config", "/nowhere/x.toml"], &[])
                .unwrap_err()
                .contains("/nowhere/x.toml")
        );
    }
}
