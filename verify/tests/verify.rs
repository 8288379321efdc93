//! A log on disk, made anew for each test, and everything that may be wrong with it.

use base64::{Engine, engine::general_purpose::STANDARD};
use merkle::{Checkpoint, Hashing, MemoryTree, SigningKey, entries_path};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use verify::{verify_certificate, verify_log};

const ORIGIN: &str = "yiwang.example/log/1";
const PDF: &[u8] = b"%PDF-1.7 demonstration";
/// Place of the certificate in the log.
const ISSUED: u64 = 7;

/// Removed when the test ends, also when it fails.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("yiwang-verify-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn signer() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn key() -> String {
    merkle::verifier_key(ORIGIN, &signer().verifying_key())
}

fn other_key() -> String {
    merkle::verifier_key(ORIGIN, &SigningKey::from_bytes(&[8; 32]).verifying_key())
}

fn leaf(i: u64) -> String {
    if i == ISSUED {
        let digest: String = Sha256::digest(PDF).iter().map(|b| format!("{b:02x}")).collect();
        let payload = json!({ "number": "演示-0001", "pdf_sha256": digest });
        json!({ "payload": payload, "seq": i + 1, "type": "documents.certificate.issued" }).to_string()
    } else {
        json!({ "payload": {}, "seq": i + 1, "type": "cases.case.accepted" }).to_string()
    }
}

fn tree(size: u64) -> MemoryTree {
    let mut tree = MemoryTree::new(Hashing::Sha256);
    for i in 0..size {
        tree.append(Hashing::Sha256.leaf(leaf(i).as_bytes()));
    }
    tree
}

fn note(origin: &str, size: u64) -> String {
    let text = Checkpoint {
        origin: origin.into(),
        size,
        root: tree(size).root(),
    }
    .to_text();
    merkle::sign_note(&text, &signer(), ORIGIN)
}

fn write(dir: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn write_log(dir: &Path, size: u64) {
    write(dir, "checkpoint", note(ORIGIN, size));
    let leaves: Vec<String> = (0..size).map(leaf).collect();
    for (i, part) in leaves.chunks(256).enumerate() {
        let path = entries_path(i as u64, Some(part.len() as u16));
        write(dir, &path, merkle::encode_bundle(part).unwrap());
    }
}

fn proof_of(index: u64, size: u64) -> serde_json::Value {
    let hashes = merkle::inclusion(&tree(size), index, size).unwrap();
    json!({
        "format": "yiwang-proof/1",
        "leaf": leaf(index),
        "index": index,
        "hashes": hashes.iter().map(|h| STANDARD.encode(h)).collect::<Vec<_>>(),
        "checkpoint": note(ORIGIN, size),
    })
}

fn refused<T: std::fmt::Debug>(result: Result<T, String>, why: &str) {
    let text = result.unwrap_err();
    assert!(text.contains(why), "{text:?} does not contain {why:?}");
}

#[test]
fn logs_of_all_shapes() {
    for size in [0, 1, 255, 256, 257, 600] {
        let dir = Dir::new(&format!("shape-{size}"));
        write_log(&dir.0, size);
        let report = verify_log(&key(), &dir.0).unwrap();
        assert_eq!((report.origin.as_str(), report.size), (ORIGIN, size));
        assert_eq!(
            report.root_hex,
            tree(size)
                .root()
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect::<String>()
        );
    }
}

#[test]
fn a_full_bundle_stands_in_for_a_deleted_partial_one() {
    let dir = Dir::new("fallback");
    write_log(&dir.0, 512);
    write(&dir.0, "checkpoint", note(ORIGIN, 300));
    assert_eq!(verify_log(&key(), &dir.0).unwrap().size, 300);
}

#[test]
fn altered_entry() {
    let dir = Dir::new("altered");
    write_log(&dir.0, 300);
    let path = dir.0.join(entries_path(0, None));
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.iter().position(|b| *b == b'c').unwrap();
    bytes[at] = b'C';
    std::fs::write(&path, bytes).unwrap();
    refused(verify_log(&key(), &dir.0), "the 300 entries give the root");
    refused(
        verify_certificate(&key(), Some(&dir.0), PDF, &proof_of(ISSUED, 300).to_string()),
        "give the root",
    );
}

#[test]
fn truncated_log() {
    let dir = Dir::new("truncated");
    write_log(&dir.0, 300);
    let last = entries_path(1, Some(44));
    let bytes = std::fs::read(dir.0.join(&last)).unwrap();
    write(&dir.0, &last, &bytes[..bytes.len() - 1]);
    refused(
        verify_log(&key(), &dir.0),
        "tile/entries/001.p/44: the bundle ends inside an entry",
    );
    let fewer: Vec<String> = (256..299).map(leaf).collect();
    write(&dir.0, &last, merkle::encode_bundle(&fewer).unwrap());
    refused(verify_log(&key(), &dir.0), "43 entries instead of 44");
    std::fs::remove_file(dir.0.join(&last)).unwrap();
    refused(verify_log(&key(), &dir.0), "tile/entries/001: ");
    std::fs::remove_file(dir.0.join("checkpoint")).unwrap();
    refused(verify_log(&key(), &dir.0), "checkpoint: ");
}

#[test]
fn wrong_key_and_forged_checkpoint() {
    let dir = Dir::new("key");
    write_log(&dir.0, 20);
    refused(verify_log(&other_key(), &dir.0), "not signed by the trusted key");
    refused(verify_log("nonsense", &dir.0), "not a verifier key");
    let proof = proof_of(ISSUED, 20).to_string();
    refused(
        verify_certificate(&other_key(), None, PDF, &proof),
        "not signed by the trusted key",
    );
    write(&dir.0, "checkpoint", note(ORIGIN, 20).replace("\n20\n", "\n19\n"));
    refused(verify_log(&key(), &dir.0), "the signature does not fit");
}

#[test]
fn certificate() {
    let dir = Dir::new("certificate");
    write_log(&dir.0, 300);
    for size in [ISSUED + 1, 20, 256, 300] {
        let proof = proof_of(ISSUED, size).to_string();
        let alone = verify_certificate(&key(), None, PDF, &proof).unwrap();
        assert!(
            alone.contains(&format!("entry 7 of {size} in the log {ORIGIN}")),
            "{alone}"
        );
        let with_log = verify_certificate(&key(), Some(&dir.0), PDF, &proof).unwrap();
        assert!(
            with_log.ends_with("the log of 300 entries continues it"),
            "{with_log}"
        );
    }
}

#[test]
fn altered_certificate_and_proof() {
    let check =
        |pdf: &[u8], proof: &serde_json::Value| verify_certificate(&key(), None, pdf, &proof.to_string());
    let good = proof_of(ISSUED, 20);
    assert!(check(PDF, &good).is_ok());
    refused(
        check(b"%PDF-1.7 demonstratioN", &good),
        "the file has the SHA-256",
    );
    refused(check(PDF, &proof_of(8, 20)), "not the issue of a certificate");
    refused(check(PDF, &json!({})), "the proof cannot be read");
    let with = |name: &str, value: serde_json::Value| {
        let mut proof = good.clone();
        proof[name] = value;
        proof
    };
    refused(
        check(PDF, &with("format", json!("yiwang-proof/2"))),
        "the proof has the format",
    );
    refused(check(PDF, &with("index", json!(8))), "does not show");
    refused(check(PDF, &with("hashes", json!([]))), "does not show");
    refused(check(PDF, &with("hashes", json!(["AAAA"]))), "not 32 bytes");
    refused(
        check(PDF, &with("checkpoint", json!(note(ORIGIN, 21)))),
        "does not show",
    );
    refused(check(PDF, &with("checkpoint", json!("x"))), "not a signed note");
    // An entry rewritten for another file is no longer the one in the log.
    let digest: String = Sha256::digest(b"other")
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let mut entry: serde_json::Value = serde_json::from_str(&leaf(ISSUED)).unwrap();
    entry["payload"]["pdf_sha256"] = json!(digest);
    refused(
        check(b"other", &with("leaf", json!(entry.to_string()))),
        "does not show",
    );
}

#[test]
fn proof_and_log_must_belong_together() {
    let dir = Dir::new("together");
    write_log(&dir.0, 20);
    let check = |proof: serde_json::Value| verify_certificate(&key(), Some(&dir.0), PDF, &proof.to_string());
    assert!(check(proof_of(ISSUED, 20)).is_ok());
    refused(check(proof_of(ISSUED, 21)), "fewer than the 21 of the proof");
    let mut elsewhere = proof_of(ISSUED, 20);
    elsewhere["checkpoint"] = json!(note("yiwang.example/log/2", 20));
    refused(check(elsewhere), "the folder holds \"yiwang.example/log/1\"");
    // The same signer shows the holder of the certificate another history.
    let mut forked = MemoryTree::new(Hashing::Sha256);
    for i in 0..10 {
        forked.append(Hashing::Sha256.leaf(leaf(if i == 2 { 99 } else { i }).as_bytes()));
    }
    let text = Checkpoint {
        origin: ORIGIN.into(),
        size: 10,
        root: forked.root(),
    }
    .to_text();
    let hashes = merkle::inclusion(&forked, ISSUED, 10).unwrap();
    let proof = json!({
        "format": "yiwang-proof/1",
        "leaf": leaf(ISSUED),
        "index": ISSUED,
        "hashes": hashes.iter().map(|h| STANDARD.encode(h)).collect::<Vec<_>>(),
        "checkpoint": merkle::sign_note(&text, &signer(), ORIGIN),
    });
    assert!(verify_certificate(&key(), None, PDF, &proof.to_string()).is_ok());
    refused(
        check(proof),
        "the first 10 entries of the folder are not those of the proof",
    );
}

#[test]
fn command_line() {
    let dir = Dir::new("cli");
    let (log, file) = (dir.0.join("log"), |name: &str| {
        dir.0.join(name).to_string_lossy().into_owned()
    });
    write_log(&log, 20);
    write(&dir.0, "key", key() + "\n");
    write(&dir.0, "other", other_key());
    write(&dir.0, "a.pdf", PDF);
    write(&dir.0, "b.pdf", "altered");
    write(&dir.0, "a.json", proof_of(ISSUED, 12).to_string());
    let run = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_yiwang-verify"))
            .args(args)
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap();
        (out.status.code().unwrap(), text)
    };
    let (key, other, log) = (file("key"), file("other"), file("log"));
    let (pdf, altered, proof) = (file("a.pdf"), file("b.pdf"), file("a.json"));

    let (code, text) = run(&["--key", &key, &log]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.starts_with("log yiwang.example/log/1: 20 entries, root ") && text.contains("\nOK: "),
        "{text}"
    );
    let (code, text) = run(&["--key", &key, &log, &pdf, &proof]);
    assert_eq!((code, text.matches("OK: ").count()), (0, 2), "{text}");
    let (code, text) = run(&["--key", &key, &log, &altered, &proof]);
    assert_eq!(
        (code, text.contains("FAILED: the file has the SHA-256")),
        (1, true),
        "{text}"
    );
    assert_eq!(run(&["--key", &other, &log]).0, 1);

    assert_eq!(run(&["--help"]).0, 0);
    for wrong in [
        &[][..],
        &[log.as_str()],
        &["--key"],
        &["--key", &key],
        &["--key", &key, &log, &pdf],
        &["--key", &key, &log, &pdf, &proof, "more"],
        &["--key", &key, "--quiet", &log],
        &["--key", &file("absent"), &log],
        &["--key", &key, &file("absent")],
        &["--key", &key, &log, &file("absent"), &proof],
    ] {
        let (code, text) = run(wrong);
        assert_eq!(
            (code, text.starts_with("yiwang-verify: ")),
            (2, true),
            "{wrong:?} {text}"
        );
    }
}
