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
