//! The verbs of passkeys. Signatures are verified between two transactions: the first uses the challenge up, the second
//! notes what came of it.

use super::model::{self, FRESH, MOST, Passkey, Purpose, WAITS};
use super::store;
use crate::account::model::{Account, browser, check_lock, digest};
use crate::account::service::{self as accounts, Visit};
use crate::account::store as account_store;
use crate::factor::service as factor;
use kernel::{Ctx, Fact, Refusal, Result, Tx, Uuid};
use serde_json::{Value as Json, json};
use webauthn::{
    Assertion, Foreign, Handle, Known, Refused, Registration, RelyingParty, STAND_IN, Shown, Stored, User,
};

/// Whom browsers know the city as; `None` where they offer no passkeys.
pub(crate) fn party(ctx: &Ctx) -> Option<RelyingParty> {
    let name = ctx.app.city["title"].as_str().unwrap_or("Yiwang");
    RelyingParty::of(&ctx.app.config.url, name)
}

fn here(ctx: &Ctx) -> Result<RelyingParty> {
    party(ctx).ok_or_else(|| Refusal::new("identity-passkey-nowhere").status(409).into())
}

/// The one sentence for whatever is wrong.
fn neutral() -> Refusal {
    Refusal::new("identity-passkey-refused").status(401)
}

/// What a challenge is known by.
fn mark(challenge: &[u8]) -> String {
    hex::encode(webauthn::digest(challenge))
}

fn known(all: &[Passkey]) -> Vec<(Vec<u8>, &[String])> {
    all.iter()
        .map(|p| (p.credential_id(), p.transports.as_slice()))
        .collect()
}

fn list<'a>(known: &'a [(Vec<u8>, &'a [String])]) -> Vec<Known<'a>> {
    known
        .iter()
        .map(|(id, transports)| Known { id, transports })
        .collect()
}

fn give(ctx: &Ctx, tx: &mut Tx<'_>, challenge: &[u8], browser: &str, purpose: Purpose) -> Result<()> {
    let now = ctx.now();
    Ok(store::insert_challenge(
        tx,
        &mark(challenge),
        browser,
        purpose,
        now,
        now + WAITS,
    )?)
}

/// Options for a sign-in without a user name; `bound` is the browser's cookie.
///
/// # Errors
/// `identity-passkey-nowhere` (409).
pub(crate) async fn enter_options(ctx: &Ctx, bound: &str) -> Result<Json> {
    let party = here(ctx)?;
    let challenge = ctx.random::<32>();
    ctx.tx("identity.passkey-challenge", |tx| {
        give(ctx, tx, &challenge, &digest(bound), Purpose::Enter)
    })
    .await?;
    Ok(webauthn::request_options(&party, &challenge, &[]))
}

/// Signs in by a passkey alone; returns the session's token. Whatever is wrong, the refusal is the same.
///
/// # Errors
/// `identity-passkey-refused` (401), `identity-locked` (429).
pub(crate) async fn enter(ctx: &Ctx, bound: &str, response: &Json, visit: &Visit) -> Result<String> {
    let party = here(ctx)?;
    let assertion = Assertion::read(response).map_err(|_| neutral())?;
    let found = ctx
        .tx("identity.passkey-answer", |tx| {
            if !take(ctx, tx, assertion.challenge(), &digest(bound), Purpose::Enter)? {
                return Ok(None);
            }
            Ok(Some(owned(tx, &assertion)?))
        })
        .await?;
    let owned = found.ok_or_else(neutral)?;
    let shown = verify(&party, &assertion, owned.as_ref(), Handle::Required);
    let Some((passkey, account)) = owned else {
        return Err(neutral().into());
    };
    let session = hex::encode(ctx.random::<32>());
    let entered = ctx
        .tx("identity.enter-by-passkey", |tx| {
            let Some(account) = judge(ctx, tx, &passkey, &account, shown, visit)? else {
                return Ok(false);
            };
            accounts::begin(ctx, tx, &account, &session, passkey.methods(), visit)?;
            Ok(true)
        })
        .await?;
    if entered {
        Ok(session)
    } else {
        Err(neutral().into())
    }
}

fn take(ctx: &Ctx, tx: &mut Tx<'_>, challenge: &[u8], browser: &str, purpose: Purpose) -> Result<bool> {
    Ok(store::take_challenge(
        tx,
        &mark(challenge),
        browser,
        purpose,
        ctx.now(),
    )?)
}

/// The passkey that an assertion names, with its account.
fn owned(tx: &mut Tx<'_>, assertion: &Assertion) -> Result<Option<(Passkey, Account)>> {
    let Some(passkey) = store::by_credential(tx, &webauthn::encode(assertion.credential()))? else {
        return Ok(None);
    };
    let account = account_store::account(tx, passkey.account)?.filter(|a| !a.retired);
    Ok(account.map(|a| (passkey, a)))
}

/// Without a passkey a key that nobody holds is tried, which takes as long.
fn verify(
    party: &RelyingParty,
    assertion: &Assertion,
    owned: Option<&(Passkey, Account)>,
    handle: Handle,
) -> Result<Shown, Refused> {
    let challenge = webauthn::digest(assertion.challenge());
    let id = owned.map(|(p, _)| p.credential_id()).unwrap_or_default();
    let account = owned.map(|(p, _)| p.account).unwrap_or_default();
    let stored = Stored {
        id: &id,
        key: owned.map_or(STAND_IN, |(p, _)| &p.key),
        count: owned.map_or(0, |(p, _)| p.count),
        backup_eligible: owned.is_some_and(|(p, _)| p.backup_eligible),
        handle: account.as_bytes(),
    };
    assertion.verify(party, &challenge, &stored, handle)
}

/// Notes what an assertion has shown. `None` is a refusal that was counted: it is said outside the transaction, or the count
/// would be rolled back.
fn judge(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    passkey: &Passkey,
    account: &Account,
    shown: Result<Shown, Refused>,
    visit: &Visit,
) -> Result<Option<Account>> {
    let now = account_store::account(tx, account.id)?.filter(|a| !a.retired);
    let Some(account) = now else {
        return Ok(None);
    };
    let locked = check_lock(account.locked_until, ctx.now());
    let with = browser(&visit.label);
    match shown {
        // Only who holds the key is told of a lock.
        Ok(shown) if !passkey.suspected => {
            locked.clone()?;
            if store::used(tx, passkey, shown, with, ctx.now())? {
                return Ok(Some(account));
            }
        }
        Err(Refused::Cloned) if !passkey.suspected => suspect(ctx, tx, passkey, &account)?,
        Err(why) => tracing::debug!(request = %ctx.request, "passkey refused: {why}"),
        Ok(_) => {}
    }
    if locked.is_ok() {
        accounts::refused(ctx, tx, account.id)?;
    }
    Ok(None)
}

/// Marks a passkey whose key may have been copied, and tells its owner.
fn suspect(ctx: &Ctx, tx: &mut Tx<'_>, p: &Passkey, account: &Account) -> Result<()> {
    if !store::suspect(tx, &p.id, ctx.now())? {
        return Ok(());
    }
    let fact = Fact::new("identity.passkey.suspected", p.account);
    let fact = ctx.emit(tx, fact.touch(&crate::PASSKEY, &p.id))?;
    tell(ctx, tx, account, "passkey-suspected", &fact.to_string())
}

fn tell(ctx: &Ctx, tx: &mut Tx<'_>, account: &Account, kind: &str, cause: &str) -> Result<()> {
    let notice = comms::api::Notice {
        to: &account.subject,
        kind,
        reference: "",
        link: "/me/security",
        args: &Default::default(),
        cause,
    };
    comms::api::notify(ctx, tx, &notice)?;
    Ok(())
}

/// Options for the second step of a sign-in.
///
/// # Errors
/// `identity-step-over` (410), `identity-locked` (429), 404 when the account has no passkey.
pub(crate) async fn step_options(ctx: &Ctx, token: &str) -> Result<Json> {
    let party = here(ctx)?;
    let challenge = ctx.random::<32>();
    let all = ctx
        .tx("identity.passkey-step-challenge", |tx| {
            let (_, account) = factor::waiting(ctx, tx, token, crate::factor::model::Purpose::Show)?;
            let mut all = store::passkeys(tx, account.id)?;
            all.retain(|p| !p.suspected);
            if all.is_empty() {
                return Err(Refusal::not_found().into());
            }
            give(ctx, tx, &challenge, &digest(token), Purpose::Step)?;
            Ok(all)
        })
        .await?;
    Ok(webauthn::request_options(&party, &challenge, &list(&known(&all))))
}

/// The second step by a passkey.
///
/// # Errors
/// `identity-step-over` (410), `identity-passkey-refused` (401), `identity-locked` (429).
pub(crate) async fn step(ctx: &Ctx, token: &str, response: &Json) -> Result<factor::Done> {
    use crate::factor::model::Purpose::Show;
    let party = here(ctx)?;
    let assertion = Assertion::read(response).map_err(|_| neutral())?;
    let (account, owned) = ctx
        .tx("identity.passkey-step-answer", |tx| {
            let (_, account) = factor::waiting(ctx, tx, token, Show)?;
            if !take(ctx, tx, assertion.challenge(), &digest(token), Purpose::Step)? {
                return Ok((account, None));
            }
            let own = owned(tx, &assertion)?.filter(|(_, a)| a.id == account.id);
            Ok((account, own))
        })
        .await?;
    let shown = verify(&party, &assertion, owned.as_ref(), Handle::IfGiven);
    let session = hex::encode(ctx.random::<32>());
    let next = ctx
        .tx("identity.second-factor-passkey", |tx| {
            let Some((passkey, _)) = &owned else {
                accounts::refused(ctx, tx, account.id)?;
                return Ok(None);
            };
            let (challenge, account) = factor::waiting(ctx, tx, token, Show)?;
            let visit = factor::visit(&challenge);
            let Some(account) = judge(ctx, tx, passkey, &account, shown, &visit)? else {
                return Ok(None);
            };
            factor::end(ctx, tx, token)?;
            let methods = format!("{} {}", challenge.first, passkey.methods());
            accounts::begin(ctx, tx, &account, &session, &methods, &visit)?;
            Ok(Some(challenge.next))
        })
        .await?;
    let next = next.ok_or_else(neutral)?;
    Ok(factor::Done {
        session,
        next,
        codes: Vec::new(),
    })
}

/// Options for a new passkey of one's own.
///
/// # Errors
/// `identity-passkey-sign-in-again` (403), `identity-passkey-many` (409).
pub(crate) async fn add_options(ctx: &Ctx) -> Result<Json> {
    let party = here(ctx)?;
    let challenge = ctx.random::<32>();
    let (account, all) = ctx
        .tx("identity.passkey-add-challenge", |tx| {
            let (account, session) = fresh(ctx, tx)?;
            let all = store::passkeys(tx, account.id)?;
            if all.len() >= MOST {
                return Err(Refusal::new("identity-passkey-many")
                    .status(409)
                    .arg("most", MOST)
                    .into());
            }
            give(ctx, tx, &challenge, &session, Purpose::Add)?;
            Ok((account, all))
        })
        .await?;
    let user = User {
        handle: account.id.as_bytes(),
        name: &account.login,
        display: &ctx.actor.name,
    };
    Ok(webauthn::creation_options(
        &party,
        &challenge,
        &user,
        &list(&known(&all)),
    ))
}

/// One's own account and session, when one has shown who one is within minutes.
fn fresh(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<(Account, String)> {
    let (_, session) = accounts::own(ctx)?;
    let account = factor::shown_within(ctx, tx, FRESH, "identity-passkey-sign-in-again")?;
    Ok((account, session))
}

/// Adds a passkey; true when the account has no recovery codes yet.
///
/// # Errors
/// `identity-passkey-sign-in-again` (403), `identity-passkey-not-added` (422), `identity-passkey-name` (422).
pub(crate) async fn add(ctx: &Ctx, typed: &str, label: &str, response: &Json) -> Result<bool> {
    let party = here(ctx)?;
    let name = model::name(typed, browser(label))?;
    let wrong = || Refusal::new("identity-passkey-not-added");
    let registration = Registration::read(response).map_err(|_| wrong())?;
    let taken = ctx
        .tx("identity.passkey-add-answer", |tx| {
            let (_, session) = fresh(ctx, tx)?;
            take(ctx, tx, registration.challenge(), &session, Purpose::Add)
        })
        .await?;
    let challenge = webauthn::digest(registration.challenge());
    let credential = registration.verify(&party, &challenge, Foreign::AsNone);
    let (true, Ok(credential)) = (taken, credential) else {
        return Err(wrong().into());
    };
    let id = ctx.id().to_string();
    let name = ctx.protect().seal(&place(&id), &name)?;
    ctx.tx("identity.add-passkey", |tx| {
        let (account, _) = fresh(ctx, tx)?;
        let passkey = Passkey {
            id: id.clone(),
            account: account.id,
            credential: webauthn::encode(&credential.id),
            key: credential.key.clone(),
            count: credential.count,
            backup_eligible: credential.backup_eligible,
            backed_up: credential.backed_up,
            transports: credential.transports.clone(),
            aaguid: hex::encode(credential.aaguid),
            name: name.clone(),
            created_at: ctx.now(),
            used_at: None,
            used_with: String::new(),
            suspected: false,
        };
        if store::passkeys(tx, account.id)?.len() >= MOST || !store::insert(tx, &passkey)? {
            return Err(wrong().into());
        }
        let fact = Fact::new("identity.passkey.added", account.id)
            .payload(json!({ "backup_eligible": passkey.backup_eligible }));
        let fact = ctx.emit(tx, fact.touch(&crate::PASSKEY, &passkey.id))?;
        tell(ctx, tx, &account, "passkey-added", &fact.to_string())?;
        Ok(crate::factor::store::recovery_left(tx, account.id)? == 0)
    })
    .await
}

fn place(id: &str) -> String {
    format!("identity_passkey.name:{id}")
}

/// One's own passkeys as the security page lists them.
pub(crate) fn own(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Json>> {
    let all = store::passkeys(tx, account)?;
    let shown = all.iter().map(|p| {
        let name = ctx.protect().open(&place(&p.id), &p.name)?;
        Ok(
            json!({ "id": p.id, "name": name, "since": p.created_at, "used": p.used_at, "with": p.used_with,
            "synced": p.backup_eligible, "suspected": p.suspected }),
        )
    });
    shown.collect()
}

fn mine(tx: &mut Tx<'_>, account: Uuid, id: &str) -> Result<Passkey> {
    let all = store::passkeys(tx, account)?;
    Ok(all
        .into_iter()
        .find(|p| p.id == id)
        .ok_or_else(Refusal::not_found)?)
}

/// Gives one's own passkey another name.
pub(crate) async fn rename(ctx: &Ctx, id: &str, typed: &str) -> Result<()> {
    let (account, _) = accounts::own(ctx)?;
    let name = model::name(typed, "")?;
    if name.is_empty() {
        return Err(Refusal::new("identity-passkey-name")
            .arg("most", model::NAME)
            .into());
    }
    let sealed = ctx.protect().seal(&place(id), &name)?;
    ctx.tx("identity.rename-passkey", |tx| {
        mine(tx, account, id)?;
        store::rename(tx, id, &sealed)?;
        let fact = Fact::new("identity.passkey.renamed", account);
        ctx.emit(tx, fact.touch(&crate::PASSKEY, id))?;
        Ok(())
    })
    .await
}

/// Removes one's own passkey.
///
/// # Errors
/// `identity-sign-in-again` (403); `identity-last-factor` (409) for an official's last second factor.
pub(crate) async fn remove(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("identity.remove-passkey", |tx| {
        let account = factor::lately(ctx, tx)?;
        let passkey = mine(tx, account.id, id)?;
        let last = factor::is_last(ctx, tx, &account)?;
        take_away(ctx, tx, &passkey, last)
    })
    .await
}

/// Takes a passkey away; with the last second factor the recovery codes go too.
pub(crate) fn take_away(ctx: &Ctx, tx: &mut Tx<'_>, p: &Passkey, last: bool) -> Result<()> {
    store::remove(tx, &p.id, ctx.now())?;
    if last {
        crate::factor::store::put_recovery(tx, p.account, &[])?;
    }
    let fact = Fact::new("identity.passkey.removed", p.account);
    ctx.emit(tx, fact.touch(&crate::PASSKEY, &p.id))?;
    Ok(())
}
