//! The key store: a master key outside the database, every other key sealed under it inside.

use crate::crypto::{self, Kind, PrivateKey, seal};
use kernel::ctx::Protect;
use kernel::{Ctx, Fault, Result, Table, Tx, params};
use std::path::Path;
use zeroize::Zeroizing;

/// Rows that facts cover. The sealed half is covered by its own authentication.
pub(crate) static KEY: Table = Table {
    name: "trust_key",
    columns: &["alias", "kind", "public", "version", "created_at", "retired_at"],
};

/// The master key of a demonstration city, in its data folder: 64 hex digits, readable by its owner only.
pub const DEMO_KEY: &str = "demo.key";

/// The master key in memory; wiped when dropped.
#[derive(Clone)]
pub struct Master(Zeroizing<[u8; 32]>);

impl Master {
    /// The given key (64 hex digits). Only a demonstration may go without: its key lies in the data folder, where the
    /// first start makes it.
    pub fn open(data: &Path, given: Option<&str>, demo: bool) -> Result<Master, Fault> {
        if let Some(text) = given {
            return Self::parse(text.trim())
                .ok_or_else(|| Fault::new("the master key must be 64 hex digits"));
        }
        let file = data.join(DEMO_KEY);
        match std::fs::read_to_string(&file) {
            Ok(text) => Self::parse(text.trim())
                .ok_or_else(|| Fault::new(format!("{}: must be 64 hex digits", file.display()))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !demo => Err(Fault::new(
                "there is no master key. Make one (`openssl rand -hex 32`), keep a copy away from this machine, and name \
                 its file in YIWANG_MASTER_KEY_FILE; whoever has the database but not the key cannot read personal data",
            )),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let mut bytes = Zeroizing::new([0u8; 32]);
                crypto::random::system(&mut *bytes);
                write_private(&file, &hex::encode(*bytes))
                    .map_err(|e| Fault::of(format!("cannot write {}", file.display()), e))?;
                Ok(Master(bytes))
            }
            Err(e) => Err(Fault::of(format!("cannot read {}", file.display()), e)),
        }
    }

    fn parse(text: &str) -> Option<Master> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(text, &mut *bytes).ok()?;
        Some(Master(bytes))
    }
}

fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut f = options.open(file)?;
    f.write_all(text.as_bytes())?;
    f.sync_all()
}

impl Protect for Master {
    fn seal(&self, place: &str, plain: &str) -> Result<Vec<u8>, Fault> {
        seal::seal(
            &self.0,
            place.as_bytes(),
            plain.as_bytes(),
            &mut crypto::random::system,
        )
        .map_err(|e| Fault::of(format!("sealing {place}"), e))
    }
    fn open(&self, place: &str, sealed: &[u8]) -> Result<String, Fault> {
        let plain = seal::open(&self.0, place.as_bytes(), sealed)
            .map_err(|e| Fault::of(format!("opening {place}"), e))?;
        String::from_utf8(plain).map_err(|_| Fault::new(format!("{place} does not hold text")))
    }
    fn index(&self, element: &str, plain: &str) -> String {
        seal::index(&self.0, element, plain)
    }
    fn mac(&self, purpose: &str, text: &str) -> String {
        seal::mac(&self.0, purpose, text)
    }
}

/// Refuses to go on under another master key than the one the database was made with.
pub async fn check_master(ctx: &Ctx) -> Result<()> {
    const PLACE: &str = "kernel_setting.master-check";
    let known: Option<String> = ctx
        .read("trust.check", |tx| Ok(kernel::setting::get(tx, "master-check")?))
        .await?;
    match known {
        Some(text) => {
            let sealed = hex::decode(text).map_err(|e| Fault::of("master-check", e))?;
            ctx.protect().open(PLACE, &sealed).map(|_| ()).map_err(|_| {
                Fault::new(
                    "the master key does not fit this database: give the one it was made with (YIWANG_MASTER_KEY_FILE; \
                     demo.key in the data folder of a demonstration)",
                )
                .into()
            })
        }
        None => {
            let sealed = hex::encode(ctx.protect().seal(PLACE, "yiwang")?);
            ctx.tx("trust.check", |tx| {
                Ok(kernel::setting::put_new(tx, "master-check", &sealed)?)
            })
            .await
        }
    }
}

pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Sm2 => "sm2",
        Kind::P256 => "p256",
        Kind::Ed25519 => "ed25519",
    }
}

fn fault(context: impl Into<String>) -> impl FnOnce(crypto::Error) -> Fault {
    let context = context.into();
    move |e| Fault::of(context, e)
}

/// The key with this alias; `None` when there is none yet.
pub(crate) fn key(ctx: &Ctx, tx: &mut Tx<'_>, alias: &str, kind: Kind) -> Result<Option<PrivateKey>> {
    let sealed: Option<Vec<u8>> = tx.scalar(
        "SELECT sealed FROM trust_key WHERE alias = $1 AND kind = $2",
        params![alias, kind_name(kind)],
    )?;
    let Some(sealed) = sealed else { return Ok(None) };
    let text = Zeroizing::new(
        ctx.protect()
            .open(&format!("trust_key.sealed:{alias}"), &sealed)?,
    );
    let bytes = Zeroizing::new(hex::decode(&*text).map_err(|e| Fault::of("key bytes", e))?);
    Ok(Some(
        PrivateKey::from_bytes(kind, &bytes).map_err(fault(format!("key {alias}")))?,
    ))
}

/// The key with this alias, made now when there is none.
pub(crate) fn key_or_make(ctx: &Ctx, tx: &mut Tx<'_>, alias: &str, kind: Kind) -> Result<PrivateKey> {
    if let Some(found) = key(ctx, tx, alias, kind)? {
        return Ok(found);
    }
    let mut chance = |buffer: &mut [u8]| (ctx.app.chance)(buffer);
    let made = PrivateKey::generate(kind, &mut chance);
    let text = Zeroizing::new(hex::encode(*made.to_bytes()));
    let sealed = ctx.protect().seal(&format!("trust_key.sealed:{alias}"), &text)?;
    tx.execute(
        "INSERT INTO trust_key(alias, kind, sealed, public, version, created_at) VALUES ($1, $2, $3, $4, 1, $5)",
        params![alias, kind_name(kind), sealed, made.public().spki_pem(), ctx.now()],
    )?;
    let fact = kernel::Fact::new("trust.key.made", alias).touch(&KEY, alias);
    ctx.emit(tx, fact.payload(serde_json::json!({ "kind": kind_name(kind) })))?;
    Ok(made)
}

/// Puts a new key in the place of one that others may know; its certificate goes with it.
pub(crate) fn replace(ctx: &Ctx, tx: &mut Tx<'_>, alias: &str, kind: Kind) -> Result<PrivateKey> {
    let mut chance = |buffer: &mut [u8]| (ctx.app.chance)(buffer);
    let made = PrivateKey::generate(kind, &mut chance);
    let text = Zeroizing::new(hex::encode(*made.to_bytes()));
    let sealed = ctx.protect().seal(&format!("trust_key.sealed:{alias}"), &text)?;
    tx.execute(
        "UPDATE trust_key SET sealed = $2, public = $3, certificate = NULL, version = version + 1 WHERE alias = $1",
        params![alias, sealed, made.public().spki_pem()],
    )?;
    let fact = kernel::Fact::new("trust.key.replaced", alias).touch(&KEY, alias);
    ctx.emit(tx, fact.payload(serde_json::json!({ "kind": kind_name(kind) })))?;
    Ok(made)
}

/// The public half of a key as PEM, which OpenSSL reads.
pub fn public_pem(tx: &mut Tx<'_>, alias: &str) -> Result<Option<String>, Fault> {
    tx.scalar("SELECT public FROM trust_key WHERE alias = $1", params![alias])
}
