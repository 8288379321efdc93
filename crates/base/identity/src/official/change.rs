//! Name, phone and login of an official.

use super::model::{self, State};
use super::{find, store};
use crate::account::store as accounts;
use crate::assurance;
use kernel::{Ctx, Fact, Refusal, Result, Tx, Uuid};
use serde_json::json;

/// What is to be changed; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Change<'a> {
    pub login: Option<&'a str>,
    pub name: Option<&'a str>,
    /// Empty takes the number away.
    pub phone: Option<&'a str>,
    /// Id in the directory that the record comes from.
    pub external_id: Option<&'a str>,
}

/// Changes them; returns the names of what became another. A new number is one that nobody has confirmed.
///
/// # Errors
/// 422 with the field that is wrong; 409 `identity-login-taken`, `identity-official-known`, `identity-official-name-shown` (the
/// name was compared with a document), `identity-official-state` for somebody who has left.
pub fn change(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid, change: &Change<'_>) -> Result<Vec<&'static str>> {
    let login = change.login.map(model::login).transpose()?;
    let name = change.name.map(model::name).transpose()?;
    let phone = change.phone.map(model::phone).transpose()?;
    tx.lock("identity-official")?;
    let mut record = find::record(tx, account)?;
    if record.state == State::Left {
        return Err(find::not_now(ctx, &record));
    }
    let before = accounts::account(tx, account)?.ok_or_else(Refusal::not_found)?;
    let person = crate::api::party(ctx, tx, &before.subject)?.ok_or_else(Refusal::not_found)?;
    let mut changed = Vec::new();
    let mut fact = Fact::new("identity.official.changed", account);
    if let Some(login) = login.filter(|l| *l != before.login) {
        if !store::set_login(tx, account, &login)? {
            return Err(Refusal::new("identity-login-taken")
                .status(409)
                .arg("login", &login)
                .field("login", "identity-official-login-taken")
                .into());
        }
        changed.push("login");
        fact = fact.touch(&crate::ACCOUNT, account);
    }
    if let Some(id) = change.external_id.filter(|id| *id != record.external_id) {
        if !id.is_empty() && store::by_external(tx, &record.source, id)?.is_some_and(|other| other != account)
        {
            return Err(Refusal::new("identity-official-known").status(409).into());
        }
        record.external_id = id.into();
        changed.push("external_id");
    }
    let name = name.filter(|n| *n != person.name);
    if name.is_some() && crate::api::level(ctx, tx, &before.subject)? > 1 {
        return Err(Refusal::new("identity-official-name-shown")
            .status(409)
            .field("name", "identity-official-name-shown")
            .into());
    }
    let phone = phone.filter(|p| *p != person.phone);
    if name.is_some() || phone.is_some() {
        changed.extend(name.as_ref().map(|_| "name"));
        let seal = |column: &str, text: &str| {
            let place = format!("identity_subject.{column}:{}", before.subject);
            ctx.protect().seal(&place, text)
        };
        if phone.is_some() {
            changed.push("phone");
            if crate::phone::store::remove(tx, &before.subject)? {
                let gone =
                    Fact::new("identity.phone.removed", &before.subject).gone(&crate::PHONE, &before.subject);
                let gone = assurance::service::end(ctx, tx, &before.subject, "phone", gone)?;
                ctx.emit(tx, gone)?;
            }
        }
        let number = phone.unwrap_or(person.phone);
        let sealed = number.as_deref().map(|p| seal("phone", p)).transpose()?;
        let name = seal("name", name.as_deref().unwrap_or(&person.name))?;
        store::set_person(tx, &before.subject, name, sealed)?;
        fact = fact.touch(&crate::SUBJECT, &before.subject);
    }
    if changed.is_empty() {
        return Ok(changed);
    }
    store::save(tx, &record, ctx.now())?;
    let fact = fact
        .touch(&crate::OFFICIAL, account)
        .payload(json!({ "changed": changed }));
    ctx.emit(tx, fact)?;
    Ok(changed)
}
