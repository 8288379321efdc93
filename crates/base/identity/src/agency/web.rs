//! Pages of powers: one's firms and family, a firm's people, the officials' page.

use super::model::{Power, VERBS, Wanted};
use super::service::{self, Act, Counter};
use super::{guard, store};
use crate::account::store as accounts;
use crate::api;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

type Fields = BTreeMap<String, String>;

/// What was wrong, for a page: all of it, and by field.
fn wrong(cx: &Ctx, r: Option<&Refusal>) -> Json {
    let fields: BTreeMap<&str, &str> = r
        .into_iter()
        .flat_map(|r| r.fields.iter().map(|(f, t)| (f.as_str(), t.as_str())))
        .collect();
    json!({ "all": r.map(|r| cx.explains(r)), "fields": fields })
}

fn row(cx: &Ctx, tx: &mut Tx<'_>, p: &Power) -> Result<Json> {
    let today = cx.today().to_string();
    let state = p.shown(&today, cx.now()).to_string();
    let name = match (&p.name, p.holder.is_empty()) {
        (Some(sealed), true) => cx
            .protect()
            .open(&format!("identity_power.name:{}", p.id), sealed)?,
        _ => api::party(cx, tx, &p.holder)?.map(|x| x.name).unwrap_or_default(),
    };
    let whom = api::party(cx, tx, &p.principal)?;
    let verbs: Vec<String> = p
        .verbs
        .iter()
        .map(|v| cx.t(&format!("identity-verb-{v}"), &[]))
        .collect();
    Ok(json!({
        "id": p.id, "principal": p.principal, "whom": whom.as_ref().map(|w| w.name.clone()),
        "code": whom.filter(|w| w.kind == "legal").map(|w| w.code), "name": name,
        "role": p.role, "role_text": cx.t(&format!("identity-role-{}", p.role), &[]), "verbs": verbs, "matters": p.matters,
        "from": p.from_on, "until": p.until_on, "state": state, "state_text": cx.t(&format!("identity-power-{state}"), &[]),
        "kind": match state.as_str() { "active" => "good", "invited" | "unconfirmed" | "suspended" => "warn", _ => "plain" },
        "live": p.live(), "reason": p.reason, "basis": cx.t(&format!("identity-basis-{}", p.basis), &[]),
        "chosen": cx.actor.on_behalf.as_deref() == Some(&p.principal), "runs": p.runs(&today),
    }))
}

/// The own powers and invitations of one kind of principal.
async fn own(cx: &Ctx, guardian: bool, typed: &Fields, refused: Option<&Refusal>) -> Result<Response> {
    let person = service::me(cx)?;
    let mut data = cx
        .read("identity.own-powers", |tx| {
            let rows = |tx: &mut Tx<'_>, all: Vec<Power>| -> Result<Vec<Json>> {
                all.iter()
                    .filter(|p| (p.role == "guardian") == guardian)
                    .map(|p| row(cx, tx, p))
                    .collect()
            };
            let mine = store::of_holder(tx, &person)?;
            let mine = rows(tx, mine)?;
            let number = api::party(cx, tx, &person)?.map(|p| p.code).unwrap_or_default();
            let waiting = store::invitations(tx, &cx.protect().index("code", &number), cx.now())?;
            let waiting = rows(tx, waiting)?;
            let mut over_me = store::of_principal(tx, &person, 100)?;
            over_me.retain(Power::live);
            let over_me = rows(tx, over_me)?;
            Ok(json!({ "mine": mine, "invitations": waiting, "over_me": over_me, "level": api::level(cx, tx, &person)? }))
        })
        .await?;
    data["typed"] = json!(typed);
    data["wrong"] = wrong(cx, refused);
    data["acting"] = json!(cx.actor.mandate.as_ref().map(|m| m.name.clone()));
    let template = match guardian {
        true => "identity/agency/family.html",
        false => "identity/agency/firms.html",
    };
    cx.page_with(refused.map_or(StatusCode::OK, status), template, data)
}

pub(crate) async fn firms(cx: Ctx) -> Result<Response> {
    own(&cx, false, &Fields::new(), None).await
}

pub(crate) async fn family(cx: Ctx) -> Result<Response> {
    own(&cx, true, &Fields::new(), None).await
}

fn text<'f>(f: &'f Fields, name: &str) -> &'f str {
    f.get(name).map_or("", String::as_str)
}

pub(crate) async fn establish(cx: Ctx, Form(f): Form<Fields>) -> Result<Response> {
    match service::establish(&cx, text(&f, "code")).await {
        Ok(firm) => Ok(see(&format!("/me/firms/{firm}"))),
        Err(Problem::Refusal(r)) if cx.html => own(&cx, false, &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) async fn claim(cx: Ctx, Form(f): Form<Fields>) -> Result<Response> {
    match guard::claim(&cx, text(&f, "number"), text(&f, "name")).await {
        Ok(_) => Ok(see("/me/family")),
        Err(Problem::Refusal(r)) if cx.html => own(&cx, true, &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    answer: String,
}

pub(crate) async fn answer(cx: Ctx, Path(id): Path<String>, Form(f): Form<Answer>) -> Result<Response> {
    service::answer(&cx, &id, f.answer == "yes").await?;
    Ok(see("/me/firms"))
}

/// The firm's people, for everybody who has a power for it; what may be done depends on the own one.
async fn show(cx: &Ctx, firm: &str, typed: &Fields, refused: Option<&Refusal>) -> Result<Response> {
    let person = service::me(cx)?;
    let today = cx.today().to_string();
    let mut data = cx
        .read("identity.firm", |tx| {
            let mine = store::in_force(tx, &person, firm, &today)?;
            let mine = mine
                .filter(|p| p.role != "guardian")
                .ok_or_else(Refusal::not_found)?;
            let heads = matches!(mine.role.as_str(), "representative" | "manager");
            let party = api::party(cx, tx, firm)?.ok_or_else(Refusal::not_found)?;
            let mut people = Vec::new();
            for p in store::of_principal(tx, firm, 200)? {
                if heads || p.holder == person {
                    let mut r = row(cx, tx, &p)?;
                    r["ruled"] = json!(heads && mine.appoints(&p.role) && p.live() && mine.state == "active");
                    r["own"] = json!(p.holder == person);
                    people.push(r);
                }
            }
            let mut history = Vec::new();
            if heads {
                for (kind, at, actor, role) in store::history(tx, firm)? {
                    let what = kind.rsplit('.').next().unwrap_or_default();
                    let subject = actor.strip_prefix("account:").and_then(|a| a.parse().ok());
                    let subject = match subject {
                        Some(account) => api::subject_of(tx, account)?,
                        None => None,
                    };
                    let who = match subject {
                        Some(s) => api::party(cx, tx, &s)?.map(|p| p.masked_name()),
                        None => None,
                    };
                    history.push(json!({ "what": cx.t(&format!("identity-power-did-{what}"), &[]), "at": at, "who": who,
                        "role": cx.t(&format!("identity-role-{role}"), &[]) }));
                }
            }
            Ok(json!({ "firm": { "id": firm, "name": party.name, "code": party.code }, "people": people, "history": history,
                "mine": row(cx, tx, &mine)?, "gives": heads && mine.state == "active", "manages": mine.role == "representative" }))
        })
        .await?;
    data["verbs"] = verbs(cx, typed);
    data["typed"] = json!(typed);
    data["wrong"] = wrong(cx, refused);
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "identity/agency/firm.html",
        data,
    )
}

fn verbs(cx: &Ctx, typed: &Fields) -> Json {
    let all = VERBS.iter().map(|v| {
        json!({ "id": v, "text": cx.t(&format!("identity-verb-{v}"), &[]), "chosen": typed.contains_key(&format!("verb-{v}")) })
    });
    all.collect::<Vec<_>>().into()
}

pub(crate) async fn firm(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    show(&cx, &id, &Fields::new(), None).await
}

/// Scope and term as the form sends them: a ticked box a verb, none is everything; matters by their ids.
fn wanted(f: &Fields) -> Wanted {
    let named = text(f, "matters").replace(['，', ',', '、', ';', '；'], " ");
    let plain = |m: &&str| m.len() <= 80 && m.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    Wanted {
        role: text(f, "role").into(),
        verbs: f
            .keys()
            .filter_map(|k| k.strip_prefix("verb-"))
            .map(String::from)
            .collect(),
        matters: named
            .split_whitespace()
            .filter(plain)
            .take(50)
            .map(String::from)
            .collect(),
        until: text(f, "until").into(),
    }
}

pub(crate) async fn invite(cx: Ctx, Path(id): Path<String>, Form(f): Form<Fields>) -> Result<Response> {
    match service::invite(&cx, &id, text(&f, "number"), text(&f, "name"), &wanted(&f)).await {
        Ok(()) => Ok(see(&format!("/me/firms/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => show(&cx, &id, &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) async fn change(
    cx: Ctx,
    Path((firm, power)): Path<(String, String)>,
    Form(f): Form<Fields>,
) -> Result<Response> {
    match service::change(&cx, &power, &wanted(&f)).await {
        Ok(()) => Ok(see(&format!("/me/firms/{firm}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => show(&cx, &firm, &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

#[derive(Deserialize)]
pub(crate) struct Doing {
    act: String,
}

pub(crate) async fn act(
    cx: Ctx,
    Path((firm, power)): Path<(String, String)>,
    Form(f): Form<Doing>,
) -> Result<Response> {
    let act = match f.act.as_str() {
        "suspend" => Act::Suspend,
        "resume" => Act::Resume,
        "confirm" => Act::Confirm,
        "resign" => Act::Resign,
        "end" => Act::End,
        _ => return Err(Refusal::not_found().into()),
    };
    service::act(&cx, &power, act).await?;
    Ok(see(&match act {
        Act::Resign => "/me/firms".to_string(),
        _ => format!("/me/firms/{firm}"),
    }))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Search {
    q: String,
    done: String,
}

fn counter_of(f: &Fields) -> Counter {
    let t = |name: &str| text(f, name).to_string();
    Counter {
        code: t("code"),
        name: t("name"),
        number: t("number"),
        person: t("person"),
        document: t("document"),
        reason: t("reason"),
        until: t("until"),
    }
}

/// The officials' page: a firm by its code, its powers; forms to establish and to end.
async fn office(cx: &Ctx, q: &Search, typed: &Fields, refused: Option<&Refusal>) -> Result<Response> {
    let code = q.q.trim().to_uppercase();
    let found = cx
        .tx("identity.agencies", |tx| {
            let subject = match code.is_empty() {
                true => None,
                false => accounts::subject_by_index(tx, &cx.protect().index("code", &code))?,
            };
            let firm = match &subject {
                Some(s) => api::party(cx, tx, s)?.filter(|p| p.kind == "legal"),
                None => None,
            };
            let Some(firm) = firm else { return Ok(Json::Null) };
            let mut people = Vec::new();
            let powers = store::of_principal(tx, &firm.id, 200)?;
            let subjects: Vec<String> = powers
                .iter()
                .map(|p| p.holder.clone())
                .filter(|h| !h.is_empty())
                .collect();
            cx.accessed(tx, &subjects, &["name"], &cx.t("identity-power-counter", &[]))?;
            for p in &powers {
                let mut r = row(cx, tx, p)?;
                r["name"] = json!(api::mask_name(r["name"].as_str().unwrap_or_default()));
                people.push(r);
            }
            Ok(json!({ "name": firm.name, "code": firm.code, "people": people }))
        })
        .await?;
    let data = json!({ "q": q.q, "done": !q.done.is_empty(), "found": found, "typed": typed, "wrong": wrong(cx, refused),
        "guards": cx.holds(crate::GUARDIANSHIP), "establishes": cx.holds(crate::ESTABLISH) });
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "identity/agency/office.html",
        data,
    )
}

pub(crate) async fn agencies(cx: Ctx, Query(q): Query<Search>) -> Result<Response> {
    office(&cx, &q, &Fields::new(), None).await
}

async fn after(cx: &Ctx, f: &Fields, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(see("/work/agencies?done=1")),
        Err(Problem::Refusal(r)) if cx.html && matches!(r.status, 409 | 422) => {
            office(cx, &Search::default(), f, Some(&r)).await
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn establish_at_counter(cx: Ctx, Form(f): Form<Fields>) -> Result<Response> {
    let done = service::establish_at_counter(&cx, &counter_of(&f)).await;
    after(&cx, &f, done.map(drop)).await
}

pub(crate) async fn confirm_guardian(cx: Ctx, Form(f): Form<Fields>) -> Result<Response> {
    let done = guard::confirm(&cx, &counter_of(&f)).await;
    after(&cx, &f, done).await
}

pub(crate) async fn end_by_official(
    cx: Ctx,
    Path(id): Path<String>,
    Form(f): Form<Fields>,
) -> Result<Response> {
    let done = service::end_by_official(&cx, &id, text(&f, "reason")).await;
    after(&cx, &f, done.map(drop)).await
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let power = |role: &str, state: &str| {
        json!({ "id": "p", "principal": "f", "whom": "演示公司", "code": "91320899MA8YW00152", "name": "演示经办人", "role": role,
            "role_text": "经办人", "verbs": ["申请办事"], "matters": ["occupy-road"], "from": "2026-01-01", "until": "2027-01-01",
            "state": state, "state_text": "有效", "kind": "good", "live": true, "reason": "", "basis": "法定代表人授予",
            "chosen": true, "runs": true, "ruled": true, "own": false })
    };
    let none = json!({ "all": null, "fields": {} });
    let bad = json!({ "all": "不能办理", "fields": { "code": "校验码不对", "number": "不对", "name": "不对", "document": "请填写" } });
    let own = |mine: Json, wrong: &Json, level: i64| json!({ "mine": mine, "invitations": mine, "over_me": mine, "level": level, "typed": {}, "wrong": wrong, "acting": null });
    let firm = |people: Json, gives: bool, wrong: &Json| {
        json!({ "firm": { "id": "f", "name": "演示公司", "code": "91320899MA8YW00152" }, "people": people,
            "history": if gives { json!([{ "what": "法人开通", "at": 1_795_000_000_000i64, "who": "演**", "role": "法定代表人" }]) } else { json!([]) },
            "mine": power("agent", "active"), "gives": gives, "manages": gives,
            "verbs": [{ "id": "apply", "text": "申请办事", "chosen": true }], "typed": {}, "wrong": wrong })
    };
    let office = |found: Json, wrong: &Json, q: &str| json!({ "q": q, "done": false, "found": found, "typed": {}, "wrong": wrong, "guards": true, "establishes": true });
    let some = json!([
        power("agent", "active"),
        power("manager", "suspended"),
        power("agent", "unconfirmed")
    ]);
    vec![
        sample("identity/agency/firms.html", "none", own(json!([]), &none, 1)),
        sample("identity/agency/firms.html", "some", own(some.clone(), &bad, 2)),
        sample("identity/agency/family.html", "none", own(json!([]), &none, 1)),
        sample("identity/agency/family.html", "some", own(some.clone(), &bad, 2)),
        sample(
            "identity/agency/firm.html",
            "agent",
            firm(json!([]), false, &none),
        ),
        sample(
            "identity/agency/firm.html",
            "representative",
            firm(some.clone(), true, &bad),
        ),
        sample(
            "identity/agency/office.html",
            "fresh",
            office(Json::Null, &none, ""),
        ),
        sample(
            "identity/agency/office.html",
            "nothing found",
            office(Json::Null, &bad, "x"),
        ),
        sample(
            "identity/agency/office.html",
            "found",
            office(
                json!({ "name": "演示公司", "code": "9", "people": some }),
                &none,
                "9",
            ),
        ),
    ]
}
