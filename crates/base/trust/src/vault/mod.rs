//! The key store: a master key outside the database, data keys sealed under it inside, every other key under those.

mod keys;
pub(crate) mod store;

pub use keys::public_pem;
pub(crate) use keys::{KEY, key, key_or_make, kind_name, replace, retire};

use crate::crypto::{self, seal};
use crate::keyring::{self, DataKey};
use kernel::ctx::Protect;
use kernel::{Ctx, Fault, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::RwLock;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

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

    pub(crate) fn parse(text: &str) -> Option<Master> {
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

impl Master {
    /// Tells which master key this is; nothing can be computed from it.
    pub fn master_id(&self) -> String {
        let mac = seal::mac(&self.0, "backup", "master-key-id");
        mac.chars().take(16).collect()
    }

    /// Seals under the master key itself: data keys, and the value by which a wrong one is refused.
    pub(crate) fn seal(&self, place: &str, plain: &str) -> Result<Vec<u8>, Fault> {
        let (aad, plain) = (place.as_bytes(), plain.as_bytes());
        seal::seal(&self.0, aad, plain, &mut crypto::random::system)
            .map_err(|e| Fault::of(format!("sealing {place}"), e))
    }

    pub(crate) fn open_sealed(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<String>, Fault> {
        let plain = seal::open(&self.0, place.as_bytes(), sealed)
            .map_err(|e| Fault::of(format!("opening {place}"), e))?;
        text(place, plain).map(Zeroizing::new)
    }

    /// The keys that indexes and MACs were made with before they had keys of their own.
    pub(crate) fn first_keys(&self) -> [Secret; 2] {
        [seal::index_key(&self.0), seal::mac_key(&self.0)]
    }
}

fn text(place: &str, plain: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(plain).map_err(|_| Fault::new(format!("{place} does not hold text")))
}

/// One key in memory; wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// How long a node may go on sealing without having looked which data key is the newest. Rotations wait longer before they
/// destroy an older one ([`keyring::service::GRACE`](crate::keyring)).
const FRESH: Duration = Duration::from_secs(300);

/// The data keys of one database, opened with its master key. Implements `kernel::ctx::Protect`.
pub struct Vault {
    master: Master,
    /// Where the keys are: a version that is met before it was loaded is read from there on a connection of its own, since
    /// that happens inside transactions.
    database: String,
    ring: RwLock<Ring>,
}

#[derive(Default)]
struct Ring {
    columns: BTreeMap<u32, Secret>,
    index: Option<Secret>,
    mac: Option<Secret>,
    read: Option<Instant>,
}

impl Vault {
    /// Without any key yet: see [`crate::open_keys`].
    pub fn new(master: Master, database: String) -> Vault {
        Vault {
            master,
            database,
            ring: RwLock::default(),
        }
    }

    /// With one data key and no table of keys: for tests of modules that run without this one.
    pub fn alone(master: Master) -> Vault {
        let [first, _] = master.first_keys();
        let vault = Vault::new(master, String::new());
        {
            let mut ring = vault.ring.write().unwrap_or_else(|p| p.into_inner());
            ring.columns.insert(1, first);
            ring.read = Some(Instant::now());
        }
        vault
    }

    pub(crate) fn master(&self) -> &Master {
        &self.master
    }

    fn ring(&self) -> std::sync::RwLockReadGuard<'_, Ring> {
        self.ring.read().unwrap_or_else(|p| p.into_inner())
    }

    /// Takes in what the table of keys holds.
    pub(crate) fn install(&self, keys: &[DataKey]) -> Result<(), Fault> {
        let mut ring = Ring {
            read: Some(Instant::now()),
            ..Ring::default()
        };
        for k in keys.iter().filter(|k| k.live() && k.version > 0) {
            let text = self.master.open_sealed(&k.place(), &k.sealed).map_err(|e| {
                Fault::of(
                    "the data keys do not open under this master key; it was changed: start this node with the new one",
                    e,
                )
            })?;
            let mut key = Secret::default();
            hex::decode_to_slice(text.as_bytes(), &mut *key).map_err(|e| Fault::of(k.place(), e))?;
            match k.purpose.as_str() {
                "index" => ring.index = Some(key),
                "mac" => ring.mac = Some(key),
                _ => drop(ring.columns.insert(k.version, key)),
            }
        }
        *self.ring.write().unwrap_or_else(|p| p.into_inner()) = ring;
        Ok(())
    }

    fn reload(&self) -> Result<(), Fault> {
        let address = self.database.clone();
        let read = move || -> kernel::Result<Vec<DataKey>> {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .map_err(|e| Fault::of("reading data keys", e))?;
            runtime.block_on(async {
                let db = kernel::Db::open(&address).await?;
                db.read("trust.keys", |tx| Ok(keyring::store::all(tx)?)).await
            })
        };
        let read = std::thread::spawn(read)
            .join()
            .map_err(|_| Fault::new("reading data keys"))?;
        self.install(&read.map_err(|e| Fault::of("reading data keys", e))?)
    }

    /// The newest data key and its version.
    fn newest(&self) -> Result<(u32, Secret), Fault> {
        let look = |fresh: bool| {
            let ring = self.ring();
            let current = !fresh || ring.read.is_some_and(|at| at.elapsed() < FRESH);
            ring.columns
                .last_key_value()
                .filter(|_| current)
                .map(|(v, k)| (*v, k.clone()))
        };
        if let Some(found) = look(true) {
            return Ok(found);
        }
        self.reload()?;
        look(false).ok_or_else(|| Fault::new("there is no data key"))
    }

    fn version(&self, version: u32) -> Result<Secret, Fault> {
        if let Some(key) = self.ring().columns.get(&version) {
            return Ok(key.clone());
        }
        self.reload()?;
        let key = self.ring().columns.get(&version).cloned();
        key.ok_or_else(|| {
            Fault::new(format!(
                "data key {version} is not in this database, or was retired"
            ))
        })
    }
}

impl Protect for Vault {
    fn seal(&self, place: &str, plain: &str) -> Result<Vec<u8>, Fault> {
        let (version, key) = self.newest()?;
        seal::seal_under(
            &key,
            version,
            place.as_bytes(),
            plain.as_bytes(),
            &mut crypto::random::system,
        )
        .map_err(|e| Fault::of(format!("sealing {place}"), e))
    }
    fn open(&self, place: &str, sealed: &[u8]) -> Result<String, Fault> {
        let version = seal::version(sealed).ok_or_else(|| Fault::new(format!("opening {place}")))?;
        if version == 0 {
            return self.master.open_sealed(place, sealed).map(|t| t.to_string());
        }
        let plain = seal::open_under(&*self.version(version)?, place.as_bytes(), sealed)
            .map_err(|e| Fault::of(format!("opening {place}"), e))?;
        text(place, plain)
    }
    fn index(&self, element: &str, plain: &str) -> String {
        match &self.ring().index {
            Some(key) => seal::keyed(key, element, plain),
            None => seal::index(&self.master.0, element, plain),
        }
    }
    fn mac(&self, purpose: &str, text: &str) -> String {
        match &self.ring().mac {
            Some(key) => seal::keyed(key, purpose, text),
            None => seal::mac(&self.master.0, purpose, text),
        }
    }
    fn trouble(&self) -> Option<String> {
        crate::token::module_status()?.trouble
    }
    fn master_id(&self) -> String {
        self.master.master_id()
    }
}

pub(crate) const CHECK: &str = "master-check";
pub(crate) const CHECK_PLACE: &str = "kernel_setting.master-check";

/// Refuses to go on under another master key than the one of the database, and loads its data keys if it has any.
pub async fn check_master(ctx: &Ctx, vault: &Vault) -> Result<()> {
    let (known, keys) = ctx
        .read("trust.check", |tx| {
            Ok((kernel::setting::get(tx, CHECK)?, keyring::store::all(tx)?))
        })
        .await?;
    if let Some(text) = known {
        let sealed = hex::decode(text).map_err(|e| Fault::of("master-check", e))?;
        vault.master.open_sealed(CHECK_PLACE, &sealed).map_err(|_| {
            Fault::new(
                "the master key does not fit this database: give the one it was made with (YIWANG_MASTER_KEY_FILE; \
                 demo.key in the data folder of a demonstration)",
            )
        })?;
    }
    Ok(vault.install(&keys)?)
}
