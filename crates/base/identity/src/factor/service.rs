//! The verbs of second factors.

use super::model::{self, Challenge, Factor, Purpose, RECENT, RECOVERY, WAITS};
use super::store;
use crate::account::model::{Account, check_lock, digest};
use crate::account::service::{self as accounts, Visit};
use crate::account::store as account_store;
use crate::settings::Settings;
use kernel::{Ctx, Fact, Fault, Refusal, Result, Tx, Uuid};
use serde_json::json;

/// The second step that a sign-in of this account needs, if any.
pub(crate) fn asks(ctx: &Ctx, tx: &mut Tx<'_>, account: &Account) -> Result<Option<Purpose>> {
    if held(tx, account.id)? > 0 {
        return Ok(Some(Purpose::Show));
    }
    Ok(must(ctx, account)?.then_some(Purpose::Enrol))
}

/// Whether the account must have a second factor.
fn must(ctx: &Ctx, account: &Account) -> Result<bool> {
    Ok(account.kind == "official" && ctx.service::<Settings>()?.officials_must(&ctx.app.config))
}

/// Second factors of an account: apps and passkeys.
fn held(tx: &mut Tx<'_>, account: Uuid) -> Result<usize> {
    Ok(store::factors(tx, account)?.len() + crate::passkey::store::passkeys(tx, account)?.len())
}

/// Whether one second factor is left, which may then be removed.
///
/// # Errors
/// `identity-last-factor` (409) when it is the last and there must be one.
pub(crate) fn is_last(ctx: &Ctx, tx: &mut Tx<'_>, account: &Account) -> Result<bool> {
    let last = held(tx, account.id)? == 1;
    if last && must(ctx, account)? {
        return Err(Refusal::new("identity-last-factor").status(409).into());
    }
    Ok(last)
}

/// A sign-in whose first step is done.
pub(crate) struct First<'a> {
    pub account: &'a Account,
    /// How it was done (RFC 8176).
    pub methods: &'a str,
    pub visit: &'a Visit,
}

/// Puts a sign-in off until its second step; to enrol, a factor of this secret waits to be confirmed.
pub(crate) fn challenge(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    first: &First<'_>,
    purpose: Purpose,
    token: &str,
    secret: &[u8; 20],
) -> Result<()> {
    let account = first.account.id;
    let factor = match purpose {
        Purpose::Show => None,
        Purpose::Enrol => Some(begin(ctx, tx, account, secret)?),
    };
    let challenge = Challenge {
        account,
        purpose,
        factor,
        label: first.visit.label.clone(),
        device: first.visit.device.clone(),
        next: first.visit.next.clone(),
        first: first.methods.to_string(),
    };
    Ok(store::insert_challenge(
        tx,
        &digest(token),
        &challenge,
        ctx.now() + WAITS,
    )?)
}

/// A factor that waits to be confirmed; returns its id.
fn begin(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid, secret: &[u8; 20]) -> Result<String> {
    let id = ctx.id().to_string();
    let secret = ctx.protect().seal(&place(&id), &hex::encode(secret))?;
    let factor = Factor {
        id: id.clone(),
        account,
        kind: "totp".into(),
        secret,
        created_at: ctx.now(),
        confirmed: false,
    };
    store::insert_factor(tx, &factor)?;
    Ok(id)
}

fn place(id: &str) -> String {
    format!("identity_factor.secret:{id}")
}

fn secret(ctx: &Ctx, f: &Factor) -> Result<Vec<u8>> {
    let text = ctx.protect().open(&place(&f.id), &f.secret)?;
    Ok(hex::decode(text).map_err(|e| Fault::of("factor secret", e))?)
}

/// The challenge behind this token, with its account.
pub(crate) fn waiting(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    token: &str,
    purpose: Purpose,
) -> Result<(Challenge, Account)> {
    let gone = || Refusal::new("identity-step-over").status(410);
    let challenge = store::challenge(tx, &digest(token), ctx.now())?.ok_or_else(gone)?;
    let account = account_store::account(tx, challenge.account)?.filter(|a| !a.retired);
    let account = account.ok_or_else(gone)?;
    if challenge.purpose != purpose {
        return Err(gone().into());
    }
    check_lock(account.locked_until, ctx.now())?;
    Ok((challenge, account))
}

/// Whether a code is right for this factor and was not taken before.
fn takes(ctx: &Ctx, tx: &mut Tx<'_>, f: &Factor, code: &str) -> Result<bool> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    match model::step(&secret(ctx, f)?, &code, ctx.now())? {
        Some(step) => Ok(store::take_step(tx, &f.id, step)?),
        None => Ok(false),
    }
}

/// A waiting sign-in as its page shows it.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Where it leads.
    pub next: String,
    pub app: bool,
    pub passkey: bool,
}

/// The sign-in that waits; one that leads nowhere when there is none.
pub(crate) async fn peek(ctx: &Ctx, token: &str) -> Result<Waiting> {
    ctx.read("identity.waiting", |tx| {
        let Some(challenge) = store::challenge(tx, &digest(token), ctx.now())? else {
            return Ok(Waiting {
                app: true,
                ..Waiting::default()
            });
        };
        let passkeys = crate::passkey::store::passkeys(tx, challenge.account)?;
        Ok(Waiting {
            app: !store::factors(tx, challenge.account)?.is_empty(),
            passkey: crate::passkey::service::party(ctx).is_some() && passkeys.iter().any(|p| !p.suspected),
            next: challenge.next,
        })
    })
    .await
}

/// What a step ended with.
pub(crate) struct Done {
    /// Token of the session that has begun.
    pub session: String,
    pub next: String,
    /// Recovery codes, shown once.
    pub codes: Vec<String>,
}

/// The second step: a code of the app, or a recovery code.
///
/// # Errors
/// `identity-step-over` (410) when the sign-in waited too long, `identity-wrong-code` (401), `identity-locked` (429).
pub(crate) async fn show(ctx: &Ctx, token: &str, code: &str) -> Result<Done> {
    let session = hex::encode(ctx.random::<32>());
    let next = ctx
        .tx("identity.second-factor", |tx| {
            let (challenge, account) = waiting(ctx, tx, token, Purpose::Show)?;
            let mut methods = None;
            for f in store::factors(tx, account.id)? {
                if methods.is_none() && f.kind == "totp" && takes(ctx, tx, &f, code)? {
                    methods = Some(format!("{} otp mfa", challenge.first));
                }
            }
            if methods.is_none()
                && store::use_recovery(tx, account.id, &digest(&model::tidy(code)), ctx.now())?
            {
                let left = store::recovery_left(tx, account.id)?;
                ctx.emit(
                    tx,
                    Fact::new("identity.recovery.used", account.id).payload(json!({ "left": left })),
                )?;
                methods = Some(format!("{} mfa", challenge.first));
            }
            let Some(methods) = methods else {
                // Counted in this transaction and refused outside it, or the count would be rolled back.
                accounts::refused(ctx, tx, account.id)?;
                return Ok(None);
            };
            end(ctx, tx, token)?;
            accounts::begin(ctx, tx, &account, &session, &methods, &visit(&challenge))?;
            Ok(Some(challenge.next))
        })
        .await?;
    let next = next.ok_or_else(|| Refusal::new("identity-wrong-code").status(401))?;
    Ok(Done {
        session,
        next,
        codes: Vec::new(),
    })
}

pub(crate) fn visit(c: &Challenge) -> Visit {
    Visit {
        label: c.label.clone(),
        device: c.device.clone(),
        next: c.next.clone(),
        shown_at: None,
    }
}

/// Of two tries at once only one ends the challenge.
pub(crate) fn end(ctx: &Ctx, tx: &mut Tx<'_>, token: &str) -> Result<()> {
    match store::end_challenge(tx, &digest(token), ctx.now())? {
        true => Ok(()),
        false => Err(Refusal::new("identity-step-over").status(410).into()),
    }
}

/// What an app needs to know of a new factor.
pub(crate) struct Enrolment {
    /// `otpauth://…`, for the app to scan.
    pub url: String,
    /// The secret in base32, for typing.
    pub secret: String,
}

fn enrolment(ctx: &Ctx, f: &Factor, account: &Account) -> Result<Enrolment> {
    let issuer = ctx.app.city["title"].as_str().unwrap_or("Yiwang");
    let (url, secret) = model::enrolment(&secret(ctx, f)?, issuer, &account.login)?;
    Ok(Enrolment { url, secret })
}

/// The factor that a sign-in waits for.
pub(crate) async fn enrolling(ctx: &Ctx, token: &str) -> Result<Enrolment> {
    ctx.read("identity.enrolling", |tx| {
        let (challenge, account) = waiting(ctx, tx, token, Purpose::Enrol)?;
        let factor = store::factor(tx, challenge.factor.as_deref().unwrap_or_default())?;
        enrolment(ctx, &factor.ok_or_else(Refusal::not_found)?, &account)
    })
    .await
}

/// Confirms that factor by a code of it; the session begins.
pub(crate) async fn enrol(ctx: &Ctx, token: &str, code: &str) -> Result<Done> {
    let session = hex::encode(ctx.random::<32>());
    let codes = recovery_codes(ctx);
    let next = ctx
        .tx("identity.enrol", |tx| {
            let (challenge, account) = waiting(ctx, tx, token, Purpose::Enrol)?;
            let factor = store::factor(tx, challenge.factor.as_deref().unwrap_or_default())?;
            let factor = factor.ok_or_else(Refusal::not_found)?;
            if !takes(ctx, tx, &factor, code)? {
                return Ok(None);
            }
            confirm(ctx, tx, &factor, &codes)?;
            end(ctx, tx, token)?;
            let methods = format!("{} otp mfa", challenge.first);
            accounts::begin(ctx, tx, &account, &session, &methods, &visit(&challenge))?;
            Ok(Some(challenge.next))
        })
        .await?;
    let next = next.ok_or_else(|| Refusal::new("identity-wrong-code").status(401))?;
    Ok(Done { session, next, codes })
}

fn recovery_codes(ctx: &Ctx) -> Vec<String> {
    (0..RECOVERY)
        .map(|_| model::recovery_code(&ctx.random::<16>()))
        .collect()
}

fn confirm(ctx: &Ctx, tx: &mut Tx<'_>, f: &Factor, codes: &[String]) -> Result<()> {
    store::confirm_factor(tx, &f.id, ctx.now())?;
    put_recovery(tx, f.account, codes)?;
    let fact = Fact::new("identity.factor.added", f.account).payload(json!({ "kind": f.kind }));
    ctx.emit(tx, fact.touch(&crate::FACTOR, &f.id))?;
    Ok(())
}

fn put_recovery(tx: &mut Tx<'_>, account: Uuid, codes: &[String]) -> Result<()> {
    let digests: Vec<String> = codes.iter().map(|c| digest(c)).collect();
    Ok(store::put_recovery(tx, account, &digests)?)
}

/// One's own account, when one has shown who one is lately.
pub(crate) fn lately(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Account> {
    shown_within(ctx, tx, RECENT, "identity-sign-in-again")
}

/// One's own account, when one has shown who one is within so many milliseconds; else this refusal.
pub(crate) fn shown_within(ctx: &Ctx, tx: &mut Tx<'_>, within: i64, refusal: &str) -> Result<Account> {
    let (account, session) = accounts::own(ctx)?;
    let session = account_store::session(tx, &session, "browser", ctx.now())?.ok_or_else(Refusal::sign_in)?;
    let account = account_store::account(tx, account)?.ok_or_else(Refusal::sign_in)?;
    match ctx.now() - session.shown_at <= within {
        true => Ok(account),
        false => Err(Refusal::new(refusal).status(403).into()),
    }
}

/// Begins to add an app; returns the factor's id.
pub(crate) async fn add(ctx: &Ctx) -> Result<String> {
    let secret = ctx.random::<20>();
    ctx.tx("identity.add-factor", |tx| {
        let account = lately(ctx, tx)?;
        begin(ctx, tx, account.id, &secret)
    })
    .await
}

/// One's own factor that waits to be confirmed.
fn unconfirmed(tx: &mut Tx<'_>, account: &Account, id: &str) -> Result<Factor> {
    let factor = store::factor(tx, id)?.filter(|f| f.account == account.id && !f.confirmed);
    Ok(factor.ok_or_else(Refusal::not_found)?)
}

pub(crate) async fn adding(ctx: &Ctx, id: &str) -> Result<Enrolment> {
    ctx.read("identity.adding-factor", |tx| {
        let account = lately(ctx, tx)?;
        let factor = unconfirmed(tx, &account, id)?;
        enrolment(ctx, &factor, &account)
    })
    .await
}

/// Confirms it by a code; returns new recovery codes.
pub(crate) async fn added(ctx: &Ctx, id: &str, code: &str) -> Result<Vec<String>> {
    let codes = recovery_codes(ctx);
    ctx.tx("identity.confirm-factor", |tx| {
        let account = lately(ctx, tx)?;
        let factor = unconfirmed(tx, &account, id)?;
        if !takes(ctx, tx, &factor, code)? {
            return Err(Refusal::new("identity-wrong-code").status(422).into());
        }
        confirm(ctx, tx, &factor, &codes)
    })
    .await?;
    Ok(codes)
}

/// Removes a factor of one's own; without the last one the recovery codes go too.
pub(crate) async fn remove(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("identity.remove-factor", |tx| {
        let account = lately(ctx, tx)?;
        let all = store::factors(tx, account.id)?;
        let factor = all.iter().find(|f| f.id == id).ok_or_else(Refusal::not_found)?;
        let last = is_last(ctx, tx, &account)?;
        take_away(ctx, tx, factor, last)
    })
    .await
}

pub(crate) fn take_away(ctx: &Ctx, tx: &mut Tx<'_>, f: &Factor, last: bool) -> Result<()> {
    store::remove_factor(tx, &f.id, ctx.now())?;
    if last {
        put_recovery(tx, f.account, &[])?;
    }
    let fact = Fact::new("identity.factor.removed", f.account).payload(json!({ "kind": f.kind }));
    ctx.emit(tx, fact.touch(&crate::FACTOR, &f.id))?;
    Ok(())
}

/// New recovery codes; the old ones are void.
pub(crate) async fn renew(ctx: &Ctx) -> Result<Vec<String>> {
    let codes = recovery_codes(ctx);
    ctx.tx("identity.renew-recovery", |tx| {
        let account = lately(ctx, tx)?;
        if held(tx, account.id)? == 0 {
            return Err(Refusal::new("identity-no-factor").status(409).into());
        }
        put_recovery(tx, account.id, &codes)?;
        ctx.emit(tx, Fact::new("identity.recovery.renewed", account.id))?;
        Ok(())
    })
    .await?;
    Ok(codes)
}

/// Takes every factor from an account whose owner has lost them, and ends its sessions; for the operator.
pub(crate) async fn forget(ctx: &Ctx, login: &str) -> Result<usize> {
    ctx.tx("identity.forget-factors", |tx| {
        let account = account_store::account_by_login(tx, &login.to_lowercase())?;
        let account = account.ok_or_else(|| Refusal::new("identity-no-account").arg("login", login))?;
        let all = store::factors(tx, account.id)?;
        for f in &all {
            take_away(ctx, tx, f, true)?;
        }
        let passkeys = crate::passkey::store::passkeys(tx, account.id)?;
        for p in &passkeys {
            crate::passkey::service::take_away(ctx, tx, p, true)?;
        }
        accounts::end_all(ctx, tx, account.id)?;
        Ok(all.len() + passkeys.len())
    })
    .await
}
