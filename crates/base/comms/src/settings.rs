//! Settings of the channels: `[comms]` in `yiwang.toml`, or the environment (`YIWANG_COMMS_…`).

use serde::Deserialize;

/// What the operator set. Without `smtp` or `sms` that channel is closed; a demonstration then keeps such messages in its
/// sink.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// After so many attempts a delivery is given up.
    pub max_attempts: i64,
    /// Wait after the first failure; it doubles with each further one, up to six hours.
    pub backoff_seconds: i64,
    /// For one whole exchange with a relay, adapter or host.
    pub timeout_seconds: u64,
    pub smtp: Option<Smtp>,
    pub sms: Option<Sms>,
    pub webhook: Webhook,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_attempts: 8,
            backoff_seconds: 30,
            timeout_seconds: 10,
            smtp: None,
            sms: None,
            webhook: Webhook::default(),
        }
    }
}

/// A relay on this machine or in this network; it carries the TLS to the world.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// `host:port`
    pub server: String,
    /// Sender address.
    pub from: String,
    pub user: Option<String>,
    pub password: Option<String>,
    #[serde(default = "many")]
    pub per_minute: i64,
}

/// An SMS adapter, see docs/guides/sms-adapter.md.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    /// Its name in `/comms/receipts/{adapter}`.
    pub adapter: String,
    /// `http://…`
    pub url: String,
    /// Shared secret of both directions.
    pub secret: String,
    #[serde(default = "many")]
    pub per_minute: i64,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    pub per_minute: i64,
    /// Host names that may lie in the private network although webhooks go to public addresses only.
    pub allow_private: Vec<String>,
}

impl Default for Webhook {
    fn default() -> Webhook {
        Webhook {
            per_minute: many(),
            allow_private: Vec::new(),
        }
    }
}

fn many() -> i64 {
    120
}

impl Settings {
    /// The environment variables that [`Settings::with_environment`] reads.
    pub fn variables() -> &'static [&'static str] {
        &[
            "YIWANG_COMMS_MAX_ATTEMPTS",
            "YIWANG_COMMS_BACKOFF_SECONDS",
            "YIWANG_COMMS_SMTP_SERVER",
            "YIWANG_COMMS_SMTP_FROM",
            "YIWANG_COMMS_SMTP_USER",
            "YIWANG_COMMS_SMTP_PASSWORD",
            "YIWANG_COMMS_SMS_URL",
            "YIWANG_COMMS_SMS_SECRET",
            "YIWANG_COMMS_SMS_ADAPTER",
            "YIWANG_COMMS_WEBHOOK_ALLOW_PRIVATE",
        ]
    }
    /// The same with what the environment says on top; the error names the variable.
    pub fn with_environment(mut self, env: &dyn Fn(&str) -> Option<String>) -> Result<Settings, String> {
        let get = |name: &str| env(&format!("YIWANG_COMMS_{name}")).filter(|v| !v.is_empty());
        let number = |name: &str| -> Result<Option<i64>, String> {
            get(name)
                .map(|v| {
                    v.parse()
                        .map_err(|_| format!("YIWANG_COMMS_{name}: `{v}` is no number"))
                })
                .transpose()
        };
        if let Some(n) = number("MAX_ATTEMPTS")? {
            self.max_attempts = n;
        }
        if let Some(n) = number("BACKOFF_SECONDS")? {
            self.backoff_seconds = n;
        }
        if let Some(server) = get("SMTP_SERVER") {
            let old = self.smtp.take();
            let from = get("SMTP_FROM").or_else(|| old.as_ref().map(|s| s.from.clone()));
            self.smtp = Some(Smtp {
                server,
                from: from.ok_or("YIWANG_COMMS_SMTP_FROM: the sender address is missing")?,
                user: get("SMTP_USER").or_else(|| old.as_ref().and_then(|s| s.user.clone())),
                password: get("SMTP_PASSWORD").or_else(|| old.as_ref().and_then(|s| s.password.clone())),
                per_minute: old.map_or_else(many, |s| s.per_minute),
            });
        }
        if let Some(url) = get("SMS_URL") {
            let old = self.sms.take();
            let secret = get("SMS_SECRET").or_else(|| old.as_ref().map(|s| s.secret.clone()));
            self.sms = Some(Sms {
                adapter: get("SMS_ADAPTER")
                    .or_else(|| old.as_ref().map(|s| s.adapter.clone()))
                    .unwrap_or_else(|| "sms".into()),
                url,
                secret: secret
                    .ok_or("YIWANG_COMMS_SMS_SECRET: the secret shared with the adapter is missing")?,
                per_minute: old.map_or_else(many, |s| s.per_minute),
            });
        }
        if let Some(hosts) = get("WEBHOOK_ALLOW_PRIVATE") {
            self.webhook.allow_private = hosts.split(',').map(|h| h.trim().to_string()).collect();
        }
        self.sound()
    }

    fn sound(self) -> Result<Settings, String> {
        if !(1..=20).contains(&self.max_attempts) {
            return Err("comms.max_attempts must lie between 1 and 20".into());
        }
        if !(1..=3_600).contains(&self.backoff_seconds) {
            return Err("comms.backoff_seconds must lie between 1 and 3600".into());
        }
        if !(1..=30).contains(&self.timeout_seconds) {
            return Err("comms.timeout_seconds must lie between 1 and 30".into());
        }
        if let Some(s) = &self.smtp
            && (s.server.rsplit_once(':').is_none() || !crate::channel::smtp::is_address(&s.from))
        {
            return Err("comms.smtp: `server` is host:port and `from` an address".into());
        }
        if let Some(s) = &self.sms {
            crate::channel::http::Target::parse(&s.url).map_err(|e| format!("comms.sms.url: {e}"))?;
            if s.secret.len() < 16 {
                return Err("comms.sms.secret needs at least 16 characters".into());
            }
        }
        let rates = [
            Some(self.webhook.per_minute),
            self.smtp.as_ref().map(|s| s.per_minute),
            self.sms.as_ref().map(|s| s.per_minute),
        ];
        if rates.into_iter().flatten().any(|r| r < 1) {
            return Err("comms: per_minute must be at least 1".into());
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::default().with_environment(&|k| {
            let pair = pairs.iter().find(|(n, _)| *n == k);
            pair.map(|(_, v)| v.to_string())
        })
    }

    #[test]
    fn the_environment_opens_channels_and_errors_name_what_is_wrong() {
        let s = with(&[
            ("YIWANG_COMMS_SMTP_SERVER", "127.0.0.1:2525"),
            ("YIWANG_COMMS_SMTP_FROM", "no-reply@city.example"),
            ("YIWANG_COMMS_MAX_ATTEMPTS", "3"),
        ])
        .unwrap();
        assert_eq!(
            (s.smtp.unwrap().server.as_str(), s.max_attempts),
            ("127.0.0.1:2525", 3)
        );
        assert!(
            with(&[("YIWANG_COMMS_SMTP_SERVER", "h:25")])
                .unwrap_err()
                .contains("SMTP_FROM")
        );
        assert!(
            with(&[("YIWANG_COMMS_MAX_ATTEMPTS", "many")])
                .unwrap_err()
                .contains("`many`")
        );
        assert!(
            with(&[("YIWANG_COMMS_BACKOFF_SECONDS", "0")])
                .unwrap_err()
                .contains("backoff")
        );
        let sms = [
            ("YIWANG_COMMS_SMS_URL", "http://a/"),
            ("YIWANG_COMMS_SMS_SECRET", "short"),
        ];
        assert!(with(&sms).unwrap_err().contains("16"));
        let unknown = toml::from_str::<Settings>("[smtp]\nserver = \"h:25\"\nfrom = \"a@b.c\"\ntls = true\n");
        assert!(unknown.unwrap_err().to_string().contains("tls"));
    }
}
