//! What pages of officials share: people as JSON, refusals by field.

use crate::api;
use crate::official::find::Person;
use crate::official::model::{Holding, Post, Proposal, State};
use kernel::{Ctx, Refusal, Result, Tx, Uuid};
use serde_json::{Value as Json, json};

/// The fields of a refusal with their texts.
pub(crate) fn wrong(cx: &Ctx, r: Option<&Refusal>) -> Json {
    let fields = r.into_iter().flat_map(|r| &r.fields);
    let all: serde_json::Map<String, Json> = fields
        .map(|(name, key)| (name.clone(), json!(cx.t(key, &[]))))
        .collect();
    all.into()
}

/// Who did something, by actor id, as colleagues know them.
pub(crate) fn who(cx: &Ctx, tx: &mut Tx<'_>, actor: &str) -> Result<String> {
    let account: Option<Uuid> = actor.strip_prefix("account:").and_then(|a| a.parse().ok());
    let Some(account) = account else {
        return Ok(cx.t("identity-official-program", &[]));
    };
    let Some(subject) = api::subject_of(tx, account)? else {
        return Ok(actor.to_string());
    };
    Ok(api::party(cx, tx, &subject)?.map_or_else(|| actor.to_string(), |p| p.name))
}

pub(crate) fn state(cx: &Ctx, s: State) -> Json {
    let kind = match s {
        State::Active => "good",
        State::Invited => "info",
        State::Suspended => "bad",
        State::Left => "plain",
    };
    json!({ "kind": kind, "name": s.name(), "text": cx.t(&format!("identity-official-state-{}", s.name()), &[]) })
}

pub(crate) fn holding(cx: &Ctx, h: &Holding) -> Json {
    let today = cx.today().to_string();
    json!({ "id": h.id, "post": h.post, "title": cx.locale.pick(&h.title, &h.title_en),
        "organisation": cx.locale.pick(&h.organisation_name, &h.organisation_name_en), "from": h.from, "until": h.until,
        "reason": h.reason, "runs": h.runs(&today), "lasts": h.lasts(&today) })
}

pub(crate) fn proposal(cx: &Ctx, tx: &mut Tx<'_>, q: &Proposal) -> Result<Json> {
    let post = crate::official::held::post(tx, &q.post)?;
    let (title, organisation) = post.map_or((q.post.clone(), String::new()), |p| {
        (
            cx.locale.pick(&p.title, &p.title_en).to_string(),
            cx.locale
                .pick(&p.organisation_name, &p.organisation_name_en)
                .to_string(),
        )
    });
    let decided_by = match q.decided_by.as_str() {
        "" => String::new(),
        actor => who(cx, tx, actor)?,
    };
    Ok(
        json!({ "id": q.id, "account": q.account, "title": title, "organisation": organisation, "from": q.from, "until": q.until,
        "reason": q.reason, "state": q.state, "state_text": cx.t(&format!("identity-proposal-{}", q.state), &[]),
        "kind": match q.state.as_str() { "waiting" => "warn", "approved" => "good", "refused" => "bad", _ => "plain" },
        "by": who(cx, tx, &q.proposed_by)?, "at": q.proposed_at, "decided_by": decided_by, "decided_at": q.decided_at, "answer": q.answer }),
    )
}

/// A row of the list.
pub(crate) fn row(cx: &Ctx, p: &Person) -> Json {
    let today = cx.today().to_string();
    let posts: Vec<Json> = p
        .holdings
        .iter()
        .filter(|h| h.lasts(&today))
        .map(|h| holding(cx, h))
        .collect();
    json!({ "id": p.account, "login": p.login, "name": p.name, "state": state(cx, p.state), "posts": posts, "waiting": p.waiting.len(),
        "joined_on": p.joined_on, "left_on": p.left_on })
}

/// A post as one chooses it.
pub(crate) fn post(cx: &Ctx, p: &Post) -> Json {
    json!({ "id": p.id, "title": cx.locale.pick(&p.title, &p.title_en),
        "organisation": cx.locale.pick(&p.organisation_name, &p.organisation_name_en) })
}

/// Organisations within a scope, as one chooses them: (id, name with its depth).
pub(crate) fn organisations(cx: &Ctx, tx: &mut Tx<'_>, permission: &str) -> Result<Vec<Json>> {
    let scope = cx.scope(permission);
    let all = api::organisations(tx)?;
    let seen = all.iter().filter(|o| {
        let place = crate::official::service::place("Organisation", &o.id, &o.path, &o.area_code);
        scope.holds(&place)
    });
    Ok(seen
        .map(|o| json!({ "id": o.id, "name": cx.locale.pick(&o.name, &o.name_en) }))
        .collect())
}

/// A table program runs what begins like a formula.
pub(crate) fn inert(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.into(),
    }
}

/// A CSV file that table programs open as it is.
pub(crate) fn csv(name: &str, head: &[String], rows: &[Vec<String>]) -> Result<axum::response::Response> {
    let mut out = csv::Writer::from_writer(Vec::from("\u{feff}"));
    let wrong = |e: csv::Error| kernel::Fault::of("a list as CSV", e);
    out.write_record(head).map_err(wrong)?;
    for row in rows {
        out.write_record(row.iter().map(|c| inert(c))).map_err(wrong)?;
    }
    let bytes = out.into_inner().map_err(|e| kernel::Fault::new(e.to_string()))?;
    Ok(kernel::http::attachment(name, "text/csv; charset=utf-8", bytes))
}
