//! At the counter (窗口收件): a clerk applies for somebody who came. The case belongs to the applicant, who finds it in my
//! space; the clerk may edit it until it is submitted.

use super::apply::{Entered, draft};
use crate::catalogue::Catalogue;
use kernel::{Ctx, Refusal, Result, Tx};

/// Who came, or whom that person acts for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    pub name: String,
    /// Citizen ID number or unified social credit code.
    pub code: String,
    pub phone: String,
}

impl Person {
    fn trimmed(&self) -> Person {
        Person {
            name: self.name.trim().to_string(),
            code: self.code.trim().to_uppercase(),
            phone: self.phone.trim().to_string(),
        }
    }
}

/// Checks one person's or firm's entries; wrong fields are named with this prefix.
fn check(ctx: &Ctx, mut refusal: Refusal, who: &Person, prefix: &str, firm: bool) -> Refusal {
    let n = who.name.chars().count();
    if !(2..=100).contains(&n) {
        refusal = refusal.field(format!("{prefix}name"), ctx.t("cases-intake-name", &[]));
    }
    let wrong = if firm {
        codes::credit_code(&who.code).err().map(|e| e.key())
    } else {
        codes::citizen_id(&who.code).err().map(|e| e.key())
    };
    if let Some(key) = wrong {
        refusal = refusal.field(format!("{prefix}code"), ctx.t(key, &[]));
    }
    if !who.phone.is_empty()
        && let Err(e) = codes::phone(&who.phone)
    {
        refusal = refusal.field(format!("{prefix}phone"), ctx.t(e.key(), &[]));
    }
    refusal
}

/// Begins (or goes on with) a draft for the person who came; `agent` when that person acts for a firm.
pub(crate) async fn intake(
    ctx: &Ctx,
    matter: &str,
    applicant: &Person,
    agent: Option<&Person>,
) -> Result<String> {
    let matter = ctx.service::<Catalogue>()?.current(matter)?;
    let (applicant, agent) = (applicant.trimmed(), agent.map(Person::trimmed));
    let mut refusal = check(
        ctx,
        Refusal::new("cases-intake-wrong"),
        &applicant,
        "",
        agent.is_some(),
    );
    if let Some(a) = &agent {
        refusal = check(ctx, refusal, a, "agent_", false);
    }
    if !refusal.fields.is_empty() {
        return Err(refusal.into());
    }
    let id = ctx.id().to_string();
    ctx.tx("cases.intake", |tx| {
        let (applicant, agent) = match &agent {
            Some(person) => (
                know(ctx, tx, &applicant, "legal", "code")?,
                Some(know(ctx, tx, person, "natural", "agent_code")?),
            ),
            None => (know(ctx, tx, &applicant, "natural", "code")?, None),
        };
        let by = Entered {
            applicant: &applicant,
            agent: agent.clone(),
            clerk: Some(ctx.actor.id.clone()),
        };
        let subjects: Vec<String> = std::iter::once(applicant.clone()).chain(agent.clone()).collect();
        ctx.accessed(tx, &subjects, &["name", "code", "phone"], "counter")?;
        draft(ctx, tx, &id, &matter, &by, "cases.case.intake")
    })
    .await
}

/// The subject with this code; a known one must bear the name that was entered.
fn know(ctx: &Ctx, tx: &mut Tx<'_>, who: &Person, kind: &str, field: &str) -> Result<String> {
    if let Some(id) = identity::api::subject_of_code(ctx, tx, &who.code)? {
        let known = identity::api::party(ctx, tx, &id)?;
        if known.is_some_and(|k| k.name != who.name) {
            return Err(Refusal::new("cases-intake-wrong")
                .field(field, ctx.t("cases-intake-other-name", &[]))
                .into());
        }
        return Ok(id);
    }
    let division = ctx.app.city["division"].as_str().unwrap_or_default();
    let party = identity::api::NewParty {
        kind,
        name: &who.name,
        code: &who.code,
        phone: Some(who.phone.as_str()).filter(|p| !p.is_empty()),
        area_code: division,
        synthetic: ctx.app.config.demo,
    };
    identity::api::know(ctx, tx, &party)
}
