//! Joining, changing and leaving by a directory. What is an official's record identity changes; the note changes here; both in one
//! transaction.

use super::service::{self, Seen};
use super::store::{self, Note};
use super::{model, service::find};
use crate::door::answer::{no, refuse};
use crate::door::web::{Call, differing};
use identity::api::official::{self, Change, Join, State, Term};
use kernel::{Ctx, Fact, Locale, Refusal, Result, Tx, Uuid};
use scim::patch::Operation;
use scim::resources::USERS;
use serde_json::{Value as Json, json};

/// A user as it stands after a change.
pub(crate) struct Kept {
    pub seen: Seen,
    pub changed: Vec<String>,
    /// The post that waits for approval.
    pub waiting: Vec<String>,
}

/// Why something was done, for the officials who read it later.
fn reason(ctx: &Ctx, key: &str) -> String {
    let mut here = ctx.clone();
    here.locale = Locale::Zh;
    here.t(key, &[])
}

fn again(call: &Call, tx: &mut Tx<'_>, account: Uuid) -> Result<Seen> {
    let found = find(call, tx, &account.to_string())?;
    Ok(found.ok_or_else(|| kernel::Fault::new("an official whom a directory changed is not its own"))?)
}

/// Somebody joins, or comes back: who left under the same external id, and by this directory, is the same person.
///
/// # Errors
/// 409 `uniqueness` for a login or external id that somebody has; what identity refuses.
pub(crate) async fn join(call: &Call, user: &Json) -> Result<Kept> {
    call.cx
        .tx("provisioning.join", |tx| {
            tx.lock(&format!("provisioning:{}", call.directory.client))?;
            let external_id = model::external_id(user);
            let before = former(call, tx, external_id)?;
            let text = reason(&call.cx, "provisioning-reason-join");
            let term = (!call.directory.post.is_empty()).then(|| Term {
                post: &call.directory.post,
                reason: &text,
                ..Term::default()
            });
            let name = model::name(user);
            let phone = model::mobile(user);
            let login = model::login(user);
            let waiting;
            let account = match before {
                Some(account) => {
                    let joined = official::rejoin(&call.cx, tx, account, term.as_ref())?;
                    let change = Change {
                        login: Some(&login),
                        name: Some(&name),
                        phone: phone.as_deref(),
                        ..Change::default()
                    };
                    official::change(&call.cx, tx, account, &change)?;
                    waiting = joined.proposal.is_some();
                    account
                }
                None => {
                    let new = Join {
                        login: &login,
                        name: &name,
                        phone: phone.as_deref().unwrap_or_default(),
                        number: model::number(user),
                        source: &call.directory.client,
                        external_id,
                        post: term,
                    };
                    let joined = official::join(&call.cx, tx, &new)?;
                    waiting = joined.proposal.is_some();
                    joined.account
                }
            };
            let suspended = user["active"] == false;
            if suspended {
                official::suspend(
                    &call.cx,
                    tx,
                    account,
                    &reason(&call.cx, "provisioning-reason-suspend"),
                )?;
            }
            let changed = differing(&json!({}), user);
            note(call, tx, account, user, suspended, None, &changed)?;
            Ok(Kept {
                seen: again(call, tx, account)?,
                changed,
                waiting: waiting.then(|| call.directory.post.clone()).into_iter().collect(),
            })
        })
        .await
}

/// The account of somebody who left and comes back under the same external id; nobody for somebody new.
fn former(call: &Call, tx: &mut Tx<'_>, external_id: &str) -> Result<Option<Uuid>> {
    if external_id.is_empty() {
        return Ok(None);
    }
    let mut back = None;
    for account in store::by_external(tx, &call.directory.client, external_id)? {
        match official::get(&call.cx, tx, account)?.map(|p| p.state) {
            Some(State::Left) => back = Some(account),
            Some(_) => return Err(refuse("provisioning-known", 409)),
            None => {}
        }
    }
    Ok(back)
}

/// Writes the note and the fact about it.
fn note(
    call: &Call,
    tx: &mut Tx<'_>,
    account: Uuid,
    user: &Json,
    suspended: bool,
    before: Option<&Note>,
    changed: &[String],
) -> Result<()> {
    let new = Note {
        account,
        client: call.directory.client.clone(),
        external_id: model::external_id(user).into(),
        document: service::seal(call, account, &model::noted(user))?,
        suspended,
        version: 0,
        created_at: before.map_or(call.cx.now(), |b| b.created_at),
        changed_at: call.cx.now(),
    };
    store::put(tx, &new, call.cx.now())?;
    // Names of attributes only.
    let fact = Fact::new("provisioning.user.kept", account)
        .payload(json!({ "client": call.directory.client, "changed": changed }))
        .touch(&crate::USER, account);
    call.cx.emit(tx, fact)?;
    Ok(())
}

/// Replaces a user by what was sent. A PUT that says nothing about `active` leaves it as it is: nobody shall come back to office by
/// an omission.
pub(crate) async fn replace(call: &Call, id: &str, user: &Json) -> Result<Kept> {
    change(call, id, |now| {
        let mut new = user.clone();
        if new.get("active").is_none() {
            new["active"] = now["active"].clone();
        }
        Ok(new)
    })
    .await
}

/// Carries operations out.
pub(crate) async fn patch(call: &Call, id: &str, operations: &[Operation]) -> Result<Kept> {
    change(call, id, |now| {
        scim::patch::apply(&USERS, now, operations).map_err(no)
    })
    .await
}

async fn change(call: &Call, id: &str, make: impl Fn(&Json) -> Result<Json> + Send + Sync) -> Result<Kept> {
    call.cx
        .tx("provisioning.change-user", |tx| {
            tx.lock(&format!("provisioning:{}", call.directory.client))?;
            let seen = find(call, tx, id)?.ok_or_else(Refusal::not_found)?;
            call.matches(&seen.version)?;
            let before = bare(&seen.user);
            let after = make(&before)?;
            let changed = differing(&before, &after);
            if changed.is_empty() {
                return Ok(Kept {
                    seen,
                    changed,
                    waiting: vec![],
                });
            }
            apply(call, tx, &seen, &before, &after, &changed)?;
            Ok(Kept {
                seen: again(call, tx, seen.person.account)?,
                changed,
                waiting: vec![],
            })
        })
        .await
}

/// What a client may write of a user as it is told: the canonical form that PATCH takes.
fn bare(user: &Json) -> Json {
    let mut out = user.clone();
    if let Some(all) = out.as_object_mut() {
        for name in ["schemas", "id", "meta", "groups"] {
            all.shift_remove(name);
        }
    }
    out
}

fn apply(
    call: &Call,
    tx: &mut Tx<'_>,
    seen: &Seen,
    before: &Json,
    after: &Json,
    changed: &[String],
) -> Result<()> {
    let (cx, account) = (&call.cx, seen.person.account);
    let external_id = model::external_id(after);
    if !external_id.is_empty() && external_id != model::external_id(before) {
        for other in store::by_external(tx, &call.directory.client, external_id)? {
            if other != account && official::get(cx, tx, other)?.is_some_and(|p| p.state != State::Left) {
                return Err(refuse("provisioning-known", 409));
            }
        }
    }
    let (login, name, phone) = (model::login(after), model::name(after), model::mobile(after));
    let other = Change {
        login: (login != seen.person.login).then_some(login.as_str()),
        name: (name != seen.person.name).then_some(name.as_str()),
        // A number that the official changed here is not put back by a request that is about something else.
        phone: (phone != model::mobile(before)).then(|| phone.as_deref().unwrap_or_default()),
        external_id: (seen.person.source == call.directory.client && external_id != seen.person.external_id)
            .then_some(external_id),
    };
    let active = after["active"].as_bool();
    let was = before["active"].as_bool();
    let turned = active.is_some() && active != was;
    let own = other.login.is_some() || other.name.is_some() || other.phone.is_some();
    if (own || turned) && !seen.whole(call) {
        return Err(refuse("provisioning-elsewhere", 403));
    }
    if own || other.external_id.is_some() {
        official::change(cx, tx, account, &other)?;
    }
    let mut suspended = seen.note.as_ref().is_some_and(|n| n.suspended);
    match active.filter(|_| turned) {
        Some(false) => {
            official::suspend(cx, tx, account, &reason(cx, "provisioning-reason-suspend"))?;
            suspended = true;
        }
        // Whom the city suspended the city lets back.
        Some(true) if !suspended => return Err(refuse("provisioning-suspended-here", 403)),
        Some(true) => {
            official::resume(cx, tx, account)?;
            suspended = false;
        }
        None => {}
    }
    note(call, tx, account, after, suspended, seen.note.as_ref(), changed)
}

/// Somebody leaves, today.
pub(crate) async fn leave(call: &Call, id: &str) -> Result<()> {
    call.cx
        .tx("provisioning.leave", |tx| {
            let seen = find(call, tx, id)?.ok_or_else(Refusal::not_found)?;
            call.matches(&seen.version)?;
            if !seen.whole(call) {
                return Err(refuse("provisioning-elsewhere", 403));
            }
            if seen.note.is_none() {
                note(call, tx, seen.person.account, &bare(&seen.user), false, None, &[])?;
            }
            official::leave(
                &call.cx,
                tx,
                seen.person.account,
                "",
                &reason(&call.cx, "provisioning-reason-leave"),
            )
        })
        .await
}
