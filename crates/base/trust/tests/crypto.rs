//! National algorithms, keys and sealed values against published vectors and the OpenSSL command line, which
//! must be installed: interoperation is what these tests are for.

use std::path::Path;
use std::process::Command;

use sm4::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use trust::crypto::seal::{self, OVERHEAD};
use trust::crypto::sm::{DEFAULT_ID, Sm2Key, hmac_sm3, sm2_verify, sm3, sm4_gcm_open, sm4_gcm_seal};
use trust::crypto::{Error, Kind, PrivateKey, PublicKey, random};

const D: &str = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8";
const P: &str = "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020\
                 CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13";
const K: &str = "59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21";
const R: &str = "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3";
const S: &str = "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA";

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).unwrap()
}

fn fixed<const N: usize>(text: &str) -> [u8; N] {
    bytes(text).try_into().unwrap()
}

/// Repeatable bytes: SM3 of a counter.
fn counter() -> impl FnMut(&mut [u8]) {
    let mut n = 0u64;
    move |buf: &mut [u8]| {
        for chunk in buf.chunks_mut(32) {
            n += 1;
            chunk.copy_from_slice(&sm3(&n.to_be_bytes())[..chunk.len()]);
        }
    }
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

fn openssl_ok(folder: &Path, line: &str) {
    let (ok, said) = openssl(folder, line);
    assert!(ok, "openssl {line}: {said}");
}

#[test]
fn sm3_vectors() {
    for (text, digest) in [
        (
            "abc".to_owned(),
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
        ),
        (
            "abcd".repeat(16),
            "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
        ),
        (
            String::new(),
            "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b",
        ),
    ] {
        assert_eq!(hex::encode(sm3(text.as_bytes())), digest);
    }
}

#[test]
fn hmac_sm3_agrees_with_openssl() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m"), "城市").unwrap();
    for key in [vec![7u8; 16], vec![9u8; 64], vec![11u8; 100]] {
        let line = format!("dgst -sm3 -mac HMAC -macopt hexkey:{} m", hex::encode(&key));
        let (ok, said) = openssl(folder.path(), &line);
        assert!(
            ok && said
                .trim()
                .ends_with(&hex::encode(hmac_sm3(&key, &["城".as_bytes(), "市".as_bytes()]))),
            "{said}"
        );
    }
}

#[test]
fn sm4_vectors() {
    let key = fixed::<16>("0123456789abcdeffedcba9876543210");
    let cipher = sm4::Sm4::new(&key.into());
    let mut block = key.into();
    cipher.encrypt_block(&mut block);
    assert_eq!(hex::encode(block), "681edf34d206965e86b3e94f536e4246");
    for _ in 1..1_000_000 {
        cipher.encrypt_block(&mut block);
    }
    assert_eq!(hex::encode(block), "595298c7c6fd271f0402f804c33d3f66");

    // CBC with PKCS#7: the block itself, then a block of padding.
    let mut chain = fixed::<16>("000102030405060708090a0b0c0d0e0f");
    let mut out = Vec::new();
    for plain in [key, [16; 16]] {
        let mut block: [u8; 16] = std::array::from_fn(|i| plain[i] ^ chain[i]);
        let mut held = block.into();
        cipher.encrypt_block(&mut held);
        block.copy_from_slice(&held);
        chain = block;
        out.extend_from_slice(&block);
    }
    assert_eq!(
        hex::encode(out),
        "a9a268883a336315bac0c9c9ff350ab1e004a8baddb756f693cbc3f96c4baeae"
    );
}

#[test]
fn sm4_gcm_vector_of_rfc_8998() {
    let key = fixed("0123456789ABCDEFFEDCBA9876543210");
    let nonce = fixed("00001234567800000000ABCD");
    let aad = bytes("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2");
    let plain = bytes(
        "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD\
         EEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA",
    );
    let sealed = sm4_gcm_seal(&key, &nonce, &aad, &plain).unwrap();
    assert_eq!(
        hex::encode_upper(&sealed),
        "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735\
         D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D\
         83DE3541E4C2B58177E065A9BF7B62EC"
    );
    assert_eq!(sm4_gcm_open(&key, &nonce, &aad, &sealed).unwrap(), plain);
    for at in 0..sealed.len() {
        let mut bad = sealed.clone();
        bad[at] ^= 1;
        assert_eq!(sm4_gcm_open(&key, &nonce, &aad, &bad), Err(Error::Sealed));
    }
    assert!(sm4_gcm_open(&key, &nonce, b"other", &sealed).is_err());
    assert!(sm4_gcm_open(&key, &nonce, &aad, &sealed[..15]).is_err());
}

#[test]
fn sm2_signature_vector() {
    use sm2::elliptic_curve::ops::Reduce as _;
    use sm2::elliptic_curve::point::AffineCoordinates as _;
    use sm2::{FieldBytes, ProjectivePoint, Scalar};

    let key = Sm2Key::from_bytes(&bytes(D)).unwrap();
    assert_eq!(hex::encode_upper(key.public()), P);
    // Z and e as the standard prints them, from the curve's printed parameters.
    let curve = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC\
                 28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93\
                 32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7\
                 BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0";
    let z = sm3(&[&[0, 0x80], DEFAULT_ID.as_bytes(), &bytes(curve), &bytes(P)[1..]].concat());
    assert_eq!(
        hex::encode_upper(z),
        "B2E14C5C79C6DF5B85F4FE7ED8DB7A262B9DA7E07CCB0EA9F4747B8CCDA8A4F3"
    );
    let e = sm3(&[&z[..], b"message digest"].concat());
    assert_eq!(
        hex::encode_upper(e),
        "F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640"
    );
    // r and s from the printed nonce.
    let scalar = |b: &[u8]| Scalar::reduce(&FieldBytes::try_from(b).unwrap());
    let (d, k) = (scalar(&bytes(D)), scalar(&bytes(K)));
    let x1 = (ProjectivePoint::GENERATOR * k).to_affine().x();
    let r = scalar(&e) + scalar(&x1);
    let s = (Scalar::ONE + d).invert().unwrap() * (k - r * d);
    assert_eq!(
        (hex::encode_upper(r.to_bytes()), hex::encode_upper(s.to_bytes())),
        (R.into(), S.into())
    );

    // The printed signature verifies; nothing else does.
    let der = bytes(&format!("3046022100{R}022100{S}"));
    sm2_verify(&key.public(), DEFAULT_ID, b"message digest", &der).unwrap();
    assert!(sm2_verify(&key.public(), DEFAULT_ID, b"message digesT", &der).is_err());
    assert!(sm2_verify(&key.public(), "ALICE123@YAHOO.COM", b"message digest", &der).is_err());
    for at in 0..der.len() {
        let mut bad = der.clone();
        bad[at] ^= 1;
        assert!(
            sm2_verify(&key.public(), DEFAULT_ID, b"message digest", &bad).is_err(),
            "byte {at}"
        );
    }
    for cut in 0..der.len() {
        assert!(sm2_verify(&key.public(), DEFAULT_ID, b"message digest", &der[..cut]).is_err());
    }
    assert!(
        sm2_verify(
            &key.public(),
            DEFAULT_ID,
            b"message digest",
            &[&der[..], &[0]].concat()
        )
        .is_err()
    );
}

#[test]
fn sm2_encryption_vector() {
    let c1 = "0404EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73\
              E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0";
    let c3 = "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766";
    let c2 = "21886CA989CA9C7D58087307CA93092D651EFA";
    let key = sm2::pke::DecryptingKey::from_slice(&bytes(D)).unwrap();
    let plain = key.decrypt(&bytes(&[c1, c3, c2].concat())).unwrap();
    assert_eq!(plain, b"encryption standard");
}

#[test]
fn sm2_keys_out_of_range_are_refused() {
    let n = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D541";
    for (tail, valid) in [("23", false), ("22", false), ("21", true), ("24", false)] {
        assert_eq!(
            Sm2Key::from_bytes(&bytes(&format!("{n}{tail}"))).is_ok(),
            valid,
            "{tail}"
        );
    }
    assert!(Sm2Key::from_bytes(&[0; 32]).is_err());
    assert!(Sm2Key::from_bytes(&[1; 31]).is_err());
}

#[test]
fn signatures_verify_with_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("file"), "政务数据\n").unwrap();
    let mut rng = counter();
    for (kind, good, bad) in [
        (
            Kind::Sm2,
            vec![
                "dgst -sm3 -verify pub.pem -signature sig.der -sigopt distid:1234567812345678 file",
                "pkeyutl -verify -rawin -digest sm3 -pubin -inkey pub.pem -sigfile sig.der -in file \
                 -pkeyopt distid:1234567812345678",
            ],
            // Without the identifier OpenSSL computes another Z.
            Some("dgst -sm3 -verify pub.pem -signature sig.der file"),
        ),
        (
            Kind::P256,
            vec!["dgst -sha256 -verify pub.pem -signature sig.der file"],
            None,
        ),
        (
            Kind::Ed25519,
            vec!["pkeyutl -verify -rawin -pubin -inkey pub.pem -sigfile sig.der -in file"],
            None,
        ),
    ] {
        let key = PrivateKey::generate(kind, &mut rng);
        std::fs::write(at.join("pub.pem"), key.public().spki_pem()).unwrap();
        std::fs::write(at.join("sig.der"), key.sign("政务数据\n".as_bytes()).unwrap()).unwrap();
        good.iter().for_each(|line| openssl_ok(at, line));
        assert!(bad.is_none_or(|line| !openssl(at, line).0));
        std::fs::write(at.join("sig.der"), key.sign(b"other").unwrap()).unwrap();
        assert!(good.iter().all(|line| !openssl(at, line).0), "{kind:?}");
    }
}

#[test]
fn openssl_signatures_verify_here() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("file"), "abc").unwrap();
    for (make, sign) in [
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2 -out key.pem",
            "dgst -sm3 -sign key.pem -sigopt distid:1234567812345678 -out sig file",
        ),
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
            "dgst -sha256 -sign key.pem -out sig file",
        ),
        (
            "genpkey -algorithm ed25519 -out key.pem",
            "pkeyutl -sign -rawin -inkey key.pem -in file -out sig",
        ),
    ] {
        openssl_ok(at, make);
        openssl_ok(at, "pkey -in key.pem -pubout -out pub.pem");
        openssl_ok(at, sign);
        let key = PublicKey::from_spki_pem(&std::fs::read_to_string(at.join("pub.pem")).unwrap()).unwrap();
        let signature = std::fs::read(at.join("sig")).unwrap();
        key.verify(b"abc", &signature).unwrap();
        assert_eq!(key.verify(b"abd", &signature), Err(Error::Signature));
    }
}

#[test]
fn keys_go_round_in_every_form() {
    let mut rng = counter();
    for kind in [Kind::Sm2, Kind::P256, Kind::Ed25519] {
        let key = PrivateKey::generate(kind, &mut rng);
        let again = PrivateKey::from_bytes(kind, &*key.to_bytes()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(again.sign(b"x").unwrap(), key.sign(b"x").unwrap());
        assert_eq!(
            PublicKey::from_spki_der(&key.public().spki_der()).unwrap(),
            key.public()
        );
        assert_eq!(
            PublicKey::from_spki_pem(&key.public().spki_pem()).unwrap(),
            key.public()
        );
        assert_eq!(
            PublicKey::from_bytes(kind, key.public().as_bytes()).unwrap(),
            key.public()
        );
        assert!(
            PrivateKey::from_bytes(kind, &[1; 33]).is_err()
                && PrivateKey::from_bytes(kind, &[1; 31]).is_err()
        );
        assert!(PublicKey::from_bytes(kind, &[4; 65]).is_err());
        assert!(!format!("{key:?}").contains(&hex::encode(*key.to_bytes())[..8]));
        let other = PrivateKey::generate(kind, &mut rng).public();
        assert_eq!(
            other.verify(b"x", &key.sign(b"x").unwrap()),
            Err(Error::Signature)
        );
        let spki = key.public().spki_der();
        for cut in 0..spki.len() {
            assert!(PublicKey::from_spki_der(&spki[..cut]).is_err());
        }
    }
}

#[test]
fn sealed_values_open_only_in_their_place() {
    let master = [7u8; 32];
    let mut rng = counter();
    let sealed = seal::seal(&master, b"person.phone.1", "13900000000".as_bytes(), &mut rng).unwrap();
    assert_eq!((sealed[0], sealed.len()), (1, 11 + OVERHEAD));
    assert_eq!(
        seal::open(&master, b"person.phone.1", &sealed).unwrap(),
        b"13900000000"
    );
    assert_eq!(
        seal::open(&master, b"person.phone.2", &sealed),
        Err(Error::Sealed)
    );
    assert_eq!(
        seal::open(&[8; 32], b"person.phone.1", &sealed),
        Err(Error::Sealed)
    );
    for at in 0..sealed.len() {
        let mut bad = sealed.clone();
        bad[at] ^= 0x40;
        assert_eq!(
            seal::open(&master, b"person.phone.1", &bad),
            Err(Error::Sealed),
            "byte {at}"
        );
        assert_eq!(
            seal::open(&master, b"person.phone.1", &sealed[..at]),
            Err(Error::Sealed)
        );
    }
    let again = seal::seal(&master, b"person.phone.1", b"13900000000", &mut rng).unwrap();
    assert_ne!(again, sealed);
    assert!(
        seal::open(
            &master,
            b"",
            &seal::seal(&master, b"", b"", &mut random::system).unwrap()
        )
        .unwrap()
        .is_empty()
    );
}

#[test]
fn indexes_and_macs_are_apart() {
    let master = [7u8; 32];
    let index = seal::index(&master, "phone", "13900000000");
    assert_eq!(index.len(), 64);
    assert_eq!(index, seal::index(&master, "phone", "13900000000"));
    for other in [
        seal::index(&[8; 32], "phone", "13900000000"),
        seal::index(&master, "mobile", "13900000000"),
        seal::index(&master, "phone1", "3900000000"),
        seal::mac(&master, "phone", "13900000000"),
    ] {
        assert_ne!(index, other);
    }
    let mac = seal::mac(&master, "link", "a=1");
    assert!(seal::mac_matches(&master, "link", "a=1", &mac));
    assert!(!seal::mac_matches(&master, "link", "a=2", &mac));
    assert!(!seal::mac_matches(&master, "form", "a=1", &mac));
    assert!(!seal::mac_matches(&master, "link", "a=1", ""));
}
