//! Settings: flag > environment > `yiwang.toml` in the data folder (or `--config`) > default.

use kernel::ctx::Config;
use kernel::rate::{Allowance, Rate};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything the command line understood.
#[derive(Clone, Debug)]
pub struct Options {
    pub config: Config,
    pub pack: PathBuf,
    /// What is left: the verb and its words.
    pub words: Vec<String>,
    pub master_key: Option<String>,
    /// The token that wraps the master key.
    pub pkcs11: Option<trust::token::Settings>,
    /// Where large contents lie; in the database when there is none.
    pub objects: Option<objects::Settings>,
    /// Channels of messages.
    pub comms: comms::Settings,
    /// How people sign in.
    pub sign_in: identity::Settings,
    /// Which log lines are written (`target=level,…`), and whether as JSON.
    pub log: String,
    pub log_json: bool,
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
    log: Option<String>,
    log_format: Option<String>,
    /// Addresses of reverse proxies.
    proxies: Option<Vec<String>>,
    metrics_token: Option<String>,
    rates: Option<BTreeMap<String, Allowed>>,
    objects: Option<objects::Settings>,
    comms: Option<comms::Settings>,
    sign_in: Option<identity::Settings>,
    keys: Option<Keys>,
}

/// `[keys]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    pkcs11: Option<trust::token::Settings>,
}

impl Keys {
    /// The environment goes before the file; all three are needed.
    fn pkcs11(self, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<trust::token::Settings>, String> {
        let names = [
            "YIWANG_PKCS11_MODULE",
            "YIWANG_PKCS11_TOKEN",
            "YIWANG_PKCS11_PIN_FILE",
        ];
        match names.map(|n| env(n).filter(|v| !v.is_empty())) {
            [None, None, None] => Ok(self.pkcs11),
            [Some(module), Some(token), Some(pin_file)] => Ok(Some(trust::token::Settings {
                module: module.into(),
                token,
                pin_file: pin_file.into(),
            })),
            _ => Err(format!("give all of {}, or none", names.join(", "))),
        }
    }
}

/// `[rates.guess]` and its like.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    burst: u32,
    /// 0 switches the limit off.
    per_minute: u32,
}

/// Settings that may come as `--name` or `YIWANG_NAME`.
const NAMES: [&str; 11] = [
    "url",
    "listen",
    "data",
    "database",
    "pack",
    "node",
    "config",
    "demo",
    "log",
    "log-format",
    "proxies",
];
/// Settings that come by the environment or the file alone, so that no process list shows them.
const SECRETS: [&str; 10] = [
    "YIWANG_PKCS11_MODULE",
    "YIWANG_PKCS11_TOKEN",
    "YIWANG_PKCS11_PIN_FILE",
    "YIWANG_MASTER_KEY",
    "YIWANG_MASTER_KEY_FILE",
    "YIWANG_MASTER_PASSPHRASE",
    "YIWANG_MASTER_PASSPHRASE_FD",
    "YIWANG_NEW_MASTER_PASSPHRASE",
    "YIWANG_NEW_MASTER_PASSPHRASE_FD",
    "YIWANG_METRICS_TOKEN",
];

fn variable(name: &str) -> String {
    format!("YIWANG_{}", name.to_uppercase().replace('-', "_"))
}

/// The variables among these that look like ours and are not: most likely a slip of the pen.
pub fn unknown(variables: impl Iterator<Item = String>) -> Vec<String> {
    let known = |v: &str| {
        NAMES.iter().any(|n| variable(n) == v)
            || SECRETS.contains(&v)
            || comms::Settings::variables().contains(&v)
    };
    variables
        .filter(|v| v.starts_with("YIWANG_") && !v.starts_with("YIWANG_TEST_") && !known(v))
        .collect()
}

/// Reads flags, environment and file; an unknown flag or key is an error that names it.
pub fn read(args: &[String], env: &dyn Fn(&str) -> Option<String>) -> Result<Options, String> {
    let mut flags = BTreeMap::new();
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
                if [
                    "keep",
                    "witness",
                    "name",
                    "operator",
                    "redirect",
                    "after-logout",
                    "scope",
                    "auth",
                    "grant",
                ]
                .contains(&name)
                {
                    let value = given.or_else(|| args.next().cloned());
                    let value = value.ok_or_else(|| format!("--{name} needs a value"))?;
                    words.push(format!("--{name}={value}"));
                    continue;
                }
                let name = NAMES
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
            .or_else(|| env(&variable(name)).filter(|v| !v.is_empty()))
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
    // Verbs that do not open the city ask for no passphrase.
    let closed = matches!(
        words.iter().map(String::as_str).collect::<Vec<_>>()[..],
        ["pack", "check", ..] | ["master-key", "make" | "protect" | "wrap", ..]
    );
    let pkcs11 = file.keys.unwrap_or_default().pkcs11(env)?;
    let master_key = match master_key {
        Some(text) if !closed => Some(crate::master::opened(&text, pkcs11.as_ref(), env)?),
        other => other,
    };
    let listen = get("listen")
        .or(file.listen)
        .unwrap_or_else(|| "127.0.0.1:8151".into());
    let port = listen
        .rsplit_once(':')
        .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        .ok_or_else(|| format!("listen `{listen}`: give an address and a port, such as 127.0.0.1:8151"))?
        .1
        .to_string();
    let url = get("url")
        .or(file.url)
        .unwrap_or_else(|| format!("http://localhost:{port}"));
    let url = url.trim_end_matches('/').to_string();
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    if host.is_none_or(|h| h.is_empty() || h.contains(['/', '?', '#', ' '])) {
        return Err(format!(
            "url `{url}`: give the address people open, such as https://www.city.example, without a path"
        ));
    }
    let database = get("database").or(file.database);
    if let Some(d) = database
        .as_deref()
        .filter(|d| !d.starts_with("postgres://") && !d.starts_with("postgresql://"))
    {
        return Err(format!(
            "database `{}`: give postgres://user@host/name, or leave it out for SQLite in the data folder",
            d.split('@').next_back().unwrap_or(d)
        ));
    }
    let proxies = match get("proxies") {
        Some(list) => list
            .split(',')
            .map(|p| p.trim().to_string())
            .filter(|p| !p.is_empty())
            .collect(),
        None => file.proxies.unwrap_or_default(),
    };
    let mut edge = kernel::ctx::Edge {
        metrics_token: env("YIWANG_METRICS_TOKEN")
            .or(file.metrics_token)
            .filter(|t| !t.is_empty()),
        ..Default::default()
    };
    for p in proxies {
        let address = p
            .parse()
            .map_err(|_| format!("proxies `{p}`: give the proxy's IP address, such as 127.0.0.1"))?;
        edge.proxies.push(address);
    }
    for (name, a) in file.rates.unwrap_or_default() {
        let rate = Rate::ALL.into_iter().find(|r| r.name() == name).ok_or_else(|| {
            format!(
                "{file_name}: [rates.{name}]: there are {}",
                Rate::ALL.map(Rate::name).join(", ")
            )
        })?;
        edge.rates.push((
            rate,
            Allowance {
                burst: a.burst.max(1),
                per_minute: a.per_minute,
            },
        ));
    }
    let serving = matches!(words.first().map(String::as_str), None | Some("serve"));
    let log_json = match get("log-format").or(file.log_format).as_deref() {
        None => serving,
        Some("json") => true,
        Some("text") => false,
        Some(other) => return Err(format!("log-format `{other}`: give json or text")),
    };
    let log = get("log").or(file.log);
    let usual = match words.first().map(String::as_str) {
        // That the pack on disk is another one is what these verbs are asked about.
        Some("pack") => "warn,kernel::pack=error",
        _ if serving => "warn,http=info",
        _ => "warn",
    };
    let log = log.unwrap_or_else(|| usual.into());
    let config = Config {
        url,
        listen,
        data: get("data")
            .map(PathBuf::from)
            .or(file.data)
            .unwrap_or_else(|| default_data.into()),
        database,
        demo: demo_verb
            || get("demo")
                .map(|v| v == "true" || v == "1")
                .or(file.demo)
                .unwrap_or(false),
        node: get("node").or(file.node).unwrap_or_else(|| "node-1".into()),
        fast_hash: false,
        edge,
        checked_pack: false,
    };
    let comms = file.comms.unwrap_or_default().with_environment(env)?;
    let sign_in = file.sign_in.unwrap_or_default();
    sign_in.check()?;
    let pack = get("pack")
        .map(PathBuf::from)
        .or(file.pack)
        .unwrap_or_else(|| "pack".into());
    Ok(Options {
        config,
        pack,
        words,
        master_key,
        pkcs11,
        objects: file.objects,
        comms,
        sign_in,
        log,
        log_json,
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

    #[test]
    fn errors_name_the_key_and_say_what_would_be_right() {
        let error = |words: &[&str], env: &[(&str, &str)]| read_words(words, env).unwrap_err();
        assert!(error(&["--listen", "8151"], &[]).starts_with("listen `8151`: give an address"));
        assert!(error(&[], &[("YIWANG_LISTEN", "0.0.0.0:99999")]).contains("0.0.0.0:99999"));
        assert!(error(&["--url", "www.city.example"], &[]).starts_with("url `www.city.example`"));
        assert!(error(&["--url", "https://city.example/app"], &[]).contains("without a path"));
        let secret = error(&["--database", "mysql://me:secret@host/x"], &[]);
        assert!(
            secret.starts_with("database `host/x`") && !secret.contains("secret"),
            "{secret}"
        );
        assert!(error(&["--proxies", "nginx"], &[]).contains("proxies `nginx`"));
        assert!(error(&["--log-format", "xml"], &[]).contains("json or text"));
    }

    #[test]
    fn the_file_is_read_and_its_mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("yiwang.toml");
        let with = |text: &str| {
            std::fs::write(&name, text).unwrap();
            read_words(&["--config", name.to_str().unwrap()], &[])
        };
        let o = with(
            "url = \"https://www.city.example/\"\nproxies = [\"127.0.0.1\"]\nmetrics_token = \"t\"\n\
             [rates.lookup]\nburst = 5\nper_minute = 0\n",
        )
        .unwrap();
        assert!(o.config.secure() && o.log_json && o.log == "warn,http=info");
        assert_eq!(
            o.config.edge.proxies,
            ["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]
        );
        assert_eq!(o.config.edge.metrics_token.as_deref(), Some("t"));
        assert_eq!(o.config.edge.rates[0].1.per_minute, 0);
        let slip = with("listn = \"127.0.0.1:1\"\n").unwrap_err();
        assert!(slip.contains("yiwang.toml") && slip.contains("listn"), "{slip}");
        let slip = with("[rates.gues]\nburst = 1\nper_minute = 1\n").unwrap_err();
        assert!(
            slip.contains("rates.gues") && slip.contains("guess, lookup, upload"),
            "{slip}"
        );
    }

    #[test]
    fn a_master_key_under_a_passphrase_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("master.key");
        let key = "5a".repeat(32);
        std::fs::write(
            &name,
            trust::master_file::protect(&key, "twelve letters").unwrap(),
        )
        .unwrap();
        let name = name.to_str().unwrap();
        let with = |words: &[&str], passphrase: &str| {
            let env = [
                ("YIWANG_MASTER_KEY_FILE", name),
                ("YIWANG_MASTER_PASSPHRASE", passphrase),
            ];
            read_words(words, &env)
        };
        assert_eq!(with(&[], "twelve letters").unwrap().master_key, Some(key));
        assert!(with(&[], "another").unwrap_err().contains("passphrase"));
        assert!(
            with(&["pack", "check"], "another").is_ok(),
            "a verb without a city asks for nothing"
        );
        let file = folder.path().join("words");
        std::fs::write(&file, "twelve letters\n").unwrap();
        let open = std::fs::File::open(&file).unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&open).to_string();
        let env = [
            ("YIWANG_MASTER_KEY_FILE", name),
            ("YIWANG_MASTER_PASSPHRASE_FD", fd.as_str()),
        ];
        assert!(read_words(&[], &env).unwrap().master_key.is_some());
    }

    #[test]
    fn variables_that_look_like_ours_are_named() {
        let names = [
            "YIWANG_LISTN",
            "YIWANG_LISTEN",
            "YIWANG_LOG_FORMAT",
            "YIWANG_TEST_POSTGRES",
            "PATH",
            "YIWANG_COMMS_SMS_URL",
            "YIWANG_MASTER_KEY_FILE",
        ];
        assert_eq!(unknown(names.iter().map(|n| n.to_string())), ["YIWANG_LISTN"]);
    }
}
