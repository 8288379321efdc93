//! Tokens that must not be believed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use oidc::claims::verify_access;
use oidc::client::Client;
use oidc::client_auth::{self, assertion};
use oidc::jose::{JoseError, Jws, MAX_JWS, Signer, sign};
use oidc::logout::{self, LogoutToken};
use oidc::params::Params;
use serde_json::{Map, Value, json};

use crate::flow::{access_token, id_token};
use crate::town::*;

/// A token with any header, signed by `key` over exactly what it says.
fn raw(header: &str, payload: &str, key: &Key) -> String {
    let signed = format!("{}.{}", B64.encode(header), B64.encode(payload));
    let signature = B64.encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn verdict(token: &str, key: &Key) -> Result<Vec<u8>, JoseError> {
    Jws::parse(token)?.verify(&key.jwks()).map(<[u8]>::to_vec)
}

#[test]
fn the_key_decides_the_algorithm() {
    let (ec, ed) = (Key::p256(1), Key::ed25519(1));
    for key in [&ec, &ed] {
        let alg = key.alg().as_str();
        assert!(verdict(&raw(&json!({"alg": alg}).to_string(), "{}", key), key).is_ok());
        for alg in [
            "none", "None", "NONE", "", "HS256", "HS512", "RS256", "PS256", "ES384", "ES256K", "es256", "SM2",
        ] {
            let token = raw(&json!({"alg": alg}).to_string(), "{}", key);
            assert_eq!(verdict(&token, key), Err(JoseError::Algorithm), "{alg}");
        }
    }
    // Without signature.
    let unsigned = format!("{}.{}.", B64.encode(r#"{"alg":"none"}"#), B64.encode("{}"));
    assert_eq!(verdict(&unsigned, &ec), Err(JoseError::Algorithm));
    let unsigned = format!("{}.{}.", B64.encode(r#"{"alg":"ES256"}"#), B64.encode("{}"));
    assert_eq!(verdict(&unsigned, &ec), Err(JoseError::Signature));
    // The algorithm of another key, with and without naming the key.
    let header = json!({"alg": "ES256", "kid": ed.kid()}).to_string();
    assert_eq!(verdict(&raw(&header, "{}", &ec), &ed), Err(JoseError::Algorithm));
    assert_eq!(
        verdict(&raw(r#"{"alg":"ES256"}"#, "{}", &ec), &ed),
        Err(JoseError::Signature)
    );
    // r = s = 0, the signature that careless verifiers took for everything.
    let signed = format!("{}.{}", B64.encode(r#"{"alg":"ES256"}"#), B64.encode("{}"));
    assert_eq!(
        verdict(&format!("{signed}.{}", B64.encode([0; 64])), &ec),
        Err(JoseError::Signature)
    );
    // RFC 9864 calls it by another name.
    assert!(verdict(&raw(r#"{"alg":"Ed25519"}"#, "{}", &ed), &ed).is_ok());
}

#[test]
fn a_header_cannot_bring_its_key() {
    let (ours, evil) = (Key::p256(1), Key::p256(2));
    for (name, value) in [
        ("jwk", evil.public().to_json()),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["AA"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        for key in [&ours, &evil] {
            let mut header = json!({"alg": "ES256"});
            header[name] = value.clone();
            assert_eq!(
                verdict(&raw(&header.to_string(), "{}", key), &ours),
                Err(JoseError::Header),
                "{name}"
            );
        }
    }
    // A key of another node, under its own name and under ours.
    let by = |key: &Key| raw(&json!({"alg": "ES256", "kid": key.kid()}).to_string(), "{}", key);
    assert_eq!(verdict(&by(&evil), &ours), Err(JoseError::Key));
    assert_eq!(
        verdict(&by(&evil.called(ours.kid())), &ours),
        Err(JoseError::Signature)
    );
}

#[test]
fn only_one_writing() {
    let key = Key::ed25519(1);
    let good = raw(r#"{"alg":"EdDSA"}"#, r#"{"a":1}"#, &key);
    assert!(verdict(&good, &key).is_ok());
    let parts: Vec<&str> = good.split('.').collect();
    let long = raw(
        r#"{"alg":"EdDSA"}"#,
        &format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_JWS)),
        &key,
    );
    // The last character of 64 bytes carries two bits; the next one in the alphabet carries the same two.
    let last = good.bytes().last().unwrap();
    let twin = format!("{}{}", &good[..good.len() - 1], char::from(last + 1));
    for bad in [
        String::new(),
        "a.b".into(),
        "..".into(),
        format!("{good}="),
        format!("{good}."),
        format!("{good}\n"),
        format!(" {good}"),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}.{}.x", parts[0], parts[1], parts[2]),
        twin,
        long,
        raw(r#"{"alg":"EdDSA","alg":"EdDSA"}"#, "{}", &key),
        raw(r#"{"alg":["EdDSA"]}"#, "{}", &key),
        raw(r#"{"alg":"EdDSA","kid":7}"#, "{}", &key),
        raw("{}", "{}", &key),
        raw("[]", "{}", &key),
    ] {
        assert_eq!(verdict(&bad, &key), Err(JoseError::Malformed), "{bad}");
    }
    let claims = |payload: &str| {
        let token = raw(r#"{"alg":"EdDSA"}"#, payload, &key);
        Jws::parse(&token)
            .unwrap()
            .claims(&key.jwks(), &[None])
            .map(|_| ())
    };
    assert_eq!(claims("{}"), Ok(()));
    for bad in [
        r#"{"sub":"a","sub":"b"}"#,
        "[]",
        "",
        "{",
        r#"{"a":{"b":1,"b":1}}"#,
    ] {
        assert_eq!(claims(bad), Err(JoseError::Malformed), "{bad}");
    }
    let moved = format!("{}.{}.{}", parts[0], B64.encode(r#"{"a":2}"#), parts[2]);
    assert_eq!(verdict(&moved, &key), Err(JoseError::Signature));
}

#[test]
fn a_token_serves_its_purpose_only() {
    let key = Key::p256(1);
    let id = id_token(None, Map::new()).sign(&key).unwrap();
    let access = access_token().sign(&key).unwrap();
    let out = LogoutToken {
        issuer: ISSUER,
        client_id: "app",
        sub: "p-1",
        sid: None,
        jti: "j",
        issued_at: NOW,
    };
    let out = out.sign(&key).unwrap();
    for wrong in [&access, &out] {
        assert_eq!(
            logout::verify_hint(wrong, &key.jwks(), ISSUER, NOW),
            Err(JoseError::Type)
        );
    }
    for wrong in [&id, &out] {
        assert_eq!(
            verify_access(wrong, &key.jwks(), ISSUER, "app", NOW),
            Err(JoseError::Type)
        );
    }
}

#[test]
fn hints_of_others_are_refused() {
    let key = Key::p256(1);
    let verify = |token: &str| logout::verify_hint(token, &key.jwks(), ISSUER, NOW).map(|_| ());
    assert_eq!(verify(&id_token(None, Map::new()).sign(&key).unwrap()), Ok(()));
    assert_eq!(
        verify(&id_token(None, Map::new()).sign(&Key::p256(2)).unwrap()),
        Err(JoseError::Key)
    );
    let with = |name: &str, value: Value| {
        let mut claims = Value::Object(id_token(None, Map::new()).claims(key.alg()));
        claims[name] = value;
        verify(&sign(&key, "JWT", &claims).unwrap())
    };
    for (name, value) in [
        ("iss", json!("https://id.town.example/")),
        ("iss", json!("https://evil.example")),
        ("aud", json!(["app", "other"])),
        ("aud", json!([])),
        ("azp", json!("other")),
        ("iat", json!(NOW + 3_600)),
        ("sub", json!(1)),
    ] {
        assert!(
            matches!(with(name, value.clone()), Err(JoseError::Claim(_))),
            "{name} {value}"
        );
    }
}

fn assertion_of(changes: Value) -> Value {
    let mut all =
        json!({"iss": "app", "sub": "app", "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "j-1"});
    for (name, value) in changes.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

fn keyed(key: &Key) -> Client {
    client_with(json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": key.jwks().to_json()}))
}

#[test]
fn client_assertions() {
    let (key, provider) = (Key::ed25519(5), provider());
    let client = keyed(&key);
    let check = |changes: Value| {
        let token = sign(&key, "JWT", &assertion_of(changes)).unwrap();
        assertion(&token, &client, &provider, NOW)
    };
    let good = check(json!({})).unwrap();
    assert_eq!(
        (good.jti.as_str(), good.expires_at),
        ("j-1", NOW + 60 + oidc::SKEW)
    );
    for aud in [
        json!([ISSUER]),
        json!(["https://x.example", provider.endpoints.token]),
        json!(provider.endpoints.pushed),
    ] {
        assert!(check(json!({ "aud": aud })).is_ok());
    }
    for (changes, error) in [
        (json!({"iss": "other"}), JoseError::Claim("iss")),
        (json!({"sub": "other"}), JoseError::Claim("sub")),
        (json!({"aud": "https://evil.example"}), JoseError::Claim("aud")),
        (json!({"aud": format!("{ISSUER}/")}), JoseError::Claim("aud")),
        (json!({"aud": [1, ISSUER]}), JoseError::Claim("aud")),
        (json!({"aud": null}), JoseError::Claim("aud")),
        (json!({"exp": NOW - oidc::SKEW}), JoseError::Expired),
        (json!({"exp": NOW + 331}), JoseError::Claim("exp")),
        (json!({"exp": null}), JoseError::Claim("exp")),
        (json!({"exp": "9999999999"}), JoseError::Claim("exp")),
        (json!({"exp": 1e300}), JoseError::Claim("exp")),
        (json!({"iat": NOW + 31}), JoseError::Claim("iat")),
        (json!({"nbf": NOW + 31}), JoseError::Claim("nbf")),
        (json!({"jti": ""}), JoseError::Claim("jti")),
        (json!({"jti": "x".repeat(256)}), JoseError::Claim("jti")),
        (json!({"jti": 5}), JoseError::Claim("jti")),
    ] {
        assert_eq!(check(changes.clone()), Err(error), "{changes}");
    }
    let of = |token: String| assertion(&token, &client, &provider, NOW).unwrap_err();
    let claims = assertion_of(json!({}));
    assert_eq!(
        of(sign(&Key::ed25519(6), "JWT", &claims).unwrap()),
        JoseError::Key
    );
    assert_eq!(
        of(sign(&Key::ed25519(6).called(key.kid()), "JWT", &claims).unwrap()),
        JoseError::Signature
    );
    assert_eq!(of(sign(&key, "dpop+jwt", &claims).unwrap()), JoseError::Type);
    assert_eq!(
        of(raw(r#"{"alg":"HS256"}"#, &claims.to_string(), &key)),
        JoseError::Algorithm
    );
    let unnamed = raw(r#"{"alg":"EdDSA"}"#, &claims.to_string(), &key);
    assert!(assertion(&unnamed, &client, &provider, NOW).is_ok());
}

#[test]
fn an_assertion_says_what_to_remember() {
    let (key, provider) = (Key::p256(5), provider());
    let client = keyed(&key);
    let token = sign(&key, "JWT", &assertion_of(json!({}))).unwrap();
    let read = |body: &[(&str, &str)]| client_auth::read(None, &Params::parse(&form(body)).unwrap());
    let body = [
        ("client_assertion_type", client_auth::ASSERTION_TYPE),
        ("client_assertion", token.as_str()),
    ];
    let presented = read(&body).unwrap();
    assert_eq!(presented.client_id(), "app");
    let once = presented.check(&client, &[], &provider, NOW).unwrap();
    let again = presented.check(&client, &[], &provider, NOW + 1).unwrap();
    // The engine has no memory: both give the same name, whose uniqueness the server's table enforces.
    assert_eq!(once.replay, again.replay);
    assert_eq!(once.replay.unwrap().jti, "j-1");
    assert_eq!(client_auth::replayed().reply(ISSUER).status, 401);
    // A secret does not open a client that has a key, nor a stranger's assertion.
    let by_secret = read(&[("client_id", "app"), ("client_secret", "x")]).unwrap();
    assert!(
        by_secret
            .check(&client, &[oidc::secret::digest("x")], &provider, NOW)
            .is_err()
    );
    assert!(read(&[&body[..], &[("client_id", "other")]].concat()).is_err());
    let strange = sign(&Key::p256(6), "JWT", &assertion_of(json!({}))).unwrap();
    let presented = read(&[body[0], ("client_assertion", strange.as_str())]).unwrap();
    assert_eq!(
        presented.check(&client, &[], &provider, NOW),
        Err(client_auth::failed())
    );
}

#[test]
fn a_silent_key_store_is_noticed() {
    struct Broken;
    impl Signer for Broken {
        fn kid(&self) -> &str {
            "k"
        }
        fn alg(&self) -> oidc::jose::Alg {
            oidc::jose::Alg::Es256
        }
        fn sign(&self, _: &[u8]) -> Vec<u8> {
            Vec::new()
        }
    }
    assert_eq!(sign(&Broken, "JWT", &json!({})), Err(JoseError::Signer));
}
