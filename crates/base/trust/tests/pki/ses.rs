//! Electronic seals and what they sign.

use trust::crypto::crl::{Reason, Revoked, Status};
use trust::crypto::ses::{
    Check, Holders, Info, Picture, Report, Seal, Signature, Trust, Verdict, make, sign,
};
use trust::crypto::sm::sm3;
use trust::crypto::tsp::{Authority, stamp};
use trust::crypto::x509::{Certificate, Profile};
use trust::crypto::{Error, Hash, Kind, PrivateKey};

use crate::support::*;

const PATH: &str = "/Doc_0/Signs/Sign_0/Signature.xml";

struct Office {
    pki: Pki,
    maker: (PrivateKey, Certificate),
    signer: (PrivateKey, Certificate),
}

fn office() -> Office {
    let pki = pki(Kind::Sm2);
    Office {
        maker: pki.issue(&Profile::SealSigner, 0x41),
        signer: pki.issue(&Profile::SealSigner, 0x42),
        pki,
    }
}

impl Office {
    fn info(&self, holders: Holders) -> Info {
        Info {
            vendor: "YIWANG".into(),
            id: "32089900000001".into(),
            kind: 1,
            name: "演示市政务服务章".into(),
            holders,
            created: FROM,
            valid_from: FROM,
            valid_to: FROM + 30 * DAY,
            picture: Picture {
                kind: "PNG".into(),
                data: b"\x89PNG".to_vec(),
                width: 40,
                height: 40,
            },
        }
    }

    fn seal(&self) -> Seal {
        let holders = Holders::digests(std::slice::from_ref(&self.signer.1));
        make(&self.info(holders), &self.maker.1, &self.maker.0).unwrap()
    }

    fn sign(&self, at: i64) -> trust::crypto::Result<Signature> {
        let signer = (&self.signer.1, &self.signer.0);
        sign(&self.seal(), (&sm3(b"document"), PATH), at, signer, None)
    }

    fn verify(&self, made: &Signature, status: impl Fn(&Certificate) -> Option<Status>) -> Report {
        let (roots, pool) = ([self.pki.root.clone()], [self.pki.ca.clone()]);
        made.verify(
            &sm3(b"document"),
            &mut Trust {
                roots: &roots,
                pool: &pool,
                makers: std::slice::from_ref(&self.maker.1),
                status: &mut |c| status(c),
            },
        )
    }
}

fn failing(report: &Report) -> Vec<Check> {
    let fails = report
        .findings
        .iter()
        .filter(|f| matches!(f.verdict, Verdict::Fails(_)));
    fails.map(|f| f.check).collect()
}

#[test]
fn seals_and_signatures_go_round() {
    let office = office();
    for holders in [
        Holders::Certificates(vec![office.signer.1.der().to_vec()]),
        Holders::digests(std::slice::from_ref(&office.signer.1)),
    ] {
        let info = office.info(holders);
        let seal = make(&info, &office.maker.1, &office.maker.0).unwrap();
        let read = Seal::from_der(seal.der()).unwrap();
        assert_eq!(
            (&read.info, read.version, &read.maker),
            (&info, 4, &office.maker.1)
        );
        let signer = (&office.signer.1, &office.signer.0);
        let made = sign(&seal, (&sm3(b"document"), PATH), NOON, signer, None).unwrap();
        let read = Signature::from_der(made.der()).unwrap();
        assert_eq!((&read.seal, read.at, read.property.as_str()), (&seal, NOON, PATH));
        let report = office.verify(&read, |_| Some(Status::Good));
        assert!(report.stands(), "{report:?}");
        assert_eq!(report.open().collect::<Vec<_>>(), [Check::Timestamp]);
        assert_eq!(report.findings.len(), 13);
    }
}

#[test]
fn openssl_verifies_both_signatures() {
    let office = office();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "seal.der", office.seal().der());
    write(folder.path(), "key.pem", office.maker.0.public().spki_pem());
    assert!(sm2_signature_is_good(folder.path(), "seal.der"));
    write(folder.path(), "signature.der", office.sign(NOON).unwrap().der());
    assert!(!sm2_signature_is_good(folder.path(), "signature.der"));
    write(folder.path(), "key.pem", office.signer.0.public().spki_pem());
    assert!(sm2_signature_is_good(folder.path(), "signature.der"));
}

#[test]
fn each_question_has_its_own_answer() {
    let office = office();
    let made = office.sign(NOON).unwrap();
    let unknown = office.verify(&made, |_| None);
    assert!(unknown.stands());
    let open: Vec<Check> = unknown.open().collect();
    assert_eq!(open, [Check::Timestamp, Check::SignerStatus, Check::MakerStatus]);
    // Revoked: the signer's certificate before, and after; the maker's, for a stolen key, at any time.
    let revoked = |who: &Certificate, at, reason| {
        let serial = who.serial.clone();
        move |c: &Certificate| {
            let gone = Status::Revoked(Revoked { at, reason });
            Some(if c.serial == serial { gone } else { Status::Good })
        }
    };
    let signer = &office.signer.1;
    let early = office.verify(&made, revoked(signer, NOON - 1000, Reason::Superseded));
    assert_eq!(failing(&early), [Check::SignerStatus]);
    assert!(
        office
            .verify(&made, revoked(signer, NOON + 1000, Reason::Superseded))
            .stands()
    );
    let stolen = office.verify(
        &made,
        revoked(&office.maker.1, NOON + 1000, Reason::KeyCompromise),
    );
    assert_eq!(failing(&stolen), [Check::MakerStatus]);
    // Another document; another root.
    let (roots, pool) = ([office.pki.root.clone()], [office.pki.ca.clone()]);
    let makers = std::slice::from_ref(&office.maker.1);
    let good = &mut |_: &Certificate| Some(Status::Good);
    let other = made.verify(
        &sm3(b"another"),
        &mut Trust {
            roots: &roots,
            pool: &pool,
            makers,
            status: good,
        },
    );
    assert_eq!(failing(&other), [Check::Document]);
    let strange = made.verify(
        &sm3(b"document"),
        &mut Trust {
            roots: &[],
            pool: &pool,
            makers,
            status: good,
        },
    );
    assert_eq!(failing(&strange), [Check::SignerTrusted, Check::MakerTrusted]);
    assert_eq!(strange.verdict(Check::Document), Verdict::Holds(None));
}

#[test]
fn strangers_cannot_use_a_seal() {
    let office = office();
    let seal = office.seal();
    let thief = office.pki.issue(&Profile::SealSigner, 0x43);
    let document = (&sm3(b"document"), PATH);
    let refused =
        |seal: &Seal, at, signer: (&Certificate, &PrivateKey)| sign(seal, document, at, signer, None);
    assert!(matches!(
        refused(&seal, NOON, (&thief.1, &thief.0)),
        Err(Error::Certificate(_))
    ));
    assert!(refused(&seal, NOON, (&office.signer.1, &thief.0)).is_err());
    assert!(refused(&seal, FROM + 31 * DAY, (&office.signer.1, &office.signer.0)).is_err());
    // A seal the thief makes himself: his certificate is good, but he is no seal maker.
    let holders = Holders::digests(std::slice::from_ref(&thief.1));
    let own = make(&office.info(holders), &thief.1, &thief.0).unwrap();
    let made = sign(&own, document, NOON, (&thief.1, &thief.0), None).unwrap();
    let report = office.verify(&made, |_| Some(Status::Good));
    assert_eq!(failing(&report), [Check::MakerKnown]);
    // The good seal put under the thief's signature: his certificate is not on its list.
    let honest = office.sign(NOON).unwrap();
    let swap = |bytes: &[u8], from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).rposition(|w| w == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    if office.signer.1.der().len() == thief.1.der().len() {
        let forged = swap(honest.der(), office.signer.1.der(), thief.1.der());
        let report = office.verify(&Signature::from_der(&forged).unwrap(), |_| Some(Status::Good));
        assert_eq!(failing(&report), [Check::Signature, Check::Listed]);
    }
    let p256 = pki(Kind::P256).issue(&Profile::SealSigner, 0x44);
    assert!(matches!(make(&seal.info, &p256.1, &p256.0), Err(Error::Key(_))));
    let device = office.pki.issue(&Profile::Device, 0x45);
    assert!(make(&seal.info, &device.1, &device.0).is_err());
}

#[test]
fn a_time_stamp_moves_the_moment() {
    let office = office();
    let held = office.pki.issue(&Profile::TimestampAuthority, 0x71);
    let above = [office.pki.ca.clone()];
    let authority = Authority {
        certificate: &held.1,
        above: &above,
        key: &held.0,
        policy: "1.2.3",
        accuracy_ms: 0,
        ordering: false,
        named: false,
    };
    let at = NOON + DAY;
    let made = sign(
        &office.seal(),
        (&sm3(b"document"), PATH),
        NOON,
        (&office.signer.1, &office.signer.0),
        Some(&mut |digest| stamp(Hash::Sha256, digest, &authority, &[1], at)),
    )
    .unwrap();
    let made = Signature::from_der(made.der()).unwrap();
    let report = office.verify(&made, |_| Some(Status::Good));
    assert_eq!(
        (report.at, report.verdict(Check::Timestamp)),
        (at, Verdict::Holds(Some(at)))
    );
    assert!(report.stands() && report.open().next().is_none());
    // Revoked between the claimed and the proved moment.
    let gone = Status::Revoked(Revoked {
        at: NOON + 1000,
        reason: Reason::Superseded,
    });
    let serial = office.signer.1.serial.clone();
    let report = office.verify(&made, |c| {
        Some(if c.serial == serial { gone } else { Status::Good })
    });
    assert_eq!(failing(&report), [Check::SignerStatus]);
}

#[test]
fn any_changed_byte_of_a_seal_is_noticed() {
    let office = office();
    let made = office.sign(NOON).unwrap();
    for at in 0..made.der().len() {
        let mut bad = made.der().to_vec();
        bad[at] ^= 1;
        let stands =
            Signature::from_der(&bad).is_ok_and(|bad| office.verify(&bad, |_| Some(Status::Good)).stands());
        assert!(!stands, "byte {at}");
    }
}
