//! City packs: folders of content, each extending another. A pack is read whole, checked with file and line, and applied
//! to an empty database; afterwards the database is the truth.

use crate::ctx::{App, Ctx};
use crate::error::{Fault, Problem, Result};
use crate::living;
use crate::params;
use crate::setting;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a pack is wrong, in words its author can act on.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
#[error("{file}:{line}: {message}")]
pub struct PackError {
    pub file: String,
    /// 1-based; 0 when the file as a whole is meant.
    pub line: usize,
    pub message: String,
}

impl From<PackError> for Problem {
    fn from(e: PackError) -> Self {
        Fault::of("pack", e).into()
    }
}

/// One file, with the pack it came from.
#[derive(Clone, Debug)]
pub struct PackFile {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// `pack.toml`.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub pack: PackHead,
    #[serde(default)]
    pub city: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub modules: BTreeMap<String, bool>,
    #[serde(default)]
    pub lights: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub numbers: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub acceptance: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub rating: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub powers: BTreeMap<String, toml::Value>,
}
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackHead {
    pub id: String,
    pub version: i64,
    pub title: String,
    #[serde(default)]
    pub title_en: String,
    pub extends: Option<String>,
}

/// A pack and everything it extends, the nearer file winning.
#[derive(Clone, Debug)]
pub struct Pack {
    pub manifest: Manifest,
    files: BTreeMap<String, PackFile>,
}

impl Pack {
    /// Reads the folder and, beside it, the packs it extends.
    pub fn read(dir: &Path) -> Result<Pack, PackError> {
        let whole = |message: String| PackError {
            file: dir.display().to_string(),
            line: 0,
            message,
        };
        let mut files = BTreeMap::new();
        collect(dir, dir, &mut files).map_err(|e| whole(format!("cannot read the pack folder: {e}")))?;
        let head = files
            .get("pack.toml")
            .ok_or_else(|| whole("no pack.toml in this folder".into()))?;
        let manifest: Manifest = parse_toml(head)?;
        if let Some(base) = &manifest.pack.extends {
            let beside = dir.parent().unwrap_or(Path::new(".")).join(base);
            let base = Pack::read(&beside)?;
            for (name, file) in base.files {
                files.entry(name).or_insert(file);
            }
        }
        Ok(Pack { manifest, files })
    }

    pub fn file(&self, name: &str) -> Option<&PackFile> {
        self.files.get(name)
    }

    /// A file that must be there.
    pub fn need(&self, name: &str) -> Result<&PackFile, PackError> {
        self.file(name).ok_or_else(|| PackError {
            file: name.into(),
            line: 0,
            message: "this file is needed and is not in the pack".into(),
        })
    }

    pub fn text(&self, name: &str) -> Result<String, PackError> {
        let f = self.need(name)?;
        String::from_utf8(f.bytes.clone()).map_err(|_| PackError {
            file: f.path.display().to_string(),
            line: 0,
            message: "not UTF-8".into(),
        })
    }

    /// A TOML file as `T`; `T` denies unknown fields, so a wrong key is an error with its line.
    pub fn toml<T: DeserializeOwned>(&self, name: &str) -> Result<T, PackError> {
        parse_toml(self.need(name)?)
    }

    /// Rows of a CSV file with a header; a bad row is an error with its line.
    pub fn csv<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, PackError> {
        let f = self.need(name)?;
        let mut reader = csv::Reader::from_reader(f.bytes.as_slice());
        reader
            .deserialize()
            .map(|row| {
                row.map_err(|e| PackError {
                    file: f.path.display().to_string(),
                    line: e.position().map_or(0, |p| p.line() as usize),
                    message: e.to_string(),
                })
            })
            .collect()
    }

    /// Names under a folder, sorted.
    pub fn under<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.files
            .keys()
            .map(String::as_str)
            .filter(move |n| n.starts_with(folder))
    }

    /// The direct sub-folders of a folder, sorted.
    pub fn folders(&self, folder: &str) -> Vec<String> {
        let mut out: Vec<String> = self
            .under(folder)
            .filter_map(|n| {
                n[folder.len()..]
                    .split_once('/')
                    .map(|(first, _)| first.to_string())
            })
            .collect();
        out.dedup();
        out
    }

    /// An error at a file of this pack.
    pub fn wrong(&self, name: &str, line: usize, message: impl Into<String>) -> PackError {
        let file = self
            .files
            .get(name)
            .map_or(name.to_string(), |f| f.path.display().to_string());
        PackError {
            file,
            line,
            message: message.into(),
        }
    }

    /// Title, name, zone … of the city, as every page and engine reads them.
    pub fn city(&self) -> serde_json::Value {
        let mut city: serde_json::Map<String, serde_json::Value> = self
            .manifest
            .city
            .iter()
            .filter_map(|(k, v)| serde_json::to_value(v).ok().map(|v| (k.clone(), v)))
            .collect();
        city.insert("title".into(), self.manifest.pack.title.clone().into());
        city.insert("title_en".into(), self.manifest.pack.title_en.clone().into());
        for (key, table) in [
            ("lights", &self.manifest.lights),
            ("numbers", &self.manifest.numbers),
            ("acceptance", &self.manifest.acceptance),
            ("rating", &self.manifest.rating),
            ("powers", &self.manifest.powers),
        ] {
            if let Ok(v) = serde_json::to_value(table) {
                city.insert(key.into(), v);
            }
        }
        city.into()
    }

    /// The same pack with some files left out and others, as text, put in: checks then read content that is on no disk.
    pub fn overlaid(&self, keep: impl Fn(&str) -> bool, with: Vec<(String, String)>) -> Pack {
        let mut files: BTreeMap<String, PackFile> = self
            .files
            .iter()
            .filter(|(name, _)| keep(name))
            .map(|(name, f)| (name.clone(), f.clone()))
            .collect();
        for (name, text) in with {
            let file = PackFile {
                path: PathBuf::from(&name),
                bytes: text.into_bytes(),
            };
            files.insert(name, file);
        }
        Pack {
            manifest: self.manifest.clone(),
            files,
        }
    }

    /// SHA-256 over all names and bytes: what drift is measured against.
    pub fn hash(&self) -> String {
        let mut h = Sha256::new();
        for (name, f) in &self.files {
            h.update(name.as_bytes());
            h.update([0]);
            h.update(Sha256::digest(&f.bytes));
        }
        hex::encode(h.finalize())
    }
}

fn collect(root: &Path, dir: &Path, out: &mut BTreeMap<String, PackFile>) -> std::io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(dir)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(|e| e.file_name());
    for e in entries {
        let path = e.path();
        if path.is_dir() {
            collect(root, &path, out)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            out.insert(
                name.to_string_lossy().replace('\\', "/"),
                PackFile {
                    bytes: std::fs::read(&path)?,
                    path: path.clone(),
                },
            );
        }
    }
    Ok(())
}

fn parse_toml<T: DeserializeOwned>(file: &PackFile) -> Result<T, PackError> {
    let name = file.path.display().to_string();
    let text = std::str::from_utf8(&file.bytes).map_err(|_| PackError {
        file: name.clone(),
        line: 0,
        message: "not UTF-8".into(),
    })?;
    toml::from_str(text).map_err(|e| PackError {
        file: name,
        line: e
            .span()
            .map_or(0, |s| text[..s.start.min(text.len())].matches('\n').count() + 1),
        message: e.message().to_string(),
    })
}

/// Applies the pack to an empty database; returns false when it held one already. Then the database is the truth and stays
/// as it is: in what the pack differs is said, once, with the verbs that help.
pub async fn apply_to_empty(app: &Arc<App>, pack: Arc<Pack>) -> Result<bool> {
    let ctx = app.system("pack");
    let have: Option<String> = ctx.read("pack.known", |tx| Ok(setting::get(tx, "pack")?)).await?;
    if let Some(have) = have {
        if have != mark_of(&pack) {
            let d = living::diff(app, &pack).await?;
            if d.is_empty() {
                tracing::info!("the pack on disk was rewritten but says the same as the database");
            } else {
                tracing::warn!(
                    "the pack on disk differs from the city, which stays as it is: {} items to take from the pack, {} edited \
                     here, {} in conflict, {} other files; see `yiwang pack diff PATH`, then `yiwang pack apply PATH`",
                    d.from_pack(),
                    d.local(),
                    d.conflicts(),
                    d.others.len()
                );
            }
        }
        return Ok(false);
    }
    let errors = match app.config.checked_pack {
        true => Vec::new(),
        false => check(app, &pack),
    };
    if !errors.is_empty() {
        return Err(Fault::new(format!(
            "the pack has {} errors:\n{}",
            errors.len(),
            errors.join("\n")
        ))
        .into());
    }
    for section in app.modules.iter().flat_map(|m| &m.sections) {
        (section.load)(ctx.clone(), pack.clone()).await?;
    }
    living::remember_all(&ctx, &pack).await?;
    // Last, so that a load cut short is begun again: every section writes with ON CONFLICT.
    ctx.tx("pack.mark", |tx| {
        living::remember_files(tx, app, &pack)?;
        mark(tx, &pack)
    })
    .await?;
    Ok(true)
}

fn mark_of(pack: &Pack) -> String {
    let head = &pack.manifest.pack;
    format!("{}@{}:{}", head.id, head.version, pack.hash())
}

/// Remembers that this pack, to the last byte, is the one that the city took in.
pub(crate) fn mark(tx: &mut crate::db::Tx<'_>, pack: &Pack) -> Result<()> {
    setting::put(tx, "pack", &mark_of(pack))?;
    Ok(())
}

/// Every error that the sections find, sorted.
pub fn check(app: &Arc<App>, pack: &Pack) -> Vec<String> {
    let mut errors: Vec<String> = app
        .modules
        .iter()
        .flat_map(|m| &m.sections)
        .flat_map(|s| (s.check)(pack))
        .collect();
    errors.sort();
    errors
}

/// Records one item of a section with its origin, hash and base version.
pub fn record(
    tx: &mut crate::db::Tx<'_>,
    ctx: &Ctx,
    section: &str,
    id: &str,
    body: &str,
    version: i64,
) -> Result<()> {
    tx.execute(
        "INSERT INTO kernel_pack_item(section, id, origin, hash, body, pack_version, at) \
         VALUES ($1, $2, 'pack', $3, $4, $5, $6) ON CONFLICT (section, id) DO UPDATE SET hash = $3, body = $4, \
         pack_version = $5, at = $6",
        params![section, id, hex::encode(Sha256::digest(body.as_bytes())), body, version, ctx.now()],
    )?;
    Ok(())
}
