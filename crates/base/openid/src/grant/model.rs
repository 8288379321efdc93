//! What lies in the database between the steps of a sign-in, and how long.

use kernel::Uuid;
use oidc::authorize::Request;
use oidc::decide::Progress;

/// A person may be busy signing in and consenting for so long, in milliseconds.
pub(crate) const PENDING: i64 = 15 * 60_000;
/// A code waits for its client so long (RFC 6749 §4.1.2 recommends ten minutes at most).
pub(crate) const CODE: i64 = 60_000;
/// An access token's life.
pub(crate) const ACCESS: i64 = 10 * 60_000;
/// An ID token's life, in seconds.
pub(crate) const ID_TOKEN: i64 = 600;
/// A refresh token that is not used ends after this long,
pub(crate) const REFRESH: i64 = 30 * 86_400_000;
/// and however often it is used, its sign-in ends after this long.
pub(crate) const GRANT: i64 = 90 * 86_400_000;

/// A request whose person is busy.
pub(crate) struct Pending {
    pub client: String,
    pub request: Request,
    pub progress: Progress,
    pub created_at: i64,
}

/// One sign-in of a person to a system.
#[derive(Clone)]
pub(crate) struct Grant {
    pub id: String,
    pub client: String,
    pub account: Uuid,
    pub subject: String,
    pub on_behalf: Option<String>,
    /// Family of the browser session: `sid` of its tokens.
    pub session: String,
    pub sub: String,
    pub request: Request,
    /// What the person consented to.
    pub scopes: Vec<String>,
    /// When they had shown who they are, in milliseconds, and how.
    pub shown_at: i64,
    pub methods: Vec<String>,
    pub acr: Option<String>,
    pub level: i64,
    pub created_at: i64,
    pub ended: bool,
}

impl Grant {
    /// Whether it goes on when the person has signed out here.
    pub(crate) fn offline(&self) -> bool {
        self.scopes.iter().any(|s| s == "offline_access")
    }
}

/// Kinds of what lies in `openid_token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Code,
    Access,
    Refresh,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Code => "code",
            Kind::Access => "access",
            Kind::Refresh => "refresh",
        }
    }
    pub(crate) fn of(name: &str) -> Option<Kind> {
        [Kind::Code, Kind::Access, Kind::Refresh]
            .into_iter()
            .find(|k| k.name() == name)
    }
}

/// A code or token.
pub(crate) struct Token {
    pub digest: String,
    pub kind: Kind,
    pub client: String,
    /// The sign-in it belongs to; none when the system acts for itself.
    pub grant: Option<String>,
    pub scopes: Vec<String>,
    pub issued_at: i64,
    pub expires_at: i64,
    pub used: bool,
}

/// Words of a list that is stored divided by spaces.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(' ')
        .filter(|w| !w.is_empty())
        .map(String::from)
        .collect()
}
