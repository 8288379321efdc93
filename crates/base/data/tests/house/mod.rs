//! A test app with the real identity and key store, and a small city pack in a folder of its own.

use kernel::ctx::{Authorise, Config, Credential, Grant, Ports, Sessions, SetClock};
use kernel::module::Services;
use kernel::pack::Pack;
use kernel::*;
use std::path::PathBuf;
use std::sync::Arc;

pub const HEAD: &str = "citizen_id,name,sex,birth_date,address,phone,as_of";

/// A person whose data must stand nowhere in clear.
pub struct Person {
    pub name: &'static str,
    number: u16,
    wrong: bool,
    pub phone: &'static str,
    pub address: &'static str,
}
impl Person {
    pub fn code(&self) -> String {
        let code = code(self.number);
        if !self.wrong {
            return code;
        }
        let last = if code.ends_with('0') { '1' } else { '0' };
        format!("{}{last}", &code[..17])
    }
}
pub const CANARY: Person = Person {
    name: "演示金丝雀",
    number: 1,
    wrong: false,
    phone: "19900070071",
    address: "演示市演示街道金丝雀路1号",
};
pub const CANARY_WRONG: Person = Person {
    name: "演示错金丝雀",
    number: 7,
    wrong: true,
    phone: "19900070072",
    address: "演示市演示街道金丝雀路2号",
};

pub fn code(n: u16) -> String {
    codes::synthetic_citizen_id("320899", "19900101", n).unwrap()
}

pub fn firm_code() -> String {
    codes::synthetic_credit_code('9', '1', "320899", "MA8YW001").unwrap()
}

/// A pack in a temporary folder.
pub struct City(tempfile::TempDir);

impl City {
    pub fn new() -> City {
        let city = City(tempfile::tempdir().unwrap());
        city.write(
            "pack.toml",
            "[pack]\nid = \"t\"\nversion = 1\ntitle = \"测试\"\n\n[city]\nzone = \"Asia/Shanghai\"\n\
             synthetic_division = \"320899\"\n",
        );
        city.write("elements.toml", ELEMENTS);
        city.write("sources/collection.toml", COLLECTION);
        let (p, w) = (&CANARY, &CANARY_WRONG);
        let rows = [
            format!(
                "{},{},1,1990-01-01,{},{},2026-06-30",
                p.code(),
                p.name,
                p.address,
                p.phone
            ),
            format!(
                "{},{},1,1990-01-01,{},{},2026-06-30",
                w.code(),
                w.name,
                w.address,
                w.phone
            ),
            format!(
                "{},演示乙,1,1990-02-30,演示市演示街道二号,19900000002,2026-06-30",
                code(2)
            ),
            format!(
                "{},{},1,1990-01-01,{},{},2026-06-30",
                p.code(),
                p.name,
                p.address,
                p.phone
            ),
            format!(
                "{},{},1,1990-01-01,演示市演示街道旧居路9号,{},2021-03-31",
                p.code(),
                p.name,
                p.phone
            ),
            format!(
                "{},演示乙,1,1990-01-01,演示市演示街道二号,19900000002,2026-06-30",
                code(2)
            ),
            format!(
                "{},,1,1990-01-01,演示市演示街道三号,19900000003,2026-06-30",
                code(3)
            ),
            format!(
                "{},演示丁,1,1990-01-01,演示市演示街道四号,2990,2026-06-30",
                code(4)
            ),
        ];
        city.write("sources/people.csv", &format!("{HEAD}\n{}\n", rows.join("\n")));
        let health = [
            format!("{},{},演示市演示街道新居路3号,2026-08-31", p.code(), p.name),
            format!("{},演示乙,演示市演示街道二号,2026-06-30", code(2)),
        ];
        city.write(
            "sources/health.csv",
            &format!("citizen_id,name,address,as_of\n{}\n", health.join("\n")),
        );
        let firms = [
            format!("{},演示便民商贸有限公司,2026-06-30", firm_code()),
            format!("{}0,演示校验错误商店,2026-06-30", &firm_code()[..17]),
        ];
        city.write(
            "sources/firms.csv",
            &format!("credit_code,name,as_of\n{}\n", firms.join("\n")),
        );
        city
    }

    /// The canary with a newer phone, the second person with an older address.
    pub fn people_changed(&self) -> String {
        format!(
            "{},{},1,1990-01-01,{},19900000099,2026-07-31\n\
             {},演示乙,1,1990-01-01,演示市演示街道旧址,19900000002,2020-01-01\n",
            CANARY.code(),
            CANARY.name,
            CANARY.address,
            code(2)
        )
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    pub fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }
    pub fn edit(&self, name: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(old), "{old}");
        self.write(name, &text.replace(old, new));
    }
    pub fn pack(&self) -> Pack {
        Pack::read(self.0.path()).unwrap()
    }
}

const ELEMENTS: &str = r#"[[element]]
id = "name"
name = "姓名"
name_en = "Name"
type = "string"
grade = "L3"

[[element]]
id = "citizen-id"
name = "公民身份号码"
name_en = "Citizen ID number"
type = "citizen-id"
grade = "L4"
source = "GB 11643-1999"

[[element]]
id = "sex"
name = "性别"
name_en = "Sex"
type = "enum"
grade = "L2"
values = ["1", "2"]

[[element]]
id = "birth-date"
name = "出生日期"
type = "date"
grade = "L3"

[[element]]
id = "address"
name = "住址"
type = "string"
grade = "L3"

[[element]]
id = "phone"
name = "手机号码"
type = "phone"
grade = "L3"

[[element]]
id = "firm-name"
name = "单位名称"
type = "string"
grade = "L1"
"#;

const COLLECTION: &str = r#"[[source]]
id = "people"
file = "people.csv"
library = "population"
name = "人口登记（样例）"
name_en = "Population (sample)"
authority = "gongan"
key = "citizen_id"
key_kind = "citizen-id"
as_of = "as_of"

[[source.rule]]
column = "citizen_id"
element = "citizen-id"
rule = "citizen-id"
severity = "reject"

[[source.rule]]
column = "name"
element = "name"
rule = "not-empty"
severity = "reject"

[[source.rule]]
column = "sex"
element = "sex"
rule = "enum"
severity = "warn"

[[source.rule]]
column = "birth_date"
element = "birth-date"
rule = "date"
severity = "reject"

[[source.rule]]
column = "address"
element = "address"
rule = "not-empty"
severity = "warn"

[[source.rule]]
column = "phone"
element = "phone"
rule = "phone"
severity = "warn"

[[source]]
id = "firms"
file = "firms.csv"
library = "legal-person"
name = "法人登记（样例）"
name_en = "Firms (sample)"
authority = "shijianju"
key = "credit_code"
key_kind = "credit-code"
as_of = "as_of"

[[source.rule]]
column = "name"
element = "firm-name"
rule = "not-empty"
severity = "warn"

# --- health
[[source]]
id = "health"
file = "health.csv"
library = "population"
name = "卫生登记（样例）"
name_en = "Health (sample)"
authority = "weijian"
key = "citizen_id"
key_kind = "citizen-id"
as_of = "as_of"

[[source.rule]]
column = "name"
element = "name"
rule = "not-empty"
severity = "warn"

[[source.rule]]
column = "address"
element = "address"
rule = "not-empty"
severity = "warn"
"#;

/// Role names are permissions.
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

/// The token is the actor's name.
struct ByName;
impl Sessions for ByName {
    fn resolve(&self, _: &mut Tx<'_>, credential: &Credential, _: i64) -> Result<Option<Actor>> {
        let (Credential::Cookie(token) | Credential::Bearer(token)) = credential;
        Ok(match token.as_str() {
            "steward" => Some(official(&["data.library.read", "data.library.collect"])),
            "reader" => Some(official(&["data.library.read"])),
            "citizen" => Some(official(&[])),
            _ => None,
        })
    }
}

/// An official who holds these permissions.
pub fn official(permissions: &[&str]) -> Actor {
    let grant = |role: &&str| Grant {
        role: role.to_string(),
        post: "p".into(),
        org: "o".into(),
        org_path: "/o/".into(),
        area_code: "9901".into(),
    };
    Actor {
        id: "account:clerk".into(),
        name: "演示".into(),
        kind: ActorKind::Official,
        account: Some(Uuid::nil()),
        grants: permissions.iter().map(grant).collect(),
        ..Actor::default()
    }
}

/// An app on this database (a `postgres://` address, or a file), with this pack's city.
pub async fn app(database: &str, pack: &Pack) -> Arc<App> {
    let config = Config {
        url: "http://localhost:8151".into(),
        listen: String::new(),
        data: std::env::temp_dir(),
        database: Some(database.into()),
        demo: true,
        node: "node-a".into(),
        fast_hash: true,
        edge: Default::default(),
        checked_pack: false,
    };
    let master = trust::Master::open(&config.data, Some(&"5a".repeat(32)), true).unwrap();
    let master = Arc::new(trust::Vault::alone(master));
    let people = Arc::new(identity::Identity {
        policies: Default::default(),
        protect: master.clone(),
        matters: Default::default(),
        zone: "Asia/Shanghai".into(),
    });
    let ports = Ports {
        authorise: Arc::new(ByRole),
        protect: master,
        sessions: Arc::new(ByName),
        ask: Arc::new(data::Library),
        accessed: people,
    };
    let clock = Arc::new(SetClock::at(1_795_000_000_000));
    let modules = vec![kernel::module(), identity::module(), data::module()];
    start::assemble(
        config,
        Some(pack),
        modules,
        ports,
        Services::default(),
        clock,
        start::system_chance(),
    )
    .await
    .unwrap()
}

/// A database for one test, gone with it.
pub struct Fresh {
    pub address: String,
    folder: tempfile::TempDir,
}
impl Fresh {
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

pub fn sqlite() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    Fresh {
        address: folder.path().join("core.db").display().to_string(),
        folder,
    }
}

/// A new database on the test server.
pub async fn postgres() -> Fresh {
    let server =
        std::env::var("YIWANG_TEST_POSTGRES").expect("run by `cargo xtask test`, which starts PostgreSQL");
    let mut bytes = [0u8; 8];
    start::system_chance()(&mut bytes);
    let name = format!("d{}", hex::encode(bytes));
    let address = format!("{server}/postgres");
    let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    Fresh {
        address: format!("{server}/{name}"),
        folder: tempfile::tempdir().unwrap(),
    }
}
