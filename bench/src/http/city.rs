//! The whole product in this process, listening on a free port of loopback with its jobs running, as `yiwang demo` does.

use crate::Failure;
use kernel::ctx::{App, Config, SystemClock};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

pub struct City {
    pub app: Arc<App>,
    pub address: SocketAddr,
    stop: tokio::sync::watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// A small PDF.
const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

impl City {
    /// A new demonstration city in a folder, or in a PostgreSQL database.
    pub async fn open(folder: &Path, database: Option<String>) -> Result<City, Failure> {
        let config = Config {
            url: "http://localhost".into(),
            listen: String::new(),
            data: folder.into(),
            database,
            demo: true,
            node: "bench".into(),
            fast_hash: true,
            edge: Default::default(),
            checked_pack: false,
        };
        let with = yiwang::Surroundings {
            clock: Arc::new(SystemClock),
            chance: kernel::start::system_chance(),
            master_key: None,
        };
        let pack = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../packs/huaian"));
        let app = yiwang::open(config, pack, with).await.map_err(failed)?;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let ending = stopped.clone();
        let mut tasks = kernel::job::start(app.clone(), stopped);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (router, limits) = (
            kernel::http::router(app.clone()),
            yiwang::server::Limits::default(),
        );
        tasks.push(tokio::spawn(yiwang::server::run(
            listener, router, limits, ending,
        )));
        Ok(City {
            app,
            address,
            stop,
            tasks,
        })
    }

    /// Bearer tokens of this many new people.
    pub async fn people(&self, count: usize) -> Result<Vec<String>, Failure> {
        let ctx = self.app.system("bench");
        let mut tokens = Vec::new();
        for n in 0..count {
            let code =
                codes::synthetic_citizen_id("320899", "19900101", n as u16 + 1).ok_or("no ID number")?;
            let name = format!("演示压测{n}");
            let subject = ctx
                .tx("bench.person", |tx| {
                    let person = identity::api::NewParty {
                        kind: "natural",
                        name: &name,
                        code: &code,
                        phone: None,
                        area_code: "320812",
                        synthetic: true,
                    };
                    identity::api::know(&ctx, tx, &person)
                })
                .await
                .map_err(failed)?;
            let login = format!("bench-{n}");
            identity::api::open_account(&ctx, &login, "person", &subject, "bench-password-1")
                .await
                .map_err(failed)?;
            tokens.push(identity::api::api_token(&ctx, &login).await.map_err(failed)?);
        }
        Ok(tokens)
    }

    pub async fn count(&self, sql: &'static str) -> Result<i64, Failure> {
        let ctx = self.app.system("bench");
        let n = ctx
            .read("bench.count", |tx| Ok(tx.scalar::<i64>(sql, &[])?))
            .await;
        Ok(n.map_err(failed)?.unwrap_or(0))
    }

    pub async fn end(self) {
        let _ = self.stop.send(true);
        for t in self.tasks {
            t.abort();
        }
        self.app.db.close().await;
    }
}

pub fn failed(p: kernel::Problem) -> Failure {
    p.to_string().into()
}

/// The form of the sample matter.
pub fn form() -> serde_json::Value {
    serde_json::json!({ "applicant_name": "演示压测", "citizen_id": "320899198803121014", "phone": "19900000001",
        "shop_name": "演示压测店", "location": "演示压测路一号门前人行道", "division": "320812", "purpose": "goods",
        "area": "12", "start_date": "2099-02-01", "end_date": "2099-02-10", "traffic_impact": "footpath", "promise": "true" })
}

/// A multipart body with one file.
pub fn upload(n: u64) -> Vec<u8> {
    let mut body = b"--bench\r\ncontent-disposition: form-data; name=\"file\"; filename=\"plan.pdf\"\r\n\
        content-type: application/pdf\r\n\r\n"
        .to_vec();
    body.extend_from_slice(PDF);
    body.extend_from_slice(n.to_string().as_bytes());
    body.extend_from_slice(b"\r\n--bench--\r\n");
    body
}
