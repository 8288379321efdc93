//! The workbench pages of keys.

use super::grant::{self, Wish};
use super::model::{Key, OFFICE, Operation, State, Version};
use super::service::{self, Change, New};
use super::store;
use crate::algorithm::PURPOSES;
use crate::run::model::{ACTIONS, Action, read};
use crate::run::{service as run, web as api};
use crate::usage::{service as log, store as usage_store, web as usage};
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as B64;
use kernel::http::{see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const PAGE: u32 = 50;
/// Days of the chart.
const CHART: i64 = 30;
const DAY: i64 = 86_400_000;

type Alias = Path<(String, String)>;

fn alias_of(Path((organisation, name)): Alias) -> String {
    format!("{organisation}/{name}")
}

/// An actor as people read it: a system by its name, an official by their post.
pub(crate) fn who(cx: &Ctx, tx: &mut Tx<'_>, actor: &str) -> Result<String> {
    if let Some(id) = actor.strip_prefix("client:") {
        return Ok(openid::api::system(tx, id)?.map_or_else(|| actor.to_string(), |s| s.name));
    }
    Ok(identity::api::post_title(cx, tx, actor)?.unwrap_or_else(|| actor.to_string()))
}

fn word(cx: &Ctx, kind: &str, name: &str) -> String {
    cx.t(&format!("cipher-{kind}-{name}"), &[])
}

fn state_kind(state: State) -> &'static str {
    match state {
        State::Active => "good",
        State::Disabled | State::Scheduled => "warn",
        State::Destroyed => "bad",
    }
}

fn shown(cx: &Ctx, k: &Key) -> Json {
    json!({ "alias": k.alias, "title": k.title, "purpose": word(cx, "purpose", k.purpose.name()),
        "algorithm": word(cx, "algorithm", k.algorithm.name()), "state": k.state.name(), "state_text": word(cx, "state", k.state.name()),
        "state_kind": state_kind(k.state), "newest": k.newest, "least": k.least, "rotate_days": k.rotate_days,
        "rotated_at": k.rotated_at, "bound": k.bound, "destroy_at": k.destroy_at, "version": k.version, "created_at": k.created_at })
}

/// Lays what every page of the service says over a page's own data.
fn page(cx: &Ctx, code: StatusCode, template: &str, mut data: Json) -> Result<Response> {
    data["module"] = json!(crate::certified(cx));
    cx.page_with(code, template, data)
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    after: String,
}

pub(crate) async fn list(cx: Ctx, Query(asked): Query<Asked>) -> Result<Response> {
    let scope = cx.scope(crate::READ);
    let (q, after) = (asked.q.replace('\0', ""), asked.after.replace('\0', ""));
    let mut found = cx
        .read("cipher.keys", |tx| {
            Ok(store::list(tx, &scope, q.trim(), &after, PAGE + 1)?)
        })
        .await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let next = found.last().filter(|_| more).map(|k| k.alias.clone());
    let items: Vec<Json> = found.iter().map(|k| shown(&cx, k)).collect();
    let data = json!({ "items": items, "q": asked.q, "next": next, "manages": cx.holds(crate::MANAGE), "logs": cx.holds(crate::LOG), "tries": cx.holds(crate::USE) });
    page(&cx, StatusCode::OK, "cipher/key/list.html", data)
}

/// A new key as its form sends it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    organisation: String,
    name: String,
    title: String,
    /// `sign:sm2`: purpose and algorithm are one choice.
    kind: String,
    rotate_days: String,
    bound: String,
}

/// A number as typed; empty is 0, what is none is refused by -1.
fn number(text: &str) -> i64 {
    match text.trim() {
        "" => 0,
        t => t.parse().unwrap_or(-1),
    }
}

async fn form(cx: &Ctx, t: &Typed, refused: Option<&Refusal>) -> Result<Response> {
    let organisations = cx
        .read("cipher.organisations", |tx| Ok(identity::api::organisations(tx)?))
        .await?;
    let mine = organisations.iter().filter(|o| {
        let resource = kernel::Resource {
            kind: "CipherKey",
            org_paths: vec![o.path.clone()],
            area_code: o.area_code.clone(),
            ..kernel::Resource::default()
        };
        cx.may(crate::MANAGE, &resource).is_ok()
    });
    let mine: Vec<Json> = mine
        .map(|o| json!({ "id": o.id, "name": cx.locale.pick(&o.name, &o.name_en) }))
        .collect();
    let kinds: Vec<Json> = PURPOSES
        .iter()
        .map(|p| {
            let all = p.algorithms().iter().map(|a| {
                json!({ "id": format!("{}:{}", p.name(), a.name()), "label": word(cx, "algorithm", a.name()) })
            });
            json!({ "label": word(cx, "purpose", p.name()), "algorithms": all.collect::<Vec<_>>() })
        })
        .collect();
    let wrong = wrong(refused);
    let data = json!({ "organisations": mine, "kinds": kinds, "wrong": wrong, "error": refused.map(|r| cx.says(r)),
        "key": { "organisation": t.organisation, "name": t.name, "title": t.title, "kind": t.kind, "rotate_days": t.rotate_days,
            "bound": !t.bound.is_empty() } });
    let code = refused.map_or(StatusCode::OK, status);
    page(cx, code, "cipher/key/form.html", data)
}

fn wrong(refused: Option<&Refusal>) -> Json {
    let fields: serde_json::Map<String, Json> = refused
        .iter()
        .flat_map(|r| &r.fields)
        .map(|(f, m)| (f.clone(), json!(m)))
        .collect();
    fields.into()
}

pub(crate) async fn new(cx: Ctx) -> Result<Response> {
    let fresh = Typed {
        kind: "sign:sm2".into(),
        ..Typed::default()
    };
    form(&cx, &fresh, None).await
}

pub(crate) async fn create(cx: Ctx, Form(t): Form<Typed>) -> Result<Response> {
    let (purpose, algorithm) = t.kind.split_once(':').unwrap_or_default();
    let new = New {
        organisation: t.organisation.clone(),
        name: t.name.trim().into(),
        title: t.title.clone(),
        purpose: purpose.into(),
        algorithm: algorithm.into(),
        rotate_days: number(&t.rotate_days),
        bound: !t.bound.is_empty(),
    };
    match service::create(&cx, &new).await {
        Ok(key) => Ok(see(&format!("/work/keys/{}", key.alias))),
        Err(Problem::Refusal(r)) if !r.fields.is_empty() => form(&cx, &t, Some(&r)).await,
        Err(e) => Err(e),
    }
}

/// A key that the reader may see.
fn seen(cx: &Ctx, tx: &mut Tx<'_>, alias: &str) -> Result<Key> {
    let key = store::by_alias(tx, alias)?.ok_or_else(Refusal::not_found)?;
    // Whose keys an organisation has is nobody else's business.
    cx.may(crate::READ, &key.resource())
        .map_err(|_| Refusal::not_found())?;
    Ok(key)
}

/// What the page of a key is made of.
struct Seen {
    key: Key,
    organisation: String,
    versions: Vec<Version>,
    grants: Vec<Json>,
    days: Vec<(i64, i64, i64)>,
    uses: Vec<Json>,
}

fn granted(cx: &Ctx, tx: &mut Tx<'_>, key: &Key) -> Result<Vec<Json>> {
    let mut out = Vec::new();
    for g in store::grants(tx, &key.id)? {
        let name = match g.holder.as_str() {
            OFFICE => cx.t("cipher-holder-office", &[]),
            holder => who(cx, tx, holder)?,
        };
        let operations: Vec<Json> = Operation::of_purpose(key.purpose)
            .iter()
            .map(|o| {
                json!({ "id": o.name(), "label": word(cx, "operation", o.name()), "on": g.operations.contains(o) })
            })
            .collect();
        out.push(
            json!({ "holder": g.holder, "name": name, "operations": operations, "per_minute": g.per_minute, "per_day": g.per_day }),
        );
    }
    Ok(out)
}

/// Milliseconds by which the city's days differ from those of UTC now.
fn shift(cx: &Ctx) -> i64 {
    let now = jiff::Timestamp::from_millisecond(cx.now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    i64::from(usage::zone(cx).to_offset(now).seconds()) * 1000
}

/// Columns of the last days, drawn by the server: x, heights and what is told.
fn chart(cx: &Ctx, days: &[(i64, i64, i64)]) -> Json {
    let today = (cx.now() + shift(cx)).div_euclid(DAY);
    let most = days.iter().map(|d| d.1).max().unwrap_or(0).max(1);
    let columns: Vec<Json> = (0..CHART)
        .map(|i| {
            let day = today - CHART + 1 + i;
            let (n, bad) = days.iter().find(|d| d.0 == day).map_or((0, 0), |d| (d.1, d.2));
            let high = |n: i64| (n * 100 + most - 1) / most;
            let date = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day));
            json!({ "x": i * 20 + 2, "height": high(n), "y": 110 - high(n), "bad": high(bad), "bad_y": 110 - high(bad),
                "title": cx.t("cipher-chart-day", &[("day", &date.to_string()), ("n", &n.to_string()), ("bad", &bad.to_string())]) })
        })
        .collect();
    let total: i64 = days.iter().map(|d| d.1).sum();
    json!({ "columns": columns, "most": most, "total": total })
}

pub(crate) async fn show(cx: Ctx, path: Alias) -> Result<Response> {
    let alias = alias_of(path);
    let logs = cx.holds(crate::LOG);
    let from = ((cx.now() + shift(&cx)).div_euclid(DAY) - CHART + 1) * DAY - shift(&cx);
    let scope = cx.scope(crate::LOG);
    let s = cx
        .read("cipher.show", |tx| {
            let key = seen(&cx, tx, &alias)?;
            let find = usage_store::Find {
                alias: alias.clone(),
                until: i64::MAX,
                ..Default::default()
            };
            let mut uses = Vec::new();
            if logs {
                for u in usage_store::list(tx, &scope, false, &find, 10)? {
                    let name = who(&cx, tx, &u.actor)?;
                    uses.push(usage::shown(&cx, &u, &name));
                }
            }
            Ok(Seen {
                organisation: identity::api::organisation_name(&cx, tx, &key.organisation)?,
                versions: store::versions(tx, &key.id, 1)?,
                grants: granted(&cx, tx, &key)?,
                days: usage_store::by_day(tx, &key.id, from, shift(&cx))?,
                uses,
                key,
            })
        })
        .await?;
    let versions: Vec<Json> = s
        .versions
        .iter()
        .take(20)
        .map(|v| {
            let state = match v.number {
                _ if v.sealed.is_none() => "destroyed",
                n if n == s.key.newest => "newest",
                n if n < s.key.least => "old",
                _ => "kept",
            };
            json!({ "number": v.number, "state": word(&cx, "version", state), "used": v.used, "created_at": v.created_at, "public": v.public })
        })
        .collect();
    let manages = cx.may(crate::MANAGE, &s.key.resource()).is_ok();
    let uses = cx.may(crate::USE, &s.key.resource()).is_ok();
    let data = json!({ "key": shown(&cx, &s.key), "organisation": s.organisation, "versions": versions, "grants": s.grants,
        "older_versions": s.versions.len() > 20, "chart": chart(&cx, &s.days), "uses": s.uses, "logs": logs, "manages": manages,
        "tries": uses && s.key.state == State::Active });
    page(&cx, StatusCode::OK, "cipher/key/show.html", data)
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Edited {
    version: i64,
    title: String,
    rotate_days: String,
    least: String,
    bound: String,
}

async fn managed(cx: &Ctx, alias: &str) -> Result<Key> {
    cx.read("cipher.managed", |tx| service::managed(cx, tx, alias))
        .await
}

fn edit_page(cx: &Ctx, key: &Key, e: &Edited, refused: Option<&Refusal>) -> Result<Response> {
    let data = json!({ "key": shown(cx, key), "wrong": wrong(refused), "error": refused.map(|r| cx.says(r)),
        "binds": matches!(key.purpose.name(), "encrypt" | "envelope"),
        "form": { "version": e.version, "title": e.title, "rotate_days": e.rotate_days, "least": e.least, "bound": !e.bound.is_empty() } });
    let code = refused.map_or(StatusCode::OK, status);
    page(cx, code, "cipher/key/edit.html", data)
}

pub(crate) async fn edit(cx: Ctx, path: Alias) -> Result<Response> {
    let key = managed(&cx, &alias_of(path)).await?;
    let typed = Edited {
        version: key.version,
        title: key.title.clone(),
        rotate_days: if key.rotate_days == 0 {
            String::new()
        } else {
            key.rotate_days.to_string()
        },
        least: key.least.to_string(),
        bound: if key.bound { "1".into() } else { String::new() },
    };
    edit_page(&cx, &key, &typed, None)
}

pub(crate) async fn change(cx: Ctx, path: Alias, Form(e): Form<Edited>) -> Result<Response> {
    let alias = alias_of(path);
    let change = Change {
        version: e.version,
        title: e.title.clone(),
        rotate_days: number(&e.rotate_days),
        least: number(&e.least),
        bound: !e.bound.is_empty(),
    };
    match service::change(&cx, &alias, &change).await {
        Ok(()) => Ok(see(&format!("/work/keys/{alias}"))),
        Err(Problem::Refusal(r)) if !r.fields.is_empty() || r.status == 412 => {
            let key = managed(&cx, &alias).await?;
            // Who saves once more has seen what stands now.
            let again = Edited {
                version: if r.status == 412 { key.version } else { e.version },
                ..e
            };
            edit_page(&cx, &key, &again, Some(&r))
        }
        Err(e) => Err(e),
    }
}

fn back(alias: &str) -> Response {
    see(&format!("/work/keys/{alias}"))
}

pub(crate) async fn rotate(cx: Ctx, path: Alias) -> Result<Response> {
    let alias = alias_of(path);
    service::rotate(&cx, &alias).await?;
    Ok(back(&alias))
}

pub(crate) async fn disable(cx: Ctx, path: Alias) -> Result<Response> {
    let alias = alias_of(path);
    service::disable(&cx, &alias).await?;
    Ok(back(&alias))
}

pub(crate) async fn enable(cx: Ctx, path: Alias) -> Result<Response> {
    let alias = alias_of(path);
    service::enable(&cx, &alias).await?;
    Ok(back(&alias))
}

pub(crate) async fn cancel(cx: Ctx, path: Alias) -> Result<Response> {
    let alias = alias_of(path);
    service::cancel(&cx, &alias).await?;
    Ok(back(&alias))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Destroying {
    days: String,
    typed: String,
}

fn destruction_page(cx: &Ctx, key: &Key, d: &Destroying, refused: Option<&Refusal>) -> Result<Response> {
    let data = json!({ "key": shown(cx, key), "wrong": wrong(refused), "days": d.days, "typed": d.typed });
    let code = refused.map_or(StatusCode::OK, status);
    page(cx, code, "cipher/key/destruction.html", data)
}

pub(crate) async fn destruction(cx: Ctx, path: Alias) -> Result<Response> {
    let key = managed(&cx, &alias_of(path)).await?;
    let fresh = Destroying {
        days: "30".into(),
        typed: String::new(),
    };
    destruction_page(&cx, &key, &fresh, None)
}

pub(crate) async fn destroy(cx: Ctx, path: Alias, Form(d): Form<Destroying>) -> Result<Response> {
    let alias = alias_of(path);
    match service::schedule(&cx, &alias, number(&d.days), &d.typed).await {
        Ok(()) => Ok(back(&alias)),
        Err(Problem::Refusal(r)) if !r.fields.is_empty() => {
            let key = managed(&cx, &alias).await?;
            destruction_page(&cx, &key, &d, Some(&r))
        }
        Err(e) => Err(e),
    }
}

async fn policy_page(cx: &Ctx, alias: &str, wish: &Wish, refused: Option<&Refusal>) -> Result<Response> {
    let (key, grants, holders) = cx
        .read("cipher.policy", |tx| {
            let key = service::managed(cx, tx, alias)?;
            let grants = granted(cx, tx, &key)?;
            let systems = openid::api::systems(tx, crate::SCOPE)?;
            let mut holders = vec![json!({ "id": OFFICE, "name": cx.t("cipher-holder-office", &[]) })];
            holders.extend(
                systems
                    .iter()
                    .map(|s| json!({ "id": format!("client:{}", s.id), "name": format!("{} · {}", s.name, s.operator) })),
            );
            Ok((key, grants, holders))
        })
        .await?;
    let operations: Vec<Json> = Operation::of_purpose(key.purpose)
        .iter()
        .map(|o| {
            let on = wish.operations.iter().any(|w| w == o.name());
            json!({ "id": o.name(), "label": word(cx, "operation", o.name()), "on": on })
        })
        .collect();
    let data = json!({ "key": shown(cx, &key), "grants": grants, "holders": holders, "operations": operations,
        "error": refused.map(|r| cx.says(r)),
        "wish": { "holder": wish.holder, "per_minute": wish.per_minute.max(0), "per_day": wish.per_day.max(0) } });
    let code = refused.map_or(StatusCode::OK, status);
    page(cx, code, "cipher/key/policy.html", data)
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Holder {
    holder: String,
}

pub(crate) async fn policy(cx: Ctx, path: Alias, Query(h): Query<Holder>) -> Result<Response> {
    let alias = alias_of(path);
    let stands = cx
        .read("cipher.grant", |tx| {
            let key = service::managed(&cx, tx, &alias)?;
            Ok(store::grant(tx, &key.id, &h.holder.replace('\0', ""))?)
        })
        .await?;
    let wish = stands.map_or_else(Wish::default, |g| Wish {
        holder: g.holder,
        operations: g.operations.iter().map(|o| o.name().to_string()).collect(),
        per_minute: g.per_minute,
        per_day: g.per_day,
    });
    policy_page(&cx, &alias, &wish, None).await
}

/// A form with several boxes of one name.
pub(crate) async fn grant(
    cx: Ctx,
    path: Alias,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let alias = alias_of(path);
    let one = |name: &str| {
        let found = fields.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.clone()).unwrap_or_default()
    };
    let boxes = fields.iter().filter(|(n, _)| n == "operation");
    let wish = Wish {
        holder: one("holder").replace('\0', ""),
        operations: boxes.map(|(_, v)| v.clone()).collect(),
        per_minute: number(&one("per_minute")),
        per_day: number(&one("per_day")),
    };
    match grant::put(&cx, &alias, &wish).await {
        Ok(()) => Ok(see(&format!("/work/keys/{alias}/policy"))),
        Err(Problem::Refusal(r)) if r.status == 422 => policy_page(&cx, &alias, &wish, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) async fn ungrant(cx: Ctx, path: Alias, Form(h): Form<Holder>) -> Result<Response> {
    let alias = alias_of(path);
    grant::remove(&cx, &alias, &h.holder.replace('\0', "")).await?;
    Ok(see(&format!("/work/keys/{alias}/policy")))
}

/// What somebody tries on a key.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tried {
    action: String,
    /// Plain text to sign, encrypt or authenticate; a ciphertext, envelope or wrapped key to open.
    text: String,
    /// Signature or MAC in base64.
    proof: String,
    context: String,
}

/// Actions of a purpose that a page can try.
fn trials(key: &Key) -> Vec<Action> {
    ACTIONS
        .into_iter()
        .filter(|a| a.purpose() == key.purpose)
        .collect()
}

fn body(action: Action, t: &Tried) -> Json {
    let (plain, text, proof) = (B64.encode(t.text.trim_end()), t.text.trim(), t.proof.trim());
    match action {
        Action::Sign | Action::Mac => json!({ "message": plain }),
        Action::Verify => json!({ "message": plain, "signature": proof }),
        Action::MacVerification => json!({ "message": plain, "mac": proof }),
        Action::Encrypt | Action::Envelope => json!({ "plaintext": plain, "context": t.context }),
        Action::Decrypt | Action::Reencrypt => json!({ "ciphertext": text, "context": t.context }),
        Action::EnvelopeOpening => json!({ "envelope": text, "context": t.context }),
        Action::DataKey => json!({ "context": t.context }),
        Action::DataKeyOpening => json!({ "wrapped": text, "context": t.context }),
    }
}

fn trial_page(
    cx: &Ctx,
    key: &Key,
    t: &Tried,
    code: StatusCode,
    result: Json,
    error: Option<String>,
) -> Result<Response> {
    let actions: Vec<Json> = trials(key)
        .iter()
        .map(|a| json!({ "id": a.name(), "label": word(cx, "action", a.name()) }))
        .collect();
    let data = json!({ "key": shown(cx, key), "actions": actions, "result": result, "error": error,
        "proves": matches!(key.purpose.name(), "sign" | "mac"),
        "tried": { "action": t.action, "text": t.text, "proof": t.proof, "context": t.context } });
    page(cx, code, "cipher/key/trial.html", data)
}

async fn to_try(cx: &Ctx, alias: &str) -> Result<Key> {
    cx.read("cipher.trial", |tx| {
        let key = seen(cx, tx, alias)?;
        cx.may(crate::USE, &key.resource())?;
        Ok(key)
    })
    .await
}

pub(crate) async fn trial(cx: Ctx, path: Alias) -> Result<Response> {
    let key = to_try(&cx, &alias_of(path)).await?;
    trial_page(&cx, &key, &Tried::default(), StatusCode::OK, Json::Null, None)
}

pub(crate) async fn attempt(cx: Ctx, path: Alias, Form(t): Form<Tried>) -> Result<Response> {
    let key = to_try(&cx, &alias_of(path)).await?;
    let action = trials(&key).into_iter().find(|a| a.name() == t.action);
    let action = action.ok_or_else(Refusal::not_found)?;
    let asked = read(action, body(action, &t).to_string().as_bytes());
    match run::run(&cx, &key.alias, action, asked).await {
        Ok(answer) => {
            let mut told = api::told(&cx, &answer);
            // What was text is shown as text.
            let plain = told["plaintext"].as_str().and_then(|p| B64.decode(p).ok());
            if let Some(text) = plain.and_then(|p| String::from_utf8(p).ok()) {
                told["text"] = json!(text);
            }
            let lines: Vec<Json> = told
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(n, _)| *n != "key")
                .map(|(n, v)| {
                    let value = v.as_str().map_or_else(|| v.to_string(), String::from);
                    json!({ "name": word(&cx, "field", n), "value": value })
                })
                .collect();
            trial_page(&cx, &key, &t, StatusCode::OK, json!(lines), None)
        }
        Err(Problem::Refusal(r)) => {
            let said = cx.explains(&r);
            trial_page(&cx, &key, &t, status(&r), Json::Null, Some(said))
        }
        Err(e) => Err(e),
    }
}

/// A text to hash, as the page sends it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Hashed {
    algorithm: String,
    text: String,
}

fn hash_page(cx: &Ctx, h: &Hashed, digest: Option<String>) -> Result<Response> {
    let data =
        json!({ "algorithms": api::HASHES, "algorithm": h.algorithm, "text": h.text, "digest": digest });
    page(cx, StatusCode::OK, "cipher/key/hash.html", data)
}

pub(crate) async fn hash(cx: Ctx) -> Result<Response> {
    hash_page(&cx, &Hashed::default(), None)
}

pub(crate) async fn hash_now(cx: Ctx, Form(h): Form<Hashed>) -> Result<Response> {
    let algorithm = api::hash_of(&h.algorithm).ok_or_else(|| Refusal::new("cipher-hash-unknown"))?;
    let text = h.text.trim_end();
    let mut used = log::begin(&cx, "", "hash");
    (used.items, used.size) = (1, text.len() as i64);
    log::done(&cx, used).await?;
    hash_page(&cx, &h, Some(hex::encode(algorithm.digest(text.as_bytes()))))
}

pub(crate) fn samples() -> Vec<Sample> {
    super::samples::all()
}
