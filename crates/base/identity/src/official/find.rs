//! One official, and lists of them.

use super::model::{Holding, Post, Proposal, Record, State};
use super::{held, store};
use crate::account::store as accounts;
use kernel::{Ctx, Problem, Refusal, Result, Scope, Tx, Uuid};

/// An official as those see one who administer accounts.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    pub account: Uuid,
    pub subject: String,
    pub login: String,
    pub name: String,
    pub state: State,
    /// Directory that the record comes from and its id there; empty when from none.
    pub source: String,
    pub external_id: String,
    /// Legal days; the first is empty for accounts of the pack.
    pub joined_on: String,
    /// Last day in office, of somebody who has left or will leave.
    pub left_on: Option<String>,
    /// Why somebody left or is suspended.
    pub reason: String,
    /// Rises with every change of the record.
    pub version: i64,
    /// UTC milliseconds.
    pub created_at: i64,
    pub changed_at: i64,
    /// Posts held, the newest first, those of before too.
    pub holdings: Vec<Holding>,
    /// Posts proposed and not decided yet.
    pub waiting: Vec<Proposal>,
}

/// Which officials are asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Part of the name, the login or the title of a post.
    pub text: String,
    /// Organisation id; those below count too.
    pub organisation: String,
    pub state: Option<State>,
    pub source: String,
}

pub(crate) fn record(tx: &mut Tx<'_>, account: Uuid) -> Result<Record> {
    Ok(store::record(tx, account)?.ok_or_else(Refusal::not_found)?)
}

/// The refusal of what cannot be done in this state.
pub(crate) fn not_now(ctx: &Ctx, record: &Record) -> Problem {
    let state = ctx.t(&format!("identity-official-state-{}", record.state.name()), &[]);
    let r = Refusal::new("identity-official-state").status(409);
    r.arg("state", state).into()
}

fn person(ctx: &Ctx, tx: &mut Tx<'_>, listed: store::Listed) -> Result<Person> {
    let (r, login, subject, name) = listed;
    let mut waiting = held::proposals(tx, r.account)?;
    waiting.retain(|q| q.state == "waiting");
    Ok(Person {
        name: ctx
            .protect()
            .open(&format!("identity_subject.name:{subject}"), &name)?,
        holdings: held::holdings(tx, r.account)?,
        waiting,
        account: r.account,
        subject,
        login,
        state: r.state,
        source: r.source,
        external_id: r.external_id,
        joined_on: r.joined_on,
        left_on: r.left_on,
        reason: r.reason,
        version: r.version,
        created_at: r.created_at,
        changed_at: r.changed_at,
    })
}

/// The official with this account.
pub fn get(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid) -> Result<Option<Person>> {
    let Some(record) = store::record(tx, account)? else {
        return Ok(None);
    };
    let Some(a) = accounts::account(tx, account)? else {
        return Ok(None);
    };
    let name = accounts::subject(tx, &a.subject)?
        .map(|s| s.name)
        .unwrap_or_default();
    person(ctx, tx, (record, a.login, a.subject, name)).map(Some)
}

/// The phone of an official; reading it is written down by the caller (`ctx.accessed`).
pub fn phone(ctx: &Ctx, tx: &mut Tx<'_>, subject: &str) -> Result<Option<String>> {
    Ok(crate::api::party(ctx, tx, subject)?.and_then(|p| p.phone))
}

/// The official's account with this login.
pub fn by_login(tx: &mut Tx<'_>, login: &str) -> Result<Option<Uuid>> {
    let account = accounts::account_by_login(tx, &login.trim().to_lowercase())?;
    Ok(account.filter(|a| a.kind == "official").map(|a| a.id))
}

/// The account that a directory's record became.
pub fn by_external(tx: &mut Tx<'_>, source: &str, id: &str) -> Result<Option<Uuid>> {
    Ok(store::by_external(tx, source, id)?)
}

/// Officials whom a filter lets through, by login, from `offset` on, and how many there are altogether. Names lie sealed, so a
/// search by text opens the names of all who pass the rest of the filter.
pub fn list(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    scope: &Scope,
    filter: &Filter,
    offset: u32,
    limit: u32,
) -> Result<(Vec<Person>, u64)> {
    let today = ctx.today().to_string();
    let path = match filter.organisation.as_str() {
        "" => String::new(),
        id => match crate::organisation::store::get(tx, id)? {
            Some(o) => o.path,
            None => return Ok((Vec::new(), 0)),
        },
    };
    let by = store::By {
        state: filter.state,
        source: &filter.source,
        path: &path,
        today: &today,
    };
    let text = filter.text.trim().to_lowercase();
    if text.is_empty() {
        let total = store::count(tx, scope, &by)?;
        let rows = store::list(tx, scope, &by, Some((limit, offset)))?;
        let people = rows
            .into_iter()
            .map(|r| person(ctx, tx, r))
            .collect::<Result<_>>()?;
        return Ok((people, total.unsigned_abs()));
    }
    let titled = store::titled(tx, &text, &today)?;
    let mut found = Vec::new();
    for row in store::list(tx, scope, &by, None)? {
        let (record, login, subject, name) = &row;
        let place = format!("identity_subject.name:{subject}");
        if titled.contains(&record.account)
            || login.contains(&text)
            || ctx.protect().open(&place, name)?.to_lowercase().contains(&text)
        {
            found.push(row);
        }
    }
    let total = found.len() as u64;
    let page = found.into_iter().skip(offset as usize).take(limit as usize);
    let people = page.map(|r| person(ctx, tx, r)).collect::<Result<_>>()?;
    Ok((people, total))
}

/// Posts that may be given within a scope.
pub fn posts(tx: &mut Tx<'_>, scope: &Scope) -> Result<Vec<Post>> {
    Ok(held::posts(tx, scope)?)
}
