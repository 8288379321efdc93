//! A firm and its representative: establishing it by the library or at the counter, handing over to a new one.

use super::{Counter, active, end, locked, may_try, me, needed, person_of, refused, told};
use crate::account::store as accounts;
use crate::agency::model::{GRACE, Power};
use crate::agency::store;
use crate::api;
use kernel::{Ctx, Refusal, Result, Tx};

const NAME: &str = "firm-name";
const STATUS: &str = "firm-status";
const HEAD: &str = "legal-representative-id";

/// What the library of legal persons says of a firm: (name, number of the representative), when it exists there.
pub(in crate::agency) fn registered(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    firm: &str,
) -> Result<Option<(String, String)>> {
    let elements = [NAME, STATUS, HEAD].map(String::from);
    let held = ctx.ask(tx, firm, &elements, &ctx.t("identity-firm-purpose", &[]))?;
    let value = |e: &str| held.iter().find(|h| h.element == e).map(|h| h.value.clone());
    if value(STATUS).as_deref() == Some("cancelled") {
        return Ok(None);
    }
    Ok(value(NAME).zip(value(HEAD)))
}

/// Ends the representatives of a firm other than `keep`; managers and agents may then only go on with what runs, for a month,
/// until the new representative confirms each (变更交接).
pub(in crate::agency) fn hand_over(ctx: &Ctx, tx: &mut Tx<'_>, firm: &str, keep: &str) -> Result<()> {
    let powers = store::live_of(tx, firm)?;
    let old: Vec<&Power> = powers
        .iter()
        .filter(|p| p.role == "representative" && p.live() && p.holder != keep)
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let grace = ctx
        .today()
        .checked_add(jiff::Span::new().days(GRACE))
        .unwrap_or(ctx.today())
        .to_string();
    for p in &old {
        end(ctx, tx, (*p).clone(), "representative-changed")?;
    }
    for p in powers.iter().filter(|p| p.role != "representative" && p.live()) {
        if p.state == "invited" {
            end(ctx, tx, p.clone(), "representative-changed")?;
            continue;
        }
        let mut p = p.clone();
        if p.state == "active" {
            p.state = "unconfirmed".into();
        }
        let until = p.until_on.take().filter(|u| *u < grace);
        p.until_on = Some(until.unwrap_or_else(|| grace.clone()));
        store::save(tx, &p)?;
        told(ctx, tx, "identity.power.questioned", &p)?;
    }
    Ok(())
}

/// The representative establishes the own firm (法人开通): by the library of legal persons.
///
/// # Errors
/// `identity-firm-level` below R2; else one answer for every reason, so that nobody learns whose firm it is.
pub(crate) async fn establish(ctx: &Ctx, code: &str) -> Result<String> {
    let person = me(ctx)?;
    let code = code.trim().to_uppercase();
    codes::credit_code(&code)
        .map_err(|e| Refusal::new("identity-firm-code").field("code", ctx.t(e.key(), &[])))?;
    let done = ctx
        .tx("identity.establish", |tx| {
            if api::level(ctx, tx, &person)? < 2 {
                return Err(Refusal::new("identity-firm-level").into());
            }
            may_try(ctx, tx)?;
            let own = api::party(ctx, tx, &person)?.map(|p| p.code).unwrap_or_default();
            let firm = accounts::subject_by_index(tx, &ctx.protect().index("code", &code))?;
            let known = match &firm {
                Some(firm) => registered(ctx, tx, firm)?,
                None => None,
            };
            let (Some(firm), Some((_, head))) = (firm, known) else {
                return refused(ctx, tx);
            };
            if ctx.protect().index("code", &head) != ctx.protect().index("code", &own) {
                return refused(ctx, tx);
            }
            represent(
                ctx,
                tx,
                &firm,
                &person,
                active(ctx, &firm, &person, "representative", "library"),
            )?;
            Ok(Some(firm))
        })
        .await?;
    Ok(done.ok_or_else(|| Refusal::new("identity-firm-refused").status(403))?)
}

fn represent(ctx: &Ctx, tx: &mut Tx<'_>, firm: &str, person: &str, p: Power) -> Result<()> {
    locked(tx, firm)?;
    let held = store::live_of(tx, firm)?;
    let mine = |p: &&Power| p.holder == person && p.live();
    if held.iter().filter(mine).any(|p| p.role == "representative") {
        return Err(Refusal::new("identity-firm-there").status(409).into());
    }
    hand_over(ctx, tx, firm, person)?;
    for old in store::live_of(tx, firm)?.iter().filter(mine) {
        end(ctx, tx, old.clone(), "became-representative")?;
    }
    store::insert(tx, &p)?;
    told(ctx, tx, "identity.power.established", &p)
}

/// An official establishes a firm at the counter, with the licence shown.
pub(crate) async fn establish_at_counter(ctx: &Ctx, c: &Counter) -> Result<String> {
    needed(ctx, "document", &c.document)?;
    needed(ctx, "reason", &c.reason)?;
    let code = c.code.trim().to_uppercase();
    codes::credit_code(&code)
        .map_err(|e| Refusal::new("identity-firm-code").field("code", ctx.t(e.key(), &[])))?;
    ctx.tx("identity.establish-at-counter", |tx| {
        let person = person_of(ctx, tx, &c.number, &c.person, "number")?;
        if ctx.actor.subject.as_deref() == Some(&person.id) {
            return Err(Refusal::new("identity-own-case").status(403).into());
        }
        if api::level(ctx, tx, &person.id)? < 2 {
            return Err(Refusal::new("identity-firm-level")
                .field("number", ctx.t("identity-firm-level", &[]))
                .into());
        }
        let firm = match accounts::subject_by_index(tx, &ctx.protect().index("code", &code))? {
            Some(firm) => firm,
            None => {
                needed(ctx, "name", &c.name)?;
                let new = api::NewParty {
                    kind: "legal",
                    name: c.name.trim(),
                    code: &code,
                    phone: None,
                    area_code: &code[2..8],
                    synthetic: false,
                };
                api::know(ctx, tx, &new)?
            }
        };
        let mut p = active(ctx, &firm, &person.id, "representative", "counter");
        p.reason = c.reason.trim().into();
        p.document = Some(
            ctx.protect()
                .seal(&format!("identity_power.document:{}", p.id), c.document.trim())?,
        );
        represent(ctx, tx, &firm, &person.id, p)?;
        Ok(firm)
    })
    .await
}
