//! The verbs of accounts and sessions.

use super::model::{self, Account, FAILURES, LOCKED, SESSION, TOKEN};
use super::{password, store};
use crate::factor::{self, model::Purpose};
use kernel::{Ctx, Fact, Problem, Refusal, Result, Uuid};
use serde_json::json;

/// Checks login (or citizen number) and password, and begins a session or the step that is left. The same refusal for a
/// wrong login and a wrong password.
///
/// # Errors
/// `identity-wrong-password` (401), `identity-locked` (429).
pub(crate) async fn sign_in(ctx: &Ctx, login: &str, password: &str, visit: &Visit) -> Result<Entry> {
    let login = login.trim().to_lowercase();
    if login.is_empty() || password.is_empty() {
        return Err(Refusal::new("identity-wrong-password").status(401).into());
    }
    let name = ctx.protect().mac("sign-in-name", &login);
    let account = ctx
        .read("identity.sign-in", |tx| {
            let account = named(ctx, tx, &login)?.filter(|a| !a.retired);
            let until = match &account {
                Some(a) => a.locked_until,
                None => store::attempts(tx, &name)?.1,
            };
            model::check_lock(until, ctx.now())?;
            Ok(account)
        })
        .await?;
    // A hash is checked in any case, so that the time taken does not tell which logins exist.
    let stand_in =
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    // Nor which ones nobody has set a password for yet.
    let set = account
        .as_ref()
        .map(|a| a.password.as_str())
        .filter(|p| !p.is_empty());
    let hash = set.unwrap_or(stand_in);
    let right = matches(password, hash).await?;
    let account = match account {
        Some(account) if right => account,
        account => {
            ctx.tx("identity.refuse-sign-in", |tx| match &account {
                Some(account) => refused(ctx, tx, account.id),
                None => nobody(ctx, tx, &name),
            })
            .await?;
            return Err(Refusal::new("identity-wrong-password").status(401).into());
        }
    };
    let token = hex::encode(ctx.random::<32>());
    let secret = ctx.random::<20>();
    ctx.tx("identity.begin-session", |tx| {
        let Some(now) = store::account(tx, account.id)?.filter(|a| !a.retired) else {
            return Err(Refusal::sign_in().into());
        };
        model::check_lock(now.locked_until, ctx.now())?;
        if let Some(purpose) = factor::service::asks(ctx, tx, &account)? {
            let first = factor::service::First {
                account: &account,
                methods: "pwd",
                visit,
            };
            factor::service::challenge(ctx, tx, &first, purpose, &token, &secret)?;
            return Ok(Entry::Step(token.clone(), purpose));
        }
        begin(ctx, tx, &account, &token, "pwd", visit)?;
        Ok(Entry::In(token.clone()))
    })
    .await
}

/// How far a sign-in has come: the token is that of a session, or of the step that is left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    In(String),
    Step(String, Purpose),
}

/// The browser that somebody signs in with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visit {
    /// What it calls itself.
    pub label: String,
    /// Its cookie, by which it is known again.
    pub device: String,
    /// Where its reader wants to go.
    pub next: String,
    /// When they showed who they are, if not now but at another device.
    pub shown_at: Option<i64>,
}

/// Begins the session of an account whose owner has shown all that is asked, and tells them of a browser never seen before.
/// `methods` are names of RFC 8176, space-separated.
pub(crate) fn begin(
    ctx: &Ctx,
    tx: &mut kernel::Tx<'_>,
    account: &Account,
    token: &str,
    methods: &str,
    visit: &Visit,
) -> Result<()> {
    let now = ctx.now();
    store::set_failures(tx, account.id, 0, None)?;
    let session = store::NewSession {
        token: &model::digest(token),
        account: account.id,
        family: &ctx.id().to_string(),
        kind: "browser",
        acting_for: None,
        label: &visit.label,
        methods,
        shown_at: visit.shown_at.unwrap_or(now),
        expires_at: now + SESSION,
    };
    store::insert_session(tx, &session, now)?;
    let device = model::digest(&visit.device);
    let network = ctx.protect().mac("network", &model::network(&ctx.peer));
    let (devices, this, here) = factor::store::known(tx, account.id, &device, &network)?;
    factor::store::put_device(tx, account.id, &device, &visit.label, &network, now)?;
    let strange = devices > 0 && !this;
    let fact = Fact::new("identity.session.begun", account.id)
        .payload(json!({ "kind": "browser", "methods": methods, "new_device": !this, "new_network": !here }));
    let fact = ctx.emit(tx, fact)?;
    if strange {
        let args = [("device".to_string(), model::browser(&visit.label).to_string())].into();
        comms::api::notify(
            ctx,
            tx,
            &comms::api::Notice {
                to: &account.subject,
                kind: if here {
                    "new-device"
                } else {
                    "new-device-elsewhere"
                },
                reference: "",
                link: "/me/security",
                args: &args,
                cause: &fact.to_string(),
            },
        )?;
    }
    Ok(())
}

/// Whether this is the password of that hash, reckoned off the async threads.
pub(crate) async fn matches(typed: &str, hash: &str) -> Result<bool> {
    let (typed, hash) = (typed.to_string(), hash.to_string());
    let right = tokio::task::spawn_blocking(move || password::matches(&typed, &hash)).await;
    Ok(right.map_err(|e| kernel::Fault::of("password check", e))?)
}

/// The account of a login name, or of a resident's citizen number.
fn named(ctx: &Ctx, tx: &mut kernel::Tx<'_>, login: &str) -> Result<Option<Account>> {
    if let Some(account) = store::account_by_login(tx, login)? {
        return Ok(Some(account));
    }
    let number = login.to_uppercase();
    if codes::citizen_id(&number).is_err() {
        return Ok(None);
    }
    let code = ctx.protect().index("code", &number);
    Ok(store::resident_by_index(tx, &code)?)
}

/// How many failures are counted after one more, and until when they lock.
fn counted(before: i64, now: i64) -> (i64, Option<i64>) {
    match before + 1 >= FAILURES {
        true => (0, Some(now + LOCKED)),
        false => (before + 1, None),
    }
}

/// Counts a failed try with a name that nobody has.
fn nobody(ctx: &Ctx, tx: &mut kernel::Tx<'_>, name: &str) -> Result<()> {
    let (failures, until) = counted(store::attempts(tx, name)?.0, ctx.now());
    Ok(store::put_attempts(tx, name, failures, until, ctx.now())?)
}

/// Counts a failed try; enough of them lock the account.
pub(crate) fn refused(ctx: &Ctx, tx: &mut kernel::Tx<'_>, account: Uuid) -> Result<()> {
    let before = store::account(tx, account)?.map_or(0, |a| a.failures);
    let (failures, until) = counted(before, ctx.now());
    store::set_failures(tx, account, failures, until)?;
    let fact = Fact::new("identity.session.refused", account).payload(json!({ "locked": until.is_some() }));
    ctx.emit(tx, fact)?;
    Ok(())
}

pub(crate) fn own(ctx: &Ctx) -> Result<(Uuid, String)> {
    match (&ctx.actor.account, &ctx.actor.session) {
        (Some(account), Some(session)) => Ok((*account, session.clone())),
        _ => Err(Refusal::sign_in().into()),
    }
}

pub(crate) async fn sign_out(ctx: &Ctx) -> Result<()> {
    let (account, session) = own(ctx)?;
    ctx.tx("identity.sign-out", |tx| {
        let ended = store::session(tx, &session, "browser", ctx.now())?;
        store::end_session(tx, &session, ctx.now())?;
        ended_fact(ctx, tx, account, ended.iter())
    })
    .await
}

/// Notes the end of sessions by their families; others rely on them.
fn ended_fact<'s>(
    ctx: &Ctx,
    tx: &mut kernel::Tx<'_>,
    account: Uuid,
    sessions: impl Iterator<Item = &'s model::Session>,
) -> Result<()> {
    let families: std::collections::BTreeSet<&str> = sessions.map(|s| s.family.as_str()).collect();
    let fact = Fact::new("identity.session.ended", account).payload(json!({ "sessions": families }));
    ctx.emit(tx, fact)?;
    Ok(())
}

/// Ends every session and token of the account.
pub(crate) async fn sign_out_everywhere(ctx: &Ctx) -> Result<u64> {
    let (account, _) = own(ctx)?;
    ctx.tx("identity.sign-out-everywhere", |tx| end_all(ctx, tx, account))
        .await
}

/// Ends all sessions of an account; returns how many there were.
pub(crate) fn end_all(ctx: &Ctx, tx: &mut kernel::Tx<'_>, account: Uuid) -> Result<u64> {
    let all = store::sessions(tx, account, ctx.now())?;
    let n = store::end_all(tx, account, ctx.now())?;
    ended_fact(ctx, tx, account, all.iter())?;
    Ok(n)
}

/// Ends one of one's own sessions, named by the beginning of its token's hash.
pub(crate) async fn end_one(ctx: &Ctx, handle: &str) -> Result<()> {
    let (account, _) = own(ctx)?;
    ctx.tx("identity.end-session", |tx| {
        let all = store::sessions(tx, account, ctx.now())?;
        let session = all.iter().find(|s| s.handle() == handle);
        let session = session.ok_or_else(Refusal::not_found)?;
        store::end_session(tx, &session.token, ctx.now())?;
        ended_fact(ctx, tx, account, std::iter::once(session))
    })
    .await
}

/// Acts for a firm (or for oneself again); rights change, so the session token rotates.
pub(crate) async fn act_for(ctx: &Ctx, firm: Option<&str>) -> Result<String> {
    let (account, session) = own(ctx)?;
    let subject = ctx.actor.subject.clone().unwrap_or_default();
    let today = ctx.today().to_string();
    let token = hex::encode(ctx.random::<32>());
    // A power that its library no longer bears out ends here, so what was found must be kept.
    let done = ctx
        .tx("identity.act-for", |tx| {
            if let Some(firm) = firm {
                let power = crate::agency::store::in_force(tx, &subject, firm, &today)?;
                let Some(power) = power else {
                    return Err(Refusal::new("identity-not-agent").status(403).into());
                };
                if power.basis == "library" {
                    crate::agency::watch::check(ctx, tx, &power)?;
                    if crate::agency::store::in_force(tx, &subject, firm, &today)?.is_none() {
                        return Ok(false);
                    }
                }
            }
            let Some(before) = store::session(tx, &session, "browser", ctx.now())? else {
                return Err(Refusal::sign_in().into());
            };
            store::end_session(tx, &session, ctx.now())?;
            store::insert_session(
                tx,
                &store::NewSession {
                    token: &model::digest(&token),
                    account,
                    family: &before.family,
                    kind: "browser",
                    acting_for: firm,
                    label: &before.label,
                    methods: &before.methods,
                    shown_at: before.shown_at,
                    expires_at: ctx.now() + SESSION,
                },
                ctx.now(),
            )?;
            ctx.emit(
                tx,
                Fact::new("identity.session.begun", account).payload(json!({ "kind": "acting" })),
            )?;
            Ok(true)
        })
        .await?;
    if !done {
        return Err(Refusal::new("identity-not-agent").status(403).into());
    }
    Ok(token)
}

/// A bearer token for `/api/v1`, for `yiwang account token`.
pub(crate) async fn api_token(ctx: &Ctx, login: &str) -> Result<String> {
    let token = format!("yw_{}", hex::encode(ctx.random::<24>()));
    let login = login.to_lowercase();
    ctx.tx("identity.issue-token", |tx| {
        let account = store::account_by_login(tx, &login)?
            .ok_or_else(|| Problem::from(Refusal::new("identity-no-account").arg("login", &login)))?;
        store::insert_session(
            tx,
            &store::NewSession {
                token: &model::digest(&token),
                account: account.id,
                family: "api",
                kind: "api",
                acting_for: None,
                label: "api",
                methods: "",
                shown_at: ctx.now(),
                expires_at: ctx.now() + TOKEN,
            },
            ctx.now(),
        )?;
        ctx.emit(
            tx,
            Fact::new("identity.session.begun", account.id).payload(json!({ "kind": "api" })),
        )?;
        Ok(())
    })
    .await?;
    Ok(token)
}

/// A person or firm to be known to the city.
pub struct NewParty<'a> {
    pub kind: &'a str,
    pub name: &'a str,
    /// Citizen ID or unified social credit code, already checked.
    pub code: &'a str,
    pub phone: Option<&'a str>,
    pub area_code: &'a str,
    pub synthetic: bool,
}

/// Finds the subject by its code or makes it; names, code and phone are sealed.
pub(crate) fn know(ctx: &Ctx, tx: &mut kernel::Tx<'_>, p: &NewParty<'_>) -> Result<String> {
    let protect = ctx.protect();
    let code_index = protect.index("code", p.code);
    if let Some(id) = store::subject_by_index(tx, &code_index)? {
        return Ok(id);
    }
    let id = ctx.id().to_string();
    let new = store::NewSubject {
        name: protect.seal(&format!("identity_subject.name:{id}"), p.name)?,
        code: protect.seal(&format!("identity_subject.code:{id}"), p.code)?,
        phone: p
            .phone
            .map(|x| protect.seal(&format!("identity_subject.phone:{id}"), x))
            .transpose()?,
        id,
        kind: p.kind.to_string(),
        code_index,
        area_code: p.area_code.to_string(),
        synthetic: p.synthetic,
    };
    let (id, new) = store::put_subject(tx, &new, ctx.now())?;
    if new {
        ctx.emit(
            tx,
            Fact::new("identity.subject.known", &id).touch(&crate::SUBJECT, &id),
        )?;
    }
    Ok(id)
}

/// The hash of a password, reckoned off the async threads.
pub(crate) async fn hash(ctx: &Ctx, typed: &str) -> Result<String> {
    let (salt, fast, typed) = (ctx.random::<16>(), ctx.app.config.fast_hash, typed.to_string());
    let hash = tokio::task::spawn_blocking(move || password::hash(&typed, &salt, fast)).await;
    Ok(hash.map_err(|e| kernel::Fault::of("password hash", e))??)
}

/// Opens an account for a known subject. The password is hashed before the transaction.
pub(crate) async fn open_account(
    ctx: &Ctx,
    login: &str,
    kind: &str,
    subject: &str,
    password: &str,
) -> Result<Uuid> {
    let hash = hash(ctx, password).await?;
    let account = Account {
        id: ctx.id(),
        login: login.to_lowercase(),
        kind: kind.into(),
        subject: subject.into(),
        password: hash,
        failures: 0,
        locked_until: None,
        retired: false,
    };
    ctx.tx("identity.open-account", |tx| {
        if !store::insert_account(tx, &account, ctx.now())? {
            return Err(Refusal::new("identity-login-taken")
                .status(409)
                .arg("login", &account.login)
                .into());
        }
        ctx.emit(
            tx,
            Fact::new("identity.account.opened", account.id).touch(&crate::ACCOUNT, account.id),
        )?;
        Ok(())
    })
    .await?;
    Ok(account.id)
}
