//! Joining, coming back, and the secret by which the own password is set.

use super::model::{self, ACTIVATION, OWN_RECORD, Record, State, Term};
use super::{assign, find, held, store};
use crate::account::model::{Account, digest};
use crate::account::store as accounts;
use kernel::{Ctx, Fact, Refusal, Result, Tx, Uuid};
use serde_json::json;

/// Somebody who joins.
#[derive(Clone, Debug, Default)]
pub struct Join<'a> {
    pub login: &'a str,
    pub name: &'a str,
    /// Empty for none.
    pub phone: &'a str,
    /// Citizen number, empty when it is not told. Only a blind index is kept: one person has one record.
    pub number: &'a str,
    /// Where the record comes from (a directory's client id) and its id there; both empty when from nowhere else.
    pub source: &'a str,
    pub external_id: &'a str,
    /// The first post, proposed.
    pub post: Option<Term<'a>>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    pub account: Uuid,
    pub secret: Secret,
    /// The proposal of the first post.
    pub proposal: Option<String>,
}

/// A one-time secret, shown once: only its hash is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Secret {
    /// Path with query of the page where the person sets the own password; queries are in no log.
    pub path: String,
    /// Until when it is good, UTC milliseconds.
    pub until: i64,
}

/// Opens an account without a password, with the secret by which its owner sets one.
///
/// # Errors
/// 422 with the field that is wrong; 409 `identity-login-taken`, `identity-official-known` (the same external id),
/// `identity-official-again` (the same citizen number: that record is to be used); those of [`assign::assign`].
pub fn join(ctx: &Ctx, tx: &mut Tx<'_>, new: &Join<'_>) -> Result<Joined> {
    let login = model::login(new.login)?;
    let name = model::name(new.name)?;
    let phone = model::phone(new.phone)?;
    tx.lock("identity-official")?;
    if accounts::account_by_login(tx, &login)?.is_some() {
        let key = "identity-login-taken";
        return Err(Refusal::new(key)
            .status(409)
            .arg("login", &login)
            .field("login", "identity-official-login-taken")
            .into());
    }
    if !new.external_id.is_empty() && store::by_external(tx, new.source, new.external_id)?.is_some() {
        return Err(Refusal::new("identity-official-known").status(409).into());
    }
    let number_index = number(ctx, tx, new.number)?;
    let area = match &new.post {
        Some(term) => held::post(tx, term.post)?.map(|p| p.area_code),
        None => None,
    };
    let id = ctx.id();
    let subject = ctx.id().to_string();
    let protect = ctx.protect();
    let person = accounts::NewSubject {
        name: protect.seal(&format!("identity_subject.name:{subject}"), &name)?,
        code: protect.seal(&format!("identity_subject.code:{subject}"), "")?,
        phone: phone
            .as_deref()
            .map(|p| protect.seal(&format!("identity_subject.phone:{subject}"), p))
            .transpose()?,
        code_index: format!("{OWN_RECORD}{id}"),
        kind: "natural".into(),
        area_code: area.unwrap_or_default(),
        synthetic: false,
        id: subject.clone(),
    };
    accounts::put_subject(tx, &person, ctx.now())?;
    let account = Account {
        id,
        login,
        kind: "official".into(),
        subject: subject.clone(),
        password: String::new(),
        failures: 0,
        locked_until: None,
        retired: false,
    };
    if !accounts::insert_account(tx, &account, ctx.now())? {
        return Err(Refusal::new("identity-login-taken").status(409).into());
    }
    let record = Record {
        account: id,
        state: State::Invited,
        source: new.source.into(),
        external_id: new.external_id.into(),
        number_index,
        joined_on: ctx.today().to_string(),
        left_on: None,
        reason: String::new(),
        version: 0,
        created_at: ctx.now(),
        changed_at: ctx.now(),
    };
    store::save(tx, &record, ctx.now())?;
    let fact = Fact::new("identity.official.joined", id)
        .payload(json!({ "source": new.source }))
        .touch(&crate::SUBJECT, &subject)
        .touch(&crate::ACCOUNT, id)
        .touch(&crate::OFFICIAL, id);
    ctx.emit(tx, fact)?;
    let secret = secret(ctx, tx, id)?;
    let proposal = match &new.post {
        Some(term) => Some(assign::assign(ctx, tx, id, term)?),
        None => None,
    };
    Ok(Joined {
        account: id,
        secret,
        proposal,
    })
}

/// The blind index of a citizen number that no official has yet.
fn number(ctx: &Ctx, tx: &mut Tx<'_>, text: &str) -> Result<String> {
    let number = text.trim().to_uppercase();
    if number.is_empty() {
        return Ok(String::new());
    }
    codes::citizen_id(&number)
        .map_err(|_| Refusal::new("identity-official-number").field("number", "identity-official-number"))?;
    let index = ctx.protect().index("code", &number);
    if store::of_number(tx, &index)?.is_empty() {
        return Ok(index);
    }
    Err(Refusal::new("identity-official-again")
        .status(409)
        .field("number", "identity-official-again")
        .into())
}

/// A new secret; the one before is void.
pub(super) fn secret(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid) -> Result<Secret> {
    let secret = hex::encode(ctx.random::<24>());
    let until = ctx.now() + ACTIVATION;
    store::put_activation(tx, account, &digest(&secret), ctx.now(), until)?;
    Ok(Secret {
        path: format!("/activation?secret={secret}"),
        until,
    })
}

/// A new secret for somebody who has not set a password yet.
///
/// # Errors
/// `identity-official-state` (409) in any other state.
pub fn invite(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid) -> Result<Secret> {
    let record = find::record(tx, account)?;
    if record.state != State::Invited {
        return Err(find::not_now(ctx, &record));
    }
    let secret = secret(ctx, tx, account)?;
    ctx.emit(tx, Fact::new("identity.official.invited", account))?;
    Ok(secret)
}

/// Opens the account of somebody who had left again; posts of before do not come back by themselves.
///
/// # Errors
/// `identity-official-state` (409) for somebody who has not left; those of [`assign::assign`].
pub fn rejoin(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid, post: Option<&Term<'_>>) -> Result<Joined> {
    let mut record = find::record(tx, account)?;
    if record.state != State::Left {
        return Err(find::not_now(ctx, &record));
    }
    // What ended today would run to midnight.
    let reason = record.reason.clone();
    let today = ctx.today().to_string();
    for h in held::holdings(tx, account)?.iter().filter(|h| h.lasts(&today)) {
        assign::cut(ctx, tx, h, &reason)?;
    }
    record.state = State::Invited;
    record.joined_on = today;
    record.left_on = None;
    record.reason = String::new();
    store::set_retired(tx, account, None)?;
    store::set_password(tx, account, "")?;
    store::save(tx, &record, ctx.now())?;
    let fact = Fact::new("identity.official.rejoined", account)
        .touch(&crate::ACCOUNT, account)
        .touch(&crate::OFFICIAL, account);
    ctx.emit(tx, fact)?;
    let secret = secret(ctx, tx, account)?;
    let proposal = match post {
        Some(term) => Some(assign::assign(ctx, tx, account, term)?),
        None => None,
    };
    Ok(Joined {
        account,
        secret,
        proposal,
    })
}
