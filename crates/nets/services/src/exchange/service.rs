//! Importing a list: every row is judged by itself; the good ones become drafts, all in one transaction, and the report says
//! of each row what became of it.

use super::model::{self, Cell, Table};
use super::store::{self, Import};
use crate::edition::fields::{self, FIELDS, Field, Map_, Wrong};
use crate::edition::model::Content;
use crate::edition::{check, service as editions, store as edition_store};
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Columns of the file: (place in the row, field).
type Columns = Vec<(usize, &'static Field)>;

fn columns(header: &[Cell]) -> Result<(Columns, Vec<String>), Refusal> {
    let (mut known, mut unknown): (Columns, Vec<String>) = Default::default();
    for (n, cell) in header.iter().enumerate() {
        let text = cell.text.trim();
        match model::column(text) {
            Some(f) if known.iter().any(|(_, k)| k.name == f.name) => {
                return Err(Refusal::new("services-import-column-twice").arg("column", text));
            }
            Some(f) => known.push((n, f)),
            None if text.is_empty() => {}
            None => unknown.push(text.chars().take(60).collect()),
        }
    }
    if !known.iter().any(|(_, f)| f.name == "id" || f.name == "code") {
        return Err(Refusal::new("services-import-no-key"));
    }
    Ok((known, unknown))
}

/// What became of one row.
struct Row {
    number: usize,
    id: String,
    title: String,
    /// `new`, `changed`, `same` or `wrong`.
    outcome: &'static str,
    /// Fields that the draft changes.
    fields: Vec<String>,
    edition: Option<String>,
    wrongs: Vec<Wrong>,
}

impl Row {
    fn json(&self) -> Json {
        let wrong = |w: &Wrong| {
            let args: serde_json::Map<String, Json> = w
                .args
                .iter()
                .map(|(k, v)| (k.to_string(), v.clone().into()))
                .collect();
            json!({ "field": w.field, "key": w.key, "args": args })
        };
        json!({ "row": self.number, "id": self.id, "title": self.title, "outcome": self.outcome, "fields": self.fields,
            "edition": self.edition, "wrongs": self.wrongs.iter().map(wrong).collect::<Vec<_>>() })
    }
}

/// Reads, judges, drafts, reports; returns the report's id.
pub(crate) async fn import(ctx: &Ctx, file: &str, bytes: &[u8]) -> Result<String> {
    let table: Table = model::read(bytes)?;
    let (columns, unknown) = columns(&table[0].1)?;
    let import_id = ctx.id().to_string();
    // Before the body: it may be run again.
    let ids: Vec<String> = table.iter().skip(1).map(|_| ctx.id().to_string()).collect();
    let file: String = file.chars().filter(|c| !c.is_control()).take(120).collect();
    ctx.tx("services.import", |tx| {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut rows = Vec::new();
        for ((number, cells), edition) in table.iter().skip(1).zip(&ids) {
            let row = one(ctx, tx, *number, cells, &columns, edition, &import_id, &mut seen)?;
            rows.push(row);
        }
        let bad = rows.iter().filter(|r| r.outcome == "wrong").count() as i64;
        let report = json!({ "unknown": unknown, "rows": rows.iter().map(Row::json).collect::<Vec<_>>() });
        let import = Import {
            id: import_id.clone(),
            account: ctx.actor.account.map(|a| a.to_string()).unwrap_or_default(),
            actor: ctx.actor.id.clone(),
            file: file.clone(),
            total: rows.len() as i64,
            good: rows.len() as i64 - bad,
            bad,
            report,
            at: ctx.now(),
        };
        store::insert(tx, &import)?;
        let count = |o: &str| rows.iter().filter(|r| r.outcome == o).count();
        let fact = Fact::new("services.import.finished", &import_id).payload(json!({ "new": count("new"),
            "changed": count("changed"), "same": count("same"), "wrong": bad }));
        ctx.emit(tx, fact.touch(&crate::IMPORT, &import_id))?;
        Ok(import_id.clone())
    })
    .await
}

#[allow(clippy::too_many_arguments)]
fn one(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    number: usize,
    cells: &[Cell],
    columns: &Columns,
    edition: &str,
    import: &str,
    seen: &mut BTreeMap<String, usize>,
) -> Result<Row> {
    let cell = |name: &str| -> Option<&Cell> {
        let (n, _) = columns.iter().find(|(_, f)| f.name == name)?;
        cells.get(*n)
    };
    let text = |name: &str| cell(name).map(|c| c.text.trim().to_string()).unwrap_or_default();
    let (id, code) = (text("id"), text("code"));
    let mut row = Row {
        number,
        id: id.clone(),
        title: text("title"),
        outcome: "wrong",
        fields: Vec::new(),
        edition: None,
        wrongs: Vec::new(),
    };
    for (n, f) in columns {
        if cells.get(*n).is_some_and(|c| c.mangled) {
            row.wrongs.push(Wrong::new(f.name, "services-wrong-excel-number"));
        }
    }
    if !row.wrongs.is_empty() {
        return Ok(row);
    }
    // Which matter it is.
    row.id = match (id.is_empty(), code.is_empty()) {
        (false, _) => id,
        (true, true) => {
            row.wrongs.push(Wrong::new("code", "services-import-key"));
            return Ok(row);
        }
        (true, false) => match store::by_code(tx, &code)? {
            Some(id) => id,
            None => {
                let plain = code
                    .to_lowercase()
                    .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
                format!("m-{plain}")
            }
        },
    };
    if !check::id_fits(&row.id) {
        row.wrongs.push(Wrong::new("id", "services-wrong-id"));
        return Ok(row);
    }
    for key in [format!("id {}", row.id), format!("code {code}")] {
        if key == "code " {
            continue;
        }
        if let Some(before) = seen.insert(key, number) {
            row.wrongs
                .push(Wrong::new("code", "services-import-twice").arg("row", before));
            return Ok(row);
        }
    }
    let head = edition_store::head(tx, &row.id)?;
    let old = match head {
        Some((version, _)) => edition_store::version(tx, &row.id, version)?,
        None => None,
    };
    let mut content = old.clone().unwrap_or_else(|| Content::blank(&row.id));
    for (n, f) in columns.iter().filter(|(_, f)| f.name != "id") {
        let typed = cells.get(*n).map_or("", |c| c.text.as_str());
        match fields::parse(f, f.name, typed) {
            Ok(v) => fields::set(&mut content.sheet, f.name, v),
            Err(w) => row.wrongs.push(w),
        }
    }
    if row.title.is_empty() {
        row.title = content.text("title").to_string();
    }
    required(&content.sheet, columns, head.is_some(), &mut row.wrongs);
    row.wrongs.extend(check::organisations(tx, &content)?);
    if let Some(other) = check::code_taken(tx, content.text("code"), &row.id)? {
        row.wrongs
            .push(Wrong::new("code", "services-wrong-code-taken").arg("matter", other));
    }
    if head.is_some_and(|h| h.1) {
        row.wrongs.push(Wrong::new("id", "services-import-retired"));
    }
    // Both the organisation that leads it now and the one that shall.
    let leads = [old.as_ref(), Some(&content)];
    for lead in leads
        .into_iter()
        .flatten()
        .map(|c| c.text("organisation").to_string())
    {
        let place = editions::place(tx, &row.id, &lead)?;
        let named = row.wrongs.iter().any(|w| w.field == "organisation");
        if !named && ctx.may(editions::EDIT, &place).is_err() {
            row.wrongs
                .push(Wrong::new("organisation", "services-import-forbidden"));
        }
    }
    if !row.wrongs.is_empty() {
        return Ok(row);
    }
    if old.as_ref() == Some(&content) {
        row.outcome = "same";
        return Ok(row);
    }
    if edition_store::open_for(tx, &row.id)?.is_some() {
        row.wrongs.push(Wrong::new("id", "services-import-open"));
        return Ok(row);
    }
    let differs = |f: &&Field| match &old {
        Some(old) => fields::get(&old.sheet, f.name) != fields::get(&content.sheet, f.name),
        None => true,
    };
    row.fields = FIELDS
        .iter()
        .filter(differs)
        .map(|f| f.name.to_string())
        .collect();
    let base = head.map_or(0, |h| h.0);
    let origin = format!("import:{import}");
    editions::start(ctx, tx, edition, &row.id, base, &origin, content, "")?;
    row.edition = Some(edition.to_string());
    row.outcome = if head.is_some() { "changed" } else { "new" };
    Ok(row)
}

/// A column that was given must not empty a required field; a new matter needs what names it.
fn required(sheet: &Map_, columns: &Columns, known: bool, wrongs: &mut Vec<Wrong>) {
    let given = |name: &str| columns.iter().any(|(_, f)| f.name == name);
    let needed = |name: &str| !known && ["code", "title", "organisation"].contains(&name);
    let named: Vec<String> = wrongs.iter().map(|w| w.field.clone()).collect();
    let wanted = |w: &Wrong| {
        let top = FIELDS
            .iter()
            .find(|f| w.field == f.name || w.field.starts_with(&format!("{}.", f.name)));
        top.is_some_and(|f| (known && given(f.name)) || needed(f.name)) && !named.contains(&w.field)
    };
    wrongs.extend(fields::missing(sheet).into_iter().filter(wanted));
}

/// The imports that the actor made, and one of them.
pub(crate) fn own(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Vec<Import>> {
    let account = ctx.actor.account.map(|a| a.to_string()).unwrap_or_default();
    store::of_account(tx, &account)
}

pub(crate) fn find(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Import> {
    let account = ctx.actor.account.map(|a| a.to_string());
    let found = store::get(tx, id)?.filter(|i| Some(&i.account) == account.as_ref());
    Ok(found.ok_or_else(Refusal::not_found)?)
}
