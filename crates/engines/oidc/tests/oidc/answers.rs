//! Answers of the endpoints that clients call.

use oidc::bearer;
use oidc::client_auth;
use oidc::discovery;
use oidc::error::{Code, err};
use oidc::introspect::{self, Active, Hint};
use oidc::jose::Jws;
use oidc::logout::{self, IdHint, LogoutToken};
use oidc::params::Params;
use oidc::token::{TokenAnswer, bad_grant};
use serde_json::json;

use crate::town::*;

#[test]
fn refusals() {
    let reply = client_auth::failed().reply(ISSUER);
    assert_eq!(
        (reply.status, reply.www_authenticate.as_deref()),
        (401, Some("Basic realm=\"https://id.town.example\""))
    );
    assert_eq!(reply.body["error"], "invalid_client");
    let reply = bad_grant().reply(ISSUER);
    assert_eq!((reply.status, reply.www_authenticate), (400, None));
    assert_eq!(reply.body["error"], "invalid_grant");
}

#[test]
fn bearer_tokens() {
    assert_eq!(bearer::read(Some("bearer a.b-c_d~+/=")), Ok("a.b-c_d~+/="));
    for none in [None, Some("Basic x"), Some("Bearer")] {
        assert_eq!(bearer::read(none), Err(None));
    }
    for bad in ["Bearer ", "Bearer a b", "Bearer ä", "Bearer a\""] {
        assert_eq!(
            bearer::read(Some(bad)).unwrap_err().unwrap().code,
            Code::InvalidRequest,
            "{bad}"
        );
    }
    let told = |error, needed| {
        let reply = bearer::refuse(ISSUER, error, needed);
        (reply.status, reply.www_authenticate.unwrap())
    };
    assert_eq!(
        told(None, None),
        (401, "Bearer realm=\"https://id.town.example\"".into())
    );
    let (status, header) = told(Some(bearer::invalid()), None);
    assert!(status == 401 && header.contains("error=\"invalid_token\""));
    let missing = bearer::require("openid profile", "phone").unwrap_err();
    assert_eq!(bearer::require("openid phone", "phone"), Ok(()));
    let (status, header) = told(Some(missing), Some("phone\", x=\""));
    assert!(
        status == 403 && header.ends_with(", scope=\"phone, x=\""),
        "{header}"
    );
    let weak = err(Code::InsufficientUserAuthentication, "a higher level is needed");
    assert!(
        told(Some(weak), Some("urn:yiwang:acr:r3"))
            .1
            .ends_with(", acr_values=\"urn:yiwang:acr:r3\"")
    );
}

#[test]
fn introspection_and_revocation() {
    let read = |raw: &str| introspect::read(&Params::parse(raw).unwrap());
    let asked = read("token=t&token_type_hint=refresh_token").ok().unwrap();
    assert_eq!(
        (asked.token.as_str(), asked.hint),
        ("t", Some(Hint::RefreshToken))
    );
    assert_eq!(read("token=t&token_type_hint=x").ok().unwrap().hint, None);
    for bad in ["", "token=", "token=a&token=b"] {
        assert_eq!(read(bad).err().unwrap().code, Code::InvalidRequest, "{bad}");
    }
    let active = Active {
        iss: ISSUER,
        client_id: "app",
        sub: "p-1",
        aud: None,
        scope: "openid",
        token_type: Some("Bearer"),
        exp: NOW + 10,
        iat: NOW,
        jti: None,
        acr: None,
        auth_time: Some(NOW),
    };
    assert_eq!(
        active.answer(NOW),
        json!({"iss": ISSUER, "client_id": "app", "sub": "p-1", "scope": "openid", "token_type": "Bearer",
            "exp": NOW + 10, "iat": NOW, "auth_time": NOW, "active": true})
    );
    assert_eq!(active.answer(NOW + 10), introspect::inactive());
}

#[test]
fn token_answers() {
    let answer = TokenAnswer::new("a", 600, &["openid".into(), "phone".into()]);
    assert_eq!(
        serde_json::to_value(&answer).unwrap(),
        json!({"access_token": "a", "token_type": "Bearer", "expires_in": 600, "scope": "openid phone"})
    );
}

#[test]
fn logout_by_a_client() {
    let client = client();
    let hint = IdHint {
        sub: "p-1".into(),
        client_id: "app".into(),
        sid: Some("sid-1".into()),
    };
    let asked =
        logout::read("post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&state=x%26y&client_id=app")
            .unwrap();
    assert_eq!(asked.client(Some(&hint)), Ok(Some("app")));
    assert_eq!(
        asked
            .client(Some(&IdHint {
                client_id: "b".into(),
                ..hint.clone()
            }))
            .unwrap_err()
            .code,
        Code::InvalidRequest
    );
    assert_eq!(
        asked.destination(Some(&client)),
        Ok(Some("https://app.example/bye?state=x%26y".into()))
    );
    assert!(asked.destination(None).is_err());
    for open in [
        "https://evil.example",
        "https://app.example/bye/..",
        "https://app.example@evil.example/bye",
        "//evil.example",
    ] {
        let asked = logout::read(&form(&[("post_logout_redirect_uri", open)])).unwrap();
        assert!(asked.destination(Some(&client)).is_err(), "{open}");
    }
    assert_eq!(logout::read("").unwrap().destination(None), Ok(None));
    assert!(logout::read("state=a&state=b").is_err());
    assert!(!logout::must_ask(Some(&hint), Some("sid-1"), Some("p-1")));
    for (sid, sub) in [
        (Some("sid-2"), Some("p-1")),
        (None, Some("p-1")),
        (Some("sid-1"), Some("p-2")),
        (None, None),
    ] {
        assert!(logout::must_ask(Some(&hint), sid, sub));
    }
    assert!(logout::must_ask(None, Some("sid-1"), Some("p-1")));
}

#[test]
fn logout_tokens() {
    let key = Key::ed25519(1);
    let token = LogoutToken {
        issuer: ISSUER,
        client_id: "app",
        sub: "p-1",
        sid: Some("sid-1"),
        jti: "j-1",
        issued_at: NOW,
    };
    let token = token.sign(&key).unwrap();
    let claims = Jws::parse(&token)
        .unwrap()
        .claims(&key.jwks(), &[Some("logout+jwt")])
        .unwrap();
    assert_eq!(
        serde_json::Value::Object(claims.as_map().clone()),
        json!({"iss": ISSUER, "aud": "app", "sub": "p-1", "iat": NOW, "exp": NOW + 120, "jti": "j-1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": "sid-1"})
    );
    assert!(!claims.as_map().contains_key("nonce"));
}

#[test]
fn the_document() {
    let provider = provider();
    assert_eq!(provider.check(false), Ok(()));
    let document = discovery::document(&provider);
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    for (name, value) in document.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            assert!(value.as_str().unwrap().starts_with(ISSUER), "{name}");
        }
        if name.contains("_alg_values_") {
            assert!(
                !value.to_string().contains("RS256") && !value.to_string().contains("none"),
                "{name}"
            );
        }
    }
    for (issuer, plain_http) in [
        ("http://id.town.example", false),
        ("https://id.town.example/", false),
        ("https://id.example?x", true),
    ] {
        let wrong = oidc::provider::Provider {
            issuer: issuer.into(),
            ..provider.clone()
        };
        assert!(
            wrong.check(plain_http).unwrap_err().starts_with("issuer "),
            "{issuer}"
        );
    }
}
