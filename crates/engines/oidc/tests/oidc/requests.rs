//! Authorization requests: which are taken, which are told to the client, and which must never leave.

use oidc::authorize::{Asked, Problem, Prompt, Pushed, ResponseMode, pushed_answer};
use oidc::error::Code;
use oidc::params::Params;
use serde_json::json;

use crate::town::*;

/// The code of an error that travels to the client; fails when it would be shown.
fn told(raw: &str) -> (Code, String) {
    match ask(raw) {
        Err(Problem::Redirect(error, answer)) => (error.code, answer.location()),
        other => panic!("{raw}: {other:?}"),
    }
}

/// Fails unless the error stays here.
fn shown(raw: &str) -> Code {
    match ask(raw) {
        Err(Problem::Show(error)) => error.code,
        other => panic!("{raw}: {other:?}"),
    }
}

#[test]
fn a_good_request() {
    let request = ask(&query(&[
        ("prompt", Some("login consent")),
        ("max_age", Some("600")),
        (
            "acr_values",
            Some("urn:yiwang:acr:r3 urn:other urn:yiwang:acr:r2"),
        ),
        ("ui_locales", Some("zh-CN en <script>")),
        ("login_hint", Some("li@example.org")),
        ("response_mode", Some("form_post")),
        ("display", Some("page")),
        ("unknown", Some("x")),
    ]))
    .unwrap();
    assert_eq!(request.scopes, ["openid", "profile"]);
    assert_eq!(
        request.prompt,
        Prompt {
            login: true,
            consent: true,
            ..Prompt::default()
        }
    );
    assert_eq!(request.max_age, Some(600));
    assert_eq!(request.acr.values, ["urn:yiwang:acr:r3", "urn:yiwang:acr:r2"]);
    assert_eq!(request.acr.least(&provider().levels), Some(2));
    assert_eq!(request.ui_locales, ["zh-CN", "en"]);
    assert_eq!(request.response_mode, ResponseMode::FormPost);
    let stored = serde_json::to_string(&request).unwrap();
    assert_eq!(
        serde_json::from_str::<oidc::authorize::Request>(&stored).unwrap(),
        request
    );
}

#[test]
fn nothing_leaves_before_the_address_is_known() {
    for (name, value) in [
        ("client_id", None),
        ("client_id", Some("other")),
        ("redirect_uri", None),
        ("redirect_uri", Some("")),
        ("redirect_uri", Some("https://evil.example/cb")),
        ("redirect_uri", Some("https://app.example/cb/")),
        ("redirect_uri", Some("https://app.example/cb/../x")),
        ("redirect_uri", Some("https://app.example/cb%2f..%2fx")),
        ("redirect_uri", Some("https://app.example/CB")),
        ("redirect_uri", Some("https://APP.example/cb")),
        ("redirect_uri", Some("https://app.example:443/cb")),
        ("redirect_uri", Some("https://app.example:8443/cb")),
        ("redirect_uri", Some("https://app.example@evil.example/cb")),
        ("redirect_uri", Some("https://app.example.evil.example/cb")),
        ("redirect_uri", Some("https://app.example/cb?next=//evil.example")),
        ("redirect_uri", Some("https://app.example/cb#@evil.example")),
        ("redirect_uri", Some("https://аpp.example/cb")),
        ("redirect_uri", Some("https://app.example/%63b")),
        ("redirect_uri", Some("https%3A%2F%2Fapp.example%2Fcb")),
        (
            "redirect_uri",
            Some("https://app.example/cb\r\nLocation: https://evil.example"),
        ),
        ("redirect_uri", Some("javascript:alert(1)")),
        ("redirect_uri", Some("http://127.0.0.1:80@evil.example/native")),
        ("redirect_uri", Some("http://localhost/native")),
    ] {
        assert_eq!(
            shown(&query(&[(name, value)])),
            Code::InvalidRequest,
            "{name} {value:?}"
        );
    }
    // An error elsewhere does not open the door for a bad address.
    assert_eq!(
        shown(&query(&[
            ("redirect_uri", Some("https://evil.example")),
            ("scope", None)
        ])),
        Code::InvalidRequest
    );
    for repeated in [
        "&client_id=app",
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fcb",
        "&redirect_uri=https://evil.example",
    ] {
        assert_eq!(shown(&format!("{}{repeated}", query(&[]))), Code::InvalidRequest);
    }
    assert!(ask(&query(&[("redirect_uri", Some("http://127.0.0.1:49152/native"))])).is_ok());
}

#[test]
fn errors_are_told_with_state_and_issuer() {
    let long = "a".repeat(5_000);
    for (name, value, code) in [
        ("response_type", None, Code::InvalidRequest),
        ("response_type", Some("token"), Code::UnsupportedResponseType),
        (
            "response_type",
            Some("code id_token"),
            Code::UnsupportedResponseType,
        ),
        ("response_mode", Some("fragment"), Code::InvalidRequest),
        ("response_mode", Some("query.jwt"), Code::InvalidRequest),
        ("scope", None, Code::InvalidScope),
        ("scope", Some("profile"), Code::InvalidScope),
        ("scope", Some("openid email"), Code::InvalidScope),
        ("scope", Some("openid OPENID"), Code::InvalidScope),
        ("code_challenge", None, Code::InvalidRequest),
        ("code_challenge", Some("short"), Code::InvalidRequest),
        ("code_challenge", Some(&long[..43 * 2]), Code::InvalidRequest),
        ("code_challenge_method", None, Code::InvalidRequest),
        ("code_challenge_method", Some("plain"), Code::InvalidRequest),
        ("code_challenge_method", Some("s256"), Code::InvalidRequest),
        ("nonce", Some(&long), Code::InvalidRequest),
        ("prompt", Some("none login"), Code::InvalidRequest),
        ("prompt", Some("create"), Code::InvalidRequest),
        ("max_age", Some("-1"), Code::InvalidRequest),
        ("max_age", Some("+1"), Code::InvalidRequest),
        ("max_age", Some("1.5"), Code::InvalidRequest),
        ("max_age", Some("99999999999999999999999"), Code::InvalidRequest),
        ("claims", Some("{"), Code::InvalidRequest),
        ("claims", Some("[]"), Code::InvalidRequest),
        ("claims", Some(r#"{"userinfo":1}"#), Code::InvalidRequest),
        (
            "claims",
            Some(r#"{"userinfo":{"name":true}}"#),
            Code::InvalidRequest,
        ),
        (
            "claims",
            Some(r#"{"userinfo":{},"userinfo":{}}"#),
            Code::InvalidRequest,
        ),
        (
            "claims",
            Some(r#"{"id_token":{"sub":{"values":["a","b"]}}}"#),
            Code::InvalidRequest,
        ),
        (
            "claims",
            Some(r#"{"id_token":{"acr":{"essential":true,"value":"urn:unknown"}}}"#),
            Code::UnmetAuthenticationRequirements,
        ),
        (
            "request",
            Some("eyJhbGciOiJub25lIn0.e30."),
            Code::RequestNotSupported,
        ),
        (
            "request_uri",
            Some("https://evil.example/request"),
            Code::RequestUriNotSupported,
        ),
        (
            "request_uri",
            Some("urn:ietf:params:oauth:request_uri:x"),
            Code::InvalidRequestUri,
        ),
        ("registration", Some("{}"), Code::RegistrationNotSupported),
    ] {
        let (got, location) = told(&query(&[(name, value)]));
        assert_eq!(got, code, "{name} {value:?}");
        assert!(
            location.starts_with("https://app.example/cb?error="),
            "{location}"
        );
        assert!(
            location.ends_with("&state=s-1&iss=https%3A%2F%2Fid.town.example"),
            "{location}"
        );
    }
    let (code, location) = told(&query(&[("state", Some(&long))]));
    assert!(code == Code::InvalidRequest && !location.contains("state="));
    let (code, location) = told(&format!("{}&state=other", query(&[])));
    assert!(code == Code::InvalidRequest && !location.contains("state="));
    assert_eq!(
        told(&format!("{}&nonce=other", query(&[]))).0,
        Code::InvalidRequest
    );
    assert_eq!(
        told(&format!("{}&scope=openid", query(&[]))).0,
        Code::InvalidRequest
    );
    assert_eq!(
        told(&format!("{}&unknown=1&unknown=2", query(&[]))).0,
        Code::InvalidRequest
    );
}

#[test]
fn answers_carry_the_issuer_against_mix_up() {
    let request = ask(&query(&[("state", Some("a&b=c #%"))])).unwrap();
    assert_eq!(
        request.answer_code(ISSUER, "c-1").location(),
        "https://app.example/cb?code=c-1&state=a%26b%3Dc+%23%25&iss=https%3A%2F%2Fid.town.example"
    );
    let client = client_with(json!({"redirect_uris": ["https://app.example/cb?tenant=1"]}));
    let request = ask_as(
        &query(&[
            ("redirect_uri", Some("https://app.example/cb?tenant=1")),
            ("state", None),
        ]),
        &client,
    );
    let answer = request.unwrap().answer_code(ISSUER, "c");
    assert_eq!(
        answer.location(),
        "https://app.example/cb?tenant=1&code=c&iss=https%3A%2F%2Fid.town.example"
    );
    assert_eq!(
        answer.params,
        [("code", "c".to_string()), ("iss", ISSUER.to_string())]
    );
}

#[test]
fn claims_parameter() {
    let claims = r#"{"id_token":{"acr":{"essential":true,"values":["urn:yiwang:acr:r4","urn:x"]},"name":null,
        "sub":{"value":"p-1"}},"userinfo":{"phone_number":{"essential":true},"email":null},"other":{}}"#;
    let request = ask(&query(&[
        ("claims", Some(claims)),
        ("acr_values", Some("urn:yiwang:acr:r1")),
    ]))
    .unwrap();
    assert_eq!(request.acr.values, ["urn:yiwang:acr:r4"]);
    assert!(request.acr.essential && request.claims.userinfo["phone_number"].essential);
    assert_eq!(request.wanted_sub.as_deref(), Some("p-1"));
    // The client is not registered for email, so nobody is asked about it.
    assert_eq!(
        request.needs(&provider().scopes, &client()),
        ["openid", "profile", "phone"]
    );
}

#[test]
fn pushed_requests() {
    let (client, provider) = (
        client_with(json!({"require_pushed_authorization_requests": true})),
        provider(),
    );
    let direct = ask_as(&query(&[]), &client).unwrap_err();
    assert_eq!(direct.error().code, Code::InvalidRequest);
    let body = Params::parse(&format!("{}&client_secret=x", query(&[]))).unwrap();
    let request = Asked::pushed(body).unwrap().validate(&client, &provider).unwrap();
    let stored = Pushed {
        request: request.clone(),
        expires_at: NOW + 90,
    };
    assert_eq!(
        pushed_answer("abc")["request_uri"],
        "urn:ietf:params:oauth:request_uri:abc"
    );

    let front = |id: &str| {
        Asked::read(&form(&[
            ("client_id", id),
            ("request_uri", "urn:ietf:params:oauth:request_uri:abc"),
            ("scope", "openid cases.read"),
        ]))
        .unwrap()
    };
    assert_eq!(front("app").pushed_name(), Some("abc"));
    // What the browser adds is not looked at.
    assert_eq!(
        front("app").resume(&client, Some(stored.clone()), NOW + 89),
        Ok(request)
    );
    let other = client_with(json!({"client_id": "other"}));
    for refused in [
        front("app").resume(&client, Some(stored.clone()), NOW + 90),
        front("app").resume(&client, None, NOW),
        front("other").resume(&other, Some(stored.clone()), NOW),
        front("other").resume(&client, Some(stored), NOW),
    ] {
        assert_eq!(refused.unwrap_err().code, Code::InvalidRequestUri);
    }
    for more in ["&request_uri=urn:x", "&scope=openid"] {
        let body = Params::parse(&format!("{}{more}", query(&[]))).unwrap();
        assert_eq!(
            Asked::pushed(body).unwrap_err().code,
            Code::InvalidRequest,
            "{more}"
        );
    }
    assert_eq!(
        front("app")
            .validate(&client, &provider)
            .unwrap_err()
            .error()
            .code,
        Code::InvalidRequest
    );
}
