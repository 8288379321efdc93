//! What the operator sets of signing in.

use kernel::Ctx;
use kernel::ctx::Config;
use serde::Deserialize;

/// `[sign_in]` of the configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who must show a second factor; unset, officials must, but for the accounts of a demonstration, whose passwords are
    /// printed anyway.
    pub second_factor: Option<SecondFactor>,
    /// Who can see a person and compare them with their document; without it level R3 is not given.
    pub real_name: Option<RealName>,
}

/// An adapter of real-name checks, see docs/guides/real-name-adapter.md.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealName {
    /// What people read: 人脸核验, 银行核验.
    pub title: String,
    /// Where requests go, `http://…` on this machine or network.
    pub url: String,
    /// The page to which a person is sent, absolute.
    pub page: String,
    /// Shared secret of both directions, at least 16 characters.
    pub secret: String,
    /// For how many days a check holds.
    #[serde(default = "year")]
    pub days: i32,
}

fn year() -> i32 {
    365
}

/// See [`Settings::second_factor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondFactor {
    /// Officials must, residents may.
    Officials,
    /// All may.
    Offered,
}

impl Settings {
    /// What is wrong with them, naming the key.
    pub fn check(&self) -> Result<(), String> {
        let Some(r) = &self.real_name else { return Ok(()) };
        if r.secret.chars().count() < 16 {
            return Err("sign_in.real_name.secret: at least 16 characters".into());
        }
        if !r.url.starts_with("http://") {
            return Err("sign_in.real_name.url: must begin with http:// (a proxy carries the TLS)".into());
        }
        if !r.page.starts_with("http://") && !r.page.starts_with("https://") {
            return Err("sign_in.real_name.page: must be an absolute address".into());
        }
        if !(1..=3_650).contains(&r.days) {
            return Err("sign_in.real_name.days: 1 to 3650".into());
        }
        Ok(())
    }

    pub(crate) fn officials_must(&self, config: &Config) -> bool {
        match self.second_factor {
            Some(wanted) => wanted == SecondFactor::Officials,
            None => !config.demo,
        }
    }
}

/// Puts settings into force.
pub fn configure(ctx: &Ctx, settings: Settings) {
    ctx.app.services.put(settings);
}
