//! Witness of other logs (C2SP tlog-witness): whoever runs a log sends its newest head here with the proof that it continues
//! the one before; what fits is cosigned. So a log cannot show one history to one reader and another to the next.
//!
//! Which logs are witnessed, the operator says by their keys (`yiwang log witness add FILE`). Our own log does not collect
//! cosignatures.

use crate::crypto::{Kind, PrivateKey};
use crate::{epoch, vault};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::{Engine, engine::general_purpose::STANDARD};
use kernel::module::FactType;
use kernel::{Ctx, Door, Fact, Fault, Refusal, Result, Route, Table, Tx, params, setting};
use merkle::{Checkpoint, Hash, LogKeys, NoteKey, PublicKey, SigningKey};

/// What facts cover: whose heads are accepted. The newest head moves without a fact, or two cities that witness each other
/// would make news for one another for ever.
pub(crate) static LOG: Table = Table {
    name: "trust_witness",
    columns: &["origin", "keys", "added_at"],
};

/// Alias of the witness's key; it signs nothing else, as the format demands.
const KEY: &str = "witness";
const NAME: &str = "trust.witness-name";
const ADDED: &str = "trust.witness.added";
const REMOVED: &str = "trust.witness.removed";
/// Most lines of a proof, by the specification.
const MAX_PROOF: usize = 63;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new("/log/witness/key", Door::Public, get(key)),
        Route::new("/log/witness/add-checkpoint", Door::Public, post(add_checkpoint))
            .open()
            .body(64 << 10),
    ]
}

pub(crate) fn facts() -> [FactType; 2] {
    [ADDED, REMOVED].map(|name| FactType {
        name,
        unconsumed: Some("audit only"),
    })
}

/// Begins to witness the log of a key file (verifier keys, one on a line). Returns its name.
pub async fn add(ctx: &Ctx, file: &str) -> Result<String> {
    let keys = LogKeys::parse(file).map_err(|e| Fault::of("the key file", e.to_string()))?;
    let name = keys.name().to_string();
    let root = hex::encode(keys.hashing().empty());
    let text: Vec<&str> = file.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    ctx.tx("trust.witness-add", |tx| {
        let known: Option<String> = tx.scalar(
            "SELECT origin FROM trust_witness WHERE origin = $1",
            params![name.as_str()],
        )?;
        if known.is_some() {
            return Err(Fault::new(format!("the log {name} is witnessed already")).into());
        }
        tx.execute(
            "INSERT INTO trust_witness(origin, keys, added_at, size, root, note) VALUES ($1, $2, $3, 0, $4, '')",
            params![name.as_str(), text.join("\n"), ctx.now(), root.as_str()],
        )?;
        ctx.emit(tx, Fact::new(ADDED, &name).touch(&LOG, &name))?;
        Ok(())
    })
    .await?;
    Ok(name)
}

/// Ends witnessing a log and forgets its head.
pub async fn remove(ctx: &Ctx, name: &str) -> Result<()> {
    ctx.tx("trust.witness-remove", |tx| {
        let gone = tx.execute("DELETE FROM trust_witness WHERE origin = $1", params![name])?;
        if gone == 0 {
            return Err(Fault::new(format!("the log {name} is not witnessed")).into());
        }
        ctx.emit(tx, Fact::new(REMOVED, name).gone(&LOG, name))?;
        Ok(())
    })
    .await
}

/// Name and newest size seen of every log that is witnessed.
pub async fn list(ctx: &Ctx) -> Result<Vec<(String, i64)>> {
    ctx.read("trust.witness-list", |tx| {
        let rows = tx.query("SELECT origin, size FROM trust_witness ORDER BY origin", &[])?;
        rows.iter()
            .map(|r| Ok((r.get("origin")?, r.get("size")?)))
            .collect()
    })
    .await
}

/// Key and name of this witness; the name stays even when the instance moves to another address.
fn signer(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<(SigningKey, String)> {
    let PrivateKey::Ed25519(key) = vault::key_or_make(ctx, tx, KEY, Kind::Ed25519)? else {
        return Err(Fault::new("the witness key has another kind").into());
    };
    setting::put_new(tx, NAME, &format!("{}/witness", epoch::host(ctx)))?;
    Ok((key, setting::get(tx, NAME)?.unwrap_or_default()))
}

async fn key(cx: Ctx) -> Result<Response> {
    let system = cx.as_system("trust.witness");
    let text = system
        .tx("trust.witness-key", |tx| {
            let (key, name) = signer(&system, tx)?;
            Ok(NoteKey {
                name,
                key: PublicKey::Cosigner(key.verifying_key()),
            }
            .to_text())
        })
        .await?;
    Ok(answer(StatusCode::OK, "text/plain; charset=utf-8", text + "\n"))
}

/// A request as the specification writes it.
struct Submitted<'a> {
    old: u64,
    proof: Vec<Hash>,
    note: &'a str,
}

fn read(body: &str) -> Option<Submitted<'_>> {
    let (head, note) = body.split_once("\n\n")?;
    let mut lines = head.split('\n');
    let old = lines.next()?.strip_prefix("old ")?;
    let size: u64 = old.parse().ok()?;
    let hash = |line: &str| STANDARD.decode(line).ok()?.try_into().ok();
    let proof: Vec<Hash> = lines.map(hash).collect::<Option<_>>()?;
    (size.to_string() == old && proof.len() <= MAX_PROOF).then_some(Submitted {
        old: size,
        proof,
        note,
    })
}

/// What is said of a submitted head.
enum Said {
    Cosigned(String),
    /// Another size is the newest here, or the same size has another root: the size that is known.
    Conflict(i64),
    Inconsistent,
}

async fn add_checkpoint(cx: Ctx, body: String) -> Result<Response> {
    let bad = |status: u16| Refusal::new("trust-witness-refused").status(status);
    let asked = read(&body).ok_or_else(|| bad(400))?;
    let head = Checkpoint::parse(asked.note).map_err(|_| bad(400))?;
    let system = cx.as_system("trust.witness");
    // The newest head is compared and replaced in one transaction, or two requests at once could roll it back.
    let said = system
        .tx("trust.witness", |tx| {
            let row = tx.one(
                "SELECT keys, size, root FROM trust_witness WHERE origin = $1 FOR UPDATE",
                params![head.origin.as_str()],
            )?;
            let row = row.ok_or_else(|| Refusal::new("trust-witness-unknown").status(404))?;
            let keys = LogKeys::parse(&row.get::<String>("keys")?)
                .map_err(|e| Fault::of("the keys of a witnessed log", e.to_string()))?;
            keys.open(asked.note).map_err(|_| bad(403))?;
            if asked.old > head.size {
                return Err(bad(400).into());
            }
            let known: i64 = row.get("size")?;
            let mut root: Hash = [0; 32];
            hex::decode_to_slice(row.get::<String>("root")?, &mut root)
                .map_err(|e| Fault::of("the root of a witnessed log", e))?;
            let same_size_other_root = head.size == asked.old && head.root != root;
            if i64::try_from(asked.old) != Ok(known) || same_size_other_root {
                return Ok(Said::Conflict(known));
            }
            let fits = merkle::verify_consistency(
                keys.hashing(),
                asked.old,
                head.size,
                &root,
                &head.root,
                &asked.proof,
            );
            let Some(size) = i64::try_from(head.size).ok().filter(|_| fits) else {
                return Ok(Said::Inconsistent);
            };
            let (key, name) = signer(&system, tx)?;
            tx.execute(
                "UPDATE trust_witness SET size = $2, root = $3, note = $4, seen_at = $5 WHERE origin = $1",
                params![
                    head.origin.as_str(),
                    size,
                    hex::encode(head.root),
                    asked.note,
                    system.now()
                ],
            )?;
            let text = asked.note.rfind("\n\n").and_then(|end| asked.note.get(..=end));
            let text = text.ok_or_else(|| bad(400))?;
            let seconds = (system.now() / 1_000).max(0) as u64;
            Ok(Said::Cosigned(merkle::cosign(text, &key, &name, seconds)))
        })
        .await?;
    Ok(match said {
        Said::Cosigned(line) => answer(StatusCode::OK, "text/plain; charset=utf-8", line),
        Said::Conflict(size) => {
            let body = format!("{size}\n");
            answer(StatusCode::CONFLICT, "text/x.tlog.size", body)
        }
        Said::Inconsistent => {
            // Signed by the log and yet no continuation: the note is evidence, and the log of this machine keeps it.
            tracing::warn!(
                origin = head.origin,
                note = asked.note,
                "a witnessed log has forked"
            );
            return Err(bad(422).into());
        }
    })
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_as_the_specification_writes_them() {
        let hash = STANDARD.encode([7; 32]);
        let note = "log\n3\nAAAA\n\n\u{2014} log AAAAAAAA\n";
        let body = format!("old 2\n{hash}\n{hash}\n\n{note}");
        let asked = read(&body).unwrap();
        assert_eq!((asked.old, asked.proof.len(), asked.note), (2, 2, note));
        assert_eq!(read(&format!("old 0\n\n{note}")).unwrap().proof.len(), 0);
        for bad in [
            String::new(),
            note.to_string(),
            format!("old 02\n\n{note}"),
            format!("old -2\n\n{note}"),
            format!("new 2\n\n{note}"),
            format!("old 2\nAAAA\n\n{note}"),
            format!("old 2\n{}\n{note}", format!("{hash}\n").repeat(64)),
            format!("old 2\n{hash}\n"),
        ] {
            assert!(read(&bad).is_none(), "{bad:?}");
        }
    }
}
