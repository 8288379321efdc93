//! Real ceremonies of the software authenticator, and everything that may be wrong with one.

use crate::soft::{Attest, Authenticator};
use crate::*;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const ORIGIN: &str = "https://www.example.org";
const CHALLENGE: [u8; 32] = [7; 32];
const HANDLE: &[u8] = b"opaque handle 16";

fn party() -> RelyingParty {
    RelyingParty::of(ORIGIN, "演示市").unwrap()
}

fn creation(challenge: &[u8], exclude: &[Known<'_>]) -> Json {
    let user = User {
        handle: HANDLE,
        name: "resident",
        display: "王演示",
    };
    creation_options(&party(), challenge, &user, exclude)
}

fn register(a: &mut Authenticator) -> Result<Credential, Refused> {
    let response = a.create(&creation(&CHALLENGE, &[])).unwrap();
    Registration::read(&response)?.verify(&party(), &digest(&CHALLENGE), Foreign::Refuse)
}

fn stored(c: &Credential) -> Stored<'_> {
    Stored {
        id: &c.id,
        key: &c.key,
        count: c.count,
        backup_eligible: c.backup_eligible,
        handle: HANDLE,
    }
}

fn show(a: &mut Authenticator, c: &Credential) -> Result<Shown, Refused> {
    let response = a.get(&request_options(&party(), &CHALLENGE, &[])).unwrap();
    check(&response, c)
}

fn check(response: &Json, c: &Credential) -> Result<Shown, Refused> {
    Assertion::read(response)?.verify(&party(), &digest(&CHALLENGE), &stored(c), Handle::Required)
}

#[test]
fn both_kinds_of_key_register_and_authenticate() {
    for algorithm in [-7, -8] {
        for attest in [Attest::None, Attest::Itself] {
            for extensions in [false, true] {
                let mut a = Authenticator::new(1, ORIGIN);
                a.algorithm = algorithm;
                a.attest = attest.clone();
                a.extensions = extensions;
                let mut c = register(&mut a).unwrap();
                assert_eq!((c.count, c.backup_eligible, c.id.len()), (1, false, 32));
                assert_eq!(c.transports, ["hybrid", "internal"]);
                for count in 2..5 {
                    c.count = show(&mut a, &c).map(|s| s.count).unwrap();
                    assert_eq!(c.count, count);
                }
            }
        }
    }
}

#[test]
fn the_options_are_what_browsers_read() {
    let transports = ["usb".to_string()];
    let known = [Known {
        id: &[1; 16],
        transports: &transports,
    }];
    let o = creation(&CHALLENGE, &known);
    assert_eq!(o["rp"], json!({ "id": "www.example.org", "name": "演示市" }));
    assert_eq!(o["user"]["id"], json!(encode(HANDLE)));
    assert_eq!(o["pubKeyCredParams"][0]["alg"], json!(-7));
    assert_eq!(o["attestation"], "none");
    assert_eq!(o["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(
        o["excludeCredentials"],
        json!([{ "type": "public-key", "id": "AQEBAQEBAQEBAQEBAQEBAQ", "transports": ["usb"] }])
    );
    let r = request_options(&party(), &CHALLENGE, &[]);
    assert_eq!(
        (&r["rpId"], &r["allowCredentials"]),
        (&json!("www.example.org"), &json!([]))
    );
}

#[test]
fn what_is_held_already_is_not_made_again() {
    let mut a = Authenticator::new(1, ORIGIN);
    let c = register(&mut a).unwrap();
    assert!(
        a.create(&creation(
            &CHALLENGE,
            &[Known {
                id: &c.id,
                transports: &[]
            }]
        ))
        .is_none()
    );
    assert!(
        a.create(&creation(
            &CHALLENGE,
            &[Known {
                id: &[9; 32],
                transports: &[]
            }]
        ))
        .is_some()
    );
}

/// What goes wrong with an authenticator.
type Wrong = (fn(&mut Authenticator), Refused);

#[test]
fn a_registration_that_is_not_right() {
    let wrongs: &[Wrong] = &[
        (|a| a.origin = "https://www.example.com".into(), Refused::Origin),
        (
            |a| a.origin = "https://www.example.org:8443".into(),
            Refused::Origin,
        ),
        (|a| a.origin = "http://www.example.org".into(), Refused::Origin),
        (|a| a.cross_origin = true, Refused::CrossOrigin),
        (|a| a.party = Some("example.com".into()), Refused::RelyingParty),
        (|a| a.present = false, Refused::Presence),
        (|a| a.verifies = false, Refused::Verification),
        (|a| a.algorithm = -257, Refused::Key),
        (
            |a| a.attest = Attest::Named("fido-u2f".into()),
            Refused::AttestationFormat,
        ),
        (
            |a| a.attest = Attest::Named("packed".into()),
            Refused::AttestationObject,
        ),
    ];
    for (change, why) in wrongs {
        let mut a = Authenticator::new(1, ORIGIN);
        change(&mut a);
        assert_eq!(register(&mut a), Err(*why));
    }
    let mut a = Authenticator::new(1, ORIGIN);
    a.attest = Attest::Named("fido-u2f".into());
    let response = a.create(&creation(&CHALLENGE, &[])).unwrap();
    let read = Registration::read(&response).unwrap();
    assert_eq!(read.challenge(), CHALLENGE);
    assert!(
        read.verify(&party(), &digest(&CHALLENGE), Foreign::AsNone)
            .is_ok()
    );
    assert_eq!(
        read.verify(&party(), &digest(&[8; 32]), Foreign::AsNone),
        Err(Refused::Challenge)
    );
    // The id outside is not the one inside.
    let mut other = response.clone();
    other["id"] = json!(encode(&[1; 32]));
    assert_eq!(Registration::read(&other).err(), Some(Refused::Response));
    other["rawId"] = other["id"].clone();
    let read = Registration::read(&other).unwrap();
    assert_eq!(
        read.verify(&party(), &digest(&CHALLENGE), Foreign::AsNone),
        Err(Refused::Credential)
    );
    // An assertion is no registration, and the other way about.
    let shown = a.get(&request_options(&party(), &CHALLENGE, &[])).unwrap();
    assert_eq!(Registration::read(&shown).err(), Some(Refused::Response));
    assert_eq!(Assertion::read(&response).err(), Some(Refused::Response));
}

#[test]
fn an_assertion_that_is_not_right() {
    let wrongs: &[Wrong] = &[
        (
            |a| a.origin = "https://evil.www.example.org".into(),
            Refused::Origin,
        ),
        (|a| a.cross_origin = true, Refused::CrossOrigin),
        (|a| a.party = Some("example.com".into()), Refused::RelyingParty),
        (|a| a.present = false, Refused::Presence),
        (|a| a.verifies = false, Refused::Verification),
        (|a| a.synced = true, Refused::Backup),
        (|a| a.handle = Some(b"somebody else".into()), Refused::UserHandle),
        (|a| a.handle = Some(Vec::new()), Refused::UserHandle),
        (|a| a.step = 0, Refused::Cloned),
    ];
    for (change, why) in wrongs {
        let mut a = Authenticator::new(1, ORIGIN);
        let c = register(&mut a).unwrap();
        change(&mut a);
        assert_eq!(show(&mut a, &c), Err(*why));
    }
    let mut a = Authenticator::new(1, ORIGIN);
    let c = register(&mut a).unwrap();
    let response = a.get(&request_options(&party(), &CHALLENGE, &[])).unwrap();
    let read = Assertion::read(&response).unwrap();
    let verify = |challenge: &[u8], s: &Stored<'_>, h| read.verify(&party(), &digest(challenge), s, h);
    assert_eq!(
        verify(&[8; 32], &stored(&c), Handle::Required),
        Err(Refused::Challenge)
    );
    // Of another credential, and of one that nobody knows.
    let mut b = Authenticator::new(2, ORIGIN);
    let d = register(&mut b).unwrap();
    assert_eq!(
        verify(&CHALLENGE, &stored(&d), Handle::Required),
        Err(Refused::Credential)
    );
    let unknown = Stored {
        id: &c.id,
        key: STAND_IN,
        count: 0,
        backup_eligible: false,
        handle: HANDLE,
    };
    assert_eq!(
        verify(&CHALLENGE, &unknown, Handle::Required),
        Err(Refused::Signature)
    );
    // Without a user handle only where the account is known.
    let mut silent = response.clone();
    silent["response"]["userHandle"] = Json::Null;
    assert_eq!(check(&silent, &c), Err(Refused::UserHandle));
    let read = Assertion::read(&silent).unwrap();
    assert!(
        read.verify(&party(), &digest(&CHALLENGE), &stored(&c), Handle::IfGiven)
            .is_ok()
    );
}

#[test]
fn a_copied_key_is_found() {
    let mut a = Authenticator::new(1, ORIGIN);
    let mut c = register(&mut a).unwrap();
    let mut copy = a.clone();
    c.count = show(&mut a, &c).unwrap().count;
    assert_eq!(show(&mut copy, &c), Err(Refused::Cloned));
    // A synced key does not count, and is not taken for a copy.
    let mut a = Authenticator::new(1, ORIGIN);
    (a.synced, a.step) = (true, 0);
    let c = register(&mut a).unwrap();
    assert!(c.backup_eligible && c.backed_up);
    assert_eq!(
        show(&mut a, &c),
        Ok(Shown {
            count: 0,
            backed_up: true
        })
    );
    assert_eq!(
        show(&mut a, &c),
        Ok(Shown {
            count: 0,
            backed_up: true
        })
    );
}

#[test]
fn a_backup_without_eligibility() {
    let mut a = Authenticator::new(1, ORIGIN);
    a.synced = true;
    let response = a.create(&creation(&CHALLENGE, &[])).unwrap();
    let object = decode(response["response"]["attestationObject"].as_str().unwrap()).unwrap();
    let hash = digest(b"www.example.org");
    let at = object.windows(32).position(|w| w == hash).unwrap() + 32;
    let with = |flags: u8| {
        let (mut bent, mut response) = (object.clone(), response.clone());
        bent[at] = flags;
        response["response"]["attestationObject"] = json!(encode(&bent));
        Registration::read(&response).and_then(|r| r.verify(&party(), &digest(&CHALLENGE), Foreign::Refuse))
    };
    assert!(with(0x5d).is_ok());
    assert_eq!(with(0x55), Err(Refused::Backup));
    // Without the attested data that follow, and with extensions that do not.
    assert_eq!(with(0x1d), Err(Refused::AuthenticatorData));
    assert_eq!(with(0xdd), Err(Refused::AuthenticatorData));
}

#[test]
fn client_data_of_other_shapes() {
    let mut a = Authenticator::new(1, ORIGIN);
    let c = register(&mut a).unwrap();
    let response = a.get(&request_options(&party(), &CHALLENGE, &[])).unwrap();
    let challenge = encode(&CHALLENGE);
    let with = |text: String| {
        let mut response = response.clone();
        response["response"]["clientDataJSON"] = json!(encode(text.as_bytes()));
        check(&response, &c)
    };
    let create = format!(r#"{{"type":"webauthn.create","challenge":"{challenge}","origin":"{ORIGIN}"}}"#);
    assert_eq!(with(create), Err(Refused::Type));
    let top = format!(
        r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"{ORIGIN}","topOrigin":"https://a.example"}}"#
    );
    assert_eq!(with(top), Err(Refused::CrossOrigin));
    let twice =
        format!(r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"x","origin":"{ORIGIN}"}}"#);
    assert_eq!(with(twice), Err(Refused::ClientData));
    let padded = format!(r#"{{"type":"webauthn.get","challenge":"{challenge}=","origin":"{ORIGIN}"}}"#);
    assert_eq!(with(padded), Err(Refused::ClientData));
    assert_eq!(with("[]".into()), Err(Refused::ClientData));
    assert_eq!(with(" ".repeat(MOST + 1)), Err(Refused::Response));
    // Right in all but the text that was signed.
    let other = format!(r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"{ORIGIN}"}}"#);
    assert_eq!(with(other), Err(Refused::Signature));
}

#[test]
fn keys_that_are_none() {
    let with = |change: fn(&mut Vec<u8>)| {
        let mut key = STAND_IN.to_vec();
        change(&mut key);
        crate::cose::Key::read(&key).err()
    };
    assert_eq!(with(|_| ()), None);
    // Not on the curve, of another curve, of another algorithm, with more behind it.
    assert_eq!(with(|k| k[20] ^= 1), Some(Refused::Key));
    assert_eq!(with(|k| k[6] = 2), Some(Refused::Key));
    assert_eq!(with(|k| k[4] = 0x27), Some(Refused::Key));
    assert_eq!(with(|k| k.push(0)), Some(Refused::Key));
    // The neutral point of Ed25519 would sign everything.
    let mut weak = vec![0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32, 1];
    weak.extend([0; 31]);
    assert_eq!(crate::cose::Key::read(&weak).err(), Some(Refused::Key));
}

/// A text member by its path.
fn member<'j>(response: &'j mut Json, name: &str) -> &'j mut Json {
    &mut response["response"][name]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_only_refused(client in prop::collection::vec(any::<u8>(), 0..300), data in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut a = Authenticator::new(1, ORIGIN);
        let registration = a.create(&creation(&CHALLENGE, &[])).unwrap();
        let assertion = a.get(&request_options(&party(), &CHALLENGE, &[])).unwrap();
        for (name, bytes) in [("clientDataJSON", &client), ("attestationObject", &data)] {
            let mut r = registration.clone();
            *member(&mut r, name) = json!(encode(bytes));
            prop_assert!(Registration::read(&r).is_err());
        }
        for (name, bytes) in [("clientDataJSON", &client), ("authenticatorData", &data), ("signature", &data)] {
            let mut r = assertion.clone();
            *member(&mut r, name) = json!(encode(bytes));
            let c = Credential { id: vec![], key: data.clone(), count: 0, aaguid: [0; 16], backup_eligible: false, backed_up: false,
                transports: vec![] };
            prop_assert!(check(&r, &c).is_err());
        }
        let _ = crate::cbor::map(&data);
        let _ = crate::cose::Key::read(&data);
    }

    #[test]
    fn a_bit_of_an_assertion_is_changed(name in prop::sample::select(vec!["clientDataJSON", "authenticatorData", "signature"]),
            at in any::<prop::sample::Index>(), bit in 0u8..8, eddsa in any::<bool>()) {
        let mut a = Authenticator::new(1, ORIGIN);
        a.algorithm = if eddsa { -8 } else { -7 };
        let c = register(&mut a).unwrap();
        let mut r = a.get(&request_options(&party(), &CHALLENGE, &[])).unwrap();
        prop_assert!(check(&r, &c).is_ok());
        let mut bytes = decode(member(&mut r, name).as_str().unwrap()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        *member(&mut r, name) = json!(encode(&bytes));
        prop_assert!(check(&r, &c).is_err());
    }

    #[test]
    fn a_byte_of_an_attested_registration_is_changed(at in any::<prop::sample::Index>(), by in 1u8..) {
        let mut a = Authenticator::new(1, ORIGIN);
        (a.attest, a.extensions) = (Attest::Itself, true);
        let mut r = a.create(&creation(&CHALLENGE, &[])).unwrap();
        let mut bytes = decode(member(&mut r, "attestationObject").as_str().unwrap()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        *member(&mut r, "attestationObject") = json!(encode(&bytes));
        let verified = Registration::read(&r)
            .and_then(|r| r.verify(&party(), &digest(&CHALLENGE), Foreign::Refuse));
        prop_assert!(verified.is_err());
    }
}
