//! A whole city for a test: the real program on a database of its own, a clock that the story sets, and people with
//! browsers. The stories are in `tests/`; each is told on SQLite and on PostgreSQL (see [`on_both!`]).

pub mod client;
pub mod host;
pub mod matter;
pub mod paper;

pub use client::{Answer, Client, File};

use axum::Router;
use kernel::ctx::{App, Config, SetClock};
use kernel::value::FromValue;
use kernel::{Ctx, Result, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which database a story is told on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Db {
    Sqlite,
    Postgres,
}

/// Tells each story once per database: `on_both!(a_story, another);` for `async fn a_story(db: Db)`.
#[macro_export]
macro_rules! on_both {
    ($($story:ident),* $(,)?) => {
        mod sqlite { $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() { super::$story($crate::Db::Sqlite).await })* }
        mod postgres { $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() { super::$story($crate::Db::Postgres).await })* }
    };
}

/// The city pack of the repository.
pub fn pack_dir() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../packs/huaian"))
}

/// A copy of the city pack, with the base pack beside it, for a story that changes content; returns the pack's folder.
pub fn pack_copy(into: &Path) -> PathBuf {
    copy(&pack_dir().join("../base"), &into.join("base"));
    let pack = into.join("city");
    copy(&pack_dir(), &pack);
    pack
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Ten in the morning of a legal day of the city, in UTC milliseconds.
pub fn morning(day: &str) -> i64 {
    let day: jiff::civil::Date = day.parse().unwrap();
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    zone.to_timestamp(day.at(10, 0, 0, 0)).unwrap().as_millisecond()
}

/// Runs SQL on the PostgreSQL server itself.
pub fn on_server(server: String, sql: String) {
    on_database(format!("{server}/postgres"), sql);
}

/// Runs SQL on a PostgreSQL database, from any thread, without the program.
pub fn on_database(address: String, sql: String) {
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls)
                .await
                .unwrap();
            let driving = tokio::spawn(connection);
            client.batch_execute(&sql).await.unwrap();
            drop(client);
            driving.await.unwrap().unwrap();
        });
    };
    std::thread::spawn(work).join().unwrap();
}

/// Data folder and database of one city; gone when the last owner is.
pub struct Place {
    folder: tempfile::TempDir,
    /// (server, database name)
    postgres: Option<(String, String)>,
}

impl Place {
    pub fn new(db: Db) -> Arc<Place> {
        let postgres = (db == Db::Postgres).then(|| {
            let server = std::env::var("YIWANG_TEST_POSTGRES")
                .expect("YIWANG_TEST_POSTGRES must name a PostgreSQL server, as `cargo xtask test` does");
            let mut random = [0u8; 8];
            kernel::start::system_chance()(&mut random);
            let name = format!("story_{}", hex::encode(random));
            on_server(server.clone(), format!("CREATE DATABASE {name}"));
            (server, name)
        });
        Arc::new(Place {
            folder: tempfile::tempdir().unwrap(),
            postgres,
        })
    }
    pub fn data(&self) -> &Path {
        self.folder.path()
    }
    /// Settings of a demonstration city here, with cheap passwords.
    pub fn config(&self) -> Config {
        Config {
            url: "http://localhost:8151".into(),
            listen: String::new(),
            data: self.folder.path().into(),
            database: self.postgres.as_ref().map(|(s, n)| format!("{s}/{n}")),
            demo: true,
            node: "story".into(),
            fast_hash: true,
            edge: Default::default(),
            checked_pack: false,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((server, name)) = self.postgres.take() {
            on_server(server, format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

/// The running city.
pub struct City {
    pub app: Arc<App>,
    pub clock: Arc<SetClock>,
    pub place: Arc<Place>,
    router: Router,
    password: String,
}

impl City {
    /// A new city on the morning of this day.
    pub async fn open(db: Db, day: &str) -> City {
        let place = Place::new(db);
        let config = place.config();
        City::start(place, config, day, None).await.unwrap()
    }

    /// A new city whose pack was changed before it was loaded.
    pub async fn with(db: Db, day: &str, change: impl FnOnce(&Path)) -> City {
        let place = Place::new(db);
        let pack = pack_copy(&place.data().join("pack"));
        change(&pack);
        let config = place.config();
        City::with_pack(place, config, &pack, day, None).await.unwrap()
    }

    /// Opens another account at the post that a demonstration account holds; returns its actor id.
    pub async fn colleague(&self, of: &str, login: &str) -> String {
        let sql = "SELECT h.post FROM identity_holding h JOIN identity_account a ON a.id = h.account WHERE a.login = $1";
        let post: String = self.scalar(sql, &[of.into()]).await.unwrap();
        let ctx = self.system();
        let subject = ctx
            .tx("story.colleague", |tx| {
                let person = identity::api::NewParty {
                    kind: "natural",
                    name: "演示同事",
                    code: "320899199001011237",
                    phone: None,
                    area_code: "320800",
                    synthetic: true,
                };
                identity::api::know(&ctx, tx, &person)
            })
            .await
            .unwrap();
        let id = identity::api::open_account(&ctx, login, "official", &subject, &self.password)
            .await
            .unwrap();
        identity::api::appoint(&ctx, &post, id, "2020-01-01")
            .await
            .unwrap();
        format!("account:{id}")
    }

    /// Starts the program at a place, which may hold a city already.
    pub async fn start(
        place: Arc<Place>,
        config: Config,
        day: &str,
        master_key: Option<String>,
    ) -> Result<City> {
        // `pack check` is a step of its own of `make test`; here it would take longer than the story.
        let config = Config {
            checked_pack: true,
            ..config
        };
        City::with_pack(place, config, &pack_dir(), day, master_key).await
    }

    /// The same with another pack than the repository's.
    pub async fn with_pack(
        place: Arc<Place>,
        config: Config,
        pack: &Path,
        day: &str,
        master_key: Option<String>,
    ) -> Result<City> {
        let clock = Arc::new(SetClock::at(morning(day)));
        let with = yiwang::Surroundings {
            clock: clock.clone(),
            chance: kernel::start::system_chance(),
            master_key,
        };
        let app = yiwang::open(config, pack, with).await?;
        Ok(City {
            router: kernel::http::router(app.clone()),
            password: identity::api::demo_password(&app.system("story")).await?,
            app,
            clock,
            place,
        })
    }

    /// Sets the clock to the morning of a day. Sessions of earlier days have ended by then.
    pub fn day(&self, day: &str) {
        self.clock.set(morning(day));
    }
    /// The password of every demonstration account.
    pub fn password(&self) -> &str {
        &self.password
    }
    /// A browser in which nobody has signed in.
    pub fn visitor(&self) -> Client {
        Client::new(self.router.clone())
    }
    /// A browser in which a demonstration account has signed in.
    pub async fn client(&self, login: &str) -> Client {
        let mut c = self.visitor();
        let answer = c.sign_in(login, &self.password).await;
        assert_eq!(answer.status, 303, "{login} signs in: {}", answer.text());
        c
    }
    /// A program that calls the API with a bearer token of this account.
    pub async fn program(&self, login: &str) -> Client {
        let token = identity::api::api_token(&self.system(), login).await.unwrap();
        let mut c = self.visitor();
        c.bearer = Some(token);
        c.accept = "application/json";
        c
    }
    /// Serves the city on a port of this machine, as outsiders reach it; returns its address.
    pub async fn served(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = self.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }
    pub fn system(&self) -> Ctx {
        self.app.system("story")
    }
    /// Runs consumers and due jobs until nothing is left to do.
    pub async fn settle(&self) {
        kernel::job::settle(&self.app).await.unwrap();
    }
    /// A registered system with an access token for itself: its client id and its browser.
    pub async fn machine(&self, name: &str, scope: &str) -> (String, Client) {
        use base64::Engine;
        let metadata = serde_json::json!({ "client_name": name, "grant_types": ["client_credentials"], "scope": scope,
            "token_endpoint_auth_method": "client_secret_basic", "redirect_uris": [] });
        let (id, secret) = openid::register(&self.system(), "演示单位", metadata)
            .await
            .unwrap();
        let mut program = self.visitor();
        program.accept = "application/json";
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{}", secret.unwrap()));
        let basic = format!("Basic {pair}");
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", basic.as_str()),
        ];
        let body = b"grant_type=client_credentials".to_vec();
        let answer = program
            .send(axum::http::Method::POST, "/openid/token", &headers, body)
            .await
            .expect(200);
        program.bearer = Some(answer.json()["access_token"].as_str().unwrap().into());
        (id, program)
    }
    /// The first column of the first row.
    pub async fn scalar<T: FromValue + Send>(&self, sql: &str, params: &[Value]) -> Option<T> {
        self.system()
            .read("story.scalar", |tx| Ok(tx.scalar(sql, params)?))
            .await
            .unwrap()
    }
    /// A number that must be there.
    pub async fn count(&self, sql: &str, params: &[Value]) -> i64 {
        self.scalar(sql, params).await.unwrap()
    }
    /// Changes rows behind the program's back.
    pub async fn execute(&self, sql: &str, params: &[Value]) -> u64 {
        self.system()
            .tx("story.execute", |tx| Ok(tx.execute(sql, params)?))
            .await
            .unwrap()
    }
    /// What `yiwang doctor` finds.
    pub async fn doctor(&self) -> Vec<String> {
        let mut out = Vec::new();
        for check in self.app.modules.iter().flat_map(|m| &m.checks) {
            out.extend(check(self.app.system("doctor")).await.unwrap());
        }
        out
    }
    /// The same without what it says of the ageing holiday table.
    pub async fn altered(&self) -> Vec<String> {
        let all = self.doctor().await;
        all.into_iter().filter(|f| !f.contains("holiday table")).collect()
    }
}
