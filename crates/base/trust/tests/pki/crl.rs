//! Revocation lists.

use std::collections::BTreeMap;

use trust::crypto::crl::{self, Crl, Reason, Revoked, Status, check};
use trust::crypto::x509::Profile;
use trust::crypto::{Error, Kind};

use crate::support::*;

fn entries() -> BTreeMap<Vec<u8>, Revoked> {
    let revoked = |days: i64, reason| Revoked {
        at: FROM + days * DAY,
        reason,
    };
    BTreeMap::from([
        (vec![0x10, 0x80, 1], revoked(2, Reason::KeyCompromise)),
        (vec![0x90, 0x80, 1], revoked(3, Reason::Unspecified)),
        (vec![0x11, 0x80, 1], revoked(1, Reason::Superseded)),
    ])
}

fn list(pki: &Pki) -> Crl {
    crl::issue(&pki.authority(), 7, (FROM, TO), &entries()).unwrap()
}

#[test]
fn openssl_accepts_the_list_and_refuses_the_revoked() {
    let pki = pki(Kind::P256);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pki.write(folder);
    write(folder, "crl.pem", list(&pki).pem());
    let root_list = {
        let authority = trust::crypto::x509::Authority {
            certificate: &pki.root,
            key: &pki.root_key,
            publication: &pki.publication,
        };
        crl::issue(&authority, 1, (FROM, TO), &BTreeMap::new()).unwrap()
    };
    write(folder, "both.pem", list(&pki).pem() + &root_list.pem());

    let said = openssl_ok(folder, "crl -in crl.pem -CAfile ca.pem -noout -text");
    for part in [
        "verify OK",
        "Version 2",
        "X509v3 CRL Number",
        "108001",
        "118001",
        "908001",
        "Key Compromise",
        "Superseded",
        "X509v3 Authority Key Identifier",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    write(folder, "good.pem", pki.issue(&Profile::SealSigner, 0x20).1.pem());
    write(folder, "bad.pem", pki.issue(&Profile::SealSigner, 0x10).1.pem());
    let line = |file: &str, check: &str, at: i64| {
        format!(
            "verify -x509_strict {check} -attime {} -CRLfile both.pem -CAfile root.pem -untrusted ca.pem {file}",
            at / 1000
        )
    };
    let (ok, said) = openssl(folder, &line("good.pem", "-crl_check_all", NOON));
    assert!(ok, "{said}");
    let (ok, said) = openssl(folder, &line("bad.pem", "-crl_check", NOON));
    assert!(!ok && said.contains("certificate revoked"), "{said}");
    let (ok, said) = openssl(folder, &line("good.pem", "-crl_check", TO + 5000));
    assert!(!ok && said.contains("CRL has expired"), "{said}");
}

#[test]
fn openssl_accepts_sm2_signatures_on_lists() {
    let pki = pki(Kind::Sm2);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "crl.der", list(&pki).der());
    write(folder.path(), "key.pem", pki.ca_key.public().spki_pem());
    assert!(sm2_signature_is_good(folder.path(), "crl.der"));
    write(folder.path(), "key.pem", pki.root_key.public().spki_pem());
    assert!(!sm2_signature_is_good(folder.path(), "crl.der"));
    let said = openssl_ok(folder.path(), "crl -inform DER -in crl.der -noout -text");
    assert!(said.contains("SM2-with-SM3"), "{said}");
}

#[test]
fn what_is_written_is_read() {
    for kind in [Kind::P256, Kind::Sm2, Kind::Ed25519] {
        let pki = pki(kind);
        let read = Crl::from_der(list(&pki).der()).unwrap();
        assert_eq!((read.number, read.this_update, read.next_update), (7, FROM, TO));
        assert_eq!(read.entries, entries());
        assert_eq!(Crl::from_pem(&read.pem()).unwrap(), read);
        read.verify_issued_by(&pki.ca).unwrap();
        assert_eq!(
            read.status(&[0, 0x10, 0x80, 1]),
            Status::Revoked(entries()[&vec![0x10, 0x80, 1]])
        );
        assert_eq!(read.status(&[0x12]), Status::Good);
    }
}

#[test]
fn openssl_lists_are_read() {
    let pki = pki(Kind::P256);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pki.write(folder);
    write_key(folder, "ca.key.pem", &pki.ca_key);
    let (_, leaf) = pki.issue(&Profile::SealSigner, 0x31);
    write(folder, "leaf.pem", leaf.pem());
    write(
        folder,
        "ca.cnf",
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=30\n\
         crl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n",
    );
    write(folder, "index", "");
    write(folder, "number", "0a\n");
    let made = "ca -config ca.cnf -keyfile ca.key.pem -cert ca.pem";
    openssl_ok(
        folder,
        &format!("{made} -revoke leaf.pem -crl_reason cessationOfOperation"),
    );
    openssl_ok(folder, &format!("{made} -gencrl -out list.pem"));
    let read = Crl::from_pem(&std::fs::read_to_string(folder.join("list.pem")).unwrap()).unwrap();
    read.verify_issued_by(&pki.ca).unwrap();
    assert_eq!(read.number, 10);
    let Status::Revoked(revoked) = read.status(&leaf.serial) else {
        panic!("not revoked")
    };
    assert_eq!(revoked.reason, Reason::CessationOfOperation);
    assert!(read.next_update - read.this_update == 30 * DAY);
}

#[test]
fn expired_foreign_and_forged_lists_say_nothing() {
    let pki = pki(Kind::P256);
    let short = crl::issue(&pki.authority(), 8, (FROM, FROM + DAY), &entries()).unwrap();
    let (_, good) = pki.issue(&Profile::SealSigner, 0x20);
    let (_, bad) = pki.issue(&Profile::SealSigner, 0x10);
    assert_eq!(check(short.der(), &pki.ca, &good, NOON), Ok(Status::Good));
    assert!(matches!(
        check(short.der(), &pki.ca, &bad, NOON),
        Ok(Status::Revoked(_))
    ));
    for at in [FROM - 1, FROM + DAY + 1000] {
        assert!(matches!(
            check(short.der(), &pki.ca, &good, at),
            Err(Error::Revocation(_))
        ));
    }
    // Another authority of the same name; the authority above; an end entity that may not sign lists.
    let mut other = crate::support::pki(Kind::P256);
    other.ca_key = key(Kind::P256, 77);
    other.ca = trust::crypto::x509::root(&other.ca_key, &subject("演示签发证书"), &terms(2)).unwrap();
    let forged = crl::issue(&other.authority(), 9, (FROM, TO), &BTreeMap::new()).unwrap();
    assert!(check(forged.der(), &pki.ca, &bad, NOON).is_err());
    assert!(check(list(&pki).der(), &pki.root, &bad, NOON).is_err());
    let (leaf_key, leaf) = pki.issue(&Profile::SealSigner, 0x40);
    let low = trust::crypto::x509::Authority {
        certificate: &leaf,
        key: &leaf_key,
        publication: &pki.publication,
    };
    assert!(crl::issue(&low, 1, (FROM, TO), &BTreeMap::new()).is_err());
    // The list of one authority says nothing of another's certificates.
    assert!(check(list(&pki).der(), &pki.ca, &pki.ca, NOON).is_err());
    let bytes = list(&pki).der().to_vec();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(check(&changed, &pki.ca, &good, NOON).is_err(), "byte {at}");
    }
}

#[test]
fn bad_terms_are_refused() {
    let pki = pki(Kind::P256);
    let entry = Revoked {
        at: FROM,
        reason: Reason::Unspecified,
    };
    for serial in [vec![], vec![0, 0], vec![1; 21]] {
        let entries = BTreeMap::from([(serial, entry)]);
        assert!(crl::issue(&pki.authority(), 1, (FROM, TO), &entries).is_err());
    }
    assert!(crl::issue(&pki.authority(), 1, (FROM, FROM), &BTreeMap::new()).is_err());
}

#[test]
fn a_compromised_key_never_held() {
    let status = |reason| Status::Revoked(Revoked { at: NOON, reason });
    assert!(status(Reason::Superseded).held_at(NOON - 1) && !status(Reason::Superseded).held_at(NOON));
    assert!(!status(Reason::KeyCompromise).held_at(FROM));
    assert!(Status::Good.held_at(NOON) && !Status::Unknown.held_at(NOON));
}
