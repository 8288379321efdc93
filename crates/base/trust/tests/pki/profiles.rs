//! Certificates of each profile, and requests for them.

use trust::crypto::x509::{Authority, Certificate, Profile, Purpose, Request, Terms, root_authority, serial};
use trust::crypto::{Error, Kind};

use crate::support::*;

/// Profile, what OpenSSL prints of it, and the purpose it passes for.
fn all() -> Vec<(Profile, &'static [&'static str], Option<&'static str>)> {
    vec![
        (
            Profile::SealSigner,
            &[
                "Digital Signature, Non Repudiation",
                "1.3.6.1.5.5.7.3.36",
                "CA:FALSE",
            ],
            None,
        ),
        (
            Profile::PersonSigner,
            &[
                "Digital Signature, Non Repudiation",
                "1.3.6.1.5.5.7.3.36",
                "CA:FALSE",
            ],
            None,
        ),
        (
            Profile::Device,
            &["TLS Web Client Authentication", "CA:FALSE"],
            Some("sslclient"),
        ),
        (
            Profile::OcspResponder,
            &["OCSP Signing", "OCSP No Check", "CA:FALSE"],
            Some("ocsphelper"),
        ),
        (
            Profile::TimestampAuthority,
            &["X509v3 Extended Key Usage: critical", "Time Stamping", "CA:FALSE"],
            Some("timestampsign"),
        ),
        (
            Profile::Node(vec![
                "node-1.yiwang.example".into(),
                "10.0.0.7".into(),
                "::1".into(),
            ]),
            &[
                "TLS Web Server Authentication, TLS Web Client Authentication",
                "DNS:node-1.yiwang.example",
                "IP Address:10.0.0.7",
                "CA:FALSE",
            ],
            Some("sslserver"),
        ),
    ]
}

#[test]
fn openssl_accepts_every_profile_for_its_purpose() {
    for (kind, options) in [
        (Kind::P256, "-check_ss_sig"),
        (Kind::Sm2, "-vfyopt distid:1234567812345678"),
    ] {
        let pki = pki(kind);
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        pki.write(folder);
        let text = |file: &str| openssl_ok(folder, &format!("x509 -in {file} -noout -text"));
        let ca = text("ca.pem");
        for part in [
            "CA:TRUE, pathlen:0",
            "Certificate Sign, CRL Sign",
            "http://pki.example/root.crl",
        ] {
            assert!(ca.contains(part), "{part}: {ca}");
        }
        assert!(text("root.pem").contains("CA:TRUE, pathlen:1"));
        for (profile, parts, purpose) in all() {
            let (_, made) = pki.issue(&profile, 0x60);
            write(folder, "leaf.pem", made.pem());
            let said = text("leaf.pem");
            for part in parts
                .iter()
                .chain(&["X509v3 Authority Key Identifier", "X509v3 Subject Key Identifier"])
            {
                assert!(said.contains(part), "{kind:?} {profile:?} {part}: {said}");
            }
            let published = said.contains("http://pki.example/ca.crl")
                && said.contains("OCSP - URI:http://pki.example/ocsp/ca")
                && said.contains("CA Issuers - URI:http://pki.example/ca.cer");
            assert_eq!(published, profile != Profile::OcspResponder, "{said}");
            let purpose = purpose.map_or(String::new(), |p| format!("-purpose {p}"));
            // OpenSSL gives the SM2 identifier to the leaf only, so there the chain starts at the issuer.
            let anchor = if kind == Kind::Sm2 {
                "-partial_chain -CAfile ca.pem"
            } else {
                "-CAfile root.pem -untrusted ca.pem"
            };
            let line = format!(
                "verify -x509_strict {purpose} -attime {} {options} {anchor} leaf.pem",
                NOON / 1000
            );
            let (ok, said) = openssl(folder, &line);
            assert!(ok, "{kind:?} {profile:?}: {said}");
        }
    }
}

#[test]
fn profiles_keep_to_their_purpose() {
    let pki = pki(Kind::Sm2);
    let pool = [pki.ca.clone()];
    let roots = [pki.root.clone()];
    for (profile, _, _) in all() {
        let (_, made) = pki.issue(&profile, 0x60);
        let documents = matches!(profile, Profile::SealSigner | Profile::PersonSigner);
        assert_eq!(made.may_sign(), documents, "{profile:?}");
        assert_eq!(made.trusted(&pool, &roots, NOON), documents, "{profile:?}");
        assert_eq!(made.may_timestamp(), profile == Profile::TimestampAuthority);
        assert_eq!(made.may_answer_ocsp(), profile == Profile::OcspResponder);
        assert_eq!(made.serves(Purpose::Server), matches!(profile, Profile::Node(_)));
        let path = made.path(&pool, &roots, NOON).unwrap();
        assert_eq!(path, [made.clone(), pki.ca.clone(), pki.root.clone()]);
        assert!(made.path(&[], &roots, NOON).is_none() && made.path(&pool, &roots, TO + 1000).is_none());
        let published = profile != Profile::OcspResponder;
        assert_eq!(made.publication == pki.publication, published);
    }
    let (_, node) = pki.issue(&all()[5].0, 0x60);
    assert_eq!(node.names, ["node-1.yiwang.example", "10.0.0.7", "::1"]);
}

#[test]
fn authorities_keep_to_their_level() {
    let pki = pki(Kind::P256);
    let low = key(Kind::P256, 9).public();
    let try_issue = |profile| pki.authority().issue(&profile, &subject("下级"), &low, &terms(3));
    assert!(matches!(try_issue(Profile::Issuing), Err(Error::Certificate(_))));
    assert!(matches!(try_issue(Profile::Root), Err(Error::Certificate(_))));
    assert!(matches!(
        try_issue(Profile::Node(vec![])),
        Err(Error::Certificate(_))
    ));
    for name in ["", "a b", "a..b", "*.*.x", "名"] {
        let made = try_issue(Profile::Node(vec![name.into()]));
        assert!(matches!(made, Err(Error::Certificate(_))), "{name}");
    }
    // Made by force, with a certificate of the same name and key that has more room, a third level leads to the
    // certificate with room and not to the real one, whose path length is 0.
    let roomy = root_authority(&pki.ca_key, &subject("演示签发证书"), &terms(9)).unwrap();
    let mut forced = pki.authority();
    forced.certificate = &roomy;
    let sub_key = key(Kind::P256, 10);
    let sub = forced
        .issue(&Profile::Issuing, &subject("下级"), &sub_key.public(), &terms(3))
        .unwrap();
    assert_eq!(sub.path_length, Some(0));
    let third = Authority {
        certificate: &sub,
        key: &sub_key,
        publication: &pki.publication,
    };
    let leaf = third
        .issue(&Profile::SealSigner, &subject("章"), &low, &terms(4))
        .unwrap();
    let leads = |pool: &[Certificate], root: &Certificate| {
        leaf.path(pool, std::slice::from_ref(root), NOON).is_some()
    };
    assert!(leads(std::slice::from_ref(&sub), &roomy) && !leads(&[sub.clone(), pki.ca.clone()], &pki.root));
    let bad_url = trust::crypto::x509::Publication {
        crl: vec!["no url".into()],
        ..Default::default()
    };
    let mut bad = pki.authority();
    bad.publication = &bad_url;
    assert!(
        bad.issue(&Profile::Device, &subject("x"), &low, &terms(3))
            .is_err()
    );
}

#[test]
fn many_crossing_authorities_do_not_stall() {
    // Twelve authorities of one name and key: every one fits every other.
    let pki = pki(Kind::P256);
    let crossed: Vec<Certificate> = (10..22)
        .map(|n| root_authority(&pki.ca_key, &subject("演示签发证书"), &terms(n)).unwrap())
        .collect();
    let (_, leaf) = pki.issue(&Profile::SealSigner, 0x60);
    assert!(
        leaf.path(&crossed, std::slice::from_ref(&pki.root), NOON)
            .is_none()
    );
}

#[test]
fn serial_numbers_are_random_and_positive() {
    let mut rng = counter();
    let (a, b) = (serial(&mut rng), serial(&mut rng));
    assert!(a != b && a.len() == 16);
    assert!(serial(&mut |buf: &mut [u8]| buf.fill(0)).iter().any(|&b| b != 0));
    let pki = pki(Kind::Sm2);
    for fill in [0xff, 0] {
        let terms = Terms {
            serial: serial(&mut |buf: &mut [u8]| buf.fill(fill)),
            ..terms(1)
        };
        let made = pki
            .authority()
            .issue(
                &Profile::Device,
                &subject("机"),
                &key(Kind::Sm2, 8).public(),
                &terms,
            )
            .unwrap();
        assert_eq!(made.serial, if fill == 0 { vec![1] } else { vec![0xff; 16] });
    }
}

#[test]
fn requests_prove_their_key() {
    for kind in [Kind::P256, Kind::Sm2, Kind::Ed25519] {
        let key = key(kind, 0x33);
        let made = Request::make(&key, &subject("机")).unwrap();
        let read = Request::from_der(&made).unwrap();
        assert_eq!((read.subject, read.key), (subject("机"), key.public()));
        for at in 0..made.len() {
            let mut bad = made.clone();
            bad[at] ^= 1;
            assert!(Request::from_der(&bad).is_err(), "{kind:?} byte {at}");
        }
    }
}

#[test]
fn openssl_requests_are_read_and_ours_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (curve, options, verify) in [
        ("prime256v1", "-sha256", ""),
        (
            "SM2",
            "-sm3 -sigopt distid:1234567812345678",
            "-vfyopt distid:1234567812345678",
        ),
    ] {
        openssl_ok(
            folder,
            &format!("ecparam -name {curve} -genkey -noout -out k.pem"),
        );
        let made = format!("req -new -key k.pem -utf8 -subj /C=CN/O=局/CN=手机 {options} -out req.pem");
        openssl_ok(folder, &made);
        let read = Request::from_pem(&std::fs::read_to_string(folder.join("req.pem")).unwrap()).unwrap();
        assert_eq!(
            (read.subject.cn.as_str(), read.subject.o.as_str()),
            ("手机", "局")
        );
        let kind = if curve == "SM2" { Kind::Sm2 } else { Kind::P256 };
        assert_eq!(read.key.kind(), kind);
        write(
            folder,
            "ours.der",
            Request::make(&key(kind, 5), &subject("机")).unwrap(),
        );
        let said = openssl_ok(
            folder,
            &format!("req -inform DER -in ours.der -noout -verify {verify}"),
        );
        assert!(said.contains("verify OK"), "{said}");
    }
}
