//! A log served over HTTP and watched from outside: what an honest one shows, and every way to cheat.

use base64::{Engine, engine::general_purpose::STANDARD};
use merkle::{Checkpoint, Hashing, MemoryTree, NoteKey, PublicKey, SigningKey};
use serde_json::json;
use sm2::dsa::signature::Signer;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use verify::monitor::{Kind, Trouble, Watched, watch};

/// What the server answers, by path.
type Files = HashMap<String, Vec<u8>>;

struct Server {
    url: String,
    files: Arc<Mutex<Files>>,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/log", listener.local_addr().unwrap());
        let files: Arc<Mutex<Files>> = Arc::default();
        let known = files.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut asked = Vec::new();
                let mut part = [0; 1024];
                while !asked.windows(4).any(|w| w == b"\r\n\r\n") {
                    match stream.read(&mut part) {
                        Ok(0) | Err(_) => break,
                        Ok(n) => asked.extend(&part[..n]),
                    }
                }
                let asked = String::from_utf8_lossy(&asked).into_owned();
                let path = asked.split_whitespace().nth(1).unwrap_or_default();
                let found = known.lock().unwrap().get(path).cloned();
                let (status, body) = found.map_or(("404 Not Found", Vec::new()), |b| ("200 OK", b));
                let head = format!("HTTP/1.0 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        Server { url, files }
    }

    fn serve(&self, files: Files) {
        *self.files.lock().unwrap() = files;
    }
}

/// One epoch of a log: entry `i` is `seed-i`, but for the first, which may hold the head of the epoch before.
#[derive(Clone)]
struct Log {
    hashing: Hashing,
    epoch: u64,
    seed: &'static str,
    first: Option<String>,
    key: u8,
}

impl Log {
    fn new(hashing: Hashing) -> Log {
        Log {
            hashing,
            epoch: 1,
            seed: "entry",
            first: None,
            key: 7,
        }
    }
    fn origin(&self) -> String {
        match self.hashing {
            Hashing::Sha256 => format!("yiwang.example/log/{}", self.epoch),
            Hashing::Sm3 => format!("yiwang.example/log/sm3/{}", self.epoch),
        }
    }
    fn leaf(&self, i: u64) -> String {
        match &self.first {
            Some(first) if i == 0 => first.clone(),
            _ => format!("{}-{i}", self.seed),
        }
    }
    fn tree(&self, size: u64) -> MemoryTree {
        let mut tree = MemoryTree::new(self.hashing);
        for i in 0..size {
            tree.append(self.hashing.leaf(self.leaf(i).as_bytes()));
        }
        tree
    }
    /// The keys, and the signature lines of a text.
    fn sign(&self, text: &str) -> (Vec<NoteKey>, Vec<String>) {
        let name = self.origin();
        let common = SigningKey::from_bytes(&[self.key; 32]);
        let mut keys = vec![NoteKey {
            name: name.clone(),
            key: common.verifying_key().into(),
        }];
        let signature = ed25519(&common, text);
        let mut lines = vec![keys[0].line(&signature)];
        if self.hashing == Hashing::Sm3 {
            let secret = sm2::SecretKey::from_slice(&[self.key; 32]).unwrap();
            let point = secret.public_key().to_sec1_bytes().to_vec();
            let key = NoteKey {
                name,
                key: PublicKey::Sm2(point.try_into().unwrap()),
            };
            let signer = sm2::dsa::SigningKey::new("1234567812345678", &secret).unwrap();
            let made: sm2::dsa::Signature = signer.try_sign(text.as_bytes()).unwrap();
            lines.insert(0, key.line(made.to_der().as_ref()));
            keys.insert(0, key);
        }
        (keys, lines)
    }
    fn key_file(&self) -> String {
        let (keys, _) = self.sign("");
        keys.iter().map(|k| k.to_text() + "\n").collect()
    }
    fn note(&self, size: u64) -> String {
        let text = Checkpoint {
            origin: self.origin(),
            size,
            root: self.tree(size).root(),
        }
        .to_text();
        let (_, lines) = self.sign(&text);
        merkle::join_note(&text, &lines)
    }
    /// What the server has of this log with `size` entries.
    fn files(&self, size: u64, ended: bool) -> Files {
        let base = match self.hashing {
            Hashing::Sha256 => "/log".to_string(),
            Hashing::Sm3 => "/log/sm3".to_string(),
        };
        let tree = self.tree(size);
        let mut files = Files::new();
        let mut put = |path: &str, bytes: Vec<u8>| {
            files.insert(format!("{base}/epoch/{}/{path}", self.epoch), bytes.clone());
            if !ended {
                files.insert(format!("{base}/{path}"), bytes);
            }
        };
        put("checkpoint", self.note(size).into_bytes());
        for level in 0..3u8 {
            let count = size >> (8 * level);
            for index in 0..count.div_ceil(256) {
                let width = (count - index * 256).min(256) as u16;
                let path = merkle::tile_path(level, index, (width < 256).then_some(width));
                put(&path, merkle::tile_bytes(&tree, level, index, width).unwrap());
            }
        }
        if self.first.is_some() {
            let hashes = merkle::inclusion(&tree, 0, size).unwrap();
            let proof = json!({
                "format": "yiwang-proof/1", "leaf": self.leaf(0), "index": 0, "checkpoint": self.note(size),
                "hashes": hashes.iter().map(|h| STANDARD.encode(h)).collect::<Vec<_>>(),
            });
            put("opening", proof.to_string().into_bytes());
        }
        files
    }
    /// The epoch that a restore opens after this log ended with `size` entries.
    fn next(&self, size: u64) -> Log {
        let note = self.note(size);
        let previous = match self.hashing {
            Hashing::Sha256 => json!({ "checkpoint": note }),
            Hashing::Sm3 => json!({ "checkpoint": "", "sm3": { "checkpoint": note } }),
        };
        let payload = json!({ "epoch": self.epoch + 1, "previous": previous });
        Log {
            epoch: self.epoch + 1,
            first: Some(json!({ "type": "trust.log.reopened", "payload": payload }).to_string()),
            ..self.clone()
        }
    }
}

fn ed25519(key: &SigningKey, text: &str) -> Vec<u8> {
    let note = merkle::sign_note(text, key, "x");
    let line = note.trim_end().rsplit_once(' ').unwrap().1;
    STANDARD.decode(line).unwrap()[4..].to_vec()
}

fn url(server: &Server, hashing: Hashing) -> String {
    match hashing {
        Hashing::Sha256 => server.url.clone(),
        Hashing::Sm3 => format!("{}/sm3", server.url),
    }
}

#[track_caller]
fn wrong(result: Result<Watched, Trouble>, kind: Kind, words: &str) {
    match result {
        Err(trouble @ Trouble::Wrong { kind: found, .. }) => {
            let text = trouble.to_string();
            assert_eq!(found, kind, "{text}");
            assert!(text.contains(words), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_honest_log_grows() {
    let server = Server::start();
    for hashing in Hashing::ALL {
        let (log, url) = (Log::new(hashing), url(&server, hashing));
        let mut seen: Option<String> = None;
        for size in [0, 1, 5, 255, 256, 257, 600, 600, 1_000] {
            server.serve(log.files(size, false));
            let watched = watch(&log.key_file(), &url, seen.as_deref()).unwrap();
            assert_eq!(watched.note, log.note(size));
            seen = Some(watched.note);
        }
        // Whoever comes late proves the whole growth at once.
        assert!(watch(&log.key_file(), &url, Some(&log.note(3))).is_ok());
    }
}

#[test]
fn every_lie_is_named() {
    let server = Server::start();
    for hashing in Hashing::ALL {
        let (log, url) = (Log::new(hashing), url(&server, hashing));
        let key = log.key_file();
        let seen = log.note(300);
        let look = |files: Files| {
            server.serve(files);
            watch(&key, &url, Some(&seen))
        };
        let stranger = Log {
            key: 8,
            ..log.clone()
        };
        wrong(look(stranger.files(400, false)), Kind::Forged, "not signed");
        let mut files = log.files(400, false);
        let path = match hashing {
            Hashing::Sha256 => "/log/checkpoint",
            Hashing::Sm3 => "/log/sm3/checkpoint",
        };
        let forged = log.note(400).replace("\n400\n", "\n401\n");
        files.insert(path.into(), forged.into_bytes());
        wrong(look(files), Kind::Forged, "does not fit");
        wrong(
            look(log.files(299, false)),
            Kind::Shrunk,
            "had 300 entries and now shows 299",
        );
        let other = Log {
            seed: "rewritten",
            ..log.clone()
        };
        wrong(
            look(other.files(300, false)),
            Kind::Forked,
            "do not begin with the 300",
        );
        wrong(
            look(other.files(400, false)),
            Kind::Forked,
            "do not begin with the 300",
        );
        // True hashes under a head of other entries.
        let mut files = log.files(400, false);
        files.insert(path.into(), other.note(400).into_bytes());
        wrong(look(files), Kind::Forked, "do not begin");
        // A server without tiles proves nothing, and that is said.
        let mut files = log.files(400, false);
        files.retain(|path, _| !path.contains("tile"));
        assert!(matches!(look(files), Err(Trouble::Unreachable(why)) if why.ends_with("404")));
        assert!(matches!(look(Files::new()), Err(Trouble::Unreachable(_))));
    }
}

#[test]
fn an_sm3_head_needs_both_signatures() {
    let server = Server::start();
    let log = Log::new(Hashing::Sm3);
    let url = url(&server, Hashing::Sm3);
    let mut files = log.files(10, false);
    let note = log.note(10);
    let (head, lines) = note.rsplit_once("\n\n").unwrap();
    for line in lines.lines() {
        let short = format!("{head}\n\n{line}\n");
        files.insert("/log/sm3/checkpoint".into(), short.into_bytes());
        server.serve(files.clone());
        wrong(watch(&log.key_file(), &url, None), Kind::Forged, "not signed");
    }
}

#[test]
fn a_restore_is_followed_and_what_it_lost_is_named() {
    let server = Server::start();
    for hashing in Hashing::ALL {
        let (log, url) = (Log::new(hashing), url(&server, hashing));
        let key = log.key_file();
        let next = log.next(300);
        let mut honest = log.files(300, true);
        honest.extend(next.files(20, false));
        server.serve(honest.clone());
        for seen in [None, Some(log.note(300)), Some(log.note(120)), Some(next.note(7))] {
            let watched = watch(&key, &url, seen.as_deref()).unwrap();
            assert_eq!(watched.note, next.note(20));
        }
        let lost = watch(&key, &url, Some(&log.note(310)));
        wrong(lost, Kind::Lost, "entries 301 to 310 of");
        // The next epoch claims another end than the one that is served.
        let mut files = log.files(299, true);
        files.extend(next.files(20, false));
        server.serve(files);
        wrong(
            watch(&key, &url, Some(&log.note(200))),
            Kind::Forged,
            "does not hold the last head",
        );
        // The end that is served is not a continuation.
        let rewritten = Log {
            seed: "rewritten",
            ..log.clone()
        };
        let mut files = rewritten.files(300, true);
        files.extend(rewritten.next(300).files(20, false));
        server.serve(files);
        wrong(
            watch(&key, &url, Some(&log.note(200))),
            Kind::Forked,
            "do not begin",
        );
        // The ended epoch is hidden, or the new one opens with anything else.
        server.serve(next.files(20, false));
        wrong(watch(&key, &url, Some(&log.note(200))), Kind::Forged, "is gone");
        let mut files = log.files(300, true);
        let blank = Log {
            first: Some("{\"type\":\"x\",\"payload\":{\"previous\":{\"checkpoint\":\"\"}}}".into()),
            ..next.clone()
        };
        files.extend(blank.files(20, false));
        server.serve(files);
        wrong(watch(&key, &url, Some(&log.note(200))), Kind::Forged, "");
    }
}

/// A folder of its own, gone with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("yiwang-monitor-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }
    fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn command_line() {
    let (server, dir) = (Server::start(), Dir::new("cli"));
    let log = Log::new(Hashing::Sha256);
    std::fs::write(dir.file("key"), log.key_file()).unwrap();
    let run = || {
        let (key, state) = (dir.file("key"), dir.file("state"));
        let out = Command::new(env!("CARGO_BIN_EXE_yiwang-verify"))
            .args(["monitor", "--key", &key, "--state", &state, &server.url])
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap();
        (out.status.code().unwrap(), text)
    };
    let state = || std::fs::read_to_string(dir.file("state")).unwrap();
    server.serve(log.files(40, false));
    let (code, text) = run();
    assert_eq!(
        (code, text.starts_with("OK: yiwang.example/log/1: 40 entries")),
        (0, true),
        "{text}"
    );
    assert_eq!(state(), log.note(40));
    server.serve(log.files(50, false));
    assert_eq!(run().0, 0);
    assert_eq!(state(), log.note(50));
    server.serve(log.files(45, false));
    let (code, text) = run();
    assert_eq!((code, text.starts_with("FAILED: shrunk: ")), (1, true), "{text}");
    // The good head is kept and the bad one beside it.
    assert_eq!(state(), log.note(50));
    assert_eq!(
        std::fs::read_to_string(dir.file("state.refused")).unwrap(),
        log.note(45)
    );
    server.serve(Files::new());
    assert_eq!(run().0, 2);
}

/// The verifier in Python reads what the one in Rust reads.
#[test]
fn the_second_verifier_agrees() {
    let (server, dir) = (Server::start(), Dir::new("python"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/clients/verify_log.py");
    let hex = |h: &merkle::Hash| h.iter().map(|b| format!("{b:02x}")).collect::<String>();
    for hashing in Hashing::ALL {
        let log = Log::new(hashing);
        let (key, leaf, seen) = (dir.file("key"), dir.file("leaf"), dir.file("seen"));
        std::fs::write(&key, log.key_file()).unwrap();
        let (size, name) = (300, hashing.name());
        let tree = log.tree(size);
        let run = |files: Files, index: u64, old: u64| {
            server.serve(files);
            std::fs::write(&leaf, log.leaf(index)).unwrap();
            std::fs::write(&seen, log.note(old)).unwrap();
            let out = Command::new("python3")
                .args([
                    script,
                    "--key",
                    &key,
                    "--url",
                    &server.url,
                    "--leaf",
                    &leaf,
                    "--seen",
                    &seen,
                ])
                .args(["--index", &index.to_string()])
                .output()
                .unwrap();
            let said: serde_json::Value = serde_json::from_slice(&out.stdout)
                .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stderr)));
            (out.status.success(), said)
        };
        let with = |index: u64, old: u64, spoil: bool| {
            let hashes = |mut proof: Vec<merkle::Hash>| {
                if spoil && let Some(first) = proof.first_mut() {
                    first[0] ^= 1;
                }
                proof.iter().map(hex).collect::<Vec<_>>()
            };
            let mut files = log.files(size, false);
            let path = format!("/log/proof/inclusion?index={index}&size={size}&hash={name}");
            let leaf = hex(&hashing.leaf(log.leaf(index).as_bytes()));
            let body =
                json!({ "leaf": leaf, "hashes": hashes(merkle::inclusion(&tree, index, size).unwrap()) });
            files.insert(path, body.to_string().into_bytes());
            let path = format!("/log/proof/consistency?from={old}&to={size}&hash={name}");
            let body = json!({ "hashes": hashes(merkle::consistency(&tree, old, size).unwrap()) });
            files.insert(path, body.to_string().into_bytes());
            files
        };
        for (index, old) in [(0, 1), (7, 256), (299, 300), (255, 77), (256, 299)] {
            let (good, said) = run(with(index, old, false), index, old);
            assert!(good, "{name} {index} {old} {said}");
            assert_eq!(
                (&said["included"], &said["continues"]),
                (&json!(index), &json!(old))
            );
            assert_eq!(said["root"], hex(&tree.root()));
        }
        assert!(!run(with(7, 77, true), 7, 77).0);
        // Signed by somebody else.
        let stranger = Log {
            key: 8,
            ..log.clone()
        };
        let (good, said) = run(stranger.files(size, false), 7, 77);
        assert!(
            !good && said["failed"].as_str().unwrap().contains("not signed"),
            "{said}"
        );
    }
}
