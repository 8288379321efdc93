//! Truncated and mutated bytes: every reader says no and none panics.

use std::collections::BTreeMap;

use proptest::prelude::*;
use trust::crypto::crl::{self, Crl, Reason, Revoked, Status};
use trust::crypto::ocsp::{self, Responder};
use trust::crypto::ses::{Holders, Info, Picture, Seal, Signature, make, sign};
use trust::crypto::tsp;
use trust::crypto::x509::{Certificate, Profile, Request};
use trust::crypto::{Hash, Kind, cms};

use crate::support::*;

type Reader = Box<dyn Fn(&[u8]) -> bool>;

/// One good example of every structure, and whether its reader takes given bytes.
fn all(kind: Kind) -> Vec<(&'static str, Vec<u8>, Reader)> {
    let pki = pki(kind);
    let seal = pki.issue(&Profile::SealSigner, 0x61);
    let node = pki.issue(&Profile::Node(vec!["a.example".into(), "10.0.0.1".into()]), 0x62);
    let delegate = pki.issue(&Profile::OcspResponder, 0x63);
    let stamper = pki.issue(&Profile::TimestampAuthority, 0x64);
    let entry = Revoked {
        at: FROM,
        reason: Reason::Superseded,
    };
    let list = crl::issue(
        &pki.authority(),
        3,
        (FROM, TO),
        &BTreeMap::from([(vec![9], entry)]),
    )
    .unwrap();
    let asked = ocsp::request(&pki.ca, &[&[9], &[8]], Some(b"nonce"));
    let responder = Responder {
        issuer: &pki.ca,
        certificate: &delegate.1,
        key: &delegate.0,
        this_update: FROM,
        next_update: TO,
    };
    let told = ocsp::answer(&asked, &responder, |serial| {
        if serial == [9] {
            Status::Revoked(entry)
        } else {
            Status::Good
        }
    });
    let hash = if kind == Kind::Sm2 {
        Hash::Sm3
    } else {
        Hash::Sha256
    };
    let digest = hash.digest(b"x");
    let above = [pki.ca.clone()];
    let stamping = tsp::Authority {
        certificate: &stamper.1,
        above: &above,
        key: &stamper.0,
        policy: "1.2.3",
        accuracy_ms: 1_001,
        ordering: true,
        named: true,
    };
    let query = tsp::request(hash, &digest, Some(&[7]), true);
    let reply = tsp::answer(&query, &stamping, &[1], NOON);
    let token = tsp::stamp(hash, &digest, &stamping, &[1], NOON).unwrap();
    let csr = Request::make(&seal.0, &subject("x")).unwrap();
    let mut out: Vec<(&'static str, Vec<u8>, Reader)> = vec![
        (
            "certificate",
            node.1.der().to_vec(),
            Box::new(|b| Certificate::from_der(b).is_ok()),
        ),
        (
            "authority",
            pki.ca.der().to_vec(),
            Box::new(|b| Certificate::from_der(b).is_ok()),
        ),
        ("request", csr, Box::new(|b| Request::from_der(b).is_ok())),
        (
            "list",
            list.der().to_vec(),
            Box::new(|b| Crl::from_der(b).is_ok()),
        ),
        ("token", token, {
            let digest = digest.clone();
            Box::new(move |b| tsp::verify(b, hash, &digest, &[]).is_ok())
        }),
        ("stamp reply", reply, {
            let query = query.clone();
            Box::new(move |b| tsp::verify_response(b, &query, &[]).is_ok())
        }),
    ];
    let (ca, root) = (pki.ca.clone(), pki.root.clone());
    out.push(("ocsp answer", told, {
        let ca = ca.clone();
        Box::new(move |b| ocsp::verify(b, &ca, &[9], Some(b"nonce"), NOON).is_ok())
    }));
    // The two requests are answered, whatever they are; the answer says whether they were understood.
    out.push(("ocsp request", asked, {
        let (ca, held) = (ca.clone(), delegate.clone());
        Box::new(move |b| {
            let by = Responder {
                issuer: &ca,
                certificate: &held.1,
                key: &held.0,
                this_update: FROM,
                next_update: TO,
            };
            ocsp::answer(b, &by, |_| Status::Good).len() > 5
        })
    }));
    out.push(("stamp request", query, {
        let held = stamper.clone();
        Box::new(move |b| {
            let by = tsp::Authority {
                certificate: &held.1,
                above: &[],
                key: &held.0,
                policy: "1.2.3",
                accuracy_ms: 0,
                ordering: false,
                named: false,
            };
            tsp::answer(b, &by, &[1], NOON).len() > 20
        })
    }));
    if kind == Kind::Sm2 {
        let info = Info {
            vendor: "Y".into(),
            id: "1".into(),
            kind: 1,
            name: "章".into(),
            holders: Holders::digests(std::slice::from_ref(&seal.1)),
            created: FROM,
            valid_from: FROM,
            valid_to: TO,
            picture: Picture {
                kind: "PNG".into(),
                data: vec![1],
                width: 4,
                height: 4,
            },
        };
        let made = make(&info, &seal.1, &seal.0).unwrap();
        let used = sign(&made, (&[3; 32], "/x"), NOON, (&seal.1, &seal.0), None).unwrap();
        out.push((
            "seal",
            made.der().to_vec(),
            Box::new(|b| Seal::from_der(b).is_ok()),
        ));
        out.push((
            "seal signature",
            used.der().to_vec(),
            Box::new(|b| Signature::from_der(b).is_ok()),
        ));
    } else {
        let signed = cms::sign(&[5; 32], &seal.0, &[seal.1.clone(), ca, root]).unwrap();
        out.push(("cms", signed, Box::new(|b| cms::verify(b, &[5; 32]).is_ok())));
    }
    out
}

#[test]
fn every_length_but_the_whole_is_refused() {
    for kind in [Kind::P256, Kind::Sm2] {
        for (name, bytes, reads) in all(kind) {
            assert!(reads(&bytes), "{name}");
            for length in 0..bytes.len() {
                assert!(!reads(&bytes[..length]), "{name} cut to {length}");
            }
            assert!(!reads(&[&bytes[..], &[1]].concat()), "{name} with a byte more");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn mutated_bytes_never_panic(
        which in any::<prop::sample::Index>(),
        sm2 in any::<bool>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..8),
    ) {
        let kind = if sm2 { Kind::Sm2 } else { Kind::P256 };
        let examples = all(kind);
        let (_, mut bytes, reads) = examples.into_iter().nth(which.index(10)).unwrap();
        for (at, value, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = value,
                1 => bytes.insert(at, value),
                2 if bytes.len() > 1 => { bytes.remove(at); }
                // Lengths are where readers go wrong.
                _ => bytes[at] = bytes[at].wrapping_add(1),
            }
        }
        reads(&bytes);
    }

    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        for (name, _, reads) in all(Kind::P256) {
            prop_assert!(!reads(&noise), "{}", name);
        }
    }
}
