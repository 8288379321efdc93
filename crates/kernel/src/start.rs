//! Putting the program together: database, migrations, views, texts, templates, pack.

use crate::ctx::{App, Clock, Config, Ports};
use crate::db::{Db, Migration};
use crate::error::{Fault, Result};
use crate::i18n::{Locale, Texts};
use crate::module::{Module, Services};
use crate::pack::Pack;
use crate::page::Pages;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use tokio::sync::Notify;

/// Fills a buffer with random bytes.
pub type Chance = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// The machine's randomness; a machine without any cannot run this program.
pub fn system_chance() -> Chance {
    Arc::new(|buffer| {
        if getrandom::fill(buffer).is_err() {
            eprintln!("yiwang: the operating system gives no randomness");
            std::process::abort();
        }
    })
}

/// The address of this instance's database.
pub fn database(config: &Config) -> String {
    config
        .database
        .clone()
        .unwrap_or_else(|| config.data.join("core.db").display().to_string())
}

/// Opens and migrates the database and builds the [`App`]. `modules` in the order of their floors, kernel first.
pub async fn assemble(
    config: Config,
    pack: Option<&Pack>,
    modules: Vec<Module>,
    ports: Ports,
    services: Services,
    clock: Arc<dyn Clock>,
    chance: Chance,
) -> Result<Arc<App>> {
    let mut config = config;
    let db = Db::open(&database(&config)).await?;
    let migrations: Vec<Migration> = modules.iter().flat_map(|m| m.migrations.clone()).collect();
    db.migrate(&migrations, clock.now()).await?;
    config.demo = demonstration(&db, config.demo).await?;
    for view in modules.iter().flat_map(|m| &m.views) {
        view_ddl(&db, view).await?;
    }
    let mut locales: Vec<(String, String, String)> = modules.iter().flat_map(|m| m.locales.clone()).collect();
    if let Some(pack) = pack {
        for name in pack.under("locales/").map(String::from).collect::<Vec<_>>() {
            let tag = name
                .trim_start_matches("locales/")
                .trim_end_matches(".ftl")
                .to_string();
            locales.push((tag, name.clone(), pack.text(&name)?));
        }
    }
    let texts = Texts::load(&locales)?;
    let for_pages = Arc::new(Texts::load(&locales)?);
    let templates = modules.iter().flat_map(|m| m.templates.clone()).collect();
    let t = move |locale: Locale, key: &str, args: &[(&str, &str)]| for_pages.get(locale, key, args);
    let pages = Pages::load(templates, Arc::new(t), env!("CARGO_PKG_VERSION"))?;
    let city = pack.map_or_else(|| serde_json::json!({ "zone": "Asia/Shanghai" }), Pack::city);
    let routes = modules.iter().flat_map(|m| &m.routes);
    let open = routes.map(|r| (r.path, r.open)).collect();
    let rates = crate::rate::Rates::new(&config.edge.rates);
    Ok(Arc::new(App {
        config,
        rates,
        meter: Default::default(),
        stopping: Default::default(),
        db,
        clock,
        ports,
        modules,
        pages,
        kept: Default::default(),
        open,
        texts,
        city,
        followers: Notify::new(),
        head: AtomicI64::new(0),
        services,
        chance,
        last_id: Default::default(),
    }))
}

/// Marks an empty database as a demonstration when one is wanted; returns whether it is one. Synthetic people never get
/// into a real city, and its seals say 演示 whichever verb opened it.
async fn demonstration(db: &Db, wanted: bool) -> Result<bool> {
    db.write("kernel.demo", |tx| {
        let marked = crate::setting::get(tx, "demo")?;
        if marked.is_some() || !wanted {
            return Ok(marked.is_some());
        }
        if tx.one("SELECT id FROM kernel_fact LIMIT 1", &[])?.is_some() {
            return Err(Fault::new(
                "this database holds a real city; start the demonstration with another --data or --database",
            )
            .into());
        }
        crate::setting::put_new(tx, "demo", "true")?;
        Ok(true)
    })
    .await
}

async fn view_ddl(db: &Db, view: &crate::module::PublicView) -> Result<()> {
    if !view.name.starts_with("pub_") {
        return Err(Fault::new(format!(
            "public view {} must be named pub_<crate>_<noun>",
            view.name
        ))
        .into());
    }
    db.write("kernel.views", |tx| {
        // A view holds no data, so it is made anew at each start and follows the program.
        tx.execute(&format!("DROP VIEW IF EXISTS {}", view.name), &[])?;
        tx.execute(&format!("CREATE VIEW {} AS {}", view.name, view.sql), &[])?;
        Ok(())
    })
    .await
}

/// Says what is inconsistent in the declarations: unknown permissions at doors, facts nobody consumes and says so, double
/// names. Tests assert that the list is empty.
pub fn check_declarations(modules: &[Module]) -> Vec<String> {
    let mut bad = Vec::new();
    let permissions: Vec<&str> = modules
        .iter()
        .flat_map(|m| &m.permissions)
        .map(|p| p.name)
        .collect();
    for m in modules {
        for r in &m.routes {
            if let crate::module::Door::Permission(p) | crate::module::Door::Official(p) = r.door
                && !permissions.contains(&p)
            {
                bad.push(format!(
                    "{}: door {p} of {} is no declared permission",
                    m.name, r.path
                ));
            }
        }
        for f in &m.facts {
            let consumed = modules
                .iter()
                .flat_map(|m| &m.consumers)
                .any(|c| c.facts.contains(&f.name))
                || modules
                    .iter()
                    .flat_map(|m| &m.watches)
                    .any(|w| w.facts.contains(&f.name));
            if !consumed && f.unconsumed.is_none() {
                bad.push(format!(
                    "{}: nobody consumes {} and no reason is given",
                    m.name, f.name
                ));
            }
        }
        for p in &m.permissions {
            if !p.name.starts_with(&format!("{}.", m.name)) {
                bad.push(format!(
                    "{}: permission {} belongs to another crate",
                    m.name, p.name
                ));
            }
        }
        for t in &m.tables {
            if !t.name.starts_with(&format!("{}_", m.name)) {
                bad.push(format!("{}: table {} belongs to another crate", m.name, t.name));
            }
        }
    }
    bad
}
