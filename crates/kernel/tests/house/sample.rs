//! Two sample modules — letters are sent, a tally counts them — and an app that runs them.

use axum::routing::{get, post};
use kernel::ctx::{Accessed, Ask, Authorise, Config, Credential, Held, Ports, Protect, Sessions, SetClock};
use kernel::module::{Consumer, FactType, JobKind, Permission, PublicView, Services, boxed};
use kernel::*;
use serde_json::json;
use std::sync::Arc;

pub static LETTER: Table = Table {
    name: "letters_letter",
    columns: &["id", "text", "version"],
};

/// Refuses nothing but what its actor's roles lack: role names are permissions.
struct ByRole;
impl Authorise for ByRole {
    fn may(&self, actor: &Actor, permission: &str, _: &Resource) -> Result<(), Refusal> {
        if self.holds(actor, permission) {
            Ok(())
        } else {
            Err(Refusal::forbidden())
        }
    }
    fn holds(&self, actor: &Actor, permission: &str) -> bool {
        actor.grants.iter().any(|g| g.role == permission)
    }
    fn scope(&self, _: &Actor, _: &str) -> Scope {
        Scope::All
    }
}
struct Plain;
impl Protect for Plain {
    fn seal(&self, _: &str, plain: &str) -> Result<Vec<u8>, Fault> {
        Ok(plain.bytes().rev().collect())
    }
    fn open(&self, _: &str, sealed: &[u8]) -> Result<String, Fault> {
        Ok(String::from_utf8_lossy(&sealed.iter().rev().copied().collect::<Vec<_>>()).into_owned())
    }
    fn index(&self, element: &str, plain: &str) -> String {
        format!("{element}:{plain}")
    }
    fn mac(&self, purpose: &str, text: &str) -> String {
        format!("{purpose}:{text}")
    }
}
impl Sessions for Plain {
    fn resolve(&self, _: &mut Tx<'_>, credential: &Credential, _: i64) -> Result<Option<Actor>> {
        let (Credential::Cookie(token) | Credential::Bearer(token)) = credential;
        Ok((token == "writer").then(writer))
    }
}
impl Ask for Plain {
    fn ask(&self, _: &mut Tx<'_>, _: &Ctx, _: &str, _: &[String], _: &str) -> Result<Vec<Held>> {
        Ok(Vec::new())
    }
}
impl Accessed for Plain {
    fn accessed(&self, _: &mut Tx<'_>, _: &Ctx, _: &[String], _: &[&str], _: &str) -> Result<()> {
        Ok(())
    }
}

pub fn writer() -> Actor {
    let grant = kernel::ctx::Grant {
        role: "letters.letter.send".into(),
        post: "p".into(),
        org: "o".into(),
        org_path: "/o/".into(),
        area_code: "9901".into(),
    };
    let account = Some(Uuid::nil());
    Actor {
        id: "account:1".into(),
        name: "演示".into(),
        account,
        grants: vec![grant],
        ..Actor::default()
    }
}

fn letters() -> Module {
    Module {
        name: "letters",
        routes: vec![
            Route::new(
                "/letters",
                Door::Permission("letters.letter.send"),
                post(send_letter),
            )
            .doc(
                "POST",
                "Send a letter",
                json!({ "type": "object" }),
                json!({ "type": "object" }),
            ),
        ],
        permissions: vec![Permission {
            name: "letters.letter.send",
            title: "letters-send",
        }],
        facts: vec![FactType {
            name: "letters.letter.sent",
            unconsumed: None,
        }],
        migrations: vec![migration(
            "letters",
            "CREATE TABLE letters_letter (id TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL, version BIGINT NOT NULL, weight DOUBLE PRECISION, seal BYTEA);",
        )],
        tables: vec![&LETTER],
        views: vec![PublicView {
            name: "pub_letters_letter",
            sql: "SELECT id, version FROM letters_letter",
            grade: 1,
        }],
        ..Module::default()
    }
}

fn tally() -> Module {
    Module {
        name: "tally",
        routes: vec![Route::new("/tally", Door::Public, get(show))],
        migrations: vec![migration(
            "tally",
            "CREATE TABLE tally_count (name TEXT NOT NULL PRIMARY KEY, n BIGINT NOT NULL);",
        )],
        consumers: vec![Consumer {
            name: "tally.letters",
            facts: &["letters.letter.sent"],
            handle: count,
        }],
        jobs: vec![JobKind {
            name: "tally.ring",
            run: |ctx, v| boxed(ring(ctx, v)),
            every: None,
        }],
        templates: vec![(
            "tally/page.html".into(),
            "<p>{{ t(\"tally-n\", n=n) }} {{ at|date }}</p>".into(),
        )],
        locales: vec![
            (
                "zh-CN".into(),
                "tally/zh.ftl".into(),
                "tally-n = 共 { $n } 封\n".into(),
            ),
            (
                "en".into(),
                "tally/en.ftl".into(),
                "tally-n = { $n } letters\n".into(),
            ),
        ],
        samples: vec![kernel::module::Sample {
            template: "tally/page.html",
            name: "two",
            data: json!({ "n": 2, "at": "2026-11-24" }),
        }],
        ..Module::default()
    }
}

fn migration(module: &str, sql: &str) -> db::Migration {
    db::Migration {
        module: module.into(),
        number: 1,
        name: "first".into(),
        sql: sql.into(),
    }
}

async fn send_letter(cx: Ctx, body: String) -> Result<axum::response::Response> {
    let id = send(&cx, &body).await?;
    Ok(http::reply(json!({ "id": id.to_string() })))
}

/// The verb: a row and its fact, in one transaction.
pub async fn send(ctx: &Ctx, text: &str) -> Result<Uuid> {
    if text.is_empty() {
        return Err(Refusal::new("letters-empty").into());
    }
    let id = ctx.id();
    ctx.tx("letters.send", |tx| {
        tx.execute(
            "INSERT INTO letters_letter(id, text, version) VALUES ($1, $2, 1)",
            params![id, text],
        )?;
        ctx.emit(tx, Fact::new("letters.letter.sent", id).touch(&LETTER, id))?;
        Ok(id)
    })
    .await
}

/// Set by a test: the consumer breaks after its effect, before the cursor is stored.
pub static BREAKS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

fn count(ctx: &Ctx, tx: &mut Tx<'_>, fact: &Recorded) -> Result<()> {
    counted_once(ctx, tx, fact)?;
    if ctx.node() == "breaks" && BREAKS.load(std::sync::atomic::Ordering::SeqCst) {
        return Err(Fault::new("the consumer breaks on purpose").into());
    }
    Ok(())
}

fn counted_once(ctx: &Ctx, tx: &mut Tx<'_>, fact: &Recorded) -> Result<()> {
    tx.execute(
        "INSERT INTO tally_count(name, n) VALUES ('letters', 0) ON CONFLICT (name) DO NOTHING",
        &[],
    )?;
    tx.execute("UPDATE tally_count SET n = n + 1 WHERE name = 'letters'", &[])?;
    job::enqueue(
        tx,
        ctx,
        "tally.ring",
        &fact.subject,
        ctx.now(),
        json!({ "letter": fact.subject }),
    )?;
    Ok(())
}

async fn ring(ctx: Ctx, _: serde_json::Value) -> Result<()> {
    ctx.tx("tally.ring", |tx| {
        tx.execute(
            "INSERT INTO tally_count(name, n) VALUES ('rings', 0) ON CONFLICT (name) DO NOTHING",
            &[],
        )?;
        tx.execute("UPDATE tally_count SET n = n + 1 WHERE name = 'rings'", &[])?;
        Ok(())
    })
    .await
}

async fn show(cx: Ctx) -> Result<axum::response::Response> {
    let n = counted(&cx, "letters").await?;
    cx.page("tally/page.html", json!({ "n": n, "at": cx.today().to_string() }))
}

pub async fn counted(ctx: &Ctx, name: &str) -> Result<i64> {
    let n: Option<i64> = ctx
        .read("tally.read", |tx| {
            Ok(tx.scalar("SELECT n FROM tally_count WHERE name = $1", params![name])?)
        })
        .await?;
    Ok(n.unwrap_or(0))
}

/// An app on this database (a `postgres://` address, or a file).
pub async fn app(database: &str, node: &str) -> Arc<App> {
    let config = Config {
        url: "http://localhost:8151".into(),
        listen: String::new(),
        data: std::env::temp_dir(),
        database: Some(database.into()),
        demo: true,
        node: node.into(),
        fast_hash: true,
        edge: Default::default(),
        checked_pack: false,
    };
    let plain = || Arc::new(Plain);
    let ports = Ports {
        authorise: Arc::new(ByRole),
        protect: plain(),
        sessions: plain(),
        ask: plain(),
        accessed: plain(),
    };
    let clock = Arc::new(SetClock::at(1_795_000_000_000));
    let modules = vec![kernel::module(), letters(), tally()];
    assert_eq!(start::check_declarations(&modules), Vec::<String>::new());
    start::assemble(
        config,
        None,
        modules,
        ports,
        Services::default(),
        clock,
        start::system_chance(),
    )
    .await
    .unwrap()
}

pub fn ctx(app: &Arc<App>) -> Ctx {
    Ctx::new(app.clone(), writer(), Locale::Zh)
}

/// A database for one test, gone with it.
pub struct Fresh {
    pub address: String,
    _folder: tempfile::TempDir,
}

pub fn sqlite() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    Fresh {
        address: folder.path().join("core.db").display().to_string(),
        _folder: folder,
    }
}

/// A new database on the test server.
pub async fn postgres() -> Fresh {
    let server =
        std::env::var("YIWANG_TEST_POSTGRES").expect("run by `cargo xtask test`, which starts PostgreSQL");
    let name = format!("k{}", hex::encode(Uuid::now_for_tests()));
    let (client, connection) = tokio_postgres::connect(&format!("{server}/postgres"), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    Fresh {
        address: format!("{server}/{name}"),
        _folder: tempfile::tempdir().unwrap(),
    }
}

/// Random bytes for names; the clippy ban on chance is for the product.
trait NowForTests {
    fn now_for_tests() -> [u8; 8];
}
impl NowForTests for Uuid {
    fn now_for_tests() -> [u8; 8] {
        let mut b = [0; 8];
        start::system_chance()(&mut b);
        b
    }
}
