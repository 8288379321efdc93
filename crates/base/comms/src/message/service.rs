//! Telling somebody, reading, wishes.

use super::model::{Message, Preference};
use super::store;
use crate::api::{Person, Ports, Told};
use crate::channel::smtp::is_address;
use crate::delivery;
use crate::delivery::model::State;
use crate::rules::{Channel, Kind, Rules};
use crate::settings::Settings;
use kernel::{Ctx, Fact, Fault, Locale, Recorded, Refusal, Result, Tx};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A fact older than this tells nobody: a database that has lived without notices does not ring everybody about its past.
const STALE: i64 = 7 * 24 * 3_600_000;
/// A code for a new mail address holds half an hour and five tries.
const CODE: i64 = 30 * 60_000;
const TRIES: i64 = 5;
/// The kind that carries such a code.
pub(crate) const CONFIRMATION: &str = "address-confirmation";

/// What somebody is told.
#[derive(Clone, Debug)]
pub struct Notice<'a> {
    /// Subject id.
    pub to: &'a str,
    /// A `[[kind]]` of the pack.
    pub kind: &'a str,
    pub reference: &'a str,
    /// Path that the notice leads to.
    pub link: &'a str,
    /// Values for its texts; nothing personal.
    pub args: &'a BTreeMap<String, String>,
    /// Id of what led to it: nobody is told twice of one cause.
    pub cause: &'a str,
}

/// Tells one person in the caller's transaction: the message, its deliveries and their jobs are there or are not, with what
/// the caller did. False when the person knows already.
pub fn notify(ctx: &Ctx, tx: &mut Tx<'_>, notice: &Notice<'_>) -> Result<bool> {
    let rules = ctx.service::<Rules>()?;
    let kind = rules
        .kind(notice.kind)
        .ok_or_else(|| Fault::new(format!("the pack knows no notice `{}`", notice.kind)))?;
    let wishes = store::preference(tx, notice.to)?;
    let legal = rules.group(&kind.group).is_some_and(|g| g.legal);
    let listed =
        kind.channels.contains(&Channel::InApp) && (legal || wishes.wants(&kind.group, Channel::InApp));
    let message = message_of(ctx, notice, kind, listed);
    if !store::insert(tx, &message)? {
        return Ok(false);
    }
    let mut fact = Fact::new("comms.message.sent", &message.id)
        .cause(notice.cause)
        .payload(json!({ "kind": kind.id }))
        .touch(&crate::MESSAGE, &message.id);
    let settings = ctx.service::<Settings>()?;
    let demo = ctx.app.config.demo;
    for channel in kind.channels.iter().copied() {
        let address = match channel {
            Channel::InApp if listed => None,
            Channel::Mail if wishes.wants(&kind.group, channel) && (settings.smtp.is_some() || demo) => {
                let mail = wishes.confirmed_at.and(wishes.mail.as_deref());
                let Some(mail) = mail else { continue };
                Some(ctx.protect().open(&mail_place(notice.to), mail)?)
            }
            Channel::Sms if wishes.wants(&kind.group, channel) && (settings.sms.is_some() || demo) => {
                let Some(phone) = ctx.service::<Ports>()?.directory.phone(ctx, tx, notice.to)? else {
                    continue;
                };
                Some(phone)
            }
            _ => continue,
        };
        let id = delivery::service::order(ctx, tx, &message, channel, address.as_deref())?;
        fact = fact.touch(&crate::DELIVERY, id);
    }
    ctx.emit(tx, fact)?;
    Ok(true)
}

fn message_of(ctx: &Ctx, notice: &Notice<'_>, kind: &Kind, listed: bool) -> Message {
    Message {
        id: ctx.id().to_string(),
        recipient: notice.to.into(),
        kind: kind.id.clone(),
        group: kind.group.clone(),
        urgent: kind.urgent,
        listed,
        reference: notice.reference.into(),
        link: notice.link.into(),
        args: json!(notice.args),
        cause: notice.cause.into(),
        created_at: ctx.now(),
        read_at: None,
    }
}

/// Consumer of all facts: those that the pack names tell their audience.
pub(crate) fn follow(ctx: &Ctx, tx: &mut Tx<'_>, fact: &Recorded) -> Result<()> {
    let rules = ctx.service::<Rules>()?;
    let holding: Vec<_> = rules
        .of_fact(&fact.kind)
        .iter()
        .filter(|r| r.holds(&fact.payload))
        .collect();
    if holding.is_empty() || fact.at < ctx.now() - STALE {
        return Ok(());
    }
    let ports = ctx.service::<Ports>()?;
    let wanted: BTreeSet<String> = holding.iter().flat_map(|r| r.audience.iter().cloned()).collect();
    let wanted: Vec<String> = wanted.into_iter().collect();
    let mut told: Option<Told> = None;
    for a in &ports.audiences {
        told = a.about(ctx, tx, fact, &wanted, ports.directory.as_ref())?;
        if told.is_some() {
            break;
        }
    }
    let Some(told) = told else {
        tracing::warn!(
            fact = fact.kind,
            "the pack has a notice for it, but nobody knows whom it concerns"
        );
        return Ok(());
    };
    for rule in holding {
        let mut people: BTreeSet<Person> = BTreeSet::new();
        for audience in &rule.audience {
            people.extend(told.people.get(audience).into_iter().flatten().cloned());
        }
        for p in people {
            let notice = Notice {
                to: &p.subject,
                kind: &rule.kind,
                reference: &told.reference,
                link: if p.official { &told.work_link } else { &told.link },
                args: &told.args,
                cause: &fact.id,
            };
            notify(ctx, tx, &notice)?;
        }
        let Some(kind) = rules.kind(&rule.kind) else {
            continue;
        };
        if kind.channels.contains(&Channel::Webhook) {
            for hook in crate::hook::store::for_kind(tx, &kind.id)? {
                let to = format!("hook:{hook}");
                let notice = Notice {
                    to: &to,
                    kind: &rule.kind,
                    reference: &told.reference,
                    link: &told.link,
                    args: &told.args,
                    cause: &fact.id,
                };
                let message = message_of(ctx, &notice, kind, false);
                if store::insert(tx, &message)? {
                    let id = delivery::service::order(ctx, tx, &message, Channel::Webhook, None)?;
                    let sent = Fact::new("comms.message.sent", &message.id)
                        .cause(&fact.id)
                        .payload(json!({ "kind": kind.id }))
                        .touch(&crate::MESSAGE, &message.id)
                        .touch(&crate::DELIVERY, id);
                    ctx.emit(tx, sent)?;
                }
            }
        }
    }
    Ok(())
}

pub(crate) fn mail_place(subject: &str) -> String {
    format!("comms_preference.mail:{subject}")
}

/// Whose list the actor reads: the firm's while acting for it with leave to read all of it, else the own.
pub(crate) fn reader(ctx: &Ctx) -> Result<String> {
    let whose = store::reader(&ctx.actor).map(String::from);
    Ok(whose.ok_or_else(Refusal::sign_in)?)
}

/// The message, which is read from now on.
pub(crate) async fn open(ctx: &Ctx, id: &str) -> Result<Message> {
    let me = reader(ctx)?;
    ctx.tx("comms.open", |tx| {
        let message = store::get(tx, id)?.filter(|m| m.recipient == me && m.listed);
        let message = message.ok_or_else(Refusal::not_found)?;
        if message.read_at.is_none() {
            store::set_read(tx, id, &me, Some(ctx.now()))?;
        }
        Ok(message)
    })
    .await
}

pub(crate) async fn mark(ctx: &Ctx, id: &str, read: bool) -> Result<()> {
    let me = reader(ctx)?;
    ctx.tx("comms.mark", |tx| {
        match store::set_read(tx, id, &me, read.then(|| ctx.now()))? {
            0 => Err(Refusal::not_found().into()),
            _ => Ok(()),
        }
    })
    .await
}

pub(crate) async fn mark_all(ctx: &Ctx) -> Result<()> {
    let me = reader(ctx)?;
    ctx.tx("comms.mark-all", |tx| {
        Ok(store::set_all_read(tx, &me, ctx.now())?)
    })
    .await?;
    Ok(())
}

fn save(ctx: &Ctx, tx: &mut Tx<'_>, subject: &str, p: &Preference) -> Result<()> {
    if !store::save_preference(tx, subject, p)? {
        return Err(Refusal::stale().into());
    }
    let fact = Fact::new("comms.preference.changed", subject).touch(&crate::PREFERENCE, subject);
    ctx.emit(tx, fact)?;
    Ok(())
}

/// Which groups come over which channels; `on` holds `group:channel`.
pub(crate) async fn choose(ctx: &Ctx, locale: Locale, on: &BTreeSet<String>) -> Result<()> {
    let me = reader(ctx)?;
    let rules = ctx.service::<Rules>()?;
    let mut off = BTreeSet::new();
    for g in &rules.groups {
        for c in Channel::PERSONAL {
            let key = format!("{}:{}", g.id, c.name());
            if !(on.contains(&key) || g.legal && c == Channel::InApp) {
                off.insert(key);
            }
        }
    }
    ctx.tx("comms.choose", |tx| {
        let mut p = store::preference(tx, &me)?;
        (p.locale, p.off) = (locale, off.clone());
        save(ctx, tx, &me, &p)
    })
    .await
}

/// A new mail address, to which a code is sent; it counts once the code came back. Empty removes it.
pub(crate) async fn change_address(ctx: &Ctx, address: &str) -> Result<()> {
    let me = reader(ctx)?;
    let address = address.trim();
    if !address.is_empty() && !is_address(address) {
        let text = ctx.t("comms-address-wrong", &[]);
        return Err(Refusal::new("comms-address-wrong").field("mail", text).into());
    }
    let settings = ctx.service::<Settings>()?;
    if !address.is_empty() && settings.smtp.is_none() && !ctx.app.config.demo {
        return Err(Refusal::new("comms-mail-closed").status(409).into());
    }
    let code = format!("{:06}", u32::from_be_bytes(ctx.random::<4>()) % 1_000_000);
    let cause = ctx.id().to_string();
    ctx.tx("comms.address", |tx| {
        let mut p = store::preference(tx, &me)?;
        if p.code_until
            .is_some_and(|until| until - CODE + 60_000 > ctx.now())
            && !address.is_empty()
        {
            return Err(Refusal::new("comms-address-soon").status(429).into());
        }
        (p.mail, p.code, p.code_until, p.confirmed_at, p.tries) = (None, None, None, None, 0);
        if !address.is_empty() {
            p.mail = Some(ctx.protect().seal(&mail_place(&me), address)?);
            p.code = Some(ctx.protect().mac("comms.code", &format!("{me}:{code}")));
            p.code_until = Some(ctx.now() + CODE);
        }
        save(ctx, tx, &me, &p)?;
        if address.is_empty() {
            return Ok(());
        }
        let words = OneTime {
            to: &me,
            kind: CONFIRMATION,
            address,
            code: &code,
            cause: &cause,
        };
        carry(ctx, tx, Channel::Mail, &words, "/me/messages/settings")?;
        Ok(())
    })
    .await
}

/// A code that one person is sent and nobody reads twice.
pub struct OneTime<'a> {
    /// Subject id.
    pub to: &'a str,
    /// Names its words, the texts `message-<kind>-sms` (or `-subject` and `-body`), which say `{ $code }`.
    pub kind: &'a str,
    /// Phone number or mail address.
    pub address: &'a str,
    pub code: &'a str,
    /// Id of what led to it.
    pub cause: &'a str,
}

/// Sends a code by SMS, in the caller's transaction. It is urgent, so neither night nor day's cap hold it; after ten minutes it
/// is not sent any more.
pub fn send_code(ctx: &Ctx, tx: &mut Tx<'_>, words: &OneTime<'_>) -> Result<()> {
    carry(ctx, tx, Channel::Sms, words, "")
}

/// The code stands in no row: it rides in the delivery's sealed address.
fn carry(ctx: &Ctx, tx: &mut Tx<'_>, channel: Channel, words: &OneTime<'_>, link: &str) -> Result<()> {
    let message = Message {
        id: ctx.id().to_string(),
        recipient: words.to.into(),
        kind: words.kind.into(),
        group: String::new(),
        urgent: true,
        listed: false,
        reference: String::new(),
        link: link.into(),
        args: json!({}),
        cause: words.cause.into(),
        created_at: ctx.now(),
        read_at: None,
    };
    store::insert(tx, &message)?;
    let address = format!("{}\n{}", words.address, words.code);
    let id = delivery::service::order(ctx, tx, &message, channel, Some(&address))?;
    let fact = Fact::new("comms.message.sent", &message.id).payload(json!({ "kind": words.kind }));
    ctx.emit(
        tx,
        fact.touch(&crate::MESSAGE, &message.id)
            .touch(&crate::DELIVERY, id),
    )?;
    Ok(())
}

/// Whether an SMS would reach anybody: a channel is set up, or a demonstration keeps what would be sent.
pub fn sms_open(ctx: &Ctx) -> Result<bool> {
    Ok(ctx.app.config.demo || ctx.service::<Settings>()?.sms.is_some())
}

/// The code that came by mail.
pub(crate) async fn confirm(ctx: &Ctx, code: &str) -> Result<()> {
    let me = reader(ctx)?;
    let given = ctx.protect().mac("comms.code", &format!("{me}:{}", code.trim()));
    let right = ctx
        .tx("comms.confirm", |tx| {
            let mut p = store::preference(tx, &me)?;
            let waiting = p.code.is_some() && p.code_until.is_some_and(|u| u > ctx.now()) && p.tries < TRIES;
            if !waiting {
                return Err(Refusal::new("comms-code-gone").status(409).into());
            }
            let right = p.code.as_deref() == Some(given.as_str());
            if right {
                (p.code, p.code_until, p.tries, p.confirmed_at) = (None, None, 0, Some(ctx.now()));
            } else {
                p.tries += 1;
            }
            save(ctx, tx, &me, &p)?;
            Ok(right)
        })
        .await?;
    // The wrong try is counted even though it is refused.
    match right {
        true => Ok(()),
        false => Err(Refusal::new("comms-code-wrong")
            .field("code", ctx.t("comms-code-wrong", &[]))
            .into()),
    }
}

/// States of a message's deliveries, for its page: (channel, state).
pub(crate) fn ways(tx: &mut Tx<'_>, message: &str) -> Result<Vec<(String, State)>> {
    Ok(delivery::store::of_message(tx, message)?)
}

/// What a webhook is told: ids and public words, nothing of a person.
pub(crate) fn event(ctx: &Ctx, m: &Message, delivery: &str) -> Json {
    json!({ "id": delivery, "kind": m.kind, "reference": m.reference, "link": format!("{}{}", ctx.app.config.url, m.link),
        "values": m.args, "fact": m.cause, "at": m.created_at })
}
