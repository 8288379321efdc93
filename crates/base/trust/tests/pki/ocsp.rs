//! Online certificate status.

use trust::crypto::crl::{Reason, Revoked, Status};
use trust::crypto::ocsp::{Responder, answer, request, verify};
use trust::crypto::x509::{Certificate, Profile};
use trust::crypto::{Error, Kind, PrivateKey};

use crate::support::*;

const REVOKED: Revoked = Revoked {
    at: FROM + DAY,
    reason: Reason::Superseded,
};

/// Three kinds of serial number.
fn status(serial: &[u8]) -> Status {
    match serial[0] {
        0x10 => Status::Revoked(REVOKED),
        0x20 => Status::Good,
        _ => Status::Unknown,
    }
}

fn responder<'a>(pki: &'a Pki, (key, certificate): &'a (PrivateKey, Certificate)) -> Responder<'a> {
    Responder {
        issuer: &pki.ca,
        certificate,
        key,
        this_update: FROM,
        next_update: TO,
    }
}

#[test]
fn openssl_asks_and_believes_the_answer() {
    let pki = pki(Kind::P256);
    let delegate = pki.issue(&Profile::OcspResponder, 0x51);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pki.write(folder);
    for (name, seed) in [("good", 0x20), ("revoked", 0x10), ("unknown", 0x30)] {
        write(
            folder,
            &format!("{name}.pem"),
            pki.issue(&Profile::Device, seed).1.pem(),
        );
    }
    // OpenSSL names issuers by SHA-1 unless told otherwise, and sends a nonce.
    for hash in ["", "-sha256"] {
        let certificates = "-cert good.pem -cert revoked.pem -cert unknown.pem";
        let ask = format!(
            "ocsp -issuer ca.pem {}",
            certificates.replace("-cert", &format!("{hash} -cert"))
        );
        openssl_ok(folder, &format!("{ask} -reqout req.der"));
        let request = std::fs::read(folder.join("req.der")).unwrap();
        write(
            folder,
            "resp.der",
            answer(&request, &responder(&pki, &delegate), status),
        );
        let trust = "-CAfile root.pem -verify_other ca.pem";
        let said = openssl_ok(folder, &format!("{ask} -no_nonce -respin resp.der {trust}"));
        // With the request at hand, and then only, OpenSSL compares nonces.
        let nonce = format!("ocsp -reqin req.der -respin resp.der {trust} -resp_text");
        let said = said + &openssl_ok(folder, &nonce);
        for part in [
            "Response verify OK",
            "good.pem: good",
            "revoked.pem: revoked",
            "Reason: superseded",
            "unknown.pem: unknown",
            "Responder Id: ",
            "OCSP Nonce",
        ] {
            assert!(said.contains(part), "{hash} {part}: {said}");
        }
        assert!(!said.contains("WARNING"), "{said}");
    }
    // A nonce that does not come back is noticed by the other side too.
    openssl_ok(
        folder,
        "ocsp -issuer ca.pem -cert good.pem -no_nonce -reqout plain.der",
    );
    let plain = std::fs::read(folder.join("plain.der")).unwrap();
    write(
        folder,
        "plain.resp",
        answer(&plain, &responder(&pki, &delegate), status),
    );
    let (_, said) = openssl(
        folder,
        "ocsp -reqin req.der -respin plain.resp -CAfile root.pem -verify_other ca.pem",
    );
    assert!(said.contains("WARNING: no nonce in response"), "{said}");
}

#[test]
fn nobody_but_a_responder_signs_answers() {
    let pki = pki(Kind::P256);
    let stranger = pki.issue(&Profile::SealSigner, 0x52);
    let asked = request(&pki.ca, &[&[0x20, 0x80, 1]], None);
    // We do not sign with it in the first place: internalError.
    let made = answer(&asked, &responder(&pki, &stranger), status);
    assert_eq!(made, [0x30, 3, 0x0a, 1, 2]);
}

#[test]
fn sm2_answers_carry_good_signatures() {
    let pki = pki(Kind::Sm2);
    let delegate = pki.issue(&Profile::OcspResponder, 0x51);
    let asked = request(&pki.ca, &[&[0x20, 0x80, 1]], Some(b"0123456789abcdef"));
    let made = answer(&asked, &responder(&pki, &delegate), status);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "resp.der", &made);
    write(folder.path(), "key.pem", delegate.0.public().spki_pem());
    // The basic response lies in an OCTET STRING at the end of a fixed head.
    let at = made
        .windows(11)
        .position(|w| w == [0x06, 9, 43, 6, 1, 5, 5, 7, 48, 1, 1])
        .unwrap()
        + 11;
    let head = if made[at + 1] == 0x82 { 4 } else { 3 };
    write(folder.path(), "basic.der", &made[at + head..]);
    assert!(sm2_signature_is_good(folder.path(), "basic.der"));
    let read = verify(&made, &pki.ca, &[0x20, 0x80, 1], Some(b"0123456789abcdef"), NOON).unwrap();
    assert_eq!((read.status, read.next_update), (Status::Good, Some(TO)));
}

#[test]
fn openssl_answers_are_verified() {
    let pki = pki(Kind::P256);
    let delegate = pki.issue(&Profile::OcspResponder, 0x51);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pki.write(folder);
    write_key(folder, "r.key", &delegate.0);
    write(folder, "r.pem", delegate.1.pem());
    let valid = "R\t301231235959Z\t260102000000Z,superseded\t108001\tunknown\t/CN=x\n\
                 V\t301231235959Z\t\t208001\tunknown\t/CN=y\n";
    write(folder, "index", valid);
    let nonce = b"abcdefghijklmnop";
    for (serial, good) in [([0x20, 0x80, 1], true), ([0x10, 0x80, 1], false)] {
        write(folder, "req.der", request(&pki.ca, &[&serial], Some(nonce)));
        openssl_ok(
            folder,
            "ocsp -index index -CA ca.pem -rsigner r.pem -rkey r.key -reqin req.der -respout resp.der -ndays 3",
        );
        let made = std::fs::read(folder.join("resp.der")).unwrap();
        // Its clock is the machine's: read its own time first.
        let text = openssl_ok(folder, "ocsp -respin resp.der -resp_text -noverify");
        let at = text
            .lines()
            .find_map(|l| l.trim().strip_prefix("Produced At: "))
            .unwrap();
        let at = moment(at);
        let read = verify(&made, &pki.ca, &serial, Some(nonce), at).unwrap();
        assert_eq!(read.status == Status::Good, good);
        assert!(matches!(
            verify(&made, &pki.ca, &serial, Some(b"another nonce"), at),
            Err(Error::Revocation(_))
        ));
        assert!(verify(&made, &pki.ca, &[0x44], Some(nonce), at).is_err());
        assert!(verify(&made, &pki.ca, &serial, Some(nonce), at + 4 * DAY).is_err());
        assert!(verify(&made, &pki.root, &serial, Some(nonce), at).is_err());
    }
}

/// Unix milliseconds of "Nov 27 14:16:36 2026 GMT".
fn moment(text: &str) -> i64 {
    let text = text.trim_end_matches(" GMT").replace("  ", " ");
    let at = jiff::civil::DateTime::strptime("%b %d %H:%M:%S %Y", &text).unwrap();
    let at = jiff::tz::Offset::UTC.to_timestamp(at).unwrap();
    at.as_millisecond()
}

#[test]
fn nonces_are_echoed_ignored_or_refused_by_length() {
    let pki = pki(Kind::P256);
    let delegate = pki.issue(&Profile::OcspResponder, 0x51);
    let serial = [0x20, 0x80, 1];
    for (length, echoed, malformed) in [
        (0, false, true),
        (1, true, false),
        (32, true, false),
        (33, false, false),
        (128, false, false),
        (129, false, true),
    ] {
        let nonce = vec![7; length];
        let asked = request(&pki.ca, &[&serial], Some(&nonce));
        let made = answer(&asked, &responder(&pki, &delegate), status);
        assert_eq!(made == [0x30, 3, 0x0a, 1, 1], malformed, "{length}");
        let fits = verify(&made, &pki.ca, &serial, Some(&nonce), NOON).is_ok();
        assert_eq!(fits, echoed, "{length}");
    }
}

#[test]
fn answers_stand_for_one_question() {
    let pki = pki(Kind::P256);
    let delegate = pki.issue(&Profile::OcspResponder, 0x51);
    let (serial, nonce) = ([0x10, 0x80, 1], b"fresh");
    let asked = request(&pki.ca, &[&[0x20, 0x80, 1], &serial], Some(nonce));
    let made = answer(&asked, &responder(&pki, &delegate), status);
    let read = verify(&made, &pki.ca, &serial, Some(nonce), NOON).unwrap();
    assert_eq!((read.status, read.this_update), (Status::Revoked(REVOKED), FROM));
    let refused =
        |at: i64, serial: &[u8], nonce: &[u8]| verify(&made, &pki.ca, serial, Some(nonce), at).is_err();
    assert!(refused(NOON, &serial, b"stale") && refused(NOON, &[0x11], nonce));
    assert!(refused(FROM - 1, &serial, nonce) && refused(TO + 1000, &serial, nonce));
    for at in 0..made.len() {
        let mut bad = made.clone();
        bad[at] ^= 1;
        let seen = verify(&bad, &pki.ca, &serial, Some(nonce), NOON);
        assert!(seen.is_err(), "byte {at}: {seen:?}");
    }
    // A responder of another authority of the same name.
    let mut other = crate::support::pki(Kind::P256);
    other.ca_key = key(Kind::P256, 77);
    other.ca = trust::crypto::x509::root(&other.ca_key, &subject("演示签发证书"), &terms(2)).unwrap();
    let theirs = other.issue(&Profile::OcspResponder, 0x51);
    let asked = request(&other.ca, &[&serial], None);
    let forged = answer(&asked, &responder(&other, &theirs), |_| Status::Good);
    assert!(verify(&forged, &other.ca, &serial, None, NOON).is_ok());
    assert!(verify(&forged, &pki.ca, &serial, None, NOON).is_err());
}

#[test]
fn what_cannot_be_answered_says_why() {
    let pki = pki(Kind::P256);
    let delegate = pki.issue(&Profile::OcspResponder, 0x51);
    let respond = |asked: &[u8]| answer(asked, &responder(&pki, &delegate), status);
    let (malformed, unauthorized) = ([0x30, 3, 0x0a, 1, 1], [0x30, 3, 0x0a, 1, 6]);
    assert_eq!(respond(b""), malformed);
    assert_eq!(respond(&request(&pki.ca, &[], None)), malformed);
    let many = vec![&[1u8][..]; 33];
    assert_eq!(respond(&request(&pki.ca, &many, None)), malformed);
    assert_eq!(respond(&request(&pki.root, &[&[2, 0x80, 1]], None)), unauthorized);
    let said = |made: &[u8]| verify(made, &pki.ca, &[1], None, NOON).unwrap_err().to_string();
    assert!(said(&malformed).contains("malformed") && said(&unauthorized).contains("unauthorized"));
    // An expired responder is not used.
    let late = Responder {
        this_update: TO + 5000,
        next_update: TO + DAY,
        ..responder(&pki, &delegate)
    };
    let asked = request(&pki.ca, &[&[0x20, 0x80, 1]], None);
    assert_eq!(answer(&asked, &late, status), [0x30, 3, 0x0a, 1, 2]);
}
