//! Portal (统一门户): the one entrance. Home with search, and a person's own space. Everything it shows belongs to other
//! crates; it owns no table.

use axum::response::Response;
use axum::routing::get;
use kernel::http::see;
use kernel::module::{MenuEntry, Permission, Place, Sample};
use kernel::{Ctx, Door, Locale, Module, Result, Route};
use serde_json::{Value as Json, json};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "locales/*.ftl"]
struct Files;

/// See the crate.
pub fn module() -> Module {
    let mut m = Module::new::<Files>("portal");
    m.routes = vec![
        Route::new("/", Door::Public, get(home)),
        Route::new("/me", Door::SignedIn, get(me)),
    ];
    m.permissions = vec![Permission {
        name: "portal.cockpit.read",
        title: "portal-permission-cockpit",
    }];
    m.menu = vec![MenuEntry {
        href: "/me",
        title: "portal-my-space",
        icon: "user",
        place: Place::Portal,
        permission: None,
        order: 20,
    }];
    m.samples = samples();
    m
}

fn english(cx: &Ctx) -> bool {
    cx.locale == Locale::En
}

/// Home: search, the matters most asked for, figures that are computed from records.
async fn home(cx: Ctx) -> Result<Response> {
    let data = cx
        .read("portal.home", |tx| {
            let mut matters: Vec<(i64, Json)> = Vec::new();
            for s in services::api::all(tx)? {
                let n: Option<i64> = tx.scalar(
                    "SELECT COUNT(*) FROM pub_cases_case WHERE matter = $1",
                    kernel::params![s.id.as_str()],
                )?;
                let title = if english(&cx) && !s.title_en.is_empty() { &s.title_en } else { &s.title };
                let card = json!({ "href": format!("/matters/{}", s.id), "title": title, "days": s.promised_days,
                    "organisation": identity::api::organisation_name(&cx, tx, &s.organisation)?, "online": s.online });
                matters.push((-n.unwrap_or(0), card));
            }
            matters.sort_by_key(|(n, _)| *n);
            let figure = |tx: &mut kernel::Tx<'_>, sql: &str| -> Result<i64> { Ok(tx.scalar::<i64>(sql, &[])?.unwrap_or(0)) };
            let ended = figure(tx, "SELECT COUNT(*) FROM pub_cases_case WHERE state IN ('granted', 'refused')")?;
            let on_time = figure(tx, "SELECT COUNT(*) FROM pub_cases_case WHERE state IN ('granted', 'refused') AND on_time = 1")?;
            let all = matters.len();
            let online = matters.iter().filter(|(_, m)| m["online"] == "full").count();
            Ok(json!({
                "matters": matters.into_iter().take(8).map(|(_, m)| m).collect::<Vec<_>>(), "count": all, "online": online,
                "ended": ended, "on_time": on_time,
            }))
        })
        .await?;
    cx.page("portal/home.html", data)
}

/// A person's own cases and certificates; officials are shown their workbench.
async fn me(cx: Ctx) -> Result<Response> {
    if cx.actor.is_official() {
        return Ok(see("/work"));
    }
    let data = cx
        .read("portal.me", |tx| {
            let cases = cases::api::own(&cx, tx)?;
            let today = cx.today().to_string();
            let certificates: Vec<Json> = documents::api::own(&cx, tx)?
                .iter()
                .map(|c| {
                    let standing = c.standing(&today);
                    json!({ "id": c.id, "title": c.title(&cx), "until": c.valid_until, "standing": standing,
                        "standing_text": cx.t(&format!("documents-standing-{standing}"), &[]) })
                })
                .collect();
            let mut firms = Vec::new();
            for (id, role) in identity::api::firms_of(&cx, tx, cx.actor.subject.as_deref().unwrap_or_default())? {
                let name = identity::api::party(&cx, tx, &id)?.map(|p| p.name).unwrap_or_default();
                firms.push(json!({ "id": id, "name": name, "role": role, "chosen": cx.actor.on_behalf.as_deref() == Some(&id) }));
            }
            Ok(json!({ "cases": cases, "certificates": certificates, "firms": firms, "name": cx.actor.name,
                "himself": cx.actor.on_behalf.is_none() }))
        })
        .await?;
    cx.page("portal/me.html", data)
}

fn samples() -> Vec<Sample> {
    let case = json!({ "id": "1", "number": "2026-X-1", "matter": "示例", "state": { "kind": "info", "text": "办理中" }, "draft": false,
        "correcting": true, "created_at": 1, "submitted_at": 1, "due": { "light": "green", "text": "剩 3 天", "on": "2026-11-30",
        "provisional": false, "phase": "办理" } });
    let mut draft = case.clone();
    draft["draft"] = true.into();
    draft["number"] = Json::Null;
    draft["due"] = Json::Null;
    let certificate =
        json!({ "id": "1", "title": "许可证", "until": null, "standing": "valid", "standing_text": "有效" });
    let firm = json!({ "id": "f", "name": "演示公司", "role": "经办人", "chosen": true });
    let matter = json!({ "href": "/matters/m", "title": "示例", "days": 10, "organisation": "部门", "online": "full" });
    let home = |n: i64| json!({ "matters": [matter], "count": 1, "online": 1, "ended": n, "on_time": n });
    let me = |cases: Json, certificates: Json, firms: Json| json!({ "cases": cases, "certificates": certificates, "firms": firms, "name": "演示", "himself": true });
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample("portal/home.html", "new city", home(0)),
        sample("portal/home.html", "some cases", home(3)),
        sample(
            "portal/me.html",
            "nothing yet",
            me(json!([]), json!([]), json!([])),
        ),
        sample(
            "portal/me.html",
            "some",
            me(json!([case, draft]), json!([certificate]), json!([firm])),
        ),
    ]
}
