//! Authorization requests (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2, RFC 9126) and the answers to them.
//!
//! An answer travels to a redirect URI only after client and redirect URI are known to belong together; every error
//! before that is shown to the person. The types keep the two apart: only a [`Problem::Redirect`] has an address.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::{Client, GrantType};
use crate::error::{Code, OAuthError, err};
use crate::params::{Params, encode, list};
use crate::provider::{Levels, Provider, Scopes};
use crate::{jose, json, pkce, uri};

/// What names of pushed requests begin with (RFC 9126 §2.2).
pub const PUSHED_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// Seconds a pushed request waits for its browser.
pub const PUSHED_SECONDS: i64 = 90;

const MAX_STATE: usize = 2_048;
const MAX_NONCE: usize = 512;
const MAX_HINT: usize = 320;
const MAX_CLAIMS: usize = 4_096;
/// Ten years in seconds; more is as good as no limit.
const MAX_AGE: u64 = 315_360_000;

/// How an answer reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of a redirect.
    #[default]
    Query,
    /// As a form that the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// `prompt` (OpenID Connect Core §3.1.2.1); `none` stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Prompt {
    /// Show no page.
    pub none: bool,
    /// Authenticate again.
    pub login: bool,
    /// Ask for consent again.
    pub consent: bool,
    /// Let the person choose an account.
    pub select_account: bool,
}

/// The levels a client would like, in its order; only those the provider knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AcrWish {
    /// Names of levels.
    pub values: Vec<String>,
    /// Whether the answer must be an error when none can be reached (§5.5.1.1).
    pub essential: bool,
}

impl AcrWish {
    /// The lowest level that would satisfy the client; `None` when any does.
    pub fn least(&self, levels: &Levels) -> Option<u8> {
        self.values.iter().filter_map(|acr| levels.level(acr)).min()
    }
}

/// One claim of the `claims` parameter (OpenID Connect Core §5.5.1).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClaimWish {
    /// Whether the client needs it; an absent claim is still no error.
    pub essential: bool,
    /// The wished values; empty for any.
    pub values: Vec<Value>,
}

/// The `claims` parameter, by claim.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClaimWishes {
    /// For the ID token.
    pub id_token: BTreeMap<String, ClaimWish>,
    /// For UserInfo.
    pub userinfo: BTreeMap<String, ClaimWish>,
}

/// A request that is in order. It can be stored while the person logs in, and as pushed request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The client.
    pub client_id: String,
    /// One of the client's, as presented (a loopback port may differ).
    pub redirect_uri: String,
    /// How to answer.
    pub response_mode: ResponseMode,
    /// Scopes, each once, `openid` among them, all registered for the client.
    pub scopes: Vec<String>,
    /// Handed back unchanged.
    pub state: Option<String>,
    /// Goes into the ID token.
    pub nonce: Option<String>,
    /// S256 challenge.
    pub code_challenge: String,
    /// What to show.
    pub prompt: Prompt,
    /// Most seconds since the person authenticated.
    pub max_age: Option<u64>,
    /// Levels wished.
    pub acr: AcrWish,
    /// Claims wished.
    pub claims: ClaimWishes,
    /// The `sub` that the `claims` parameter insists on.
    pub wanted_sub: Option<String>,
    /// An account name to fill into the login form; not to be trusted.
    pub login_hint: Option<String>,
    /// An ID token to be verified by [`crate::logout::verify_hint`].
    pub id_token_hint: Option<String>,
    /// Languages, best first.
    pub ui_locales: Vec<String>,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    params: Params,
    pushed: bool,
}

/// A pushed request as it is stored under its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pushed {
    /// The request.
    pub request: Request,
    /// Unix seconds.
    pub expires_at: i64,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// To be shown to the person: nobody knows whether the address is the client's.
    Show(OAuthError),
    /// To be told to the client.
    Redirect(OAuthError, Box<Answer>),
}

impl Problem {
    /// The error in either case; what PAR answers (RFC 9126 §2.3).
    pub fn error(&self) -> OAuthError {
        match self {
            Self::Show(error) | Self::Redirect(error, _) => *error,
        }
    }
}

/// An answer on its way to a redirect URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The client's address.
    pub redirect_uri: String,
    /// By redirect or by form.
    pub mode: ResponseMode,
    /// Parameters, `iss` among them (RFC 9207), in order. For a form they are its hidden fields.
    pub params: Vec<(&'static str, String)>,
}

impl Answer {
    /// The address with the parameters in its query, for `Location` and status 303.
    pub fn location(&self) -> String {
        let pairs = self.params.iter().map(|(name, value)| (*name, value.as_str()));
        uri::with_query(&self.redirect_uri, &encode(pairs))
    }
}

impl Asked {
    /// Reads the raw query of the authorization endpoint, or the body when it is called by POST.
    ///
    /// # Errors
    /// `invalid_request`, to be shown.
    pub fn read(raw: &str) -> Result<Self, OAuthError> {
        Params::parse(raw).map(|params| Self {
            params,
            pushed: false,
        })
    }

    /// The authorization request in the body of a PAR call, after the client has authenticated.
    ///
    /// # Errors
    /// `invalid_request` for repeated parameters and for a `request_uri` (RFC 9126 §2.1).
    pub fn pushed(params: Params) -> Result<Self, OAuthError> {
        params.once()?;
        if params.get("request_uri").is_some() {
            return Err(err(Code::InvalidRequest, "a pushed request has no request_uri"));
        }
        Ok(Self { params, pushed: true })
    }

    /// The client to look up.
    ///
    /// # Errors
    /// `invalid_request`, to be shown.
    pub fn client_id(&self) -> Result<&str, OAuthError> {
        self.params.need("client_id", "client_id is missing or repeated")
    }

    /// The part after [`PUSHED_PREFIX`] when a pushed request is named; it is what was given out.
    pub fn pushed_name(&self) -> Option<&str> {
        self.params.get("request_uri")?.strip_prefix(PUSHED_PREFIX)
    }

    /// The pushed request that [`Asked::pushed_name`] named; the caller has deleted it, for it serves once.
    ///
    /// # Errors
    /// `invalid_request_uri`, to be shown, when there is none, it has expired or is another client's.
    pub fn resume(&self, client: &Client, pushed: Option<Pushed>, now: i64) -> Result<Request, OAuthError> {
        let mine = |p: &Pushed| {
            p.request.client_id == client.id()
                && self.client_id() == Ok(client.id())
                && now < p.expires_at
                && client.redirects_to(&p.request.redirect_uri)
        };
        pushed.filter(mine).map(|p| p.request).ok_or(err(
            Code::InvalidRequestUri,
            "the pushed request is unknown or has expired",
        ))
    }

    /// Checks everything. `client` is the one of [`Asked::client_id`].
    ///
    /// # Errors
    /// [`Problem`].
    pub fn validate(&self, client: &Client, provider: &Provider) -> Result<Request, Problem> {
        let p = &self.params;
        if self.client_id().map_err(Problem::Show)? != client.id() {
            return Err(Problem::Show(err(
                Code::InvalidRequest,
                "client_id is not that of the client",
            )));
        }
        let redirect_uri = p
            .need("redirect_uri", "redirect_uri is missing or repeated")
            .and_then(|given| {
                let known = client.redirects_to(given);
                known
                    .then_some(given)
                    .ok_or(err(Code::InvalidRequest, "redirect_uri is not registered"))
            })
            .map_err(Problem::Show)?;
        // From here on errors travel; with the state if it is sound, and the way the client asked for if it is one.
        let state = p.get("state").filter(|s| printable(s, MAX_STATE));
        let mode = match p.get("response_mode") {
            Some("form_post") => ResponseMode::FormPost,
            _ => ResponseMode::Query,
        };
        self.rest(client, provider, redirect_uri, mode, state)
            .map_err(|error| {
                let answer = answer(redirect_uri, mode, error_params(error), state, &provider.issuer);
                Problem::Redirect(error, Box::new(answer))
            })
    }

    fn rest(
        &self,
        client: &Client,
        provider: &Provider,
        redirect_uri: &str,
        response_mode: ResponseMode,
        state: Option<&str>,
    ) -> Result<Request, OAuthError> {
        let p = &self.params;
        let invalid = |why| Err(err(Code::InvalidRequest, why));
        p.once()?;
        if p.get("request").is_some() {
            return Err(err(
                Code::RequestNotSupported,
                "request objects are not supported",
            ));
        }
        match p.get("request_uri") {
            Some(name) if name.starts_with(PUSHED_PREFIX) => {
                return Err(err(
                    Code::InvalidRequestUri,
                    "the pushed request is unknown or has expired",
                ));
            }
            Some(_) => {
                return Err(err(
                    Code::RequestUriNotSupported,
                    "only pushed requests have a request_uri",
                ));
            }
            None => {}
        }
        if p.get("registration").is_some() {
            return Err(err(
                Code::RegistrationNotSupported,
                "clients do not register themselves",
            ));
        }
        if !client.may(GrantType::AuthorizationCode) {
            return Err(err(
                Code::UnauthorizedClient,
                "the client may not use the authorization code flow",
            ));
        }
        if client.registration().require_pushed_authorization_requests && !self.pushed {
            return invalid("the client must push its authorization requests");
        }
        if p.need("response_type", "response_type is missing")? != "code" {
            return Err(err(Code::UnsupportedResponseType, "response_type must be code"));
        }
        if !matches!(p.get("response_mode"), None | Some("query" | "form_post")) {
            return invalid("response_mode must be query or form_post");
        }
        if p.get("state").is_some() && state.is_none() {
            return invalid("state is too long or not printable ASCII");
        }
        if p.get("nonce").is_some_and(|n| !printable(n, MAX_NONCE)) {
            return invalid("nonce is too long or not printable ASCII");
        }
        if p.get("code_challenge_method") != Some("S256") {
            return invalid("code_challenge_method must be S256");
        }
        let code_challenge = p.need("code_challenge", "code_challenge is missing; PKCE is required")?;
        if !pkce::is_challenge(code_challenge) {
            return invalid("code_challenge is not a SHA-256 in base64url");
        }
        let scopes = scopes(p.get("scope"), client)?;
        let claims = p.get("claims").map_or(Ok(ClaimWishes::default()), wishes)?;
        let wanted_sub = wanted_sub(&claims)?;
        Ok(Request {
            client_id: client.id().to_string(),
            redirect_uri: redirect_uri.to_string(),
            response_mode,
            scopes,
            state: state.map(str::to_string),
            nonce: p.get("nonce").map(str::to_string),
            code_challenge: code_challenge.to_string(),
            prompt: prompt(p.get("prompt"))?,
            max_age: p.get("max_age").map(max_age).transpose()?,
            acr: acr(p.get("acr_values"), &claims, &provider.levels)?,
            claims,
            wanted_sub,
            // Hints help; unusable ones are left aside rather than refused.
            login_hint: p
                .get("login_hint")
                .filter(|h| h.len() <= MAX_HINT && !h.chars().any(char::is_control))
                .map(str::to_string),
            id_token_hint: p
                .get("id_token_hint")
                .filter(|h| h.len() <= jose::MAX_JWS)
                .map(str::to_string),
            ui_locales: p.get("ui_locales").map(locales).unwrap_or_default(),
        })
    }
}

impl Request {
    /// The answer with a code (RFC 6749 §4.1.2).
    pub fn answer_code(&self, issuer: &str, code: &str) -> Answer {
        let params = vec![("code", code.to_string())];
        answer(
            &self.redirect_uri,
            self.response_mode,
            params,
            self.state.as_deref(),
            issuer,
        )
    }

    /// The answer with an error (RFC 6749 §4.1.2.1).
    pub fn answer_error(&self, issuer: &str, error: OAuthError) -> Answer {
        answer(
            &self.redirect_uri,
            self.response_mode,
            error_params(error),
            self.state.as_deref(),
            issuer,
        )
    }

    /// The scopes a person must have consented to: those asked for, and those that open single claims asked for.
    /// Claims of scopes that the client is not registered for are never shown and need no consent.
    pub fn needs(&self, scopes: &Scopes, client: &Client) -> Vec<String> {
        let mut all = self.scopes.clone();
        for claim in self.claims.id_token.keys().chain(self.claims.userinfo.keys()) {
            let opened_by = scopes.of_claim(claim).filter(|scope| client.has_scope(scope));
            if let Some(scope) = opened_by.filter(|scope| !all.iter().any(|known| known == scope)) {
                all.push(scope.to_string());
            }
        }
        all
    }
}

/// The answer of the PAR endpoint, status 201 (RFC 9126 §2.2). `name` is a fresh [`crate::secret::Opaque`] token.
pub fn pushed_answer(name: &str) -> Value {
    serde_json::json!({ "request_uri": format!("{PUSHED_PREFIX}{name}"), "expires_in": PUSHED_SECONDS })
}

fn answer(
    redirect_uri: &str,
    mode: ResponseMode,
    mut params: Vec<(&'static str, String)>,
    state: Option<&str>,
    issuer: &str,
) -> Answer {
    params.extend(state.map(|state| ("state", state.to_string())));
    params.push(("iss", issuer.to_string()));
    Answer {
        redirect_uri: redirect_uri.to_string(),
        mode,
        params,
    }
}

fn error_params(error: OAuthError) -> Vec<(&'static str, String)> {
    vec![
        ("error", error.code.as_str().into()),
        ("error_description", error.why.into()),
    ]
}

/// The characters of `state` (RFC 6749 appendix A.5).
fn printable(text: &str, most: usize) -> bool {
    text.len() <= most && text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

fn scopes(given: Option<&str>, client: &Client) -> Result<Vec<String>, OAuthError> {
    let all = list(given.unwrap_or(""));
    if !all.iter().any(|scope| scope == "openid") {
        return Err(err(Code::InvalidScope, "scope must contain openid"));
    }
    if !all.iter().all(|scope| client.has_scope(scope)) {
        return Err(err(
            Code::InvalidScope,
            "a scope is not registered for the client",
        ));
    }
    Ok(all)
}

fn prompt(given: Option<&str>) -> Result<Prompt, OAuthError> {
    let mut prompt = Prompt::default();
    for word in list(given.unwrap_or("")) {
        match word.as_str() {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "consent" => prompt.consent = true,
            "select_account" => prompt.select_account = true,
            _ => return Err(err(Code::InvalidRequest, "prompt has an unknown value")),
        }
    }
    if prompt.none
        && prompt
            != (Prompt {
                none: true,
                ..Prompt::default()
            })
    {
        return Err(err(Code::InvalidRequest, "prompt none stands alone"));
    }
    Ok(prompt)
}

fn max_age(given: &str) -> Result<u64, OAuthError> {
    let digits = given.bytes().all(|b| b.is_ascii_digit());
    let seconds = digits.then(|| given.parse::<u64>().ok()).flatten();
    seconds
        .map(|s| s.min(MAX_AGE))
        .ok_or(err(Code::InvalidRequest, "max_age is not a number of seconds"))
}

pub(crate) fn locales(given: &str) -> Vec<String> {
    let tag = |t: &String| t.len() <= 35 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    list(given).into_iter().filter(tag).take(10).collect()
}

/// `claims`; both parts are optional and others are passed over (OpenID Connect Core §5.5).
fn wishes(text: &str) -> Result<ClaimWishes, OAuthError> {
    let read = || {
        let all = (text.len() <= MAX_CLAIMS)
            .then(|| json::object(text.as_bytes()))
            .flatten()?;
        let part = |name: &str| match all.get(name) {
            None | Some(Value::Null) => Some(BTreeMap::new()),
            Some(Value::Object(part)) => part
                .iter()
                .map(|(claim, wish)| Some((claim.clone(), claim_wish(wish)?)))
                .collect(),
            Some(_) => None,
        };
        Some(ClaimWishes {
            id_token: part("id_token")?,
            userinfo: part("userinfo")?,
        })
    };
    read().ok_or(err(Code::InvalidRequest, "claims is not a request for claims"))
}

fn claim_wish(wish: &Value) -> Option<ClaimWish> {
    let wish = match wish {
        Value::Null => return Some(ClaimWish::default()),
        Value::Object(wish) => wish,
        _ => return None,
    };
    let essential = match wish.get("essential") {
        None => false,
        Some(value) => value.as_bool()?,
    };
    let values = match (wish.get("value"), wish.get("values")) {
        (None, None) => Vec::new(),
        (Some(one), None) => vec![one.clone()],
        (None, Some(all)) => all.as_array()?.clone(),
        (Some(_), Some(_)) => return None,
    };
    Some(ClaimWish { essential, values })
}

fn wanted_sub(claims: &ClaimWishes) -> Result<Option<String>, OAuthError> {
    let mut wanted: Option<String> = None;
    for wish in [claims.id_token.get("sub"), claims.userinfo.get("sub")]
        .into_iter()
        .flatten()
    {
        for value in &wish.values {
            let one = value
                .as_str()
                .filter(|one| wanted.as_deref().is_none_or(|known| known == *one));
            wanted = Some(
                one.ok_or(err(Code::InvalidRequest, "claims asks for more than one sub"))?
                    .to_string(),
            );
        }
    }
    Ok(wanted)
}

/// The wish of `claims` binds; `acr_values` is voluntary (OpenID Connect Core §3.1.2.1, §5.5.1.1).
fn acr(given: Option<&str>, claims: &ClaimWishes, levels: &Levels) -> Result<AcrWish, OAuthError> {
    let known = |values: Vec<String>| {
        values
            .into_iter()
            .filter(|acr| levels.level(acr).is_some())
            .collect::<Vec<_>>()
    };
    let wishes = [claims.id_token.get("acr"), claims.userinfo.get("acr")];
    let wish = wishes
        .into_iter()
        .flatten()
        .find(|w| w.essential)
        .or(wishes[0])
        .or(wishes[1]);
    if let Some(wish) = wish.filter(|w| !w.values.is_empty()) {
        let values = known(
            wish.values
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_string)
                .collect(),
        );
        if wish.essential && values.is_empty() {
            return Err(err(
                Code::UnmetAuthenticationRequirements,
                "no such acr is offered",
            ));
        }
        return Ok(AcrWish {
            values,
            essential: wish.essential,
        });
    }
    Ok(AcrWish {
        values: known(list(given.unwrap_or(""))),
        essential: false,
    })
}
