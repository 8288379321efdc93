//! Ordering, sending, noting how it went, receipts, re-sending.

use super::model::{Delivery, State, backoff};
use super::store;
use crate::channel::guard::{self, Barred};
use crate::channel::http::{self, Target};
use crate::channel::{Outcome, sign, smtp};
use crate::hook::store as hooks;
use crate::message::model::Message;
use crate::message::service as messages;
use crate::message::store as message_store;
use crate::rules::{Channel, Rules};
use crate::settings::Settings;
use kernel::{Ctx, Fact, Refusal, Resource, Result, Tx, job};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// The kind of job.
pub(crate) const SEND: &str = "comms.send";
/// After nobody answered, a channel is left alone for so long; jobs run one after the other and must not all wait for it.
const PAUSE: i64 = 20_000;
/// A receipt's or webhook's time may be off by so much.
pub(crate) const SKEW: i64 = 5 * 60;

/// Channels (and hosts) that did not answer, with the time until which they are left alone. In memory: each node finds out
/// for itself.
#[derive(Default)]
pub struct Breaker(Mutex<HashMap<String, i64>>);

impl Breaker {
    fn open_until(&self, key: &str, now: i64) -> Option<i64> {
        let map = self.0.lock().unwrap_or_else(|p| p.into_inner());
        map.get(key).copied().filter(|until| *until > now)
    }
    fn set(&self, key: &str, until: Option<i64>) {
        let mut map = self.0.lock().unwrap_or_else(|p| p.into_inner());
        match until {
            Some(until) => map.insert(key.into(), until),
            None => map.remove(key),
        };
    }
}

fn place(id: &str) -> String {
    format!("comms_delivery.address:{id}")
}
fn sink_place(id: &str) -> String {
    format!("comms_sink.body:{id}")
}

/// Puts a delivery on its way in the caller's transaction; the list of the person is reached with that.
pub(crate) fn order(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    message: &Message,
    channel: Channel,
    address: Option<&str>,
) -> Result<String> {
    let id = ctx.id().to_string();
    let there = channel == Channel::InApp;
    let d = Delivery {
        address: address.map(|a| ctx.protect().seal(&place(&id), a)).transpose()?,
        id,
        message: message.id.clone(),
        recipient: message.recipient.clone(),
        channel,
        urgent: message.urgent,
        state: if there { State::Delivered } else { State::Queued },
        attempts: 0,
        round: 1,
        reason: None,
        detail: None,
        next_at: (!there).then(|| ctx.now()),
        created_at: ctx.now(),
        sent_at: there.then(|| ctx.now()),
        delivered_at: there.then(|| ctx.now()),
    };
    store::insert(tx, &d)?;
    plan(ctx, tx, &d)?;
    Ok(d.id)
}

/// Asks for the attempt that is due next. The key names it, so however often it is asked for there is one job.
fn plan(ctx: &Ctx, tx: &mut Tx<'_>, d: &Delivery) -> Result<()> {
    if let Some(at) = d.next_at {
        let key = format!("{}:{}:{}:{at}", d.id, d.round, d.attempts);
        let payload = json!({ "delivery": d.id, "round": d.round, "attempts": d.attempts, "at": at });
        job::enqueue(tx, ctx, SEND, &key, at, payload)?;
    }
    Ok(())
}

/// Everything an attempt needs, read in one transaction.
struct Parcel {
    delivery: Delivery,
    message: Message,
    address: String,
    /// (url, secret)
    hook: Option<(String, String)>,
    locale: kernel::Locale,
}

/// Job: one attempt.
pub(crate) async fn send(ctx: Ctx, payload: Json) -> Result<()> {
    let parcel = ctx.tx("comms.claim", |tx| claim(&ctx, tx, &payload)).await?;
    let Some(parcel) = parcel else { return Ok(()) };
    let settings = ctx.service::<Settings>()?;
    let outcome = transmit(&ctx, &settings, &parcel).await;
    let key = breaker_key(&parcel.delivery);
    let breaker = ctx.service::<Breaker>()?;
    let down = matches!(outcome, Outcome::Unreachable(..));
    breaker.set(&key, down.then(|| ctx.now() + PAUSE));
    ctx.tx("comms.record", |tx| {
        record(&ctx, tx, &settings, &parcel.delivery, &outcome)
    })
    .await
}

fn breaker_key(d: &Delivery) -> String {
    match d.channel {
        Channel::Webhook => d.recipient.clone(),
        c => c.name().into(),
    }
}

/// The delivery, if this attempt is still the one that is due and may be made now.
fn claim(ctx: &Ctx, tx: &mut Tx<'_>, payload: &Json) -> Result<Option<Parcel>> {
    let id = payload["delivery"].as_str().unwrap_or_default();
    let Some(mut d) = store::lock(tx, id)? else {
        return Ok(None);
    };
    let due = [
        ("round", Some(d.round)),
        ("attempts", Some(d.attempts)),
        ("at", d.next_at),
    ];
    if !d.state.waits() || due.iter().any(|(k, v)| payload[*k].as_i64() != *v) {
        return Ok(None);
    }
    if let Some(later) = hindrance(ctx, tx, &d)? {
        match later {
            Hindrance::Stale => {
                (d.state, d.next_at, d.reason) = (State::GivenUp, None, Some("stale".into()));
                store::save(tx, &d, None)?;
                let fact = Fact::new("comms.delivery.given-up", &d.id).payload(json!({ "reason": "stale" }));
                ctx.emit(tx, fact)?;
            }
            Hindrance::Until(at, reason) => {
                (d.next_at, d.reason) = (Some(at), Some(reason.into()));
                store::save(tx, &d, None)?;
                plan(ctx, tx, &d)?;
            }
            Hindrance::Capped => {
                (d.state, d.next_at, d.reason) = (State::GivenUp, None, Some("daily-cap".into()));
                store::save(tx, &d, None)?;
                ctx.emit(
                    tx,
                    Fact::new("comms.delivery.given-up", &d.id).payload(json!({ "reason": "daily-cap" })),
                )?;
            }
        }
        return Ok(None);
    }
    let Some(message) = message_store::get(tx, &d.message)? else {
        return Ok(None);
    };
    let hook = match d.recipient.strip_prefix("hook:") {
        Some(hook) => hooks::target(ctx, tx, hook)?,
        None => None,
    };
    let address = d
        .address
        .as_deref()
        .map(|a| ctx.protect().open(&place(&d.id), a))
        .transpose()?;
    let locale = message_store::preference(tx, &d.recipient)?.locale;
    // Counted now for the rate: an attempt that never comes back was one all the same.
    store::save(tx, &d, Some(ctx.now()))?;
    Ok(Some(Parcel {
        delivery: d,
        message,
        address: address.unwrap_or_default(),
        hook,
        locale,
    }))
}

enum Hindrance {
    Until(i64, &'static str),
    Capped,
    Stale,
}

/// A code by SMS that comes later than this opens nothing any more.
const CODE_LIFE: i64 = 10 * 60_000;

/// What stands against sending now: a channel that is down, its rate, the night, the day's cap.
fn hindrance(ctx: &Ctx, tx: &mut Tx<'_>, d: &Delivery) -> Result<Option<Hindrance>> {
    let now = ctx.now();
    if d.channel == Channel::Sms && now - d.created_at > CODE_LIFE {
        let address = d
            .address
            .as_deref()
            .map(|a| ctx.protect().open(&place(&d.id), a))
            .transpose()?;
        if address.is_some_and(|a| a.contains('\n')) {
            return Ok(Some(Hindrance::Stale));
        }
    }
    let jitter = i64::from(ctx.random::<1>()[0]) * 40;
    if let Some(until) = ctx.service::<Breaker>()?.open_until(&breaker_key(d), now) {
        return Ok(Some(Hindrance::Until(until + jitter, "channel-pauses")));
    }
    let settings = ctx.service::<Settings>()?;
    let rate = match d.channel {
        Channel::Mail => settings.smtp.as_ref().map(|s| s.per_minute),
        Channel::Sms => settings.sms.as_ref().map(|s| s.per_minute),
        Channel::Webhook => Some(settings.webhook.per_minute),
        Channel::InApp => None,
    };
    if let Some(rate) = rate
        && store::tried_since(tx, d.channel, now - 60_000)? >= rate
    {
        return Ok(Some(Hindrance::Until(now + 60_000 + jitter, "rate-limit")));
    }
    if d.channel != Channel::Sms || d.urgent {
        return Ok(None);
    }
    let rules = ctx.service::<Rules>()?;
    let local = local(ctx, now);
    let minute = i16::from(local.hour()) * 60 + i16::from(local.minute());
    if let Some(wait) = rules.quiet_for(minute) {
        let whole = now / 60_000 * 60_000;
        return Ok(Some(Hindrance::Until(whole + wait + jitter, "quiet-hours")));
    }
    let midnight = local
        .start_of_day()
        .map_or(now, |d| d.timestamp().as_millisecond());
    if store::sent_since(tx, &d.recipient, Channel::Sms, midnight)? >= rules.daily_cap {
        return Ok(Some(Hindrance::Capped));
    }
    Ok(None)
}

/// The city's wall clock.
pub(crate) fn local(ctx: &Ctx, at: i64) -> jiff::ZonedDateTime {
    let zone = jiff::tz::TimeZone::get(ctx.app.city["zone"].as_str().unwrap_or("Asia/Shanghai"));
    jiff::Timestamp::from_millisecond(at)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned_datetime(zone.unwrap_or(jiff::tz::TimeZone::UTC))
}

async fn transmit(ctx: &Ctx, settings: &Settings, p: &Parcel) -> Outcome {
    let limit = Duration::from_secs(settings.timeout_seconds);
    let d = &p.delivery;
    match d.channel {
        Channel::InApp => Outcome::Delivered,
        Channel::Webhook => {
            let Some((url, secret)) = &p.hook else {
                return Outcome::Never("hook-removed", String::new());
            };
            let target = match Target::parse(url) {
                Ok(t) => t,
                Err(e) => return Outcome::Never("host-barred", e.into()),
            };
            let addresses = match guard::resolve(&target, &settings.webhook.allow_private).await {
                Ok(a) => a,
                Err(Barred::Private) => return Outcome::Never("host-barred", target.host),
                Err(Barred::Unknown(e)) => return Outcome::Unreachable("unreachable", e),
            };
            let body = messages::event(ctx, &p.message, &d.id).to_string();
            let status = http::post(
                &target,
                &addresses,
                &signed_headers(ctx, d, secret, &body),
                ("application/json", &body),
                limit,
            )
            .await;
            http::judge(status, Outcome::Delivered)
        }
        Channel::Sms => {
            let Some(adapter) = &settings.sms else {
                return into_sink(ctx, p).await;
            };
            let (to, message) = with_code(p);
            let text = message.say(&ctx.app, p.locale, "sms");
            let body = json!({ "id": d.id, "to": to, "text": text, "kind": p.message.kind,
                "receipt": format!("{}/comms/receipts/{}", ctx.app.config.url, adapter.adapter) })
            .to_string();
            let Ok(target) = Target::parse(&adapter.url) else {
                return Outcome::Never("host-barred", String::new());
            };
            // The operator's own adapter may well be on this machine, so it is not guarded.
            let addresses = match guard::resolve(&target, &[target.name().to_string()]).await {
                Ok(a) => a,
                Err(_) => return Outcome::Unreachable("unreachable", target.host),
            };
            let headers = signed_headers(ctx, d, &adapter.secret, &body);
            http::judge(
                http::post(&target, &addresses, &headers, ("application/json", &body), limit).await,
                Outcome::Sent,
            )
        }
        Channel::Mail => {
            let Some(relay) = &settings.smtp else {
                return into_sink(ctx, p).await;
            };
            let (to, message) = with_code(p);
            let host = ctx.app.config.url.split("://").nth(1).unwrap_or("localhost");
            let host = host.split(['/', ':']).next().unwrap_or("localhost");
            let mail = smtp::Mail {
                to: &to,
                id: &format!("{}@{host}", d.id),
                subject: &message.say(&ctx.app, p.locale, "subject"),
                body: &mail_body(ctx, &message, p.locale),
                at: p.message.created_at,
            };
            smtp::send(relay, &mail, limit).await
        }
    }
}

/// The address and the message with what only this delivery may say: a code rides in the sealed address.
fn with_code(p: &Parcel) -> (String, Message) {
    let mut message = p.message.clone();
    match p.address.split_once('\n') {
        Some((to, code)) => {
            message.args = json!({ "code": code });
            (to.to_string(), message)
        }
        None => (p.address.clone(), message),
    }
}

fn mail_body(ctx: &Ctx, m: &Message, locale: kernel::Locale) -> String {
    format!(
        "{}\n\n{}{}\n",
        m.say(&ctx.app, locale, "body"),
        ctx.app.config.url,
        m.link
    )
}

fn signed_headers(ctx: &Ctx, d: &Delivery, secret: &str, body: &str) -> Vec<(&'static str, String)> {
    let timestamp = ctx.now() / 1_000;
    vec![
        ("X-Yiwang-Delivery", d.id.clone()),
        ("Idempotency-Key", d.id.clone()),
        ("X-Yiwang-Timestamp", timestamp.to_string()),
        ("X-Yiwang-Signature", sign(secret, timestamp, body)),
    ]
}

/// A demonstration keeps what a provider would have sent.
async fn into_sink(ctx: &Ctx, p: &Parcel) -> Outcome {
    if !ctx.app.config.demo {
        return Outcome::Later("channel-closed", String::new());
    }
    let d = &p.delivery;
    let (to, message) = with_code(p);
    let text = match d.channel {
        Channel::Mail => format!(
            "{}\n{}",
            message.say(&ctx.app, p.locale, "subject"),
            mail_body(ctx, &message, p.locale)
        ),
        _ => message.say(&ctx.app, p.locale, "sms"),
    };
    let kept = ctx
        .tx("comms.sink", |tx| {
            let address = ctx.protect().seal(&place(&d.id), &to)?;
            let body = ctx.protect().seal(&sink_place(&d.id), &text)?;
            Ok(store::put_into_sink(
                tx,
                &d.id,
                d.channel,
                address,
                body,
                ctx.now(),
            )?)
        })
        .await;
    match kept {
        Ok(()) => Outcome::Delivered,
        Err(e) => Outcome::Later("sink", e.to_string()),
    }
}

/// Notes how the attempt ended, unless somebody else has moved the delivery on meanwhile.
fn record(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    settings: &Settings,
    claimed: &Delivery,
    outcome: &Outcome,
) -> Result<()> {
    let Some(mut d) = store::lock(tx, &claimed.id)? else {
        return Ok(());
    };
    if !d.state.waits() || (d.round, d.attempts) != (claimed.round, claimed.attempts) {
        return Ok(());
    }
    d.attempts += 1;
    (d.reason, d.detail, d.next_at) = (None, None, None);
    let mut failed = |reason: &str, detail: &str, last: bool| {
        d.reason = Some(reason.into());
        // What a relay says may repeat the address.
        let spoken: String = detail.chars().filter(|c| !c.is_control()).take(200).collect();
        d.detail = Some(
            spoken
                .split(' ')
                .map(|w| if w.contains('@') { "…" } else { w })
                .collect::<Vec<_>>()
                .join(" "),
        );
        if last || d.attempts >= settings.max_attempts {
            d.state = State::GivenUp;
        } else {
            d.state = State::Failed;
            d.next_at = Some(ctx.now() + backoff(settings.backoff_seconds, d.attempts, ctx.random::<1>()[0]));
        }
    };
    match outcome {
        Outcome::Sent => (d.state, d.sent_at) = (State::Sent, Some(ctx.now())),
        Outcome::Delivered => {
            d.state = State::Delivered;
            (d.sent_at, d.delivered_at) = (Some(ctx.now()), Some(ctx.now()));
        }
        Outcome::Unreachable(reason, detail) | Outcome::Later(reason, detail) => {
            failed(reason, detail, false)
        }
        Outcome::Never(reason, detail) => failed(reason, detail, true),
    }
    store::save(tx, &d, None)?;
    plan(ctx, tx, &d)?;
    if d.state == State::GivenUp {
        let fact = Fact::new("comms.delivery.given-up", &d.id)
            .payload(json!({ "channel": d.channel.name(), "reason": d.reason, "attempts": d.attempts }));
        ctx.emit(tx, fact)?;
    }
    Ok(())
}

/// One line of a receipt.
#[derive(serde::Deserialize)]
pub(crate) struct Receipt {
    pub id: String,
    /// `delivered` or `failed`
    pub state: String,
    #[serde(default)]
    pub reason: String,
}

/// What an adapter reports, after its signature was checked; how many changed something. Reporting twice changes nothing.
pub(crate) async fn receipts(
    ctx: &Ctx,
    adapter: &str,
    timestamp: &str,
    signature: &str,
    body: &str,
) -> Result<usize> {
    let settings = ctx.service::<Settings>()?;
    let known = settings
        .sms
        .as_ref()
        .filter(|s| s.adapter == adapter)
        .ok_or_else(Refusal::not_found)?;
    if !crate::api::signature_holds(ctx, &known.secret, timestamp, signature, body) {
        return Err(Refusal::new("comms-receipt-signature").status(401).into());
    }
    #[derive(serde::Deserialize)]
    struct Body {
        receipts: Vec<Receipt>,
    }
    let body: Body =
        serde_json::from_str(body).map_err(|_| Refusal::new("comms-receipt-body").status(400))?;
    if body.receipts.len() > 500
        || body
            .receipts
            .iter()
            .any(|r| !matches!(r.state.as_str(), "delivered" | "failed"))
    {
        return Err(Refusal::new("comms-receipt-body").status(400).into());
    }
    ctx.tx("comms.receipts", |tx| {
        let mut changed = 0;
        for r in &body.receipts {
            let Some(mut d) = store::lock(tx, &r.id)? else {
                continue;
            };
            // A receipt may overtake the note that the message was sent.
            if d.channel != Channel::Sms || !(d.state == State::Sent || d.state.waits()) {
                continue;
            }
            let kind = if r.state == "delivered" {
                (d.state, d.delivered_at, d.reason, d.detail) =
                    (State::Delivered, Some(ctx.now()), None, None);
                d.sent_at = d.sent_at.or(Some(ctx.now()));
                "comms.delivery.received"
            } else {
                d.state = State::GivenUp;
                d.reason = Some("not-delivered".into());
                d.detail = Some(r.reason.chars().filter(|c| !c.is_control()).take(100).collect());
                "comms.delivery.given-up"
            };
            d.next_at = None;
            store::save(tx, &d, None)?;
            ctx.emit(
                tx,
                Fact::new(kind, &d.id).payload(json!({ "channel": d.channel.name() })),
            )?;
            changed += 1;
        }
        Ok(changed)
    })
    .await
}

/// Sends one again that failed or was given up: with a new round of attempts and the same id.
pub(crate) async fn resend(ctx: &Ctx, id: &str) -> Result<()> {
    may(ctx, crate::RESEND)?;
    ctx.tx("comms.resend", |tx| {
        let mut d = store::lock(tx, id)?.ok_or_else(Refusal::not_found)?;
        if !matches!(d.state, State::Failed | State::GivenUp) {
            return Err(Refusal::new("comms-resend-state").status(409).into());
        }
        (d.state, d.attempts, d.round) = (State::Queued, 0, d.round + 1);
        (d.next_at, d.reason, d.detail) = (Some(ctx.now()), None, None);
        store::save(tx, &d, None)?;
        plan(ctx, tx, &d)?;
        ctx.emit(
            tx,
            Fact::new("comms.delivery.resent", id)
                .payload(json!({ "round": d.round }))
                .touch(&crate::DELIVERY, id),
        )?;
        Ok(())
    })
    .await
}

/// Deliveries and hosts belong to the city as a whole: who may, may everywhere.
pub(crate) fn may(ctx: &Ctx, permission: &str) -> Result<()> {
    let resource = Resource {
        kind: "Delivery",
        id: "all".into(),
        ..Resource::default()
    };
    Ok(ctx.may(permission, &resource)?)
}

/// The masked address of a delivery, `None` for the person's own list.
pub(crate) fn shown_address(ctx: &Ctx, tx: &mut Tx<'_>, d: &Delivery) -> Result<Option<String>> {
    if let Some(hook) = d.recipient.strip_prefix("hook:") {
        return Ok(hooks::title(tx, hook)?);
    }
    let Some(sealed) = &d.address else { return Ok(None) };
    let plain = ctx.protect().open(&place(&d.id), sealed)?;
    let first = plain.lines().next().unwrap_or_default();
    Ok(Some(crate::message::model::masked(first)))
}

/// One message of the sink in clear: (id, channel, masked address, text, at).
pub(crate) fn sunk(ctx: &Ctx, r: &kernel::Row) -> Result<Json> {
    let id: String = r.get("id")?;
    let address = ctx.protect().open(&place(&id), &r.get::<Vec<u8>>("address")?)?;
    let text = ctx.protect().open(&sink_place(&id), &r.get::<Vec<u8>>("body")?)?;
    Ok(
        json!({ "id": id, "channel": ctx.t(&format!("comms-channel-{}", r.get::<String>("channel")?), &[]),
        "address": crate::message::model::masked(&address), "text": text, "at": r.get::<i64>("at")? }),
    )
}
