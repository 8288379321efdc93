//! Posts: proposed by one, approved by another, ended.

use super::model::{self, Holding, Proposal, State, Term};
use super::{find, held, store};
use crate::account::store as accounts;
use kernel::{Ctx, Fact, Problem, Refusal, Result, Tx, Uuid};
use serde_json::json;

/// Proposes a post for somebody; returns the proposal's id. It takes effect when it is approved.
///
/// # Errors
/// `identity-official-post` for a post that cannot be given, `identity-official-held` (409) when it is held or proposed for that
/// time already, `identity-official-excluded` (409) when its roles and those of the person exclude each other,
/// `identity-official-state` (409) for somebody who has left, those of [`model::days`].
pub fn assign(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid, term: &Term<'_>) -> Result<String> {
    let (from, until) = model::days(term, ctx.today())?;
    let reason: String = term.reason.trim().chars().take(200).collect();
    tx.lock(&format!("official:{account}"))?;
    let record = find::record(tx, account)?;
    if record.state == State::Left {
        return Err(find::not_now(ctx, &record));
    }
    let proposal = Proposal {
        id: ctx.id().to_string(),
        account,
        post: term.post.into(),
        from,
        until,
        reason,
        state: "waiting".into(),
        proposed_by: ctx.actor.id.clone(),
        proposed_at: ctx.now(),
        decided_by: String::new(),
        decided_at: None,
        answer: String::new(),
        holding: None,
    };
    let again = held::proposals(tx, account)?
        .iter()
        .any(|q| q.state == "waiting" && q.post == proposal.post);
    if again {
        return Err(taken("identity-official-proposed"));
    }
    fits(ctx, tx, &proposal)?;
    held::insert_proposal(tx, &proposal)?;
    let fact = Fact::new("identity.post.proposed", account)
        .payload(json!({ "proposal": proposal.id, "post": proposal.post, "from": proposal.from, "until": proposal.until }))
        .touch(&crate::PROPOSAL, &proposal.id);
    ctx.emit(tx, fact)?;
    Ok(proposal.id)
}

fn taken(key: &str) -> Problem {
    Refusal::new(key).status(409).field("post", key).into()
}

/// Refuses a post that is gone, held already, or that the person's other posts exclude.
fn fits(ctx: &Ctx, tx: &mut Tx<'_>, q: &Proposal) -> Result<()> {
    let post = held::post(tx, &q.post)?.filter(|p| !p.retired);
    let post =
        post.ok_or_else(|| Refusal::new("identity-official-post").field("post", "identity-official-post"))?;
    let own = held::holdings(tx, q.account)?;
    let over = |h: &Holding| {
        h.until
            .as_deref()
            .is_none_or(|u| u >= q.from.as_str() && u >= h.from.as_str())
            && q.until.as_deref().is_none_or(|u| u >= h.from.as_str())
    };
    if own.iter().any(|h| h.post == q.post && over(h)) {
        return Err(taken("identity-official-held"));
    }
    excluded(ctx, tx, q.account, &post.roles)
}

/// Refuses roles that those exclude which the person holds, has coming or is proposed for, by any of the person's accounts.
pub(crate) fn excluded(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid, coming: &[String]) -> Result<()> {
    let pairs = held::exclusions(tx)?;
    if pairs.is_empty() {
        return Ok(());
    }
    let today = ctx.today().to_string();
    let mut roles: Vec<String> = Vec::new();
    for one in same_person(tx, account)? {
        let own = held::holdings(tx, one)?;
        roles.extend(own.into_iter().filter(|h| h.lasts(&today)).flat_map(|h| h.roles));
    }
    let Some((held_role, new_role)) = model::conflict(&roles, coming, &pairs) else {
        return Ok(());
    };
    let title = |tx: &mut Tx<'_>, role: &str| -> Result<String> {
        let titles = crate::organisation::store::role_title(tx, role)?;
        Ok(titles.map_or(role.to_string(), |(zh, en)| ctx.locale.pick(&zh, &en).to_string()))
    };
    let (one, other) = (title(tx, held_role)?, title(tx, new_role)?);
    Err(Refusal::new("identity-official-excluded")
        .status(409)
        .arg("one", one)
        .arg("other", other)
        .field("post", "identity-official-excluded-post")
        .into())
}

/// Every official's account of one person: by the person's record, and by the citizen number where it is known.
fn same_person(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Uuid>> {
    let subject = accounts::account(tx, account)?
        .map(|a| a.subject)
        .unwrap_or_default();
    let (mut all, index) = store::of_subject(tx, &subject)?;
    let told = store::record(tx, account)?
        .map(|r| r.number_index)
        .unwrap_or_default();
    for index in [index, told].iter().filter(|i| !i.is_empty()) {
        all.extend(store::of_number(tx, index)?);
    }
    all.push(account);
    all.sort();
    all.dedup();
    Ok(all)
}

fn waiting(tx: &mut Tx<'_>, id: &str) -> Result<Proposal> {
    let proposal = held::proposal(tx, id)?.ok_or_else(Refusal::not_found)?;
    tx.lock(&format!("official:{}", proposal.account))?;
    let proposal = held::proposal(tx, id)?.ok_or_else(Refusal::not_found)?;
    match proposal.state.as_str() {
        "waiting" => Ok(proposal),
        _ => Err(Refusal::new("identity-official-decided").status(409).into()),
    }
}

/// Nobody decides what they proposed themselves or what is for themselves, by whatever account.
fn another(ctx: &Ctx, tx: &mut Tx<'_>, q: &Proposal) -> Result<()> {
    let mine = match ctx.actor.account {
        Some(me) => same_person(tx, me)?,
        None => Vec::new(),
    };
    let proposed = mine.iter().any(|a| q.proposed_by == format!("account:{a}"));
    if q.proposed_by == ctx.actor.id || proposed || mine.contains(&q.account) {
        return Err(Refusal::new("identity-official-own").status(403).into());
    }
    Ok(())
}

fn decide(ctx: &Ctx, tx: &mut Tx<'_>, mut q: Proposal, state: &str, answer: &str) -> Result<()> {
    q.state = state.into();
    q.decided_by = ctx.actor.id.clone();
    q.decided_at = Some(ctx.now());
    q.answer = answer.into();
    match held::decide(tx, &q)? {
        true => Ok(()),
        false => Err(Refusal::new("identity-official-decided").status(409).into()),
    }
}

/// Approves a proposal: the post is held from its first day on, at the earliest from today. Returns the holding's id.
///
/// # Errors
/// `identity-official-own` (403) for what one proposed oneself or is for oneself, `identity-official-decided` (409),
/// `identity-official-over` (409) when its last day has passed, those of [`assign`].
pub fn approve(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<String> {
    let mut q = waiting(tx, id)?;
    another(ctx, tx, &q)?;
    let record = find::record(tx, q.account)?;
    if record.state == State::Left {
        return Err(find::not_now(ctx, &record));
    }
    let today = ctx.today().to_string();
    if q.until.as_ref().is_some_and(|u| *u < today) {
        return Err(Refusal::new("identity-official-over").status(409).into());
    }
    if q.from < today {
        q.from = today;
    }
    fits(ctx, tx, &q)?;
    let holding = ctx.id().to_string();
    held::insert(tx, &holding, q.account, &q.post, (&q.from, q.until.as_deref()))?;
    q.holding = Some(holding.clone());
    let fact = Fact::new("identity.post.held", q.account)
        .payload(json!({ "proposal": q.id, "post": q.post, "from": q.from, "until": q.until }));
    let proposal = q.id.clone();
    decide(ctx, tx, q, "approved", "")?;
    let fact = fact
        .touch(&crate::HOLDING, &holding)
        .touch(&crate::PROPOSAL, proposal);
    ctx.emit(tx, fact)?;
    Ok(holding)
}

/// Refuses a proposal, with the reason.
pub fn refuse(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, reason: &str) -> Result<()> {
    let reason = model::reason(reason)?;
    let q = waiting(tx, id)?;
    another(ctx, tx, &q)?;
    let fact =
        Fact::new("identity.post.refused", q.account).payload(json!({ "proposal": q.id, "post": q.post }));
    let proposal = q.id.clone();
    decide(ctx, tx, q, "refused", &reason)?;
    ctx.emit(tx, fact.touch(&crate::PROPOSAL, proposal))?;
    Ok(())
}

/// Takes a proposal back.
pub fn withdraw(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<()> {
    let q = waiting(tx, id)?;
    let fact =
        Fact::new("identity.post.withdrawn", q.account).payload(json!({ "proposal": q.id, "post": q.post }));
    let proposal = q.id.clone();
    decide(ctx, tx, q, "withdrawn", "")?;
    ctx.emit(tx, fact.touch(&crate::PROPOSAL, proposal))?;
    Ok(())
}

/// Ends a holding with a last day, or at once when there is none; taking a post away needs nobody else.
///
/// # Errors
/// `identity-official-ended` (409) when it has ended, `identity-official-day`, `identity-official-reason` with the field.
pub fn end(ctx: &Ctx, tx: &mut Tx<'_>, holding: &str, until: Option<&str>, reason: &str) -> Result<()> {
    let reason = model::reason(reason)?;
    let h = held::holding(tx, holding)?.ok_or_else(Refusal::not_found)?;
    tx.lock(&format!("official:{}", h.account))?;
    let today = ctx.today().to_string();
    let h = held::holding(tx, holding)?
        .filter(|h| h.lasts(&today))
        .ok_or_else(|| Refusal::new("identity-official-ended").status(409))?;
    let Some(until) = until.map(str::trim).filter(|u| !u.is_empty()) else {
        return cut(ctx, tx, &h, &reason);
    };
    let day: Option<jiff::civil::Date> = until.parse().ok();
    let day = day.filter(|d| *d >= ctx.today() && h.until.as_ref().is_none_or(|u| d.to_string() <= *u));
    let day =
        day.ok_or_else(|| Refusal::new("identity-official-day").field("until", "identity-official-day"))?;
    ended(ctx, tx, &h, &day.to_string(), &reason)
}

/// Ends a holding at once: yesterday was its last day.
pub(super) fn cut(ctx: &Ctx, tx: &mut Tx<'_>, h: &Holding, reason: &str) -> Result<()> {
    let yesterday = ctx.today().yesterday().unwrap_or(ctx.today()).to_string();
    ended(ctx, tx, h, &yesterday, reason)
}

pub(super) fn ended(ctx: &Ctx, tx: &mut Tx<'_>, h: &Holding, until: &str, reason: &str) -> Result<()> {
    held::end(tx, &h.id, until, reason, &ctx.actor.id, ctx.now())?;
    let fact = Fact::new("identity.post.ended", h.account)
        .payload(json!({ "holding": h.id, "post": h.post, "until": until }))
        .touch(&crate::HOLDING, &h.id);
    ctx.emit(tx, fact)?;
    Ok(())
}
