//! The list of officials, and as CSV.

use super::view;
use crate::official::find::{Filter, Person};
use crate::official::model::State;
use crate::official::service;
use crate::{APPROVE, MANAGE, OFFICIALS};
use axum::extract::Query;
use axum::response::Response;
use kernel::http::percent;
use kernel::module::Sample;
use kernel::{Ctx, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const PAGE: u32 = 30;
/// Rows of an export.
const EXPORT: u32 = 20_000;
const LIST: &str = "identity/official/list.html";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Find {
    q: String,
    organisation: String,
    state: String,
    page: u32,
}

impl Find {
    fn filter(&self) -> Filter {
        Filter {
            text: self.q.trim().chars().take(60).collect(),
            organisation: self.organisation.clone(),
            state: State::of(&self.state),
            source: String::new(),
        }
    }
    /// The same without the page.
    fn query(&self) -> String {
        let part = |t: &str| percent(t).replace('/', "%2F");
        format!(
            "q={}&organisation={}&state={}",
            part(&self.q),
            part(&self.organisation),
            part(&self.state)
        )
    }
}

fn states(cx: &Ctx) -> Vec<Json> {
    State::ALL.map(|s| view::state(cx, s)).to_vec()
}

pub(crate) async fn page(cx: Ctx, Query(f): Query<Find>) -> Result<Response> {
    let (items, total, organisations) = cx
        .read("identity.officials", |tx| {
            let page = (f.page.saturating_mul(PAGE), PAGE);
            let (people, total) = service::list(&cx, tx, &f.filter(), page)?;
            let items: Vec<Json> = people.iter().map(|p| view::row(&cx, p)).collect();
            Ok((items, total, view::organisations(&cx, tx, OFFICIALS)?))
        })
        .await?;
    let more = u64::from(f.page + 1) * u64::from(PAGE) < total;
    let data = json!({ "items": items, "total": total, "page": f.page, "more": more, "q": f.q, "organisation": f.organisation,
        "state": f.state, "query": f.query(), "organisations": organisations, "states": states(&cx),
        "may_join": cx.holds(MANAGE), "may_approve": cx.holds(APPROVE) });
    cx.page(LIST, data)
}

pub(crate) async fn export(cx: Ctx, Query(f): Query<Find>) -> Result<Response> {
    let people: Vec<Person> = cx
        .tx("identity.export-officials", |tx| {
            let (people, _) = service::list(&cx, tx, &f.filter(), (0, EXPORT))?;
            let subjects: Vec<String> = people.iter().map(|p| p.subject.clone()).collect();
            let purpose = cx.t("identity-officials-purpose", &[]);
            cx.accessed(tx, &subjects, &["name"], &purpose)?;
            Ok(people)
        })
        .await?;
    let head = [
        "identity-official-name-label",
        "identity-login",
        "identity-official-state-label",
        "identity-official-posts",
        "identity-official-joined-on",
        "identity-official-left-on",
    ]
    .map(|key| cx.t(key, &[]));
    let rows: Vec<Vec<String>> = people
        .iter()
        .map(|p| {
            let row = view::row(&cx, p);
            let text = |v: &Json| v.as_str().unwrap_or_default().to_string();
            let posts: Vec<String> = row["posts"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|h| format!("{} {}", text(&h["organisation"]), text(&h["title"])))
                .collect();
            let state = text(&row["state"]["text"]);
            let left = p.left_on.clone().unwrap_or_default();
            vec![
                p.name.clone(),
                p.login.clone(),
                state,
                posts.join("；"),
                p.joined_on.clone(),
                left,
            ]
        })
        .collect();
    view::csv("officials.csv", &head, &rows)
}

pub(crate) fn samples() -> Vec<Sample> {
    let post = json!({ "id": "h", "post": "p", "title": "审查员", "organisation": "演示水利局", "from": "2026-11-24", "until": null,
        "reason": "", "runs": true, "lasts": true });
    let item = |kind: &str, posts: Json, waiting: u32| {
        json!({ "id": "a", "login": "newcomer", "name": "演示新人", "state": { "kind": kind, "name": "active", "text": "在职" },
            "posts": posts, "waiting": waiting, "joined_on": "2026-11-24", "left_on": null })
    };
    let page = |items: Json, total: u32, may: bool| {
        json!({ "items": items, "total": total, "page": u32::from(may), "more": may, "q": "演示", "organisation": "shuili", "state": "active",
            "query": "q=&organisation=&state=", "organisations": [{ "id": "shuili", "name": "演示水利局" }],
            "states": [{ "kind": "good", "name": "active", "text": "在职" }], "may_join": may, "may_approve": may })
    };
    let sample = |name, data| Sample {
        template: LIST,
        name,
        data,
    };
    vec![
        sample("nobody", page(json!([]), 0, false)),
        sample(
            "two",
            page(
                json!([item("good", json!([post]), 1), item("plain", json!([]), 0)]),
                62,
                true,
            ),
        ),
    ]
}
