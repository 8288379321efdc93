//! Inviting managers and agents, their answer, and the change of scope and term.

use super::{active, giver, locked, me, needed, not_too_often, ruled, told, told_after};
use crate::account::store as accounts;
use crate::agency::matters::{Matters, theme_id};
use crate::agency::model::{self, ANSWER, Wanted};
use crate::agency::store;
use crate::api;
use kernel::{Ctx, Refusal, Result};

/// Invites somebody to be manager or agent. Whether anybody has this number is told to nobody.
pub(crate) async fn invite(ctx: &Ctx, firm: &str, number: &str, name: &str, w: &Wanted) -> Result<()> {
    let number = number.trim().to_uppercase();
    codes::citizen_id(&number)
        .map_err(|e| Refusal::new("identity-power-number").field("number", ctx.t(e.key(), &[])))?;
    needed(ctx, "name", name)?;
    let invitee = ctx.protect().index("code", &number);
    ctx.tx("identity.invite", |tx| {
        locked(tx, firm)?;
        let mine = giver(ctx, tx, firm)?;
        let since = ctx.now() - model::DAY;
        let sent = store::given_since(tx, &ctx.actor.id, "appointment", since)?;
        not_too_often(sent, ctx, "invitations_a_day", 50)?;
        model::fits(&mine, w, ctx.today(), &*ctx.service::<Matters>()?)?;
        let own = accounts::subject_by_index(tx, &invitee)?;
        if own == ctx.actor.subject {
            return Err(Refusal::new("identity-power-self")
                .field("number", ctx.t("identity-power-self", &[]))
                .into());
        }
        let open = store::live_of(tx, firm)?.into_iter().any(|p| {
            let same = p.invitee == invitee || own.as_deref() == Some(p.holder.as_str());
            same && p.live() && !matches!(p.shown(&ctx.today().to_string(), ctx.now()), "lapsed" | "expired")
        });
        if open {
            return Err(Refusal::new("identity-power-there").status(409).into());
        }
        let mut p = active(ctx, firm, "", &w.role, "appointment");
        p.state = "invited".into();
        p.name = Some(
            ctx.protect()
                .seal(&format!("identity_power.name:{}", p.id), name.trim())?,
        );
        p.invitee = invitee.clone();
        p.verbs = w.verbs.clone();
        p.matters = w.matters.clone();
        p.until_on = Some(w.until.clone());
        p.answer_by = Some(ctx.now() + ANSWER);
        store::insert(tx, &p)?;
        told(ctx, tx, "identity.power.invited", &p)
    })
    .await
}

/// The one who was invited says yes or no; nobody else finds the invitation.
pub(crate) async fn answer(ctx: &Ctx, id: &str, yes: bool) -> Result<()> {
    let person = me(ctx)?;
    ctx.tx("identity.answer-invitation", |tx| {
        let mut p = store::get(tx, id)?.ok_or_else(Refusal::not_found)?;
        locked(tx, &p.principal)?;
        let own = api::party(ctx, tx, &person)?.ok_or_else(Refusal::not_found)?;
        let named = match &p.name {
            Some(sealed) => ctx.protect().open(&format!("identity_power.name:{id}"), sealed)?,
            None => String::new(),
        };
        if p.invitee.is_empty()
            || p.invitee != ctx.protect().index("code", &own.code)
            || named.trim() != own.name.trim()
        {
            return Err(Refusal::not_found().into());
        }
        if p.state != "invited" || p.answer_by.is_none_or(|by| by < ctx.now()) {
            return Err(Refusal::new("identity-power-over").status(409).into());
        }
        if yes && api::level(ctx, tx, &person)? < 2 {
            return Err(Refusal::new("identity-firm-level").into());
        }
        if p.principal == person {
            return Err(Refusal::new("identity-power-self").into());
        }
        p.holder = person.clone();
        p.state = if yes { "active" } else { "declined" }.into();
        p.ended_at = (!yes).then_some(ctx.now());
        store::save(tx, &p)?;
        let kind = if yes {
            "identity.power.accepted"
        } else {
            "identity.power.declined"
        };
        told(ctx, tx, kind, &p)
    })
    .await
}

/// The scope of matters as somebody typed it, by ids or titles, one a line or with separators, and the themes that were
/// ticked.
///
/// # Errors
/// `identity-power-unknown` with the first words that name nothing.
pub(crate) fn scope_of(ctx: &Ctx, themes: &[String], typed: &str) -> Result<Vec<String>> {
    let known = ctx.service::<Matters>()?;
    let offered = known.themes();
    let mut out = Vec::new();
    let unknown = |words: &str| {
        let words: String = words.chars().take(60).collect();
        let text = ctx.t("identity-power-unknown", &[("words", &words)]);
        Refusal::new("identity-power-unknown")
            .arg("words", words)
            .field("matters", text)
    };
    for theme in themes {
        if !offered.contains(theme) {
            return Err(unknown(theme).into());
        }
        out.push(theme_id(theme));
    }
    for line in typed
        .split(['\n', ';', '；'])
        .map(str::trim)
        .filter(|l| !l.is_empty())
    {
        if let Some(id) = known.find(line) {
            out.push(id);
            continue;
        }
        let separate = |c: char| c.is_whitespace() || "，,、".contains(c);
        for words in line.split(separate).filter(|w| !w.is_empty()) {
            out.push(known.find(words).ok_or_else(|| unknown(words))?);
        }
    }
    out.sort();
    out.dedup();
    if out.len() > 200 {
        return Err(Refusal::new("identity-power-needed").into());
    }
    Ok(out)
}

/// Changes scope and term of a power within one's own, its end put off among them; the next request of its holder is held
/// against it.
pub(crate) async fn change(ctx: &Ctx, id: &str, w: &Wanted) -> Result<()> {
    ctx.tx("identity.change-power", |tx| {
        let mut p = ruled(ctx, tx, id)?;
        if let Some(field) = w.unsaid() {
            return Err(Refusal::new("identity-power-unsaid")
                .field(field, ctx.t("identity-power-unsaid", &[]))
                .into());
        }
        let mine = giver(ctx, tx, &p.principal)?;
        let w = Wanted {
            role: p.role.clone(),
            ..w.clone()
        };
        model::fits(&mine, &w, ctx.today(), &*ctx.service::<Matters>()?)?;
        let before = p.clone();
        p.verbs = w.verbs;
        p.matters = w.matters;
        p.until_on = Some(w.until);
        if (&p.verbs, &p.matters, &p.until_on) == (&before.verbs, &before.matters, &before.until_on) {
            return Ok(());
        }
        store::save(tx, &p)?;
        told_after(ctx, tx, "identity.power.changed", &p, Some(&before))
    })
    .await
}
