//! From request to tokens.

use oidc::claims::{AccessToken, IdToken, id_token_facts, userinfo, verify_access};
use oidc::client_auth;
use oidc::decide::{Next, Progress, Session, decide};
use oidc::error::Code;
use oidc::jose::{JoseError, Jws, Signer};
use oidc::params::Params;
use oidc::token::{self, TokenRequest};
use oidc::{logout, secret};
use serde_json::{Map, Value, json};

use crate::town::*;

fn granted() -> Vec<String> {
    ["openid", "profile"].map(String::from).to_vec()
}

fn step(changes: &[(&str, Option<&str>)], session: Option<Session<'_>>, progress: Progress) -> Next {
    let request = ask(&query(changes)).unwrap();
    decide(&request, &client(), &provider(), session, None, progress, NOW)
}

fn code(next: &Next) -> Option<Code> {
    match next {
        Next::Error(error) => Some(error.code),
        _ => None,
    }
}

#[test]
fn what_happens_next() {
    let all = granted();
    let session = Session {
        sub: "p-1",
        authenticated_at: NOW - 100,
        level: 2,
        granted: &all,
    };
    let here = Some(session);
    let start = Progress::default();
    let fresh = Progress {
        authenticated: true,
        ..start
    };
    let issue = |level: u8| Next::Issue {
        acr: Some(format!("urn:yiwang:acr:r{level}")),
    };
    let none = ("prompt", Some("none"));
    let old = ("max_age", Some("99"));

    assert_eq!(step(&[], here, start), issue(2));
    assert_eq!(step(&[], None, start), Next::Login);
    assert_eq!(code(&step(&[none], None, start)), Some(Code::LoginRequired));
    assert_eq!(step(&[none], here, start), issue(2));

    assert_eq!(step(&[("prompt", Some("login"))], here, start), Next::Login);
    assert_eq!(step(&[("prompt", Some("login"))], here, fresh), issue(2));
    assert_eq!(
        step(&[("prompt", Some("select_account"))], here, start),
        Next::ChooseAccount
    );
    let chosen = Progress {
        account_chosen: true,
        ..start
    };
    assert_eq!(
        step(&[("prompt", Some("select_account"))], here, chosen),
        issue(2)
    );

    assert_eq!(step(&[old], here, start), Next::Login);
    assert_eq!(step(&[("max_age", Some("100"))], here, start), issue(2));
    assert_eq!(step(&[("max_age", Some("0"))], here, start), Next::Login);
    assert_eq!(step(&[("max_age", Some("0"))], here, fresh), issue(2));
    assert_eq!(code(&step(&[old, none], here, start)), Some(Code::LoginRequired));

    let consent = |scopes: &[&str]| Next::Consent(scopes.iter().map(|s| s.to_string()).collect());
    let more = ("scope", Some("openid phone"));
    assert_eq!(step(&[more], here, start), consent(&["openid", "phone"]));
    assert_eq!(
        code(&step(&[more, none], here, start)),
        Some(Code::ConsentRequired)
    );
    let agreed = Progress {
        consented: true,
        ..start
    };
    assert_eq!(
        step(&[("prompt", Some("consent"))], here, start),
        consent(&["openid", "profile"])
    );
    assert_eq!(step(&[("prompt", Some("consent"))], here, agreed), issue(2));
    // Saying yes once is not a grant of what was not asked.
    assert_eq!(step(&[more], here, agreed), consent(&["openid", "phone"]));
    let single = ("claims", Some(r#"{"userinfo":{"phone_number":null}}"#));
    assert_eq!(
        step(&[single], here, start),
        consent(&["openid", "profile", "phone"])
    );
}

#[test]
fn levels() {
    let all = granted();
    let at = |level| {
        Some(Session {
            sub: "p-1",
            authenticated_at: NOW,
            level,
            granted: &all,
        })
    };
    let start = Progress::default();
    let declined = Progress {
        step_up_refused: true,
        ..start
    };
    let issue = |level: u8| Next::Issue {
        acr: Some(format!("urn:yiwang:acr:r{level}")),
    };
    let none = ("prompt", Some("none"));
    let wish = ("acr_values", Some("urn:yiwang:acr:r3"));
    let must = (
        "claims",
        Some(r#"{"id_token":{"acr":{"essential":true,"value":"urn:yiwang:acr:r3"}}}"#),
    );

    for asked in [wish, must] {
        assert_eq!(step(&[asked], at(2), start), Next::StepUp(3));
        assert_eq!(step(&[asked], at(3), start), issue(3));
        // The answer names the level asked for, not more about the person than that.
        assert_eq!(step(&[asked], at(4), start), issue(3));
    }
    assert_eq!(step(&[wish], at(2), declined), issue(2));
    assert_eq!(step(&[wish, none], at(2), start), issue(2));
    assert_eq!(
        code(&step(&[must], at(2), declined)),
        Some(Code::UnmetAuthenticationRequirements)
    );
    assert_eq!(
        code(&step(&[must, none], at(2), start)),
        Some(Code::InteractionRequired)
    );
    let either = ("acr_values", Some("urn:yiwang:acr:r4 urn:yiwang:acr:r2"));
    assert_eq!(step(&[either], at(1), start), Next::StepUp(2));
    assert_eq!(step(&[either], at(3), start), issue(2));
    assert_eq!(step(&[], at(0), start), Next::Issue { acr: None });
}

#[test]
fn another_person_is_not_answered_for() {
    let all = granted();
    let session = Some(Session {
        sub: "p-2",
        authenticated_at: NOW,
        level: 2,
        granted: &all,
    });
    let start = Progress::default();
    let fresh = Progress {
        authenticated: true,
        ..start
    };
    let wants = ("claims", Some(r#"{"id_token":{"sub":{"value":"p-1"}}}"#));
    assert_eq!(step(&[wants], session, start), Next::Login);
    assert_eq!(code(&step(&[wants], session, fresh)), Some(Code::LoginRequired));
    assert_eq!(
        code(&step(&[wants, ("prompt", Some("none"))], session, start)),
        Some(Code::LoginRequired)
    );
    let request = ask(&query(&[])).unwrap();
    let hinted = |sub| decide(&request, &client(), &provider(), session, Some(sub), start, NOW);
    assert_eq!(hinted("p-1"), Next::Login);
    assert!(matches!(hinted("p-2"), Next::Issue { .. }));
}

#[test]
fn a_code_is_exchanged() {
    let (client, request) = (client(), ask(&query(&[])).unwrap());
    let code = secret::Opaque::new([3; 32]);
    let read = |pairs: &[(&str, &str)]| token::read(&Params::parse(&form(pairs)).unwrap(), &client);
    let asked = read(&[
        ("grant_type", "authorization_code"),
        ("code", &code.token),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]);
    let Ok(TokenRequest::Code {
        code: given,
        redirect_uri,
        code_verifier,
    }) = asked
    else {
        panic!("{asked:?}")
    };
    assert_eq!(secret::digest(&given), code.digest);
    let check =
        |who, uri: &str, verifier: &str, now| token::check_code(&request, NOW + 60, who, uri, verifier, now);
    assert_eq!(check(&client, &redirect_uri, &code_verifier, NOW), Ok(()));
    let other = client_with(json!({"client_id": "other"}));
    for refused in [
        check(&client, REDIRECT, VERIFIER, NOW + 60),
        check(&other, REDIRECT, VERIFIER, NOW),
        check(&client, "https://app.example/cb2", VERIFIER, NOW),
        check(&client, REDIRECT, &VERIFIER.replace('d', "e"), NOW),
        // As if the method were plain.
        check(&client, REDIRECT, CHALLENGE, NOW),
        check(&client, REDIRECT, "", NOW),
    ] {
        assert_eq!(refused, Err(token::bad_grant()));
    }
}

#[test]
fn token_requests() {
    let all = client();
    let read = |raw: &str, client: &_| token::read(&Params::parse(raw).unwrap(), client);
    let code = |raw: &str| read(raw, &all).unwrap_err().code;
    assert_eq!(code("code=x"), Code::InvalidRequest);
    assert_eq!(
        code("grant_type=password&username=a&password=b"),
        Code::UnsupportedGrantType
    );
    assert_eq!(code("grant_type=refresh_token"), Code::InvalidRequest);
    assert_eq!(
        code("grant_type=refresh_token&refresh_token=a&refresh_token=a"),
        Code::InvalidRequest
    );
    assert_eq!(
        code("grant_type=client_credentials&scope=openid"),
        Code::InvalidScope
    );
    assert_eq!(
        code("grant_type=client_credentials&scope=email"),
        Code::InvalidScope
    );
    let base = format!("grant_type=authorization_code&code=c&redirect_uri={REDIRECT}");
    assert_eq!(code(&base), Code::InvalidRequest);
    assert_eq!(code(&format!("{base}&code_verifier=short")), Code::InvalidGrant);
    let service = client_with(json!({"grant_types": ["authorization_code"], "scope": "openid"}));
    assert_eq!(
        read("grant_type=client_credentials", &service).unwrap_err().code,
        Code::UnauthorizedClient
    );
    let own = TokenRequest::ClientCredentials {
        scopes: ["profile", "phone", "cases.read"].map(String::from).to_vec(),
    };
    assert!(read("grant_type=client_credentials", &all) == Ok(own));

    let had = granted();
    assert_eq!(token::narrow(&had, None), Ok(had.clone()));
    assert_eq!(
        token::narrow(&had, Some(&["openid".into()])),
        Ok(vec!["openid".into()])
    );
    for asked in [vec!["openid".to_string(), "phone".into()], vec![]] {
        assert_eq!(
            token::narrow(&had, Some(&asked)).unwrap_err().code,
            Code::InvalidScope
        );
    }
    assert!(!token::gives_refresh(&all, &had) && token::gives_refresh(&all, &["offline_access".into()]));
}

pub fn id_token<'a>(access_token: Option<&'a str>, facts: Map<String, Value>) -> IdToken<'a> {
    IdToken {
        issuer: ISSUER,
        sub: "p-1",
        client_id: "app",
        issued_at: NOW,
        lifetime: 300,
        auth_time: NOW - 5,
        nonce: Some("n-1"),
        acr: Some("urn:yiwang:acr:r2"),
        amr: &[],
        sid: Some("sid-1"),
        access_token,
        facts,
    }
}

#[test]
fn id_tokens() {
    let facts =
        json!({"name": "李", "iss": "https://evil.example", "sub": "p-9", "nonce": "x", "email": null});
    for key in [Key::p256(1), Key::ed25519(1)] {
        let token = id_token(Some("at"), facts.as_object().unwrap().clone())
            .sign(&key)
            .unwrap();
        let jws = Jws::parse(&token).unwrap();
        assert_eq!(jws.header().kid.as_deref(), Some(key.kid()));
        let claims = jws.claims(&key.jwks(), &[Some("jwt")]).unwrap();
        assert_eq!(
            (claims.text("iss"), claims.text("sub"), claims.text("nonce")),
            (Ok(ISSUER), Ok("p-1"), Ok("n-1"))
        );
        assert_eq!(
            (claims.audience(), claims.text("azp")),
            (Ok(vec!["app"]), Ok("app"))
        );
        assert_eq!(
            (claims.date("auth_time"), claims.date("exp")),
            (Ok(Some(NOW - 5)), Ok(Some(NOW + 300)))
        );
        assert_eq!(
            claims.text("at_hash").unwrap(),
            oidc::claims::half_hash(key.alg(), "at")
        );
        assert_eq!(claims.text("name"), Ok("李"));
        // Expired by a year and still a hint.
        let hint = logout::verify_hint(&token, &key.jwks(), ISSUER, NOW + 31_536_000).unwrap();
        assert_eq!(
            (hint.sub.as_str(), hint.client_id.as_str(), hint.sid.as_deref()),
            ("p-1", "app", Some("sid-1"))
        );
    }
}

pub fn access_token() -> AccessToken<'static> {
    AccessToken {
        iss: ISSUER,
        exp: NOW + 300,
        aud: "https://api.town.example",
        sub: "p-1",
        client_id: "app",
        iat: NOW,
        jti: "j-1",
        scope: "openid profile",
        auth_time: None,
        acr: None,
        amr: &[],
    }
}

#[test]
fn access_tokens() {
    let key = Key::p256(1);
    let token = access_token().sign(&key).unwrap();
    let verify =
        |issuer, audience, now| verify_access(&token, &key.jwks(), issuer, audience, now).map(|_| ());
    let api = "https://api.town.example";
    assert_eq!(verify(ISSUER, api, NOW), Ok(()));
    assert_eq!(
        verify("https://id.other.example", api, NOW),
        Err(JoseError::Claim("iss"))
    );
    assert_eq!(
        verify(ISSUER, "https://api.other.example", NOW),
        Err(JoseError::Claim("aud"))
    );
    assert_eq!(
        verify(ISSUER, api, NOW + 300 + oidc::SKEW),
        Err(JoseError::Expired)
    );
    assert_eq!(verify(ISSUER, api, NOW - 3_600), Err(JoseError::Claim("iat")));
}

#[test]
fn facts_need_scope_and_consent() {
    let facts = json!({"name": "李", "phone_number": "+86", "email": "a@b", "secret": 1, "birthdate": null});
    let facts = facts.as_object().unwrap();
    let names = |all: Map<String, Value>| all.keys().cloned().collect::<Vec<_>>();
    let (client, provider) = (client(), provider());
    let wishing = ask(&query(&[(
        "claims",
        Some(
            r#"{"userinfo":{"phone_number":null,"email":null,"secret":null},"id_token":{"name":null,"email":null}}"#,
        ),
    )]));
    let (wishing, plain) = (wishing.unwrap().claims, ask(&query(&[])).unwrap().claims);
    let (had, more) = (
        granted(),
        ["openid", "profile", "phone", "email"].map(String::from),
    );
    let info = |consented, wishes| {
        names(userinfo(
            &provider, &client, "p-1", &had, consented, wishes, facts,
        ))
    };
    assert_eq!(info(&more, &plain), ["sub", "name"]);
    assert_eq!(info(&had, &wishing), ["sub", "name"]);
    // Email is consented to but not registered for the client.
    assert_eq!(info(&more, &wishing), ["sub", "name", "phone_number"]);
    assert_eq!(
        names(id_token_facts(&provider, &client, &more, &wishing, facts)),
        ["name"]
    );
    assert!(id_token_facts(&provider, &client, &more, &plain, facts).is_empty());
}

#[test]
fn clients_authenticate() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let provider = provider();
    let params = |raw: &str| Params::parse(raw).unwrap();
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let digests = [secret::digest("old"), secret::digest("s:+%/ü")];

    let by_header = client_auth::read(Some(&basic("app:s%3A%2B%25%2F%C3%BC")), &params("a=b")).unwrap();
    assert_eq!(by_header.client_id(), "app");
    assert!(
        by_header
            .check(&client(), &digests, &provider, NOW)
            .unwrap()
            .replay
            .is_none()
    );
    assert!(!format!("{by_header:?}").contains("s:"));
    assert!(by_header.check(&client(), &digests[..1], &provider, NOW).is_err());
    assert!(by_header.check(&client(), &[], &provider, NOW).is_err());
    assert!(
        by_header
            .check(&client_with(json!({"client_id": "b"})), &digests, &provider, NOW)
            .is_err()
    );
    // A registered way is the only way.
    let post = client_with(json!({"token_endpoint_auth_method": "client_secret_post"}));
    let by_body = client_auth::read(None, &params("client_id=app&client_secret=old")).unwrap();
    assert!(by_body.check(&post, &digests, &provider, NOW).is_ok());
    assert!(by_body.check(&client(), &digests, &provider, NOW).is_err());
    assert!(by_header.check(&post, &digests, &provider, NOW).is_err());
    let public = client_with(
        json!({"token_endpoint_auth_method": "none", "grant_types": ["authorization_code"],
        "scope": "openid"}),
    );
    let nothing = client_auth::read(None, &params("client_id=app")).unwrap();
    let public = nothing.check(&public, &[], &provider, NOW).unwrap();
    assert_eq!(public.confidential(), Err(client_auth::failed()));
    assert!(nothing.check(&client(), &digests, &provider, NOW).is_err());

    let both = [
        (Some(basic("app:old")), "client_id=app&client_secret=old"),
        (
            Some(basic("app:old")),
            "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=x",
        ),
        (
            None,
            "client_id=app&client_secret=x&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=x",
        ),
        (None, "client_assertion=x"),
        (None, "client_assertion_type=urn:x&client_assertion=x"),
        (Some(basic("app:old")), "client_id=other"),
        (None, "client_secret=x"),
        (None, "client_id=app&client_id=app"),
    ];
    for (header, body) in both {
        let error = client_auth::read(header.as_deref(), &params(body)).unwrap_err();
        assert_eq!(error.code, Code::InvalidRequest, "{header:?} {body}");
    }
    for header in [
        "Basic",
        "Basic ",
        "Basic !",
        "Bearer x",
        &basic("app"),
        &basic(":x"),
        &basic("app:"),
        &basic("a%:x"),
    ] {
        let error = client_auth::read(Some(header), &params("")).unwrap_err();
        assert_eq!(error.code, Code::InvalidClient, "{header}");
    }
    assert_eq!(
        client_auth::read(None, &params("")).unwrap_err().code,
        Code::InvalidClient
    );
}
