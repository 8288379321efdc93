//! Accounts and sessions: argon2id passwords off the async threads, lock-out after five failures, sessions that rotate
//! whenever their rights change, sign-out everywhere, bearer tokens for the API.

pub(crate) mod model;
pub(crate) mod onward;
mod password;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;

use crate::policy::Policies;
use kernel::ctx::{Accessed, Credential, Grant, Sessions};
use kernel::{Actor, ActorKind, Ctx, Result, Tx};
use std::sync::Arc;

/// What implements the kernel's traits; made in the binary.
#[derive(Clone)]
pub struct Identity {
    pub policies: Arc<Policies>,
    /// Set once the key store is open; names are sealed.
    pub protect: Arc<dyn kernel::ctx::Protect>,
    /// By which the themes of a power are resolved.
    pub matters: crate::Matters,
    /// The city's zone, for "today" of a post.
    pub zone: String,
}

impl Identity {
    fn today(&self, now: i64) -> String {
        let zone = jiff::tz::TimeZone::get(&self.zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let at = jiff::Timestamp::from_millisecond(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        at.to_zoned_datetime(zone).date().to_string()
    }
}

impl Sessions for Identity {
    fn resolve(&self, tx: &mut Tx<'_>, credential: &Credential, now: i64) -> Result<Option<Actor>> {
        let (token, kind) = match credential {
            Credential::Cookie(t) => (t, "browser"),
            Credential::Bearer(t) => (t, "api"),
        };
        let Some(session) = store::session(tx, &model::digest(token), kind, now)? else {
            return Ok(None);
        };
        let Some(account) = store::account(tx, session.account)? else {
            return Ok(None);
        };
        if account.retired {
            return Ok(None);
        }
        let subject = store::subject(tx, &account.subject)?;
        let name = match &subject {
            Some(s) => self
                .protect
                .open(&format!("identity_subject.name:{}", s.id), &s.name)?,
            None => account.login.clone(),
        };
        let power = match &session.acting_for {
            Some(principal) => {
                crate::agency::store::in_force(tx, &account.subject, principal, &self.today(now))?
            }
            None => None,
        };
        let mandate = match &power {
            Some(p) => {
                let whom = store::subject(tx, &p.principal)?;
                let name = whom.map(|s| {
                    self.protect
                        .open(&format!("identity_subject.name:{}", s.id), &s.name)
                });
                Some(p.mandate(name.transpose()?.unwrap_or_default(), &self.matters))
            }
            None => None,
        };
        let grants = match account.kind.as_str() {
            "official" => grants_of(tx, account.id, &self.today(now))?,
            _ => Vec::new(),
        };
        Ok(Some(Actor {
            id: format!("account:{}", account.id),
            name,
            kind: if account.kind == "official" {
                ActorKind::Official
            } else {
                ActorKind::Citizen
            },
            account: Some(account.id),
            subject: Some(account.subject),
            on_behalf: power.map(|p| p.principal),
            mandate,
            grants,
            session: Some(session.token),
        }))
    }
}

/// One password hash as in production, forgotten.
pub(crate) fn hash_cost() -> Result<(), kernel::Fault> {
    password::hash("a password of usual length", &[7; 16], false).map(|_| ())
}

/// What the posts that an account holds on a day grant it.
pub(crate) fn grants_of(tx: &mut Tx<'_>, account: kernel::Uuid, on: &str) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    for (post, org, org_path, area_code, roles) in crate::organisation::store::posts_of(tx, account, on)? {
        for role in roles {
            grants.push(Grant {
                role,
                post: post.clone(),
                org: org.clone(),
                org_path: org_path.clone(),
                area_code: area_prefix(&area_code),
            });
        }
    }
    Ok(grants)
}

/// `990100` covers the whole city: trailing zero pairs are no part of the prefix.
pub(crate) fn area_prefix(area: &str) -> String {
    let mut prefix = area;
    while prefix.len() > 2 && prefix.ends_with("00") {
        prefix = &prefix[..prefix.len() - 2];
    }
    prefix.to_string()
}

impl Accessed for Identity {
    fn accessed(
        &self,
        tx: &mut Tx<'_>,
        ctx: &Ctx,
        subjects: &[String],
        fields: &[&str],
        purpose: &str,
    ) -> Result<()> {
        for subject in subjects {
            let own = [&ctx.actor.subject, &ctx.actor.on_behalf]
                .into_iter()
                .flatten()
                .any(|s| s == subject);
            if own {
                continue;
            }
            store::note_access(tx, ctx, subject, &fields.join(","), purpose)?;
        }
        Ok(())
    }
}
