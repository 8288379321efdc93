//! Time-stamps.

use trust::crypto::tsp::{Authority, answer, request, stamp, verify, verify_response};
use trust::crypto::x509::{Certificate, Profile};
use trust::crypto::{Error, Hash, Kind, PrivateKey};

use crate::support::*;

const POLICY: &str = "1.2.156.99999.1.7";
const AT: i64 = NOON + 250;

/// An authority with its own accuracy and ordering.
fn authority<'a>(
    (key, certificate): &'a (PrivateKey, Certificate),
    above: &'a [Certificate],
) -> Authority<'a> {
    Authority {
        certificate,
        above,
        key,
        policy: POLICY,
        accuracy_ms: 1_500,
        ordering: true,
        named: true,
    }
}

#[test]
fn openssl_asks_and_verifies() {
    let pki = pki(Kind::P256);
    let held = pki.issue(&Profile::TimestampAuthority, 0x71);
    let above = [pki.ca.clone()];
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pki.write(folder);
    write(folder, "tsa.pem", held.1.pem() + &pki.ca.pem());
    write(folder, "data", "一份文件");
    for (hash, options, untrusted) in [
        ("sha256", "-cert", "ca.pem"),
        ("sha384", "-cert -no_nonce", "ca.pem"),
        ("sha512", "-cert", "ca.pem"),
        ("sm3", "", "tsa.pem"),
    ] {
        openssl_ok(
            folder,
            &format!("ts -query -data data -{hash} {options} -out req.tsq"),
        );
        let asked = std::fs::read(folder.join("req.tsq")).unwrap();
        let made = answer(&asked, &authority(&held, &above), &[0x9a, 1], AT);
        write(folder, "resp.tsr", &made);
        let said = openssl_ok(folder, "ts -reply -in resp.tsr -text");
        for part in [
            "Status: Granted",
            POLICY,
            "Serial number: 0x9A01",
            "Jan  1 12:00:00.25 2026 GMT",
            "Accuracy: 0x01 seconds, 0x01F4 millis",
            "Ordering: yes",
            "DirName:/C=CN",
        ] {
            assert!(said.contains(part), "{hash} {part}: {said}");
        }
        let line = format!(
            "ts -verify -queryfile req.tsq -in resp.tsr -CAfile root.pem -untrusted {untrusted} -attime {}",
            AT / 1000
        );
        let said = openssl_ok(folder, &line);
        assert!(said.contains("Verification: OK"), "{hash}: {said}");
        let read = verify_response(&made, &asked, std::slice::from_ref(&held.1)).unwrap();
        assert_eq!((read.at, read.accuracy_ms, read.ordering), (AT, Some(1500), true));
        assert_eq!(
            (read.policy.as_str(), read.serial.as_slice()),
            (POLICY, &[0x9a, 1][..])
        );
        assert!(read.trusted(&above, std::slice::from_ref(&pki.root)));
        assert_eq!(read.certificates.is_empty(), options.is_empty());
        // Another file, another question.
        write(folder, "other", "另一份文件");
        openssl_ok(
            folder,
            &format!("ts -query -data other -{hash} {options} -out other.tsq"),
        );
        let (ok, _) = openssl(folder, &line.replace("req.tsq", "other.tsq"));
        assert!(!ok);
        let other = std::fs::read(folder.join("other.tsq")).unwrap();
        assert!(verify_response(&made, &other, std::slice::from_ref(&held.1)).is_err());
    }
}

#[test]
fn openssl_sees_why_it_is_refused() {
    let pki = pki(Kind::P256);
    let held = pki.issue(&Profile::TimestampAuthority, 0x71);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "data", "x");
    let refused = |asked: &[u8]| {
        write(
            folder,
            "resp.tsr",
            answer(asked, &authority(&held, &[]), &[1], AT),
        );
        let said = openssl_ok(folder, "ts -reply -in resp.tsr -text");
        assert!(
            said.contains("Status: Rejected") && said.contains("TST info:\nNot included"),
            "{said}"
        );
        assert!(verify_response(&std::fs::read(folder.join("resp.tsr")).unwrap(), asked, &[]).is_err());
        said
    };
    let ask = |options: &str| {
        openssl_ok(folder, &format!("ts -query -data data {options} -out req.tsq"));
        std::fs::read(folder.join("req.tsq")).unwrap()
    };
    let unknown = "unrecognized or unsupported algorithm identifier";
    assert!(refused(&ask("-sha1")).contains(unknown));
    assert!(refused(&ask("-md5")).contains(unknown));
    let policy = "the requested TSA policy is not supported by the TSA";
    assert!(refused(&ask("-sha256 -tspolicy 1.2.3.4")).contains(policy));
    let format = "the data submitted has the wrong format";
    assert!(refused(b"\x30\x00").contains(format));
    assert!(refused(&request(Hash::Sha256, &[0; 31], None, true)).contains(format));
    let bad = "transaction not permitted or supported";
    assert!(refused(&request(Hash::Sha256, &[0; 32], Some(&[1; 65]), true)).contains(bad));
    // Extensions, and a key that is not for time-stamping.
    let mut extended = request(Hash::Sha256, &[0; 32], None, true);
    extended.extend([0xa0, 0]);
    extended[1] += 2;
    assert!(refused(&extended).contains("the requested extension is not supported by the TSA"));
    let seal = pki.issue(&Profile::SealSigner, 0x72);
    let made = answer(
        &request(Hash::Sha256, &[0; 32], None, true),
        &authority(&seal, &[]),
        &[1],
        AT,
    );
    write(folder, "resp.tsr", made);
    let said = openssl_ok(folder, "ts -reply -in resp.tsr -text");
    assert!(
        said.contains("the request cannot be handled due to system failure"),
        "{said}"
    );
}

#[test]
fn openssl_tokens_are_verified() {
    let pki = pki(Kind::P256);
    let held = pki.issue(&Profile::TimestampAuthority, 0x71);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pki.write(folder);
    write_key(folder, "t.key", &held.0);
    write(folder, "t.pem", held.1.pem());
    write(folder, "serial", "0A01");
    write(
        folder,
        "tsa.cnf",
        "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\n\
         digests=sha256,sha384,sha512,sm3\naccuracy=secs:1,millisecs:5,microsecs:3\nclock_precision_digits=3\n\
         ordering=no\ntsa_name=yes\ness_cert_id_chain=yes\ness_cert_id_alg=sha256\n",
    );
    let digest = Hash::Sm3.digest("x".as_bytes());
    write(
        folder,
        "req.tsq",
        request(Hash::Sm3, &digest, Some(&[0x80, 1]), true),
    );
    openssl_ok(
        folder,
        "ts -reply -config tsa.cnf -queryfile req.tsq -signer t.pem -inkey t.key -chain chain.pem -out resp.tsr",
    );
    let asked = std::fs::read(folder.join("req.tsq")).unwrap();
    let read = verify_response(&std::fs::read(folder.join("resp.tsr")).unwrap(), &asked, &[]).unwrap();
    assert_eq!(
        (read.policy.as_str(), read.accuracy_ms),
        ("1.2.3.4.1", Some(1006))
    );
    assert_eq!(read.nonce.as_deref(), Some(&[0, 0x80, 1][..]));
    assert!(read.trusted(&[], std::slice::from_ref(&pki.root)) && !read.trusted(&[], &[]));
}

#[test]
fn sm2_tokens_are_verified() {
    let pki = pki(Kind::Sm2);
    let held = pki.issue(&Profile::TimestampAuthority, 0x71);
    let above = [pki.ca.clone()];
    let digest = Hash::Sm3.digest("x".as_bytes());
    let by = authority(&held, &above);
    let token = stamp(Hash::Sm3, &digest, &by, &[1], AT).unwrap();
    let read = verify(&token, Hash::Sm3, &digest, &[]).unwrap();
    assert!(read.trusted(&[], std::slice::from_ref(&pki.root)) && read.at == AT);
    // SHA-256 has digests of the same length.
    assert!(matches!(
        verify(&token, Hash::Sha256, &digest, &[]),
        Err(Error::Timestamp(_))
    ));
    for at in 0..token.len() {
        let mut bad = token.clone();
        bad[at] ^= 1;
        // Certificates above the signer's are outside the signature; changing one must not change what is said.
        if let Ok(seen) = verify(&bad, Hash::Sm3, &digest, &[]) {
            assert!(seen.at == AT && seen.signer == read.signer, "byte {at}");
            assert!(
                !seen.trusted(&[], std::slice::from_ref(&pki.root)) || seen.certificates == read.certificates
            );
        }
    }
    assert!(stamp(Hash::Sha1, &[0; 20], &by, &[1], AT).is_err());
    assert!(stamp(Hash::Sm3, &digest, &by, &[0], AT).is_err());
    assert!(stamp(Hash::Sm3, &digest, &by, &[1], TO + 5000).is_err());
    let words = Authority {
        policy: "no policy",
        ..by
    };
    assert!(stamp(Hash::Sm3, &digest, &words, &[1], AT).is_err());
}
