//! A city of two tiny modules with the columns of `pub_cases_case` and `pub_services_matter`, and
//! people who look at it.

use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use kernel::ctx::{
    Accessed, Ask, Authorise, Config, Credential, Grant, Held, Ports, Protect, Sessions, SetClock, Term,
};
use kernel::module::{FactType, PublicView, Services};
use kernel::pack::Pack;
use kernel::*;
use std::path::Path;
use std::sync::Arc;
use tower::ServiceExt;

/// The reach of each actor is written in its one grant; role `all` sees everything.
struct ByGrant;
impl Authorise for ByGrant {
    fn may(&self, _: &Actor, _: &str, _: &Resource) -> Result<(), Refusal> {
        Err(Refusal::forbidden())
    }
    fn holds(&self, actor: &Actor, permission: &str) -> bool {
        permission == "indicators.figure.read" && !actor.grants.is_empty()
    }
    fn scope(&self, actor: &Actor, _: &str) -> Scope {
        let term = |g: &Grant| Term::Within {
            org_path: g.org_path.clone(),
            area_code: g.area_code.clone(),
        };
        match actor.grants.iter().any(|g| g.role == "all") {
            true => Scope::All,
            // An owner term must open nothing: counted rows show no owner.
            false => Scope::Any(
                actor
                    .grants
                    .iter()
                    .map(term)
                    .chain([Term::Owner("s".into())])
                    .collect(),
            ),
        }
    }
}

struct Plain;
impl Protect for Plain {
    fn seal(&self, _: &str, plain: &str) -> Result<Vec<u8>, Fault> {
        Ok(plain.as_bytes().to_vec())
    }
    fn open(&self, _: &str, sealed: &[u8]) -> Result<String, Fault> {
        Ok(String::from_utf8_lossy(sealed).into_owned())
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
        let (Credential::Cookie(name) | Credential::Bearer(name)) = credential;
        Ok(actor(name))
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

/// mayor: all; supervisor: the root of the tree; roads: one organisation; county: one area; nobody: a
/// reach without rows; visitor: signed in without a post.
fn actor(name: &str) -> Option<Actor> {
    let grant = |role: &str, org_path: &str, area_code: &str| Grant {
        role: role.into(),
        post: "p".into(),
        org: "o".into(),
        org_path: org_path.into(),
        area_code: area_code.into(),
    };
    let grants = match name {
        "mayor" => vec![grant("all", "/", "")],
        "supervisor" => vec![grant("part", "/shi/", "9901")],
        "roads" => vec![grant("part", "/shi/roads/", "9901")],
        "county" => vec![grant("part", "/shi/", "990126")],
        "nobody" => vec![grant("part", "/mars/", "9")],
        "visitor" => vec![],
        _ => return None,
    };
    Some(Actor {
        id: format!("account:{name}"),
        name: "演示".into(),
        kind: ActorKind::Official,
        account: Some(Uuid::nil()),
        grants,
        ..Actor::default()
    })
}

fn migration(module: &str, sql: &str) -> db::Migration {
    db::Migration {
        module: module.into(),
        number: 1,
        name: "first".into(),
        sql: sql.into(),
    }
}

fn cases() -> Module {
    let sent = |name| FactType {
        name,
        unconsumed: Some("test"),
    };
    Module {
        name: "cases",
        facts: vec![
            sent("cases.case.ended"),
            sent("cases.rating.given"),
            sent("cases.case.accepted"),
        ],
        migrations: vec![migration(
            "cases",
            "CREATE TABLE cases_case (id TEXT NOT NULL PRIMARY KEY, number TEXT, matter TEXT NOT NULL, \
             organisation TEXT NOT NULL, org_path TEXT NOT NULL, area_code TEXT NOT NULL, state TEXT NOT \
             NULL, channel TEXT NOT NULL, visits BIGINT NOT NULL, submitted_at BIGINT, accepted_at BIGINT, \
             ended_at BIGINT, due_on TEXT, on_time BIGINT, grade BIGINT, provisional BIGINT NOT NULL);",
        )],
        views: vec![PublicView {
            name: "pub_cases_case",
            sql: "SELECT id, number, matter, organisation, org_path, area_code, state, channel, visits, \
                  submitted_at, accepted_at, ended_at, due_on, on_time, grade, provisional FROM cases_case \
                  WHERE state <> 'draft'",
            grade: 2,
        }],
        ..Module::default()
    }
}

fn services() -> Module {
    Module {
        name: "services",
        facts: vec![FactType {
            name: "services.matter.proven",
            unconsumed: Some("test"),
        }],
        migrations: vec![migration(
            "services",
            "CREATE TABLE services_matter (id TEXT NOT NULL PRIMARY KEY, title TEXT NOT NULL, title_en \
             TEXT NOT NULL, organisation TEXT NOT NULL, online TEXT NOT NULL, proven_case TEXT, proven_at BIGINT);",
        )],
        views: vec![PublicView {
            name: "pub_services_matter",
            sql: "SELECT id, title, title_en, organisation, online, proven_case, proven_at FROM \
                  services_matter",
            grade: 1,
        }],
        ..Module::default()
    }
}

pub struct City {
    pub app: Arc<App>,
    _db: Fresh,
}

impl City {
    /// Tables, organisations and the base pack's own definitions; no records.
    pub async fn new(db: Fresh) -> City {
        let plain = || Arc::new(Plain);
        let ports = Ports {
            authorise: Arc::new(ByGrant),
            protect: plain(),
            sessions: plain(),
            ask: plain(),
            accessed: plain(),
        };
        let config = Config {
            url: "http://localhost:8151".into(),
            listen: String::new(),
            data: std::env::temp_dir(),
            database: Some(db.address.clone()),
            demo: true,
            node: "n1".into(),
            fast_hash: true,
            edge: Default::default(),
            checked_pack: false,
        };
        let modules = vec![
            kernel::module(),
            identity::module(),
            cases(),
            services(),
            indicators::module(),
        ];
        assert_eq!(start::check_declarations(&modules), Vec::<String>::new());
        let section = modules[4].sections[0].clone();
        let clock = Arc::new(SetClock::at(1_795_100_000_000));
        let chance = start::system_chance();
        let app = start::assemble(config, None, modules, ports, Services::default(), clock, chance)
            .await
            .unwrap();
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packs/base");
        let pack = Arc::new(Pack::read(&base).unwrap());
        assert_eq!((section.check)(&pack), Vec::<String>::new());
        (section.load)(app.system("pack"), pack).await.unwrap();
        let city = City { app, _db: db };
        for (id, name, path) in [
            ("shi", "市政府", "/shi/"),
            ("roads", "市道路局", "/shi/roads/"),
            ("police", "市公安局", "/shi/police/"),
            ("empty", "市空局", "/shi/empty/"),
        ] {
            city.sql(&format!(
                "INSERT INTO identity_organisation(id, name, name_en, short, kind, path, area_code, version) \
                 VALUES ('{id}', '{name}', '', '{name}', 'department', '{path}', '9901', 1)"
            ))
            .await;
        }
        city
    }

    pub async fn sql(&self, sql: &str) {
        let ctx = self.app.system("test");
        ctx.tx("test.sql", |tx| Ok(tx.execute(sql, &[])?)).await.unwrap();
    }

    /// A case that is neither timely, online, nor rated, ended at a fixed time if its state says so.
    pub async fn case(&self, id: &str, matter: &str, organisation: &str, state: &str) {
        let ended = if matches!(state, "granted" | "refused" | "withdrawn") {
            "1795014401000"
        } else {
            "NULL"
        };
        self.sql(&format!(
            "INSERT INTO cases_case(id, number, matter, organisation, org_path, area_code, state, \
             channel, visits, \
             ended_at, on_time, provisional) VALUES ('{id}', 'N-{id}', '{matter}', '{organisation}', \
             '/shi/{organisation}/', '990101', '{state}', 'window', 0, {ended}, 0, 0)"
        ))
        .await;
    }

    /// As many ended cases, half of them on time.
    pub async fn many(&self, matter: &str, organisation: &str, n: usize) {
        let rows: Vec<String> = (0..n)
            .map(|i| {
                format!(
                    "('m{i:04}', 'M-{i}', '{matter}', '{organisation}', '/shi/{organisation}/', \
                     '990101', 'granted', \
                     'online', {}, {i}, {}, 0)",
                    i % 3,
                    i % 2
                )
            })
            .collect();
        self.sql(&format!(
            "INSERT INTO cases_case(id, number, matter, organisation, org_path, area_code, state, \
             channel, visits, \
             ended_at, on_time, provisional) VALUES {}",
            rows.join(", ")
        ))
        .await;
    }

    pub async fn matters(&self) {
        for (id, zh, en, organisation, online, proven) in [
            (
                "occupy",
                "临时占用城市道路",
                "Occupy a road",
                "roads",
                "full",
                "'c1'",
            ),
            ("dig", "挖掘城市道路", "Dig up a road", "roads", "full", "NULL"),
            ("gun", "爆破作业", "Blasting", "police", "partial", "'d1'"),
        ] {
            self.sql(&format!(
                "INSERT INTO services_matter(id, title, title_en, organisation, online, proven_case) \
                 VALUES ('{id}', '{zh}', '{en}', '{organisation}', '{online}', {proven})"
            ))
            .await;
        }
    }

    /// A year small enough to count by hand.
    pub async fn year(&self) {
        self.matters().await;
        for (id, matter, organisation, state, change) in [
            (
                "c1",
                "occupy",
                "roads",
                "granted",
                "on_time = 1, channel = 'online', grade = 5",
            ),
            (
                "c2",
                "occupy",
                "roads",
                "granted",
                "channel = 'online', visits = 1, grade = 3",
            ),
            (
                "c3",
                "occupy",
                "roads",
                "refused",
                "on_time = 1, channel = 'online'",
            ),
            ("c4", "dig", "roads", "granted", "grade = 4"),
            ("r1", "dig", "police", "refused", "on_time = 1, visits = 2"),
            (
                "d1",
                "dig",
                "police",
                "granted",
                "on_time = 1, channel = 'online', grade = 1, area_code = '990126'",
            ),
            (
                "w1",
                "occupy",
                "roads",
                "withdrawn",
                "channel = 'online', on_time = 1",
            ),
            (
                "o1",
                "occupy",
                "roads",
                "handling",
                "channel = 'online', on_time = NULL",
            ),
            (
                "x1",
                "occupy",
                "roads",
                "draft",
                "channel = 'online', on_time = NULL",
            ),
        ] {
            self.case(id, matter, organisation, state).await;
            self.sql(&format!("UPDATE cases_case SET {change} WHERE id = '{id}'"))
                .await;
        }
    }

    /// Emits a fact of this type about a case or matter.
    pub async fn fact(&self, kind: &'static str, subject: &str) {
        let ctx = self.app.system("test");
        ctx.tx("test.fact", |tx| Ok(ctx.emit(tx, Fact::new(kind, subject))?))
            .await
            .unwrap();
    }

    pub async fn settle(&self) {
        job::settle(&self.app).await.unwrap();
    }

    /// (numerator, denominator) of every point of a series, oldest first.
    pub async fn points(&self, indicator: &str, organisation: &str, matter: &str) -> Vec<(i64, i64)> {
        let ctx = self.app.system("test");
        let sql = "SELECT numerator, denominator FROM indicators_point WHERE indicator = $1 AND \
              organisation = $2 \
                   AND matter = $3 ORDER BY at";
        ctx.read("test.points", |tx| {
            let rows = tx.query(sql, params![indicator, organisation, matter])?;
            rows.iter()
                .map(|r| Ok((r.get("numerator")?, r.get("denominator")?)))
                .collect()
        })
        .await
        .unwrap()
    }

    pub async fn get(&self, who: &str, path: &str) -> (u16, String) {
        let accept = if path.starts_with("/api/") {
            "application/json"
        } else {
            "text/html"
        };
        let request = Request::get(path)
            .header(header::COOKIE, format!("{}={who}", http::SESSION))
            .header(header::ACCEPT, accept)
            .body(Body::empty())
            .unwrap();
        let answer = http::router(self.app.clone()).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    pub async fn page(&self, who: &str, path: &str) -> String {
        let (status, text) = self.get(who, path).await;
        assert_eq!(status, 200, "{who} {path}: {text}");
        text
    }

    pub async fn json(&self, who: &str, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.page(who, path).await).unwrap()
    }

    /// The rows of a figure's file, without the heading.
    pub async fn csv(&self, who: &str, id: &str, part: &str, pick: &str) -> Vec<Vec<String>> {
        let text = self
            .page(
                who,
                &format!("/work/indicators/{id}/rows?format=csv&part={part}&{pick}"),
            )
            .await;
        csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes())
            .records()
            .map(|r| r.unwrap().iter().map(String::from).collect())
            .collect()
    }

    /// How many rows the pages of a figure show, walked by their own links.
    pub async fn listed(&self, who: &str, id: &str, part: &str, pick: &str) -> usize {
        let mut path = format!("/work/indicators/{id}/rows?part={part}&{pick}");
        let mut n = 0;
        loop {
            let text = self.page(who, &path).await;
            let body = text.split("<tbody>").nth(1).unwrap_or_default();
            let here = body.matches("<tr>").count();
            assert!(here <= 50, "{path}");
            n += here;
            let older = text
                .split("<a href=\"")
                .filter(|s| s.contains(">下一页</a>"))
                .last();
            match older.and_then(|s| s.split('"').next()) {
                Some(next) => path = next.replace("&#x2f;", "/").replace("&amp;", "&"),
                None => return n,
            }
        }
    }
}

/// A database for one test; a file goes with it, a PostgreSQL one with the test server.
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
    let mut random = [0u8; 8];
    start::system_chance()(&mut random);
    let name = format!("i{}", u64::from_be_bytes(random));
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
