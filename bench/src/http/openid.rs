//! Tokens and introspections beside npm oidc-provider, and readings of codes.

use super::city::{City, failed};
use super::client::Client;
use super::{ROUND, quantile, runtime};
use crate::{Failure, Figure, ROUNDS, median};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const CONNECTIONS: usize = 16;
const FORM: &str = "application/x-www-form-urlencoded";

/// The peer's process; ended with the bench.
struct Peer {
    child: Child,
    address: SocketAddr,
}

impl Peer {
    fn start(id: &str, secret: &str) -> Result<Peer, Failure> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/oidc-provider");
        if !Path::new(folder).join("node_modules").exists() {
            let done = Command::new("npm")
                .args(["ci", "--silent"])
                .current_dir(folder)
                .status()?;
            if !done.success() {
                return Err("npm ci of the peer failed".into());
            }
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut child = Command::new("node")
            .args(["server.mjs", &port.to_string(), id, secret])
            .current_dir(folder)
            .env("NODE_ENV", "production")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = child.stdout.take().ok_or("the peer says nothing")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        if line.is_empty() {
            return Err("the peer did not start".into());
        }
        Ok(Peer {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One round of POSTs by all connections: (a second, sorted microseconds).
async fn round(address: SocketAddr, basic: &str, path: &str, body: &str) -> Result<(f64, Vec<u64>), Failure> {
    let begun = Instant::now();
    let until = begun + ROUND;
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = Client::open_as(address, basic.to_string()).await?;
        let (path, body) = (path.to_string(), body.to_string());
        tasks.push(tokio::spawn(async move {
            let mut micros = Vec::new();
            while Instant::now() < until {
                let at = Instant::now();
                let answer = client.send("POST", &path, FORM, body.as_bytes()).await?;
                if answer.status != 200 {
                    let text = String::from_utf8_lossy(&answer.body).into_owned();
                    return Err::<_, Failure>(format!("{path} answered {}: {text}", answer.status).into());
                }
                micros.push(at.elapsed().as_micros() as u64);
            }
            Ok(micros)
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await??);
    }
    let rate = all.len() as f64 / begun.elapsed().as_secs_f64();
    all.sort_unstable();
    Ok((rate, all))
}

async fn token(address: SocketAddr, basic: &str, path: &str) -> Result<String, Failure> {
    let mut client = Client::open_as(address, basic.to_string()).await?;
    let answer = client
        .send("POST", path, FORM, b"grant_type=client_credentials")
        .await?
        .json()?;
    Ok(answer["access_token"].as_str().ok_or("no token")?.to_string())
}

/// Paths of one endpoint, ours and the peer's, and what is posted there, given a token.
type Call = (&'static str, &'static str, fn(&str) -> String);

fn beside(
    folder: &Path,
    name: &'static str,
    ours_is: &'static str,
    aim: f64,
    call: Call,
) -> Result<Figure, Failure> {
    let runtime = runtime()?;
    let city = runtime.block_on(City::open(folder, None))?;
    let metadata =
        json!({ "client_name": "bench", "grant_types": ["client_credentials"], "scope": "introspection" });
    let ctx = city.app.system("bench");
    let (id, secret) = runtime
        .block_on(openid::register(&ctx, "bench", metadata))
        .map_err(failed)?;
    let secret = secret.ok_or("no secret")?;
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let peer = Peer::start(&id, &secret)?;
    let mut figure = Figure {
        name,
        ours_is,
        peer_is: "npm oidc-provider, in-memory adapter, one process",
        ours: Vec::new(),
        peer: Vec::new(),
        aim,
        more: Vec::new(),
    };
    let (mut p99, mut peer_p99) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // The peer remembers a thousand tokens: each round asks about a fresh one.
        let theirs = call.2(&runtime.block_on(token(peer.address, &basic, "/token"))?);
        let (rate, micros) = runtime.block_on(round(peer.address, &basic, call.1, &theirs))?;
        figure.peer.push(rate);
        peer_p99.push(quantile(&micros, 0.99));
        let mine = call.2(&runtime.block_on(token(city.address, &basic, "/openid/token"))?);
        let (rate, micros) = runtime.block_on(round(city.address, &basic, call.0, &mine))?;
        figure.ours.push(rate);
        p99.push(quantile(&micros, 0.99));
    }
    figure.more.push(("p99 ms", median(p99)));
    figure.more.push(("peer's p99 ms", median(peer_p99)));
    runtime.block_on(city.end());
    Ok(figure)
}

/// `tokens`: client-credentials tokens; each carries what it says, so it is durable without a write.
pub fn tokens(folder: &Path) -> Result<Figure, Failure> {
    let call: Call = ("/openid/token", "/token", |_| {
        "grant_type=client_credentials".into()
    });
    beside(
        folder,
        "tokens",
        "client-credentials tokens, self-contained under a MAC",
        3.0,
        call,
    )
}

/// `introspections` of one's own token.
pub fn introspections(folder: &Path) -> Result<Figure, Failure> {
    let call: Call = ("/openid/introspect", "/token/introspection", |token| {
        format!("token={token}")
    });
    beside(folder, "introspections", "introspections", 5.0, call)
}

/// `scan`: a code of a phone is read at a counter; next to a bare one-row rate there is no peer, so the ratio is to the limit of
/// 20 ms at the 99th percentile.
pub fn scan(folder: &Path) -> Result<Figure, Failure> {
    let runtime = runtime()?;
    let city = runtime.block_on(City::open(folder, None))?;
    let figure = runtime.block_on(scans(&city));
    runtime.block_on(city.end());
    figure
}

async fn scans(city: &City) -> Result<Figure, Failure> {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
    let ctx = city.app.system("bench");
    let her = identity::api::api_token(&ctx, "resident").await.map_err(failed)?;
    let clerk = identity::api::api_token(&ctx, "clerk").await.map_err(failed)?;
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32])?;
    let point = key.verifying_key().to_sec1_point(false);
    let (x, y) = (&point.as_bytes()[1..33], &point.as_bytes()[33..65]);
    let binding = json!({ "name": "bench", "kind": "person", "key": { "kty": "EC", "crv": "P-256", "x": B64.encode(x), "y": B64.encode(y) } });
    let mut client = Client::open(city.address, &her).await?;
    let bound = client.post("/me/code/devices", &binding).await?.json()?;
    let certificate = B64.decode(bound["certificate"].as_str().ok_or("no certificate")?)?;
    let (mut ours, mut limit, mut p50) = (Vec::new(), Vec::new(), Vec::new());
    let mut rates = Vec::new();
    let mut nonce = 0u64;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let mut reader = Client::open(city.address, &clerk).await?;
        let mut micros = Vec::new();
        while begun.elapsed() < ROUND {
            nonce += 1;
            let now = u32::try_from(ctx.app.clock.now() / 1000)?;
            let code = onecode::format::show(&certificate, &key, now, nonce.to_be_bytes());
            let at = Instant::now();
            reader
                .post(
                    "/api/v1/codes/check",
                    &json!({ "code": code, "scene": "counter" }),
                )
                .await?
                .json()?;
            micros.push(at.elapsed().as_micros() as u64);
        }
        rates.push(micros.len() as f64 / begun.elapsed().as_secs_f64());
        micros.sort_unstable();
        p50.push(quantile(&micros, 0.5));
        // As rates, so that more is better on both sides.
        ours.push(1_000.0 / quantile(&micros, 0.99).max(0.001));
        limit.push(1_000.0 / 20.0);
    }
    let p99 = 1_000.0 / median(ours.clone());
    Ok(Figure {
        name: "scan",
        ours_is: "1 s / p99 of a reading, one reader, durable",
        peer_is: "1 s / the limit of 20 ms",
        ours,
        peer: limit,
        aim: 1.0,
        more: vec![
            ("p99 ms", p99),
            ("p50 ms", median(p50)),
            ("readings a second, one reader", median(rates)),
        ],
    })
}
