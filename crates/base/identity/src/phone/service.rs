//! The verbs of phone numbers.

use super::model::{self, HOLDS, MOST, PAUSE, Sent, TRIES, WINDOW};
use super::store;
use crate::account::model::{Account, check_lock, digest};
use crate::account::service::{self as accounts, Entry, Visit};
use crate::account::store as account_store;
use crate::assurance;
use crate::factor;
use comms::api::{Notice, OneTime};
use kernel::{Ctx, Fact, Fault, Refusal, Result, Tx, job};
use serde_json::{Value as Json, json};

/// The job that sends a code to the number's owner, if it has one.
pub(crate) const SEND: &str = "identity.phone-code";

fn place(token: &str) -> String {
    format!("identity_phone_code.parcel:{token}")
}

/// The blind index of a number; its own name keeps it apart from other columns.
fn index(ctx: &Ctx, number: &str) -> String {
    ctx.protect().index("phone", number)
}

/// A typed number, checked.
fn number(ctx: &Ctx, typed: &str) -> Result<String> {
    let number = model::tidy(typed);
    match codes::phone(&number) {
        Ok(()) => Ok(number),
        Err(_) => Err(Refusal::new("identity-phone-wrong")
            .field("phone", ctx.t("identity-phone-wrong", &[]))
            .into()),
    }
}

/// Writes down that a code goes to a number. What happens here is the same whether or not somebody has it, so neither the
/// answer nor its time tells: the job looks who it is.
async fn ask(ctx: &Ctx, typed: &str, account: Option<kernel::Uuid>, visit: &Visit) -> Result<String> {
    if !comms::api::sms_open(ctx)? {
        return Err(Refusal::new("identity-sms-closed").status(409).into());
    }
    let number = number(ctx, typed)?;
    let token = hex::encode(ctx.random::<32>());
    let name = digest(&token);
    let code = model::code(ctx.random::<8>());
    let sent = Sent {
        account,
        number_index: index(ctx, &number),
        parcel: ctx.protect().seal(&place(&name), &format!("{number}\n{code}"))?,
        tries: 0,
        label: visit.label.clone(),
        device: visit.device.clone(),
        next: visit.next.clone(),
    };
    ctx.tx("identity.ask-phone-code", |tx| {
        // Of a few locks one, so that asking about numbers leaves no row behind for each.
        tx.lock(&format!("identity-phone:{}", &sent.number_index[..1]))?;
        let now = ctx.now();
        let (n, last) = store::sent(tx, &sent.number_index, now - WINDOW)?;
        if last > now - PAUSE {
            let seconds = (last + PAUSE - now + 999) / 1000;
            return Err(Refusal::new("identity-phone-soon")
                .status(429)
                .arg("seconds", seconds)
                .into());
        }
        if n >= MOST {
            return Err(Refusal::new("identity-phone-many").status(429).into());
        }
        store::insert(tx, &name, &sent, now, now + HOLDS)?;
        job::enqueue(tx, ctx, SEND, &name, now, json!({ "token": name }))?;
        Ok(())
    })
    .await?;
    Ok(token)
}

/// Sends a code for signing in with a number; the token is the browser's.
///
/// # Errors
/// `identity-phone-wrong`, `identity-phone-soon` and `identity-phone-many` (429), `identity-sms-closed` (409).
pub(crate) async fn ask_to_sign_in(ctx: &Ctx, typed: &str, visit: &Visit) -> Result<String> {
    ask(ctx, typed, None, visit).await
}

/// Sends a code to a number that the signed-in person says is theirs. See [`ask_to_sign_in`].
pub(crate) async fn ask_to_confirm(ctx: &Ctx, typed: &str) -> Result<String> {
    let (account, _) = accounts::own(ctx)?;
    ask(ctx, typed, Some(account), &Visit::default()).await
}

fn parcel(ctx: &Ctx, name: &str, sent: &Sent) -> Result<(String, String)> {
    let text = ctx.protect().open(&place(name), &sent.parcel)?;
    let (number, code) = text
        .split_once('\n')
        .ok_or_else(|| Fault::new("a phone code's parcel"))?;
    Ok((number.to_string(), code.to_string()))
}

/// Job: hands the code to comms when there is somebody to be sent it.
pub(crate) async fn send(ctx: Ctx, payload: Json) -> Result<()> {
    let name = payload["token"].as_str().unwrap_or_default().to_string();
    ctx.tx("identity.send-phone-code", |tx| {
        let Some(sent) = store::waiting(tx, &name, ctx.now())? else {
            return Ok(());
        };
        let (to, kind) = match sent.account {
            Some(account) => (
                account_store::account(tx, account)?.map(|a| a.subject),
                "phone-code",
            ),
            None => (account_behind(tx, &sent)?.map(|a| a.subject), "sign-in-code"),
        };
        let Some(to) = to else { return Ok(()) };
        let (number, code) = parcel(&ctx, &name, &sent)?;
        let words = OneTime {
            to: &to,
            kind,
            address: &number,
            code: &code,
            cause: &name,
        };
        comms::api::send_code(&ctx, tx, &words)
    })
    .await
}

/// The account that this number signs in to.
fn account_behind(tx: &mut Tx<'_>, sent: &Sent) -> Result<Option<Account>, Fault> {
    let Some(subject) = store::owner(tx, &sent.number_index)? else {
        return Ok(None);
    };
    let account = store::account_of(tx, &subject)?
        .map(|id| account_store::account(tx, id))
        .transpose()?;
    Ok(account.flatten().filter(|a| !a.retired))
}

fn over() -> Refusal {
    Refusal::new("identity-step-over").status(410)
}

/// What the browser with this token waits for; over after too many tries.
fn waiting(ctx: &Ctx, tx: &mut Tx<'_>, name: &str) -> Result<Sent> {
    let sent = store::waiting(tx, name, ctx.now())?.filter(|s| s.tries < TRIES);
    Ok(sent.ok_or_else(over)?)
}

fn spend(ctx: &Ctx, tx: &mut Tx<'_>, name: &str) -> Result<()> {
    match store::end(tx, name, ctx.now(), ctx.now() - WINDOW)? {
        true => Ok(()),
        false => Err(over().into()),
    }
}

/// The masked number that a code was sent to, and where the sign-in leads.
pub(crate) async fn sent_to(ctx: &Ctx, token: &str) -> Result<(String, String)> {
    let name = digest(token);
    ctx.read("identity.phone-code-to", |tx| {
        let sent = waiting(ctx, tx, &name)?;
        let (number, _) = parcel(ctx, &name, &sent)?;
        Ok((model::masked(&number), sent.next))
    })
    .await
}

/// Signs in with the code that came. A second factor is asked for as after a password.
///
/// # Errors
/// `identity-step-over` (410), `identity-wrong-code` (401), `identity-locked` (429).
pub(crate) async fn sign_in(ctx: &Ctx, token: &str, typed: &str) -> Result<(Entry, Visit)> {
    let name = digest(token);
    let session = hex::encode(ctx.random::<32>());
    let secret = ctx.random::<20>();
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let done = ctx
        .tx("identity.sign-in-by-phone", |tx| {
            let sent = waiting(ctx, tx, &name)?;
            // A number that is being confirmed signs nobody in.
            if sent.account.is_some() {
                return Err(over().into());
            }
            let (_, code) = parcel(ctx, &name, &sent)?;
            let account = account_behind(tx, &sent)?;
            let right = model::same(&typed, &code);
            let Some(account) = account.filter(|_| right) else {
                store::missed(tx, &name)?;
                return Ok(None);
            };
            check_lock(account.locked_until, ctx.now())?;
            spend(ctx, tx, &name)?;
            let visit = Visit {
                label: sent.label,
                device: sent.device,
                next: sent.next,
                shown_at: None,
            };
            if let Some(purpose) = factor::service::asks(ctx, tx, &account)? {
                let first = factor::service::First {
                    account: &account,
                    methods: "sms",
                    visit: &visit,
                };
                factor::service::challenge(ctx, tx, &first, purpose, &session, &secret)?;
                return Ok(Some((Entry::Step(session.clone(), purpose), visit)));
            }
            accounts::begin(ctx, tx, &account, &session, "sms", &visit)?;
            Ok(Some((Entry::In(session.clone()), visit)))
        })
        .await?;
    Ok(done.ok_or_else(|| Refusal::new("identity-wrong-code").status(401))?)
}

/// Makes a number the signed-in person's by the code that came to it. Whoever had it before is told and has it no longer.
///
/// # Errors
/// `identity-step-over` (410), `identity-wrong-code` (422).
pub(crate) async fn confirm(ctx: &Ctx, token: &str, typed: &str) -> Result<()> {
    let (account, _) = accounts::own(ctx)?;
    let subject = ctx.actor.subject.clone().ok_or_else(Refusal::sign_in)?;
    let name = digest(token);
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let right = ctx
        .tx("identity.confirm-phone", |tx| {
            let sent = waiting(ctx, tx, &name)?;
            if sent.account != Some(account) {
                return Err(over().into());
            }
            let (number, code) = parcel(ctx, &name, &sent)?;
            if !model::same(&typed, &code) {
                store::missed(tx, &name)?;
                return Ok(false);
            }
            spend(ctx, tx, &name)?;
            if let Some(before) = store::owner(tx, &sent.number_index)?.filter(|s| *s != subject) {
                lose(ctx, tx, &before)?;
            }
            let sealed = ctx
                .protect()
                .seal(&format!("identity_subject.phone:{subject}"), &number)?;
            store::put(tx, &subject, &sent.number_index, sealed, ctx.now())?;
            let terms = assurance::service::Terms {
                method: "phone",
                level: 1,
                reference: "",
                until: None,
            };
            assurance::service::record(ctx, tx, &subject, &terms)?;
            let fact = Fact::new("identity.phone.confirmed", &subject)
                .touch(&crate::PHONE, &subject)
                .touch(&crate::SUBJECT, &subject);
            ctx.emit(tx, fact)?;
            Ok(true)
        })
        .await?;
    match right {
        true => Ok(()),
        false => Err(Refusal::new("identity-wrong-code")
            .field("code", ctx.t("identity-wrong-code", &[]))
            .into()),
    }
}

/// Somebody else has shown that the number is theirs now.
fn lose(ctx: &Ctx, tx: &mut Tx<'_>, subject: &str) -> Result<()> {
    store::remove(tx, subject)?;
    let fact = Fact::new("identity.phone.lost", subject).gone(&crate::PHONE, subject);
    let fact = assurance::service::end(ctx, tx, subject, "phone", fact)?;
    let fact = ctx.emit(tx, fact)?;
    comms::api::notify(
        ctx,
        tx,
        &Notice {
            to: subject,
            kind: "phone-lost",
            reference: "",
            link: "/me/phone",
            args: &std::collections::BTreeMap::new(),
            cause: &fact.to_string(),
        },
    )?;
    Ok(())
}

/// Takes one's own number out of signing in.
pub(crate) async fn remove(ctx: &Ctx) -> Result<()> {
    let subject = ctx.actor.subject.clone().ok_or_else(Refusal::sign_in)?;
    ctx.tx("identity.remove-phone", |tx| {
        if !store::remove(tx, &subject)? {
            return Err(Refusal::not_found().into());
        }
        let fact = Fact::new("identity.phone.removed", &subject).gone(&crate::PHONE, &subject);
        let fact = assurance::service::end(ctx, tx, &subject, "phone", fact)?;
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await
}
