//! Kinds of paper from the city pack: `papers/papers.toml` names them and their numbering, `papers/<id>.typ` is what each
//! says, `papers/layout.typ` the sheet that all are printed on.

use super::model::{self, Kind, Rule};
use super::store;
use crate::print::{self, PrintError};
use kernel::Ctx;
use kernel::module::{JobFuture, boxed};
use kernel::pack::{Pack, PackError};
use serde::Deserialize;
use std::sync::Arc;

const LIST: &str = "papers/papers.toml";
const LAYOUT: &str = "papers/layout.typ";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Papers {
    number: String,
    remedies: String,
    paper: Vec<Kind>,
}

/// One kind: rule, its template below the layout, lines of the layout.
struct Read {
    rule: Rule,
    template: String,
    above: usize,
}

fn file(id: &str) -> String {
    format!("papers/{id}.typ")
}

/// All kinds; none when the pack has no papers.
fn read(pack: &Pack) -> Result<Vec<Read>, PackError> {
    if pack.file(LIST).is_none() {
        return Ok(Vec::new());
    }
    let papers: Papers = pack.toml(LIST)?;
    if let Some(wrong) = model::number_wrong(&papers.number) {
        return Err(pack.wrong(LIST, line_of(pack, "number"), wrong));
    }
    let layout = pack.text(LAYOUT)?;
    let layout = layout.trim_end_matches('\n');
    let above = layout.lines().count();
    let mut out: Vec<Read> = Vec::new();
    for kind in papers.paper {
        if out.iter().any(|r| r.rule.kind.id == kind.id) {
            return Err(pack.wrong(LIST, 0, format!("paper {} stands here twice", kind.id)));
        }
        let template = format!("{layout}\n{}", pack.text(&file(&kind.id))?);
        let rule = Rule {
            kind,
            number: papers.number.clone(),
            remedies: papers.remedies.clone(),
        };
        out.push(Read {
            rule,
            template,
            above,
        });
    }
    Ok(out)
}

fn line_of(pack: &Pack, key: &str) -> usize {
    let text = pack.text(LIST).unwrap_or_default();
    text.lines().position(|l| l.starts_with(key)).map_or(0, |n| n + 1)
}

/// The section's loader.
pub(crate) fn load(ctx: Ctx, pack: Arc<Pack>) -> JobFuture {
    boxed(async move {
        let kinds = read(&pack)?;
        ctx.tx("documents.load-papers", |tx| {
            for k in &kinds {
                store::put_kind(tx, &k.rule, &k.template)?;
            }
            Ok(())
        })
        .await
    })
}

/// Everything wrong with the pack's papers. Each is printed twice, with all it can say and with as little as possible, so
/// that a field that is not there is found on either way through the template.
pub(crate) fn check(pack: &Pack) -> Vec<String> {
    let kinds = match read(pack) {
        Ok(kinds) => kinds,
        Err(e) => return vec![e.to_string()],
    };
    let mut bad: Vec<String> = Vec::new();
    for k in kinds {
        for draft in model::samples(&k.rule) {
            let qr = kernel::qr::svg("http://localhost/verify/0").unwrap_or_default();
            let url = "http://localhost/verify/0";
            let data = model::data(
                &draft,
                "演示机关",
                "2026年11月26日",
                &k.rule.remedies,
                url,
                &qr,
                true,
            );
            if let Err(e) = print::proof(&k.template, &data, &draft.title) {
                let (name, line, message) = placed(&k, e);
                let wrong = pack.wrong(&name, line, message).to_string();
                // A mistake in the layout is in every paper; it is said once.
                if !bad.contains(&wrong) {
                    bad.push(wrong);
                }
            }
        }
    }
    bad
}

/// File, line and message of an error in a template that begins with the layout.
fn placed(k: &Read, e: PrintError) -> (String, usize, String) {
    let own = file(&k.rule.kind.id);
    match e {
        PrintError::Template {
            line: Some(line),
            message,
        } if line > k.above => (own, line - k.above, message),
        PrintError::Template {
            line: Some(line),
            message,
        } => (LAYOUT.into(), line, message),
        other => (own, 1, other.to_string()),
    }
}
