//! The certificate authority against the OpenSSL command line, which must be installed.

use std::path::Path;
use std::process::Command;

use trust::crypto::x509::{Certificate, Subject, Terms, issue, root};
use trust::crypto::{Error, Kind, PrivateKey};

/// 2026-01-01T00:00:00Z and about eleven years.
const FROM: i64 = 1_767_225_600_000;
const TO: i64 = FROM + 4_000 * 86_400_000;
const NOON: i64 = FROM + 43_200_000;

fn key(kind: Kind, seed: u8) -> PrivateKey {
    PrivateKey::from_bytes(kind, &[seed; 32]).unwrap()
}

fn terms(serial: u8, not_before: i64, not_after: i64) -> Terms {
    Terms {
        serial: vec![serial, 0x80, 1],
        not_before,
        not_after,
    }
}

fn subject(cn: &str) -> Subject {
    Subject {
        cn: cn.into(),
        o: "演示市数据局".into(),
    }
}

fn pair(kind: Kind) -> (PrivateKey, Certificate, PrivateKey, Certificate) {
    let (ca_key, leaf_key) = (key(kind, 3), key(kind, 5));
    let ca = root(&ca_key, &subject("演示根证书"), &terms(1, FROM, TO)).unwrap();
    let leaf = issue(
        &ca,
        &ca_key,
        &subject("演示市政务服务章"),
        &leaf_key.public(),
        &terms(0x90, FROM, TO),
    )
    .unwrap();
    (ca_key, ca, leaf_key, leaf)
}

fn openssl(folder: &Path, line: &str) -> (bool, String) {
    let done = Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("the openssl command must be installed");
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn openssl_accepts_the_chain() {
    for (kind, options, algorithm) in [
        (Kind::P256, "-check_ss_sig", "ecdsa-with-SHA256"),
        // OpenSSL gives the identifier to the leaf only, so it cannot check the root's own SM2 signature.
        (Kind::Sm2, "-vfyopt distid:1234567812345678", "SM2-with-SM3"),
        (Kind::Ed25519, "-check_ss_sig", "ED25519"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (_, ca, _, leaf) = pair(kind);
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        std::fs::write(folder.path().join("leaf.pem"), leaf.pem()).unwrap();
        let line = format!(
            "verify -x509_strict -attime {} {options} -CAfile ca.pem leaf.pem",
            NOON / 1000
        );
        let (ok, said) = openssl(folder.path(), &line);
        assert!(ok && said.contains("leaf.pem: OK"), "{kind:?}: {said}");
        let (ok, said) = openssl(
            folder.path(),
            "x509 -in leaf.pem -noout -text -nameopt utf8,sep_comma_plus",
        );
        assert!(ok, "{said}");
        for part in [
            algorithm,
            "CN=演示市政务服务章",
            "O=演示市数据局",
            "Digital Signature, Non Repudiation",
            "CA:FALSE",
            "Jan  1 00:00:00 2026 GMT",
            "X509v3 Authority Key Identifier",
        ] {
            assert!(said.contains(part), "{kind:?} {part}: {said}");
        }
    }
}

#[test]
fn parsing_gives_back_what_was_issued() {
    for kind in [Kind::P256, Kind::Sm2, Kind::Ed25519] {
        let (_, ca, leaf_key, leaf) = pair(kind);
        assert!(ca.ca && !leaf.ca && leaf.may_sign() && !ca.may_sign());
        assert_eq!(
            (leaf.subject_cn.as_str(), leaf.subject_o.as_str()),
            ("演示市政务服务章", "演示市数据局")
        );
        assert_eq!((leaf.not_before, leaf.not_after), (FROM, TO));
        assert_eq!(
            (leaf.serial.as_slice(), &leaf.key),
            (&[0x90, 0x80, 1][..], &leaf_key.public())
        );
        assert_eq!(Certificate::from_pem(&leaf.pem()).unwrap(), leaf);
        leaf.verify_issued_by(&ca).unwrap();
        ca.verify_issued_by(&ca).unwrap();
        assert!(
            leaf.valid_at(FROM) && leaf.valid_at(TO) && !leaf.valid_at(FROM - 1) && !leaf.valid_at(TO + 1000)
        );
    }
}

#[test]
fn a_changed_certificate_never_verifies() {
    let (_, ca, _, leaf) = pair(Kind::P256);
    for at in 0..leaf.der().len() {
        let mut bad = leaf.der().to_vec();
        bad[at] ^= 1;
        let accepted =
            Certificate::from_der(&bad).is_ok_and(|c| c.trusted(&[], std::slice::from_ref(&ca), NOON));
        assert!(!accepted, "byte {at}");
        assert!(Certificate::from_der(&leaf.der()[..at]).is_err());
    }
}

#[test]
fn chains_end_at_the_right_root_in_time() {
    let (ca_key, ca, _, leaf) = pair(Kind::P256);
    let roots = [ca.clone()];
    assert!(leaf.trusted(&[], &roots, NOON));
    assert!(!leaf.trusted(&[], &roots, FROM - 1) && !leaf.trusted(&[], &roots, TO + 1000));
    assert!(!leaf.trusted(&roots, &[], NOON));
    assert!(!ca.trusted(&[], &roots, NOON), "a root is not a document signer");
    // Same names, another key.
    let imposter = root(&key(Kind::P256, 9), &subject("演示根证书"), &terms(1, FROM, TO)).unwrap();
    assert!(!leaf.trusted(&[], std::slice::from_ref(&imposter), NOON));
    assert!(leaf.verify_issued_by(&imposter).is_err());
    // An end-entity key cannot issue, nor can another key in the authority's name.
    let other = key(Kind::P256, 7);
    let wanted = terms(2, FROM, TO);
    assert!(
        issue(
            &leaf,
            &key(Kind::P256, 5),
            &subject("假"),
            &other.public(),
            &wanted
        )
        .is_err()
    );
    assert!(issue(&ca, &other, &subject("假"), &other.public(), &wanted).is_err());
    // Mixed algorithms work: a P-256 root certifies an SM2 key.
    let mixed = issue(
        &ca,
        &ca_key,
        &subject("演示国密"),
        &key(Kind::Sm2, 4).public(),
        &wanted,
    )
    .unwrap();
    assert!(mixed.trusted(&[], &roots, NOON));
}

#[test]
fn bad_terms_are_refused_and_late_dates_written() {
    let key = key(Kind::P256, 3);
    let bad = |cn: &str, terms: Terms| matches!(root(&key, &subject(cn), &terms), Err(Error::Certificate(_)));
    assert!(bad("", terms(1, FROM, TO)));
    assert!(bad(&"长".repeat(65), terms(1, FROM, TO)));
    assert!(bad("x", terms(1, TO, FROM)));
    assert!(bad(
        "x",
        Terms {
            serial: vec![0; 3],
            not_before: FROM,
            not_after: TO
        }
    ));
    assert!(bad(
        "x",
        Terms {
            serial: vec![0xff; 20],
            not_before: FROM,
            not_after: TO
        }
    ));
    // 2060-01-01 needs GeneralizedTime.
    let late = 2_840_140_800_000;
    let made = root(&key, &subject("远"), &terms(1, FROM, late)).unwrap();
    assert_eq!(made.not_after, late);
    assert!(made.der().windows(15).any(|w| w == b"20600101000000Z"));
}
