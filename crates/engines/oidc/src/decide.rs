//! What must happen before a request may be answered: a pure function of the request and of what is known about the
//! person in front of the browser. The server calls it again after each page until it says [`Next::Issue`].

use crate::authorize::Request;
use crate::client::Client;
use crate::error::{Code, OAuthError, err};
use crate::provider::Provider;

/// The person's session, as far as this request is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session<'a> {
    /// The `sub` that this client sees of the person.
    pub sub: &'a str,
    /// When the person last authenticated, Unix seconds.
    pub authenticated_at: i64,
    /// Level of assurance reached, in the numbers of [`crate::provider::Levels`].
    pub level: u8,
    /// Scopes the person has granted this client; all of them for a client that needs no consent.
    pub granted: &'a [String],
}

/// What has already happened for this very request; the server keeps it beside the stored request. Without it
/// `prompt=login` would ask for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// The person has authenticated since the request arrived.
    pub authenticated: bool,
    /// The person has chosen an account.
    pub account_chosen: bool,
    /// The person has consented.
    pub consented: bool,
    /// A higher level was offered, and the person cannot or does not want to reach it.
    pub step_up_refused: bool,
}

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Authenticate, even if there is a session.
    Login,
    /// Choose an account.
    ChooseAccount,
    /// Reach this level or a higher one.
    StepUp(u8),
    /// Consent to these scopes, all that are needed.
    Consent(Vec<String>),
    /// Give out a code.
    Issue {
        /// `acr` of the ID token: the first wished level that is reached, else the level reached.
        acr: Option<String>,
    },
    /// Answer with this error.
    Error(OAuthError),
}

/// Decides. `hinted_sub` is the `sub` of a verified `id_token_hint`; `now` in Unix seconds.
///
/// A denial is not decided here: when the person says no, answer `access_denied`.
pub fn decide(
    request: &Request,
    client: &Client,
    provider: &Provider,
    session: Option<Session<'_>>,
    hinted_sub: Option<&str>,
    progress: Progress,
    now: i64,
) -> Next {
    let silent = request.prompt.none;
    // A page where pages are allowed, else the error that says which page was missing.
    let page = |next: Next, code: Code, why: &'static str| {
        if silent { Next::Error(err(code, why)) } else { next }
    };
    let login = |why| page(Next::Login, Code::LoginRequired, why);
    let Some(session) = session else {
        return login("nobody is logged in");
    };
    let fresh = progress.authenticated;
    if request.prompt.login && !fresh {
        return Next::Login;
    }
    if request.prompt.select_account && !progress.account_chosen {
        return Next::ChooseAccount;
    }
    let age = now.saturating_sub(session.authenticated_at);
    let too_old = |most: u64| most == 0 || i64::try_from(most).is_ok_and(|most| age > most);
    if !fresh && request.max_age.is_some_and(too_old) {
        return login("the authentication is older than max_age");
    }
    let wanted = [request.wanted_sub.as_deref(), hinted_sub];
    if wanted.into_iter().flatten().any(|sub| sub != session.sub) {
        // Whoever has just logged in is not the person asked for; another round would not change that.
        return if fresh {
            Next::Error(err(Code::LoginRequired, "another person is logged in"))
        } else {
            login("another person is logged in")
        };
    }
    let least = request.acr.least(&provider.levels);
    if least.is_some_and(|least| session.level < least) {
        let unmet = Next::Error(err(
            Code::UnmetAuthenticationRequirements,
            "the level was not reached",
        ));
        match (request.acr.essential, silent, progress.step_up_refused) {
            (true, true, _) => {
                return Next::Error(err(Code::InteractionRequired, "a higher level is needed"));
            }
            (true, false, true) => return unmet,
            (_, false, false) => return Next::StepUp(least.unwrap_or(u8::MAX)),
            // A voluntary wish that cannot be met without a page, or at all: the ID token says what was reached.
            (false, true, _) | (false, false, true) => {}
        }
    }
    let needs = request.needs(&provider.scopes, client);
    let granted = needs.iter().all(|scope| session.granted.contains(scope));
    if !granted || (request.prompt.consent && !progress.consented) {
        return page(
            Next::Consent(needs),
            Code::ConsentRequired,
            "the person has not consented",
        );
    }
    let reached = |acr: &&String| {
        provider
            .levels
            .level(acr)
            .is_some_and(|level| level <= session.level)
    };
    let acr = request.acr.values.iter().find(reached).map(String::as_str);
    Next::Issue {
        acr: acr
            .or_else(|| provider.levels.acr(session.level))
            .map(str::to_string),
    }
}
