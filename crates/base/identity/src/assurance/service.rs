//! The verbs of real-name checks.

use super::store;
use crate::account::store as accounts;
use crate::api;
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::json;

/// Element of the population library by which a name is compared.
const NAME: &str = "name";

/// On what a level rests.
pub(crate) struct Terms<'a> {
    pub method: &'a str,
    pub level: i64,
    pub reference: &'a str,
    /// The last legal day on which it holds.
    pub until: Option<&'a str>,
}

/// Writes a check down; an earlier one by the same method is replaced. The fact ends the rights of nobody.
pub(crate) fn record(ctx: &Ctx, tx: &mut Tx<'_>, subject: &str, terms: &Terms<'_>) -> Result<()> {
    let id = ctx.id().to_string();
    let fact = Fact::new("identity.assurance.recorded", subject)
        .payload(json!({ "method": terms.method, "level": terms.level }));
    let fact = end(ctx, tx, subject, terms.method, fact)?;
    store::insert(tx, &id, subject, terms, &ctx.actor.id, ctx.now())?;
    ctx.emit(tx, fact.touch(&crate::ASSURANCE, &id))?;
    Ok(())
}

/// A check holds no longer; the fact that says why names what it ended.
pub(crate) fn end(ctx: &Ctx, tx: &mut Tx<'_>, subject: &str, method: &str, fact: Fact) -> Result<Fact> {
    let ended = store::end(tx, subject, method, ctx.now())?;
    Ok(ended
        .iter()
        .fold(fact, |fact, id| fact.touch(&crate::ASSURANCE, id)))
}

/// Compares one's own name and number with the population library.
///
/// # Errors
/// `identity-level-unknown` when the library does not have the number, `identity-level-differs` when it has another name.
pub(crate) async fn compare(ctx: &Ctx) -> Result<()> {
    let subject = ctx.actor.subject.clone().ok_or_else(Refusal::sign_in)?;
    ctx.tx("identity.compare", |tx| {
        let person = api::party(ctx, tx, &subject)?.ok_or_else(Refusal::not_found)?;
        let held = ctx.ask(
            tx,
            &subject,
            &[NAME.to_string()],
            &ctx.t("identity-level-purpose", &[]),
        )?;
        let Some(name) = held.iter().find(|h| h.element == NAME) else {
            return Err(Refusal::new("identity-level-unknown").into());
        };
        if name.value.trim() != person.name.trim() {
            return Err(Refusal::new("identity-level-differs").into());
        }
        let reference = format!("{} {}", name.source, name.as_of);
        let terms = Terms {
            method: "population",
            level: 2,
            reference: &reference,
            until: None,
        };
        record(ctx, tx, &subject, &terms)
    })
    .await
}

/// Notes that a person stood at the counter with the document.
///
/// # Errors
/// `identity-level-nobody` when no account has this number and name, `identity-own-case` for oneself.
pub(crate) async fn confirm(ctx: &Ctx, code: &str, name: &str) -> Result<()> {
    let code = code.trim().to_uppercase();
    let wrong = |why: String| {
        Refusal::new("identity-level-number")
            .arg("why", &why)
            .field("code", why)
    };
    codes::citizen_id(&code).map_err(|e| wrong(e.to_string()))?;
    ctx.tx("identity.confirm-person", |tx| {
        let nobody =
            || Refusal::new("identity-level-nobody").field("name", ctx.t("identity-level-nobody", &[]));
        let id = accounts::subject_by_index(tx, &ctx.protect().index("code", &code))?.ok_or_else(nobody)?;
        if ctx.actor.subject.as_deref() == Some(&id) {
            return Err(Refusal::new("identity-own-case").status(403).into());
        }
        let person = api::party(ctx, tx, &id)?.ok_or_else(nobody)?;
        if person.kind != "natural" || person.name.trim() != name.trim() {
            return Err(nobody().into());
        }
        ctx.accessed(
            tx,
            std::slice::from_ref(&id),
            &["name", "code"],
            &ctx.t("identity-level-counter", &[]),
        )?;
        let place = api::post_title(ctx, tx, &ctx.actor.id)?.unwrap_or_default();
        let terms = Terms {
            method: "counter",
            level: 4,
            reference: &place,
            until: None,
        };
        record(ctx, tx, &id, &terms)
    })
    .await
}
