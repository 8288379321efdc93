//! Portal (统一门户): the one entrance. Home with search, and a person's own space. Everything it shows belongs to other
//! crates; it owns no table.

use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use kernel::http::{percent, see};
use kernel::kept::Kept;
use kernel::module::{MenuEntry, Permission, Place, Sample, Section};
use kernel::{Ctx, Door, Module, Refusal, Result, Route, Tx};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::sync::Arc;

mod front;

pub use front::open;

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
        Route::new("/occasions/{id}", Door::Public, get(occasion)),
        Route::new("/about", Door::Public, get(about)),
        Route::new("/accessibility", Door::Public, get(accessibility)),
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
    m.sections = vec![Section {
        name: "portal",
        // Nothing of it lies in the database: `open` reads it at every start.
        load: |_, _| kernel::module::boxed(async { Ok(()) }),
        check: front::check,
    }];
    m.samples = samples();
    m
}

/// A matter as a card.
fn card(cx: &Ctx, tx: &mut Tx<'_>, s: &services::api::Sheet) -> Result<Json> {
    Ok(
        json!({ "href": format!("/matters/{}", s.id), "title": cx.locale.pick(&s.title, &s.title_en), "days": s.promised_days,
        "organisation": identity::api::organisation_name(cx, tx, &s.organisation)?, "online": s.online }),
    )
}

/// How often each matter is applied for; it moves slowly, and a big city has many cases to count.
pub(crate) struct Popular(pub Kept<Arc<HashMap<String, i64>>>);

async fn popular(cx: &Ctx) -> Result<Arc<HashMap<String, i64>>> {
    let count = || async {
        let sql = "SELECT matter, COUNT(*) AS n FROM pub_cases_case GROUP BY matter";
        cx.read("portal.popular", |tx| {
            let rows = tx.query(sql, &[])?;
            let all = rows.iter().map(|r| Ok((r.get("matter")?, r.get("n")?)));
            Ok(Arc::new(all.collect::<Result<_>>()?))
        })
        .await
    };
    cx.service::<Popular>()?.0.get(cx, "", count).await
}

/// Home: search, words, what the person has open, occasions of life, figures computed from records, matters.
async fn home(cx: Ctx) -> Result<Response> {
    cx.public_page("portal/home.html", || home_data(&cx)).await
}

async fn home_data(cx: &Ctx) -> Result<Json> {
    let front = cx.service::<front::Front>()?;
    let words: Vec<Json> = front
        .word
        .iter()
        .map(|w| json!({ "title": cx.locale.pick(&w.title, &w.title_en), "href": format!("/search?q={}", percent(cx.locale.pick(&w.q, &w.q_en))) }))
        .collect();
    let occasions: Vec<Json> = front
        .occasion
        .iter()
        .map(|o| {
            json!({ "href": format!("/occasions/{}", o.id), "title": cx.locale.pick(&o.title, &o.title_en), "icon": o.icon,
                "n": o.matters.len() })
        })
        .collect();
    let popular = popular(cx).await?;
    cx.read("portal.home", |tx| {
        let mut matters = services::api::all(tx)?;
        let count = matters.len();
        matters.sort_by_key(|s| std::cmp::Reverse(popular.get(&s.id).copied().unwrap_or(0)));
        let matters = matters.iter().take(8).map(|s| card(cx, tx, s));
        let matters = matters.collect::<Result<Vec<_>>>()?;
        let mut open: Vec<Json> = cases::api::own(cx, tx)?
            .into_iter()
            .filter(|c| c["ended"] == false)
            .collect();
        // What waits for the person comes first.
        open.sort_by_key(|c| c["correcting"] == false);
        let open_count = open.len();
        open.truncate(3);
        let mut sources: Vec<_> = cx.app.modules.iter().flat_map(|m| &m.figures).collect();
        sources.sort_by_key(|f| f.order);
        let mut figures = Vec::new();
        for f in sources {
            let (value, unit) = (f.read)(cx, tx)?;
            figures.push(json!({ "title": cx.t(f.title, &[]), "href": f.href, "value": value, "unit": unit }));
        }
        Ok(json!({
            "words": words, "open": open, "open_count": open_count, "occasions": occasions, "figures": figures,
            "count": count, "matters": matters,
        }))
    })
    .await
}

/// One occasion with the matters it brings, in the order in which they are done.
async fn occasion(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    cx.public_page("portal/occasion.html", || occasion_data(&cx, &id))
        .await
}

async fn occasion_data(cx: &Ctx, id: &str) -> Result<Json> {
    let front = cx.service::<front::Front>()?;
    let o = front
        .occasion
        .iter()
        .find(|o| o.id == id)
        .ok_or_else(Refusal::not_found)?;
    let matters = cx
        .read("portal.occasion", |tx| {
            let all = services::api::all(tx)?;
            let named = o.matters.iter().filter_map(|m| all.iter().find(|s| s.id == *m));
            named.map(|s| card(cx, tx, s)).collect::<Result<Vec<_>>>()
        })
        .await?;
    Ok(
        json!({ "title": cx.locale.pick(&o.title, &o.title_en), "lead": cx.locale.pick(&o.lead, &o.lead_en), "matters": matters }),
    )
}

async fn about(cx: Ctx) -> Result<Response> {
    cx.page("portal/about.html", json!({}))
}

async fn accessibility(cx: Ctx) -> Result<Response> {
    cx.page("portal/accessibility.html", json!({}))
}

/// A person's own cases and certificates; officials are shown their workbench.
async fn me(cx: Ctx) -> Result<Response> {
    if cx.actor.is_official() {
        return Ok(see(kernel::page::desk(&cx).unwrap_or("/me/security")));
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
    let mut open = case.clone();
    open["correcting"] = false.into();
    let figure = |value: &str, unit: &str| json!({ "title": "一网通办", "href": "/services/cases", "value": value, "unit": unit });
    let home = |open: Json, figures: Json| {
        json!({ "matters": [matter], "count": 1, "open": open, "open_count": 2, "figures": figures,
            "words": [{ "title": "占用人行道", "href": "/search?q=1" }],
            "occasions": [{ "href": "/occasions/open-shop", "title": "开店", "icon": "store", "n": 2 }] })
    };
    let me = |cases: Json, certificates: Json, firms: Json| json!({ "cases": cases, "certificates": certificates, "firms": firms, "name": "演示", "himself": true });
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample(
            "portal/home.html",
            "new city",
            home(
                json!([]),
                json!([figure("0", "件今日受理"), figure("—", "还没有办结的办件")]),
            ),
        ),
        sample(
            "portal/home.html",
            "open cases",
            home(json!([case, open, draft]), json!([figure("1,284", "件今日受理")])),
        ),
        sample(
            "portal/occasion.html",
            "one",
            json!({ "title": "开店", "lead": "开业前要办的许可。", "matters": [matter] }),
        ),
        sample("portal/about.html", "one", json!({})),
        sample("portal/accessibility.html", "one", json!({})),
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
