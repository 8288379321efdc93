//! PAdES B-T: signatures with a time-stamp. pyHanko is asked too if `YIWANG_PYHANKO` names the Python of an environment
//! that has it; the sample files stay in the test target folder (`stamped/`).

use std::path::PathBuf;
use std::process::Command;

use trust::crypto::pades::{Change, Limits, Spec, examine, sign_stamped, verify};
use trust::crypto::tsp::{Authority, stamp};
use trust::crypto::x509::{Certificate, Profile, Terms};
use trust::crypto::{Error, Hash, Kind, PrivateKey};

use crate::support::*;

pub struct Office {
    pub pki: Pki,
    pub signer: (PrivateKey, Certificate),
    pub stamper: (PrivateKey, Certificate),
    pub chain: Vec<Vec<u8>>,
}

pub fn office() -> Office {
    let pki = pki(Kind::P256);
    let signer = pki.issue(&Profile::SealSigner, 0x61);
    Office {
        stamper: pki.issue(&Profile::TimestampAuthority, 0x62),
        chain: [&signer.1, &pki.ca, &pki.root].map(|c| c.der().to_vec()).to_vec(),
        signer,
        pki,
    }
}

impl Office {
    pub fn spec(&self) -> Spec<'_> {
        Spec {
            key: &self.signer.0,
            chain: &self.chain,
            at: NOON,
            name: "演示市数据局",
            reason: "电子证照",
            location: "",
            widget: None,
        }
    }

    pub fn roots(&self) -> [Certificate; 1] {
        [self.pki.root.clone()]
    }

    /// Signs with a time-stamp made at `at`.
    pub fn stamped(&self, pdf: &[u8], at: i64) -> Vec<u8> {
        let above = [self.pki.ca.clone()];
        let authority = Authority {
            certificate: &self.stamper.1,
            above: &above,
            key: &self.stamper.0,
            policy: "1.2.156.99999.1.7",
            accuracy_ms: 1000,
            ordering: false,
            named: true,
        };
        sign_stamped(pdf, &self.spec(), &mut |digest| {
            stamp(Hash::Sha256, digest, &authority, &[7], at)
        })
        .unwrap()
    }
}

#[test]
fn the_time_stamp_is_reported() {
    let office = office();
    let at = NOON + 5_250;
    let signed = office.stamped(&crate::shadow::base(false), at);
    let seen = verify(&signed, &[office.pki.root.der().to_vec()]);
    assert!(seen.intact && seen.trusted && seen.covers_whole_file, "{seen:?}");
    let stamp = seen.stamp.unwrap();
    assert!(stamp.trusted && stamp.at == at && stamp.problem.is_none());
    assert_eq!(
        (stamp.authority.as_str(), seen.at),
        ("演示市政务服务章", Some(NOON))
    );
    // Without its root the token stands but nobody vouches for it.
    let seen = examine(&signed, &[], &Limits::default());
    let stamp = seen.signatures[0].stamp.clone().unwrap();
    assert!(!stamp.trusted && stamp.at == at && stamp.problem.is_some() && !seen.stands());
}

#[test]
fn the_moment_is_the_stamps_not_the_claimed_one() {
    let mut office = office();
    let day = Terms {
        not_after: FROM + DAY,
        ..terms(0x66)
    };
    let (authority, key) = (office.pki.authority(), key(Kind::P256, 0x66));
    let short = authority
        .issue(&Profile::SealSigner, &subject("一日"), &key.public(), &day)
        .unwrap();
    office.chain[0] = short.der().to_vec();
    office.signer = (key, short);
    for (at, trusted) in [(NOON + 1000, true), (FROM + DAY + 5000, false)] {
        let signed = office.stamped(&crate::shadow::base(false), at);
        let seen = verify(&signed, &[office.pki.root.der().to_vec()]);
        assert!(seen.intact && seen.at == Some(NOON) && seen.stamp.unwrap().trusted);
        assert_eq!(
            seen.trusted, trusted,
            "a claim of noon does not help a later stamp"
        );
    }
}

#[test]
fn a_stamp_over_something_else_is_no_stamp() {
    let office = office();
    let above = [office.pki.ca.clone()];
    let authority = Authority {
        certificate: &office.stamper.1,
        above: &above,
        key: &office.stamper.0,
        policy: "1.2.3",
        accuracy_ms: 0,
        ordering: false,
        named: false,
    };
    let pdf = crate::shadow::base(false);
    let wrong = sign_stamped(&pdf, &office.spec(), &mut |_| {
        stamp(Hash::Sha256, &[9; 32], &authority, &[7], NOON)
    })
    .unwrap();
    let seen = verify(&wrong, &[office.pki.root.der().to_vec()]);
    let stamp = seen.stamp.unwrap();
    assert!(seen.intact && seen.trusted && !stamp.trusted && stamp.problem.is_some());
    let big = sign_stamped(&pdf, &office.spec(), &mut |_| Ok(vec![0x30; 20_000]));
    assert!(matches!(big, Err(Error::Certificate(_))));
    let refused = sign_stamped(&pdf, &office.spec(), &mut |_| Err(Error::Timestamp("refused")));
    assert_eq!(refused, Err(Error::Timestamp("refused")));
}

#[test]
fn pyhanko_agrees() {
    let office = office();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("stamped");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, modern) in [("table", false), ("stream", true)] {
        write(
            &folder,
            &format!("{name}.pdf"),
            office.stamped(&crate::shadow::base(modern), NOON + 5_000),
        );
    }
    office.pki.write(&folder);
    write_key(&folder, "signer.key", &office.signer.0);
    write(&folder, "signer.pem", office.signer.1.pem());
    write_key(&folder, "stamper.key", &office.stamper.0);
    write(&folder, "stamper.pem", office.stamper.1.pem());
    let Some(python) = std::env::var_os("YIWANG_PYHANKO") else {
        return;
    };
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pades_stamped_pyhanko.py");
    for name in ["table", "stream"] {
        let done = Command::new(&python)
            .arg(&script)
            .arg(&folder)
            .arg(name)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{said}");
        println!("{said}");
        // What pyHanko appended, judged here.
        let read = |kind: &str| std::fs::read(folder.join(format!("{name}-{kind}.pdf"))).unwrap();
        let seen = examine(&read("dss"), &office.roots(), &Limits::default());
        assert!(seen.stands(), "{seen:?}");
        assert_eq!(
            seen.signatures[0].later,
            [Change::Information, Change::ValidationData]
        );
        // pyHanko writes PDF 2.0 metadata along with its signature; that is named, and is not the signature.
        let seen = examine(&read("twice"), &office.roots(), &Limits::default());
        let [first, second] = &seen.signatures[..] else {
            panic!("{seen:?}")
        };
        assert!(first.intact && first.trusted && second.stands(), "{seen:?}");
        let kinds: Vec<&Change> = first.later.iter().filter(|c| !c.permitted()).collect();
        assert_eq!(kinds, [&Change::Metadata]);
        assert!(
            first
                .later
                .iter()
                .any(|c| matches!(c, Change::Signature { page: None, .. }))
        );
        // A document time-stamp over the whole.
        let seen = examine(&read("archived"), &office.roots(), &Limits::default());
        assert!(seen.stands() && seen.signatures[1].timestamp, "{seen:?}");
        assert!(seen.signatures[1].at.is_some_and(|at| at > NOON));
        let seen = examine(&read("noted"), &office.roots(), &Limits::default());
        assert!(seen.signatures[0].intact && !seen.stands(), "{seen:?}");
    }
}
