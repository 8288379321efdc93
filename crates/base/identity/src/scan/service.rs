//! The verbs of scan-to-login.

use super::model::{self, HOLDS, Scan, State};
use super::store::{self, Answer};
use crate::account::model::{check_lock, digest, network};
use crate::account::service::{self as accounts, Entry, Visit};
use crate::account::store as account_store;
use crate::factor;
use kernel::{Ctx, Fact, Refusal, Result};
use serde_json::json;

/// Begins to wait for a phone; the token is the browser's.
pub(crate) async fn begin(ctx: &Ctx, visit: &Visit) -> Result<(String, Scan)> {
    let token = hex::encode(ctx.random::<32>());
    let scan = Scan {
        id: hex::encode(ctx.random::<16>()),
        number: model::number(ctx.random::<4>()),
        state: State::Waiting,
        label: visit.label.clone(),
        device: visit.device.clone(),
        network: ctx.protect().mac("network", &network(&ctx.peer)),
        next: visit.next.clone(),
        account: None,
        methods: String::new(),
        shown_at: None,
        created_at: ctx.now(),
        expires_at: ctx.now() + HOLDS,
    };
    ctx.tx("identity.begin-scan", |tx| {
        Ok(store::insert(tx, &digest(&token), &scan)?)
    })
    .await?;
    Ok((token, scan))
}

/// What the browser with this token waits for.
pub(crate) async fn waiting(ctx: &Ctx, token: &str) -> Result<Option<Scan>> {
    let name = digest(token);
    ctx.read("identity.scan", |tx| Ok(store::waiting(tx, &name, ctx.now())?))
        .await
}

fn gone() -> Refusal {
    Refusal::new("identity-scan-over").status(410)
}

/// What a phone sees of the browser, and whether both are in one network.
pub(crate) async fn pictured(ctx: &Ctx, id: &str) -> Result<(Scan, bool)> {
    let scan = ctx
        .read("identity.scanned", |tx| {
            Ok(store::pictured(tx, id, ctx.now())?.filter(|s| s.state == State::Waiting))
        })
        .await?
        .ok_or_else(gone)?;
    let here = scan.network == ctx.protect().mac("network", &network(&ctx.peer));
    Ok((scan, here))
}

/// Answers for the browser that shows this number. A wrong number refuses it: whoever reads it off another page than the one
/// before them is being deceived.
///
/// # Errors
/// `identity-scan-over` (410), `identity-scan-number` (403).
pub(crate) async fn approve(ctx: &Ctx, id: &str, number: i64) -> Result<()> {
    let (account, session) = accounts::own(ctx)?;
    let right = ctx
        .tx("identity.approve-scan", |tx| {
            let scan = store::pictured(tx, id, ctx.now())?.ok_or_else(gone)?;
            let own =
                account_store::session(tx, &session, "browser", ctx.now())?.ok_or_else(Refusal::sign_in)?;
            let right = scan.number == number;
            let to = if right { State::Approved } else { State::Refused };
            if !store::move_on(tx, id, State::Waiting, to)? {
                return Err(gone().into());
            }
            if right {
                let answer = Answer {
                    account,
                    methods: &own.methods,
                    shown_at: own.shown_at,
                };
                store::answer(tx, id, &answer)?;
            }
            let fact = Fact::new("identity.scan.answered", account).payload(json!({ "state": to.name() }));
            ctx.emit(tx, fact)?;
            Ok(right)
        })
        .await?;
    match right {
        true => Ok(()),
        false => Err(Refusal::new("identity-scan-number").status(403).into()),
    }
}

/// Says that the browser is not one's own.
pub(crate) async fn refuse(ctx: &Ctx, id: &str) -> Result<()> {
    let (account, _) = accounts::own(ctx)?;
    ctx.tx("identity.refuse-scan", |tx| {
        store::pictured(tx, id, ctx.now())?.ok_or_else(gone)?;
        if !store::move_on(tx, id, State::Waiting, State::Refused)? {
            return Err(gone().into());
        }
        let fact = Fact::new("identity.scan.answered", account).payload(json!({ "state": "refused" }));
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await
}

/// Begins the session of the browser that was answered for. Where a second factor is asked for and the phone was signed in
/// without one, it is asked for here.
pub(crate) async fn enter(ctx: &Ctx, token: &str) -> Result<(Entry, String)> {
    let name = digest(token);
    let session = hex::encode(ctx.random::<32>());
    let secret = ctx.random::<20>();
    ctx.tx("identity.enter-by-scan", |tx| {
        let scan = store::waiting(tx, &name, ctx.now())?.ok_or_else(gone)?;
        let id = scan.account.ok_or_else(gone)?;
        if !store::move_on(tx, &scan.id, State::Approved, State::Taken)? {
            return Err(gone().into());
        }
        let account = account_store::account(tx, id)?
            .filter(|a| !a.retired)
            .ok_or_else(gone)?;
        check_lock(account.locked_until, ctx.now())?;
        let visit = Visit {
            label: scan.label,
            device: scan.device,
            next: scan.next.clone(),
            shown_at: scan.shown_at,
        };
        let shown = scan.methods.split(' ').any(|m| m == "mfa");
        if !shown && let Some(purpose) = factor::service::asks(ctx, tx, &account)? {
            let first = factor::service::First {
                account: &account,
                methods: &scan.methods,
                visit: &visit,
            };
            factor::service::challenge(ctx, tx, &first, purpose, &session, &secret)?;
            return Ok((Entry::Step(session.clone(), purpose), scan.next));
        }
        accounts::begin(ctx, tx, &account, &session, &scan.methods, &visit)?;
        Ok((Entry::In(session.clone()), scan.next))
    })
    .await
}
