//! The verbs of officials for people at their browsers: who may, then what the engine does.

use super::find::{Filter, Person};
use super::join::{Join, Joined, Secret};
use super::model::{Holding, Post, Proposal, State, Term};
use super::{assign, change, find, held, join, leave};
use crate::{APPROVE, MANAGE, OFFICIALS};
use kernel::{Ctx, Refusal, Resource, Result, Scope, Tx, Uuid};

/// What the policies decide by: where it is in the tree.
pub(crate) fn place(kind: &'static str, id: &str, path: &str, area_code: &str) -> Resource {
    Resource {
        kind,
        id: id.into(),
        owners: Vec::new(),
        about: Vec::new(),
        org_paths: vec![path.into()],
        area_code: area_code.into(),
        state: String::new(),
    }
}

/// An official whom the actor may at least see, and with the permission to do more.
///
/// # Errors
/// 404 for somebody who cannot be seen, 403 for what may not be done.
pub(crate) fn seen(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid, permission: &str) -> Result<Person> {
    let person = find::get(ctx, tx, account)?.ok_or_else(Refusal::not_found)?;
    let today = ctx.today().to_string();
    if !within(tx, &ctx.scope(OFFICIALS), &person, &today)? {
        return Err(Refusal::not_found().into());
    }
    if !within(tx, &ctx.scope(permission), &person, &today)? {
        return Err(Refusal::forbidden().into());
    }
    Ok(person)
}

/// Whether a scope reaches to where a person belongs; the same as in the lists.
fn within(tx: &mut Tx<'_>, scope: &Scope, person: &Person, today: &str) -> Result<bool> {
    let by = super::store::By {
        today,
        ..Default::default()
    };
    Ok(super::store::reaches(tx, scope, &by, person.account)?)
}

/// The same for a change: nobody administers their own account.
fn theirs(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid) -> Result<Person> {
    let person = seen(ctx, tx, account, MANAGE)?;
    if ctx.actor.account == Some(account) || ctx.actor.subject.as_ref() == Some(&person.subject) {
        return Err(Refusal::new("identity-official-self").status(403).into());
    }
    Ok(person)
}

/// A post that the actor may deal with.
fn post(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, permission: &str) -> Result<Post> {
    let post = held::post(tx, id)?
        .ok_or_else(|| Refusal::new("identity-official-post").field("post", "identity-official-post"))?;
    ctx.may(permission, &place("Post", &post.id, &post.path, &post.area_code))?;
    Ok(post)
}

/// Opens an account; whoever administers a part of the tree opens accounts for posts of that part only.
pub(crate) async fn join(ctx: &Ctx, new: &Join<'_>) -> Result<Joined> {
    ctx.tx("identity.join", |tx| {
        let first = new.post.as_ref().map_or("", |term| term.post);
        post(ctx, tx, first, MANAGE)?;
        join::join(ctx, tx, new)
    })
    .await
}

pub(crate) async fn invite(ctx: &Ctx, account: Uuid) -> Result<Secret> {
    ctx.tx("identity.invite", |tx| {
        theirs(ctx, tx, account)?;
        join::invite(ctx, tx, account)
    })
    .await
}

pub(crate) async fn rejoin(ctx: &Ctx, account: Uuid, term: Option<&Term<'_>>) -> Result<Joined> {
    ctx.tx("identity.rejoin", |tx| {
        theirs(ctx, tx, account)?;
        if let Some(term) = term {
            post(ctx, tx, term.post, MANAGE)?;
        }
        join::rejoin(ctx, tx, account, term)
    })
    .await
}

pub(crate) async fn change(ctx: &Ctx, account: Uuid, what: &change::Change<'_>) -> Result<()> {
    ctx.tx("identity.change-official", |tx| {
        theirs(ctx, tx, account)?;
        change::change(ctx, tx, account, what)?;
        Ok(())
    })
    .await
}

/// Moves somebody: proposes a post and, when one is named, ends another with the day before at the latest.
pub(crate) async fn assign(ctx: &Ctx, account: Uuid, term: &Term<'_>) -> Result<String> {
    ctx.tx("identity.propose", |tx| {
        theirs(ctx, tx, account)?;
        post(ctx, tx, term.post, MANAGE)?;
        assign::assign(ctx, tx, account, term)
    })
    .await
}

pub(crate) async fn withdraw(ctx: &Ctx, account: Uuid, proposal: &str) -> Result<()> {
    ctx.tx("identity.withdraw", |tx| {
        theirs(ctx, tx, account)?;
        let known = held::proposal(tx, proposal)?.filter(|q| q.account == account);
        known.ok_or_else(Refusal::not_found)?;
        assign::withdraw(ctx, tx, proposal)
    })
    .await
}

pub(crate) async fn end(ctx: &Ctx, account: Uuid, holding: &str, until: &str, reason: &str) -> Result<()> {
    ctx.tx("identity.end-post", |tx| {
        theirs(ctx, tx, account)?;
        let h: Holding = held::holding(tx, holding)?
            .filter(|h| h.account == account)
            .ok_or_else(Refusal::not_found)?;
        ctx.may(MANAGE, &place("Post", &h.post, &h.path, &h.area_code))?;
        assign::end(ctx, tx, holding, Some(until), reason)
    })
    .await
}

pub(crate) async fn leave(ctx: &Ctx, account: Uuid, on: &str, reason: &str) -> Result<()> {
    ctx.tx("identity.leave", |tx| {
        theirs(ctx, tx, account)?;
        leave::leave(ctx, tx, account, on, reason)
    })
    .await
}

/// What may be done to an account with no more than a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Suspend,
    Resume,
    Stay,
}

pub(crate) async fn turn(ctx: &Ctx, account: Uuid, turn: Turn, reason: &str) -> Result<()> {
    ctx.tx("identity.turn-official", |tx| {
        theirs(ctx, tx, account)?;
        match turn {
            Turn::Suspend => leave::suspend(ctx, tx, account, reason),
            Turn::Resume => leave::resume(ctx, tx, account),
            Turn::Stay => leave::stay(ctx, tx, account),
        }
    })
    .await
}

/// Approves or, with a reason, refuses what another proposed.
pub(crate) async fn decide(ctx: &Ctx, proposal: &str, approve: bool, reason: &str) -> Result<()> {
    ctx.tx("identity.decide-proposal", |tx| {
        let q: Proposal = held::proposal(tx, proposal)?.ok_or_else(Refusal::not_found)?;
        post(ctx, tx, &q.post, APPROVE)?;
        match approve {
            true => assign::approve(ctx, tx, proposal).map(|_| ()),
            false => assign::refuse(ctx, tx, proposal, reason),
        }
    })
    .await
}

/// What is still open for somebody who leaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Open {
    pub holdings: Vec<Holding>,
    pub waiting: Vec<Proposal>,
    /// Firms, children and dependants for whom the person acts.
    pub mandates: usize,
    /// Sessions and API tokens.
    pub sessions: usize,
    /// What other crates know: (text, number).
    pub elsewhere: Vec<(String, i64)>,
}

pub(crate) fn open(ctx: &Ctx, tx: &mut Tx<'_>, person: &Person) -> Result<Open> {
    let today = ctx.today().to_string();
    let mut elsewhere = Vec::new();
    if let Ok(hooks) = ctx.app.services.get::<crate::api::Unfinished>() {
        for hook in &hooks.0 {
            elsewhere.extend(hook(ctx, tx, &format!("account:{}", person.account))?);
        }
    }
    Ok(Open {
        holdings: person
            .holdings
            .iter()
            .filter(|h| h.lasts(&today))
            .cloned()
            .collect(),
        waiting: person.waiting.clone(),
        mandates: crate::agency::store::of_holder(tx, &person.subject)?.len(),
        sessions: crate::account::store::sessions(tx, person.account, ctx.now())?.len(),
        elsewhere: elsewhere.into_iter().filter(|(_, n)| *n > 0).collect(),
    })
}

/// Officials that the actor may see.
pub(crate) fn list(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    filter: &Filter,
    page: (u32, u32),
) -> Result<(Vec<Person>, u64)> {
    find::list(ctx, tx, &ctx.scope(OFFICIALS), filter, page.0, page.1)
}

/// Whether the actor may change this person's account now.
pub(crate) fn may_manage(ctx: &Ctx, tx: &mut Tx<'_>, person: &Person) -> Result<bool> {
    let today = ctx.today().to_string();
    let own = ctx.actor.account == Some(person.account);
    Ok(!own && ctx.holds(MANAGE) && within(tx, &ctx.scope(MANAGE), person, &today)?)
}

/// Whether somebody is in a state in which a verb makes sense, for the buttons of a page.
pub(crate) fn offers(state: State) -> [(&'static str, bool); 6] {
    let open = matches!(state, State::Active | State::Invited);
    [
        ("change", state != State::Left),
        ("move", state != State::Left),
        ("leave", state != State::Left),
        ("suspend", open),
        ("resume", state == State::Suspended),
        ("rejoin", state == State::Left),
    ]
}
