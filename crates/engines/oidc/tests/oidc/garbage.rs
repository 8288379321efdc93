//! Whatever is sent, parsers answer; what they accept holds their promises.

use oidc::authorize::{Asked, Problem};
use oidc::jose::{Jwk, Jwks, Jws};
use oidc::params::Params;
use oidc::{bearer, client_auth, introspect, logout, pkce, secret, token, uri};
use proptest::prelude::*;

use crate::town::*;

/// Text near what a client would send: known names, odd values, anything in between.
fn near_query() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "prompt",
        "max_age",
        "claims",
        "acr_values",
        "response_mode",
        "request_uri",
        "code_challenge",
        "client_assertion",
        "client_assertion_type",
        "client_secret",
        "grant_type",
        "token",
        "code",
        "code_verifier",
        "id_token_hint",
        "ui_locales",
    ]);
    let value = prop_oneof![
        Just("app".to_string()),
        Just(REDIRECT.to_string()),
        Just("openid".to_string()),
        Just(client_auth::ASSERTION_TYPE.to_string()),
        Just("authorization_code".to_string()),
        "\\PC{0,40}",
        "[%a-f0-9+&=]{0,30}",
        "\\{\"(id_token|userinfo)\":\\{\"[a-z]{1,5}\":(null|1|\\{\\}|\\{\"value\":[0-9]\\})\\}\\}",
    ];
    prop::collection::vec((name, value), 0..12).prop_map(|pairs| {
        pairs
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect::<Vec<_>>()
            .join("&")
    })
}

proptest! {
    #[test]
    fn queries(raw in prop_oneof!["\\PC{0,200}", near_query(), near_query().prop_map(|more| format!("{}&{more}", query(&[])))]) {
        match ask(&raw) {
            Ok(request) => {
                prop_assert!(client().redirects_to(&request.redirect_uri));
                prop_assert!(request.scopes.iter().any(|s| s == "openid") && pkce::is_challenge(&request.code_challenge));
            }
            Err(Problem::Redirect(_, answer)) => {
                prop_assert!(client().redirects_to(&answer.redirect_uri));
                prop_assert!(answer.location().starts_with(&answer.redirect_uri));
                prop_assert!(answer.location().bytes().all(|b| b.is_ascii_graphic()));
            }
            Err(Problem::Show(_)) => {}
        }
        if let Ok(params) = Params::parse(&raw) {
            let _ = client_auth::read(None, &params);
            let _ = client_auth::read(Some(&raw), &params);
            let _ = token::read(&params, &client());
            let _ = introspect::read(&params);
            let _ = Asked::pushed(params).map(|asked| asked.validate(&client(), &provider()).is_ok());
        }
        let _ = logout::read(&raw).map(|asked| asked.destination(Some(&client())));
        let _ = bearer::read(Some(&raw));
        let _ = (uri::check(&raw, true), pkce::verify(&raw, &raw), secret::digest(&raw));
    }

    #[test]
    fn tokens(text in prop_oneof!["\\PC{0,200}", "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,90}"]) {
        let keys = Jwks::new([Key::p256(1).public(), Key::ed25519(1).public()]);
        if let Ok(jws) = Jws::parse(&text) {
            prop_assert!(jws.verify(&keys).is_err());
        }
        let _ = Jwk::from_json(&serde_json::Value::String(text));
    }

    #[test]
    fn registered_addresses(text in prop_oneof!["\\PC{0,60}", "https?://[a-zA-Z0-9.@:%/?#\\[\\]-]{0,40}"]) {
        if uri::check(&text, false).is_ok() {
            // What a browser reads is what was compared.
            let read = url::Url::parse(&text).unwrap();
            let written = read.as_str();
            prop_assert!(written == text || written.strip_suffix('/') == Some(&text));
            prop_assert!(read.username().is_empty() && read.fragment().is_none() && read.host().is_some());
        }
    }

    #[test]
    fn only_the_port_may_differ(text in "(https://app\\.example/cb|http://127\\.0\\.0\\.1(:[0-9]{0,6})?/native)?[ -~]{0,3}") {
        if client().redirects_to(&text) {
            let read = url::Url::parse(&text).unwrap();
            let known = ["https://app.example/cb", "http://127.0.0.1/native"];
            let mut portless = read.clone();
            let _ = portless.set_port(None);
            prop_assert!(known.contains(&portless.as_str()), "{}", text);
        }
    }
}
