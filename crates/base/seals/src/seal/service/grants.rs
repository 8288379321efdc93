//! Rights to use a seal.

use super::custody::near;
use super::readable;
use crate::seal::model::{Seal, State};
use crate::seal::store;
use crate::usage::model::{Grant, PROCESS, is_pattern};
use crate::usage::store as uses;
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::json;

pub(super) fn given(ctx: &Ctx, tx: &mut Tx<'_>, seal: &Seal, grant: &Grant) -> Result<()> {
    uses::put_grant(tx, grant)?;
    let payload = json!({ "organisation": seal.organisation, "seal": seal.id, "kinds": grant.kinds });
    let fact = Fact::new("seals.grant.given", &grant.id).payload(payload);
    ctx.emit(tx, fact.touch(&crate::GRANT, &grant.id))?;
    Ok(())
}

/// A right to use, as it is written down.
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub(crate) struct NewGrant {
    /// `person:ACTOR`, `post:ID` or `process`.
    pub grantee: String,
    pub kinds: String,
    pub per_day: String,
    pub total: String,
    pub valid_from: String,
    pub valid_until: String,
}

/// Gives a right to use a seal: its custodian, or the head of its organisation.
///
/// # Errors
/// `seals-wrong-grant` with the fields.
pub(crate) async fn give(ctx: &Ctx, id: &str, new: &NewGrant) -> Result<()> {
    let mut wrong = Refusal::new("seals-wrong-grant");
    let mut count = |name: &str, text: &str| match text.trim() {
        "" => None,
        text => match text.parse::<i64>() {
            Ok(n) if (1..=1_000_000).contains(&n) => Some(n),
            _ => {
                wrong = wrong.clone().field(name, "seals-wrong-count");
                None
            }
        },
    };
    let (per_day, total) = (count("per_day", &new.per_day), count("total", &new.total));
    let mut day = |name: &str, text: &str| match text.trim() {
        "" => None,
        text => match text.parse::<jiff::civil::Date>() {
            Ok(day) => Some(day.to_string()),
            Err(_) => {
                wrong = wrong.clone().field(name, "seals-wrong-day");
                None
            }
        },
    };
    let from = day("valid_from", &new.valid_from);
    let until = day("valid_until", &new.valid_until);
    let past = until
        .as_ref()
        .is_some_and(|u| *u < ctx.today().to_string() || from.as_ref().is_some_and(|f| f > u));
    if past {
        wrong = wrong.field("valid_until", "seals-wrong-day");
    }
    let kinds = store::words(&new.kinds);
    if kinds.is_empty() || !kinds.iter().all(|w| is_pattern(w)) {
        wrong = wrong.field("kinds", "seals-wrong-kinds");
    }
    let (grantee_kind, grantee) = new.grantee.split_once(':').unwrap_or((&new.grantee, ""));
    ctx.tx("seals.give", |tx| {
        let seal = readable(ctx, tx, id)?;
        grants_by(ctx, &seal)?;
        if !matches!(seal.state, State::Active | State::Suspended) {
            return Err(Refusal::new("seals-not-now").status(409).into());
        }
        let known = match grantee_kind {
            PROCESS => true,
            "person" => identity::api::official(ctx, tx, grantee)?.is_some_and(|o| near(&seal, &o)),
            "post" => posts(ctx, tx, &seal)?.iter().any(|(post, _)| post == grantee),
            _ => false,
        };
        let wrong = match known {
            true => wrong.clone(),
            false => wrong.clone().field("grantee", "seals-wrong-grantee"),
        };
        if !wrong.fields.is_empty() {
            return Err(wrong.into());
        }
        let grant = Grant {
            id: ctx.id().to_string(),
            seal: seal.id.clone(),
            grantee_kind: grantee_kind.into(),
            grantee: grantee.into(),
            kinds: kinds.clone(),
            per_day,
            total,
            valid_from: from.clone(),
            valid_until: until.clone(),
            given_by: ctx.actor.id.clone(),
            given_at: ctx.now(),
            ..Grant::default()
        };
        given(ctx, tx, &seal, &grant)
    })
    .await
}

/// Whether the actor may give rights to a seal and take them back.
pub(crate) fn grants_by(ctx: &Ctx, seal: &Seal) -> Result<(), Refusal> {
    if seal.custodian.as_deref() == Some(ctx.actor.id.as_str()) {
        return Ok(());
    }
    ctx.may("seals.grant.give", &seal.resource())
}

/// Posts of the seal's organisation that somebody holds today: (id, title).
pub(crate) fn posts(ctx: &Ctx, tx: &mut Tx<'_>, seal: &Seal) -> Result<Vec<(String, String)>> {
    let mut out: Vec<(String, String)> = Vec::new();
    for o in identity::api::officials(ctx, tx)? {
        for g in o.grants.iter().filter(|g| g.org == seal.organisation) {
            if !out.iter().any(|(post, _)| *post == g.post) {
                out.push((g.post.clone(), o.title.clone()));
            }
        }
    }
    Ok(out)
}

/// Takes a right back.
pub(crate) async fn revoke(ctx: &Ctx, id: &str, grant: &str) -> Result<()> {
    ctx.tx("seals.revoke", |tx| {
        let seal = readable(ctx, tx, id)?;
        grants_by(ctx, &seal)?;
        if !uses::revoke(tx, id, grant, &ctx.actor.id, ctx.now())? {
            return Err(Refusal::not_found().into());
        }
        let fact = Fact::new("seals.grant.revoked", grant).payload(json!({ "seal": id }));
        ctx.emit(tx, fact.touch(&crate::GRANT, grant))?;
        Ok(())
    })
    .await
}
