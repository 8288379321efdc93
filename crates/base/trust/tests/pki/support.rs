//! An authority of two levels, and the OpenSSL command line.

use std::path::Path;
use std::process::Command;

use trust::crypto::x509::{Authority, Certificate, Profile, Publication, Subject, Terms, root_authority};
use trust::crypto::{Kind, PrivateKey};

/// 2026-01-01T00:00:00Z and about eleven years: OpenSSL compares some times with its own clock.
pub const FROM: i64 = 1_767_225_600_000;
pub const TO: i64 = FROM + 4_000 * 86_400_000;
pub const NOON: i64 = FROM + 43_200_000;
pub const DAY: i64 = 86_400_000;

pub struct Pki {
    pub kind: Kind,
    pub root: Certificate,
    pub root_key: PrivateKey,
    pub ca: Certificate,
    pub ca_key: PrivateKey,
    pub publication: Publication,
}

pub fn key(kind: Kind, seed: u8) -> PrivateKey {
    PrivateKey::from_bytes(kind, &[seed; 32]).unwrap()
}

pub fn subject(cn: &str) -> Subject {
    Subject {
        cn: cn.into(),
        o: "演示市数据局".into(),
    }
}

pub fn terms(serial: u8) -> Terms {
    Terms {
        serial: vec![serial, 0x80, 1],
        not_before: FROM,
        not_after: TO,
    }
}

pub fn pki(kind: Kind) -> Pki {
    let (root_key, ca_key) = (key(kind, 1), key(kind, 2));
    let publication = |name: &str| Publication {
        crl: vec![format!("http://pki.example/{name}.crl")],
        ocsp: vec![format!("http://pki.example/ocsp/{name}")],
        issuers: vec![format!("http://pki.example/{name}.cer")],
    };
    let root = root_authority(&root_key, &subject("演示根证书"), &terms(1)).unwrap();
    let ca = Authority {
        certificate: &root,
        key: &root_key,
        publication: &publication("root"),
    }
    .issue(
        &Profile::Issuing,
        &subject("演示签发证书"),
        &ca_key.public(),
        &terms(2),
    )
    .unwrap();
    Pki {
        kind,
        root,
        root_key,
        ca,
        ca_key,
        publication: publication("ca"),
    }
}

impl Pki {
    pub fn authority(&self) -> Authority<'_> {
        Authority {
            certificate: &self.ca,
            key: &self.ca_key,
            publication: &self.publication,
        }
    }

    /// A certificate from the issuing authority; the seed is also its serial number's first byte.
    pub fn issue(&self, profile: &Profile, seed: u8) -> (PrivateKey, Certificate) {
        let key = key(self.kind, seed);
        let made = self
            .authority()
            .issue(profile, &subject("演示市政务服务章"), &key.public(), &terms(seed))
            .unwrap();
        (key, made)
    }

    /// `root.pem`, `ca.pem` and both in `chain.pem`.
    pub fn write(&self, folder: &Path) {
        write(folder, "root.pem", self.root.pem());
        write(folder, "ca.pem", self.ca.pem());
        write(folder, "chain.pem", self.ca.pem() + &self.root.pem());
    }
}

pub fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), bytes).unwrap();
}

/// A P-256 key in the form the tools read.
pub fn write_key(folder: &Path, name: &str, key: &PrivateKey) {
    let (scalar, point) = (hex::encode(*key.to_bytes()), hex::encode(key.public().as_bytes()));
    let sec1 = format!("30770201010420{scalar}a00a06082a8648ce3d030107a144034200{point}");
    write(folder, "sec1.der", hex::decode(sec1).unwrap());
    openssl_ok(
        folder,
        &format!("pkcs8 -topk8 -nocrypt -inform DER -in sec1.der -out {name}"),
    );
}

pub fn openssl(folder: &Path, line: &str) -> (bool, String) {
    let done = Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("the openssl command must be installed");
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&said).into_owned())
}

pub fn openssl_ok(folder: &Path, line: &str) -> String {
    let (ok, said) = openssl(folder, line);
    assert!(ok, "openssl {line}: {said}");
    said
}

/// The first element and the last BIT STRING of a signed structure, as OpenSSL cuts them out.
fn parts(folder: &Path, file: &str) -> (String, String) {
    let listed = openssl_ok(folder, &format!("asn1parse -inform DER -in {file}"));
    let at = |line: &str| line.trim().split(':').next().unwrap().trim().to_string();
    let tbs = listed.lines().nth(1).map(at).unwrap();
    let outer = listed
        .lines()
        .rfind(|l| l.contains(":d=1 ") && l.contains("BIT STRING"));
    (tbs, outer.map(at).unwrap())
}

/// Whether OpenSSL finds the SM2 signature of a signed structure good, given the signer's key in `key.pem`.
pub fn sm2_signature_is_good(folder: &Path, file: &str) -> bool {
    let (tbs, signature) = parts(folder, file);
    openssl_ok(
        folder,
        &format!("asn1parse -inform DER -in {file} -strparse {tbs} -noout -out tbs"),
    );
    openssl_ok(
        folder,
        &format!("asn1parse -inform DER -in {file} -strparse {signature} -noout -out sig"),
    );
    let line = "dgst -sm3 -sigopt distid:1234567812345678 -verify key.pem -signature sig tbs";
    openssl(folder, line).0
}

/// Repeatable chance.
pub fn counter() -> impl FnMut(&mut [u8]) {
    let mut n = 0u64;
    move |buf: &mut [u8]| {
        for chunk in buf.chunks_mut(32) {
            n += 1;
            chunk.copy_from_slice(&trust::crypto::sm::sm3(&n.to_be_bytes())[..chunk.len()]);
        }
    }
}
