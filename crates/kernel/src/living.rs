//! Living content: what a pack brings and people go on editing. The database is the truth; for each item it also keeps the
//! base, the pack's state that was last applied. So a newer pack can be merged three ways, unit by unit: what only the
//! pack changed is taken, what only people changed stays, and where both did the local edit wins and is named.

use crate::ctx::App;
use crate::db::Tx;
use crate::error::{Fault, Result};
use crate::module::JobFuture;
use crate::pack::{self, Pack, PackError};
use crate::{Ctx, params, setting};
use serde::Serialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// One item as named units (a field, or the text of a file); an absent unit is `null`.
pub type Body = serde_json::Map<String, Json>;

/// The unit that says an item is out of force. A pack removes an item by no longer having it.
pub const RETIRED: &str = "retired";

/// A file's name and its text.
pub type FileText = (String, String);

/// A section of the pack whose items live on in the database.
#[derive(Clone)]
pub struct Living {
    pub section: &'static str,
    /// `matters/`: the files that its items are made of, one sub-folder an item.
    pub folder: &'static str,
    pub of_pack: fn(&Pack) -> Result<BTreeMap<String, Body>, PackError>,
    pub of_city: fn(&mut Tx<'_>) -> Result<BTreeMap<String, Body>>,
    /// A stored body as today's program would write it (units that came with a newer program get their defaults).
    pub normal: fn(&Body) -> Body,
    /// Makes `wanted` the item's state if it still stands at `from`; refuses as stale otherwise.
    pub put: fn(Ctx, Put) -> JobFuture,
    /// The item's files, by their names below `folder/<id>/`; the pack may hold an older form of them.
    pub files: fn(&str, &Body, &Pack) -> Result<Vec<FileText>>,
}

/// What [`Living::put`] is asked for.
#[derive(Clone, Debug)]
pub struct Put {
    pub id: String,
    /// `None`: the item is not there yet.
    pub from: Option<Body>,
    pub wanted: Body,
    pub pack_version: i64,
}

/// Who changed a unit since the base.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Pack,
    Local,
    /// Both, differently; the local value stays.
    Conflict,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unit {
    pub name: String,
    pub side: Side,
    pub base: Json,
    pub local: Json,
    pub pack: Json,
}

/// The merged item and every unit in which the three are not alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    pub body: Body,
    pub units: Vec<Unit>,
}

/// Merges unit by unit; where both sides changed a unit differently the local value stays.
pub fn three_way(base: &Body, local: &Body, pack: &Body) -> Merged {
    let of = |b: &Body, name: &str| b.get(name).cloned().unwrap_or(Json::Null);
    let mut merged = Merged {
        body: local.clone(),
        units: Vec::new(),
    };
    let names: BTreeSet<&String> = base.keys().chain(local.keys()).chain(pack.keys()).collect();
    for name in names {
        let (b, l, p) = (of(base, name), of(local, name), of(pack, name));
        if l == p {
            continue;
        }
        let side = if l == b {
            merged.body.insert(name.clone(), p.clone());
            Side::Pack
        } else if p == b {
            Side::Local
        } else {
            Side::Conflict
        };
        merged.units.push(Unit {
            name: name.clone(),
            side,
            base: b,
            local: l,
            pack: p,
        });
    }
    merged
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// The pack has it, the city does not.
    Added,
    /// The pack no longer has it; it is retired, never deleted.
    Removed,
    /// The pack no longer has it, but people edited it here: it stays.
    Kept,
    /// Made here; no pack ever had it.
    Here,
    /// Both have it and differ.
    Changed,
}

/// One item in which pack and city differ.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    pub section: &'static str,
    pub id: String,
    pub title: String,
    pub what: What,
    pub units: Vec<Unit>,
    #[serde(skip)]
    put: Option<Put>,
    /// The base after an apply; `None` forgets it.
    #[serde(skip)]
    base: Option<Body>,
}

impl Difference {
    pub fn count(&self, side: Side) -> usize {
        self.units.iter().filter(|u| u.side == side).count()
    }
}

/// A file of the pack that no living section covers and that changed since the pack was applied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtherFile {
    pub name: String,
    pub what: What,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub items: Vec<Difference>,
    /// Changes that only a new database takes in: `pack apply` does not merge these sections.
    pub others: Vec<OtherFile>,
}

impl Report {
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.others.is_empty()
    }
    /// Units or items that an apply would write.
    pub fn from_pack(&self) -> usize {
        self.items.iter().filter(|d| d.put.is_some()).count()
    }
    /// Items that people edited here, those in conflict among them.
    pub fn local(&self) -> usize {
        let edited = |d: &&Difference| {
            matches!(d.what, What::Here | What::Kept) || d.count(Side::Local) + d.count(Side::Conflict) > 0
        };
        self.items.iter().filter(edited).count()
    }
    pub fn conflicts(&self) -> usize {
        let both = |d: &&Difference| d.what == What::Kept || d.count(Side::Conflict) > 0;
        self.items.iter().filter(both).count()
    }
}

fn livings(app: &App) -> Vec<Living> {
    app.modules.iter().flat_map(|m| m.living.clone()).collect()
}

fn bases(tx: &mut Tx<'_>, section: &str) -> Result<BTreeMap<String, Body>> {
    tx.query(
        "SELECT id, body FROM kernel_pack_item WHERE section = $1",
        params![section],
    )?
    .iter()
    .map(|r| Ok((r.get("id")?, serde_json::from_str(&r.get::<String>("body")?)?)))
    .collect()
}

/// The items of a section that came from a pack, with the pack's version.
pub fn origins(tx: &mut Tx<'_>, section: &str) -> Result<BTreeMap<String, i64>> {
    tx.query(
        "SELECT id, pack_version FROM kernel_pack_item WHERE section = $1",
        params![section],
    )?
    .iter()
    .map(|r| Ok((r.get("id")?, r.get("pack_version")?)))
    .collect()
}

fn retired(body: &Body) -> bool {
    body.get(RETIRED).is_some_and(|r| *r == Json::Bool(true))
}

fn with_retired(body: &Body, yes: bool) -> Body {
    let mut body = body.clone();
    body.insert(RETIRED.into(), Json::Bool(yes));
    body
}

/// Compares one item; `None` when nothing differs and nothing has to be remembered.
fn compare(
    section: &'static str,
    id: &str,
    base: Option<&Body>,
    local: Option<&Body>,
    pack: Option<&Body>,
    version: i64,
) -> Option<Difference> {
    let shown = local.or(pack)?;
    let mut out = Difference {
        section,
        id: id.to_string(),
        title: shown
            .get("title")
            .and_then(Json::as_str)
            .unwrap_or(id)
            .to_string(),
        what: What::Changed,
        units: Vec::new(),
        put: None,
        base: pack.cloned(),
    };
    let put = |wanted: Body| {
        Some(Put {
            id: id.to_string(),
            from: local.cloned(),
            wanted,
            pack_version: version,
        })
    };
    match (local, pack) {
        (None, Some(pack)) => {
            out.what = What::Added;
            out.put = put(pack.clone());
        }
        (Some(local), None) => match base {
            None => {
                if retired(local) {
                    return None;
                }
                out.what = What::Here;
            }
            // Removed before, or retired by people as well: both want the same.
            Some(_) if retired(local) => return None,
            Some(base) => {
                let edits = three_way(base, local, base).units;
                out.what = if edits.is_empty() {
                    out.put = put(with_retired(local, true));
                    out.base = Some(with_retired(base, true));
                    What::Removed
                } else {
                    What::Kept
                };
                out.units = edits;
            }
        },
        (Some(local), Some(pack)) => {
            let empty = Body::new();
            let merged = three_way(base.unwrap_or(&empty), local, pack);
            if merged.units.is_empty() {
                return None;
            }
            if merged.body != *local {
                out.put = put(merged.body);
            }
            out.units = merged.units;
        }
        (None, None) => return None,
    }
    Some(out)
}

/// Names and hashes of the files that no living section covers.
fn other_files(livings: &[Living], pack: &Pack) -> BTreeMap<String, String> {
    pack.under("")
        .filter(|n| !livings.iter().any(|l| n.starts_with(l.folder)))
        // The head's version says nothing about content.
        .filter(|n| *n != "pack.toml")
        .filter_map(|n| Some((n.to_string(), hex::encode(Sha256::digest(&pack.file(n)?.bytes)))))
        .collect()
}

const FILES: &str = "pack-files";

fn known_files(tx: &mut Tx<'_>) -> Result<Option<BTreeMap<String, String>>> {
    let text = setting::get(tx, FILES)?;
    Ok(text.map(|t| serde_json::from_str(&t)).transpose()?)
}

pub(crate) fn remember_files(tx: &mut Tx<'_>, app: &App, pack: &Pack) -> Result<()> {
    let text = serde_json::to_string(&other_files(&livings(app), pack))?;
    Ok(setting::put(tx, FILES, &text)?)
}

/// After a pack was loaded into an empty database: its items are their own base.
pub(crate) async fn remember_all(ctx: &Ctx, pack: &Pack) -> Result<()> {
    for living in livings(&ctx.app) {
        let items = (living.of_pack)(pack)?;
        ctx.tx("pack.bases", |tx| {
            for (id, body) in &items {
                let text = serde_json::to_string(body)?;
                pack::record(tx, ctx, living.section, id, &text, pack.manifest.pack.version)?;
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// In what the pack and the city differ, by section and id.
pub async fn diff(app: &Arc<App>, pack: &Pack) -> Result<Report> {
    let ctx = app.system("pack");
    let livings = livings(app);
    let mut report = Report::default();
    for living in &livings {
        let theirs = (living.of_pack)(pack)?;
        let (bases, ours) = ctx
            .read("pack.diff", |tx| {
                Ok((bases(tx, living.section)?, (living.of_city)(tx)?))
            })
            .await?;
        let bases: BTreeMap<String, Body> = bases
            .into_iter()
            .map(|(id, b)| (id, (living.normal)(&b)))
            .collect();
        let ids: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
        for id in ids {
            report.items.extend(compare(
                living.section,
                id,
                bases.get(id),
                ours.get(id),
                theirs.get(id),
                pack.manifest.pack.version,
            ));
        }
    }
    if let Some(known) = ctx.read("pack.files", known_files).await? {
        let now = other_files(&livings, pack);
        let names: BTreeSet<&String> = known.keys().chain(now.keys()).collect();
        for name in names {
            let what = match (known.get(name), now.get(name)) {
                (None, Some(_)) => What::Added,
                (Some(_), None) => What::Removed,
                (a, b) if a != b => What::Changed,
                _ => continue,
            };
            report.others.push(OtherFile {
                name: name.clone(),
                what,
            });
        }
    }
    Ok(report)
}

/// Merges the pack into the city and says what it did. A pack with errors is not applied at all.
pub async fn apply(app: &Arc<App>, pack: &Pack) -> Result<Report> {
    let errors = pack::check(app, pack);
    if !errors.is_empty() {
        return Err(Fault::new(format!(
            "the pack has {} errors:\n{}",
            errors.len(),
            errors.join("\n")
        ))
        .into());
    }
    let ctx = app.system("pack");
    let report = diff(app, pack).await?;
    for living in livings(app) {
        for d in report.items.iter().filter(|d| d.section == living.section) {
            if let Some(put) = &d.put {
                (living.put)(ctx.clone(), put.clone()).await?;
            }
        }
        // The base moves on only now: an apply cut short is begun again and finds the same differences.
        let theirs = (living.of_pack)(pack)?;
        ctx.tx("pack.bases", |tx| {
            let mut keep: BTreeMap<&String, Body> = theirs.iter().map(|(id, b)| (id, b.clone())).collect();
            for d in report.items.iter().filter(|d| d.what == What::Removed) {
                keep.extend(d.base.clone().map(|b| (&d.id, b)));
            }
            for (id, body) in &keep {
                let text = serde_json::to_string(body)?;
                pack::record(tx, &ctx, living.section, id, &text, pack.manifest.pack.version)?;
            }
            for d in report.items.iter().filter(|d| d.what == What::Kept) {
                tx.execute(
                    "DELETE FROM kernel_pack_item WHERE section = $1 AND id = $2",
                    params![living.section, d.id.as_str()],
                )?;
            }
            Ok(())
        })
        .await?;
    }
    if report.others.is_empty() {
        ctx.tx("pack.mark", |tx| {
            remember_files(tx, app, pack)?;
            pack::mark(tx, pack)
        })
        .await?;
    }
    Ok(report)
}

/// Writes the city's items into a pack folder that exists: only files that say something else than the city, and no item
/// that is out of force. Returns what was done, a line each.
pub async fn export(app: &Arc<App>, folder: &Path) -> Result<Vec<String>> {
    let ctx = app.system("pack");
    let pack = Pack::read(folder)?;
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |e: std::io::Error| Fault::of(format!("cannot write {path}"), e)
    };
    let mut done = Vec::new();
    for living in livings(app) {
        let theirs = (living.of_pack)(&pack)?;
        let ours = ctx.read("pack.export", living.of_city).await?;
        for (id, body) in &ours {
            let home = folder.join(living.folder).join(id);
            if retired(body) {
                if theirs.contains_key(id) && home.is_dir() {
                    std::fs::remove_dir_all(&home).map_err(io(&home))?;
                    done.push(format!("removed {}{id} (out of force)", living.folder));
                }
                continue;
            }
            if theirs.get(id) == Some(body) {
                continue;
            }
            std::fs::create_dir_all(&home).map_err(io(&home))?;
            for (name, text) in (living.files)(id, body, &pack)? {
                let path = home.join(&name);
                let old = std::fs::read(&path).unwrap_or_default();
                if old != text.as_bytes() {
                    std::fs::write(&path, text).map_err(io(&path))?;
                    done.push(format!("wrote {}{id}/{name}", living.folder));
                }
            }
        }
        for id in theirs.keys().filter(|id| !ours.contains_key(*id)) {
            done.push(format!(
                "left {}{id} as it is: the city has no such item",
                living.folder
            ));
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(v: Json) -> Body {
        v.as_object().unwrap().clone()
    }

    #[test]
    fn each_side_keeps_what_only_it_changed_and_the_local_edit_wins() {
        let base = body(json!({ "a": 1, "b": 1, "c": 1, "d": 1, "e": 1 }));
        let local = body(json!({ "a": 1, "b": 2, "c": 2, "d": 2, "e": 1 }));
        let pack = body(json!({ "a": 3, "b": 1, "c": 3, "d": 2, "f": 1 }));
        let m = three_way(&base, &local, &pack);
        let sides: Vec<(&str, Side)> = m.units.iter().map(|u| (u.name.as_str(), u.side)).collect();
        let want = [
            ("a", Side::Pack),
            ("b", Side::Local),
            ("c", Side::Conflict),
            ("e", Side::Pack),
            ("f", Side::Pack),
        ];
        assert_eq!(sides, want);
        assert_eq!(
            m.body,
            body(json!({ "a": 3, "b": 2, "c": 2, "d": 2, "e": null, "f": 1 }))
        );
    }

    #[test]
    fn a_removed_item_is_retired_unless_it_was_edited_here() {
        let base = body(json!({ "title": "A", "retired": false }));
        let edited = body(json!({ "title": "B", "retired": false }));
        let d = compare("s", "a", Some(&base), Some(&base), None, 2).unwrap();
        assert_eq!(d.what, What::Removed);
        assert!(retired(&d.put.unwrap().wanted));
        let d = compare("s", "a", Some(&base), Some(&edited), None, 2).unwrap();
        assert!(d.what == What::Kept && d.put.is_none());
        // What was retired by the pack comes back when a later pack has it again.
        let gone = body(json!({ "title": "A", "retired": true }));
        let d = compare("s", "a", Some(&gone), Some(&gone), Some(&base), 3).unwrap();
        assert!(!retired(&d.put.unwrap().wanted));
        // What people retired stays so.
        let d = compare("s", "a", Some(&base), Some(&gone), Some(&base), 3).unwrap();
        assert!(d.put.is_none() && d.count(Side::Local) == 1);
    }

    #[test]
    fn without_a_base_every_difference_is_a_conflict() {
        let (local, pack) = (body(json!({ "a": 1, "b": 1 })), body(json!({ "a": 1, "b": 2 })));
        let d = compare("s", "x", None, Some(&local), Some(&pack), 1).unwrap();
        assert!(d.count(Side::Conflict) == 1 && d.put.is_none());
        assert!(compare("s", "x", None, Some(&local), Some(&local), 1).is_none());
        assert_eq!(
            compare("s", "x", None, Some(&local), None, 1).unwrap().what,
            What::Here
        );
    }
}
