//! Pages: minijinja templates of every crate, strict about undefined names, with the layout's data filled in here.

use crate::ctx::{App, Ctx};
use crate::error::{Fault, Result};
use crate::i18n::Locale;
use crate::module::{MenuEntry, Place, Sample};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, ErrorKind, State, UndefinedBehavior, Value as Jinja};
use serde_json::{Value as Json, json};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Resolves a text by (locale, key, arguments).
pub type Translate = Arc<dyn Fn(Locale, &str, &[(&str, &str)]) -> String + Send + Sync>;

/// All templates, compiled.
pub struct Pages {
    env: Environment<'static>,
}

impl Pages {
    /// `t` resolves a text by (locale, key, args).
    pub fn load(templates: Vec<(String, String)>, t: Translate, version: &str) -> Result<Pages, Fault> {
        let mut env = Environment::new();
        env.set_syntax(
            minijinja::syntax::SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()
                .map_err(|e| Fault::of("template syntax", e))?,
        );
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_auto_escape_callback(|name| {
            if name.ends_with(".html") {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });

        env.add_function("t", {
            let t = t.clone();
            move |state: &State, key: String, kwargs: Kwargs| -> Result<String, minijinja::Error> {
                let locale = locale_of(state);
                let mut args = Vec::new();
                for name in kwargs.args() {
                    args.push((name.to_string(), kwargs.get::<Jinja>(name)?.to_string()));
                }
                let pairs: Vec<(&str, &str)> = args.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                Ok(t(locale, &key, &pairs))
            }
        });
        let version = version.to_string();
        env.add_function("asset", move |path: String| format!("/assets/{path}?v={version}"));
        env.add_filter("date", |state: &State, v: Jinja| match v.as_str() {
            Some(s) => date_text(locale_of(state), s),
            None => String::new(),
        });
        env.add_filter(
            "datetime",
            |state: &State, v: Jinja| -> Result<Jinja, minijinja::Error> {
                let Some(ms) = v.as_i64() else {
                    return Ok(Jinja::from(""));
                };
                let zone = state
                    .lookup("zone")
                    .and_then(|z| z.as_str().map(String::from))
                    .unwrap_or_default();
                let zone = jiff::tz::TimeZone::get(&zone).unwrap_or(jiff::tz::TimeZone::UTC);
                let at = jiff::Timestamp::from_millisecond(ms)
                    .map_err(|e| minijinja::Error::new(ErrorKind::InvalidOperation, e.to_string()))?;
                let z = at.to_zoned_datetime(zone);
                let day = date_text(locale_of(state), &z.date().to_string());
                let text = format!("{day} {:02}:{:02}", z.hour(), z.minute());
                Ok(Jinja::from_safe_string(format!(
                    "<time datetime=\"{at}\" title=\"{at}\">{text}</time>"
                )))
            },
        );
        env.add_filter("money", |v: Jinja| {
            let fen = v.as_i64().unwrap_or(0);
            format!("{}.{:02}", fen / 100, fen.abs() % 100)
        });
        env.add_filter("bytes", |v: Jinja| {
            let n = v.as_i64().unwrap_or(0);
            match n {
                0..1_024 => format!("{n} B"),
                1_024..1_048_576 => format!("{} kB", n / 1_024),
                _ => format!("{:.1} MB", n as f64 / 1_048_576.0),
            }
        });
        for (name, source) in templates {
            env.add_template_owned(name.clone(), source)
                .map_err(|e| Fault::new(format!("template {name}: {e:#}")))?;
        }
        Ok(Pages { env })
    }

    /// Renders with exactly this context (tests and samples use it directly).
    pub fn render(&self, template: &str, context: &Json) -> Result<String, Fault> {
        let t = self
            .env
            .get_template(template)
            .map_err(|e| Fault::new(format!("{template}: {e:#}")))?;
        let values = <Jinja as serde::Deserialize>::deserialize(context)
            .map_err(|e| Fault::of(format!("{template}: context"), e))?;
        t.render(values).map_err(|e| {
            let mut text = format!("{template}: {e:#}");
            let mut source = std::error::Error::source(&e);
            while let Some(s) = source {
                text.push_str(&format!(" / {s}"));
                source = s.source();
            }
            Fault::new(text)
        })
    }
}

fn locale_of(state: &State) -> Locale {
    state
        .lookup("locale")
        .and_then(|l| l.as_str().and_then(Locale::parse))
        .unwrap_or_default()
}

/// 2026-11-23 → 2026年11月23日 / 23 Nov 2026; anything else is shown as it is.
pub fn date_text(locale: Locale, iso: &str) -> String {
    let Ok(d) = iso.parse::<jiff::civil::Date>() else {
        return iso.to_string();
    };
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    match locale {
        Locale::Zh => format!("{}年{}月{}日", d.year(), d.month(), d.day()),
        Locale::En => format!("{} {} {}", d.day(), MONTHS[(d.month() - 1) as usize], d.year()),
    }
}

/// The variables that the layout needs, whoever looks at it.
pub fn frame(ctx: &Ctx) -> Json {
    let app = &ctx.app;
    let city = |key: &str| app.city[key].as_str().unwrap_or_default().to_string();
    let menu = menu(ctx, &entries(ctx, &|p| ctx.holds(p)));
    let me = if ctx.actor.signed_in() {
        json!({
            "name": ctx.actor.name, "kind": ctx.actor.kind,
            "roles": ctx.actor.grants.iter().map(|g| g.role.clone()).collect::<Vec<_>>(),
            "official": ctx.actor.is_official(), "on_behalf": ctx.actor.on_behalf,
            "acting": ctx.actor.mandate.as_ref().map(|m| m.name.clone()),
            "unread": ctx.unread,
        })
    } else {
        Json::Null
    };
    json!({
        "site": {
            "name": city("title"), "name_en": city("title_en"), "city": city("name"),
            "operator": ctx.locale.pick(&city("operator"), &city("operator_en")), "hotline": city("hotline"), "demo": app.config.demo,
            "url": app.config.url, "log_size": app.head.load(Ordering::Relaxed), "version": env!("CARGO_PKG_VERSION"),
        },
        "zone": city("zone"), "me": me, "locale": ctx.locale.tag(), "path": ctx.path, "here": ctx.here, "elder": ctx.elder,
        "menu": menu, "now": ctx.now(), "form_token": ctx.id().to_string(), "request_id": ctx.request.to_string(),
    })
}

/// The entries of all modules whose permission passes, in their order.
fn entries<'a>(ctx: &'a Ctx, passes: &dyn Fn(&str) -> bool) -> Vec<&'a MenuEntry> {
    let mut entries: Vec<_> = ctx
        .app
        .modules
        .iter()
        .flat_map(|m| &m.menu)
        .filter(|e| e.permission.is_none_or(passes))
        .collect();
    entries.sort_by_key(|e| e.order);
    entries
}

/// The first page of the workbench that the actor may see: not everybody's desk is the queue of cases.
pub fn desk(ctx: &Ctx) -> Option<&'static str> {
    let entries = entries(ctx, &|p| ctx.holds(p));
    let first = entries.iter().find(|e| e.place == Place::Workbench);
    first.map(|e| e.href)
}

/// The menu as templates take it. The longest address that this page lies under is the one shown as active.
fn menu(ctx: &Ctx, entries: &[&MenuEntry]) -> Json {
    let under =
        |href: &str| ctx.path == href || (href.len() > 1 && ctx.path.starts_with(&format!("{href}/")));
    let active = entries
        .iter()
        .map(|e| e.href)
        .filter(|h| under(h))
        .max_by_key(|h| h.len());
    entries
        .iter()
        .map(|e| {
            json!({
                "href": e.href, "label": ctx.t(e.title, &[]), "icon": e.icon,
                "place": if e.place == Place::Portal { "portal" } else { "workbench" },
                "active": active == Some(e.href),
            })
        })
        .collect()
}

impl Ctx {
    /// Renders a page of status 200.
    pub fn page(&self, template: &str, context: Json) -> Result<Response> {
        self.page_with(StatusCode::OK, template, context)
    }

    pub fn page_with(&self, status: StatusCode, template: &str, context: Json) -> Result<Response> {
        let html = self.app.pages.render(template, &within(frame(self), context))?;
        Ok((status, [(header::CONTENT_TYPE, HTML)], html).into_response())
    }

    /// A page of status 200 that everybody who is not signed in sees alike: kept for them while nothing is written, made
    /// anew for everybody else and for addresses with a query. `make` gives the context.
    pub async fn public_page<F>(&self, template: &str, make: impl FnOnce() -> F) -> Result<Response>
    where
        F: Future<Output = Result<Json>>,
    {
        if self.actor.signed_in() || !self.here.ends_with('?') {
            return self.page(template, make().await?);
        }
        let key = format!("{template} {} {} {}", self.here, self.locale.tag(), self.elder);
        let make = || async {
            let mut frame = frame(self);
            // One reader's tokens are no other's: a template that asks for them here is a fault.
            for own in ["form_token", "request_id"] {
                frame.as_object_mut().map(|f| f.remove(own));
            }
            Ok(self.app.pages.render(template, &within(frame, make().await?))?)
        };
        let html = self.app.kept.get(self, &key, make).await?;
        Ok((StatusCode::OK, [(header::CONTENT_TYPE, HTML)], html).into_response())
    }
}

const HTML: &str = "text/html; charset=utf-8";

/// A page's own variables laid over the frame's.
fn within(mut frame: Json, own: Json) -> Json {
    if let (Json::Object(frame), Json::Object(own)) = (&mut frame, own) {
        frame.extend(own);
    }
    frame
}

/// A sample as its readers would see it.
pub struct Rendered {
    pub template: &'static str,
    pub sample: &'static str,
    pub locale: Locale,
    pub html: Result<String, Fault>,
}

/// Renders every sample of every module in both languages. Pages of the workbench have a signed-in official and every
/// entry of the menu around them, so that the frame is seen at its fullest; all others are seen by the public.
pub fn samples(app: &Arc<App>) -> Vec<Rendered> {
    let workbench: std::collections::HashSet<&str> = app
        .modules
        .iter()
        .flat_map(|m| &m.templates)
        .filter(|(_, source)| source.contains("\"kernel/workbench.html\""))
        .map(|(name, _)| name.as_str())
        .collect();
    let mut out = Vec::new();
    for locale in [Locale::Zh, Locale::En] {
        let mut ctx = app.system("samples");
        ctx.locale = locale;
        let entries = entries(&ctx, &|_| true);
        for sample in app.modules.iter().flat_map(|m| &m.samples) {
            let mut all = frame(&ctx);
            if workbench.contains(sample.template) {
                all["menu"] = menu(&ctx, &entries);
                all["me"] = json!({ "name": "演示人员", "kind": "official", "roles": [], "official": true, "on_behalf": null });
            }
            out.push(Rendered {
                template: sample.template,
                sample: sample.name,
                locale,
                html: app
                    .pages
                    .render(sample.template, &within(all, sample.data.clone())),
            });
        }
    }
    out
}

/// Renders every sample of every module in both languages; the list of failures is empty in a sound program.
pub fn check_samples(app: &Arc<App>) -> Vec<String> {
    samples(app)
        .into_iter()
        .filter_map(|r| {
            let e = r.html.err()?;
            Some(format!("{} ({}, {}): {e}", r.template, r.sample, r.locale.tag()))
        })
        .collect()
}

/// `yiwang samples FOLDER`: every sample as a file, and `index.json` that names them, for tools that look at pages.
pub(crate) async fn write_samples(ctx: Ctx, words: Vec<String>) -> Result<()> {
    let folder = words
        .first()
        .ok_or_else(|| Fault::new("usage: yiwang samples FOLDER"))?;
    let folder = std::path::Path::new(folder);
    let io = |e: std::io::Error| Fault::of(format!("cannot write into {}", folder.display()), e);
    std::fs::create_dir_all(folder).map_err(io)?;
    let mut index = Vec::new();
    for (n, r) in samples(&ctx.app).into_iter().enumerate() {
        let stem = r.template.trim_end_matches(".html").replace('/', "-");
        let file = format!("{n:03}-{stem}.{}.html", r.locale.tag());
        std::fs::write(folder.join(&file), r.html?).map_err(io)?;
        index.push(
            json!({ "file": file, "template": r.template, "sample": r.sample, "locale": r.locale.tag() }),
        );
    }
    std::fs::write(folder.join("index.json"), serde_json::to_string_pretty(&index)?).map_err(io)?;
    println!("{} pages in {}", index.len(), folder.display());
    Ok(())
}

/// What the error page shows for refusals and faults, by status.
pub(crate) fn error_samples() -> Vec<Sample> {
    let page = |name, status: u16, title: &str, help: &str, fields: Json| Sample {
        template: "kernel/error.html",
        name,
        data: json!({ "status": status, "title": title, "help": help, "fields": fields, "back": "/work", "again": null }),
    };
    vec![
        page(
            "not found",
            404,
            "没有找到这个页面",
            "地址可能写错了。",
            json!([]),
        ),
        Sample {
            template: "kernel/error.html",
            name: "signed out while typing",
            data: json!({ "status": 401, "title": "请先登录", "help": "", "fields": [], "back": "/cases/1/form",
                "again": { "action": "/cases/1/form", "multipart": true, "files": true,
                    "fields": [{ "name": "location", "value": "门前人行道" }] } }),
        },
        page("forbidden", 403, "您没有这项权限", "请向管理员申请。", json!([])),
        page(
            "stale",
            409,
            "内容已被他人更新",
            "请核对最新内容后再提交。",
            json!([]),
        ),
        page("too often", 429, "请一刻钟后再试", "", json!([])),
        page("fault", 500, "系统出了故障", "请稍后再试。", json!([])),
        page(
            "fields",
            422,
            "请改正",
            "",
            json!([{ "field": "a", "message": "面积不能为零" }]),
        ),
    ]
}
