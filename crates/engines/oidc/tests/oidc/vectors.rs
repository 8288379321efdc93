//! Published examples.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use oidc::jose::{Alg, JoseError, Jwk, Jwks, Jws, Signer};
use serde_json::json;

use crate::town::Key;

#[test]
fn rfc_7515_a3_es256() {
    let key = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    let keys = Jwks::new([Jwk::from_json(&key).unwrap()]);
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let jws = Jws::parse(token).unwrap();
    assert_eq!(jws.header().alg, Alg::Es256);
    let claims = jws.claims(&keys, &[None]).unwrap();
    assert_eq!(claims.text("iss"), Ok("joe"));
    assert_eq!(claims.in_time(1_300_819_379), Ok(1_300_819_380));
    assert_eq!(
        claims.in_time(1_300_819_380 + oidc::SKEW),
        Err(JoseError::Expired)
    );
}

#[test]
fn rfc_8037_a4_eddsa() {
    let secret = B64.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let signer = ed25519_dalek::SigningKey::from_bytes(&secret.try_into().unwrap());
    let key = Jwk::from_json(&json!({"kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}));
    let key = key.unwrap();
    assert_eq!(key, Jwk::ed25519(signer.verifying_key().as_bytes()).unwrap());
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let made = Key::Ed25519(signer, "x".into()).sign(signed.as_bytes());
    assert_eq!(B64.encode(made), signature);
    let token = format!("{signed}.{signature}");
    let jws = Jws::parse(&token).unwrap();
    assert_eq!(
        jws.verify(&Jwks::new([key])),
        Ok(&b"Example of Ed25519 signing"[..])
    );
}

#[test]
fn at_hash_of_openid_connect_core_a3() {
    // Appendix A.3: the same token and hash, there with RS256, whose hash is that of ES256.
    let made = oidc::claims::half_hash(Alg::Es256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
    assert_eq!(made, "77QmUPtjPfzWtF2AnpK9RQ");
}
