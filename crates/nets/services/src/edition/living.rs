//! Matters as living content of the pack: compared, merged three ways, exported.

use super::model::{Content, PARTS};
use super::{check, service, store};
use crate::matter::{pack as files, service as matters};
use kernel::living::{Body, Living, Put, RETIRED};
use kernel::module::{JobFuture, boxed};
use kernel::pack::{Pack, PackError};
use kernel::{Ctx, Fact, Fault, Refusal, Result, Tx};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

pub(crate) const SECTION: &str = "matters";

pub(crate) fn living() -> Living {
    Living {
        section: SECTION,
        folder: "matters/",
        of_pack,
        of_city,
        normal,
        put,
        files: folder,
    }
}

fn of_pack(pack: &Pack) -> Result<BTreeMap<String, Body>, PackError> {
    pack.folders("matters/")
        .into_iter()
        .map(|id| {
            let parts = files::read(pack, &id)?;
            Ok((id, Content::of(&parts).body(false)))
        })
        .collect()
}

fn of_city(tx: &mut Tx<'_>) -> Result<BTreeMap<String, Body>> {
    let mut out = BTreeMap::new();
    for (id, version, retired) in store::heads(tx)? {
        if let Some(content) = store::version(tx, &id, version)? {
            out.insert(id, content.body(retired));
        }
    }
    Ok(out)
}

fn retired(body: &Body) -> bool {
    body.get(RETIRED) == Some(&Json::Bool(true))
}

/// Through the type, so that elements of a newer program have their defaults; what no longer fits stays as it was.
fn normal(body: &Body) -> Body {
    match Content::of_body("x", body).typed() {
        Ok(parts) => Content::of(&parts).body(retired(body)),
        Err(_) => body.clone(),
    }
}

fn put(ctx: Ctx, p: Put) -> JobFuture {
    boxed(async move {
        let retirement = ctx.id().to_string();
        let wanted = Content::of_body(&p.id, &p.wanted);
        let parts = wanted.typed()?;
        parts.build(1, false).map_err(files::problem)?;
        kernel::search::warm();
        ctx.tx("services.pack-put", |tx| {
            let head = store::head(tx, &p.id)?;
            let have = match head {
                Some((version, retired)) => store::version(tx, &p.id, version)?.map(|c| (c.body(retired), c)),
                None => None,
            };
            if have.as_ref().map(|h| &h.0) != p.from.as_ref() {
                // Somebody published between the comparison and now; the apply is run again.
                return Err(Refusal::stale().into());
            }
            if let Some(w) = check::organisations(tx, &wanted)?.first() {
                let id = &w.args[0].1;
                let text = format!("matters/{}: organisation {id} is not in this city", p.id);
                return Err(Fault::new(text).into());
            }
            let was_retired = head.is_some_and(|h| h.1);
            let same = have.as_ref().is_some_and(|h| h.1 == wanted);
            if !same {
                let next = head.map_or(0, |h| h.0) + 1;
                let fact = Fact::new("services.matter.published", &p.id)
                    .payload(json!({ "version": next, "pack_version": p.pack_version }));
                matters::put(&ctx, tx, &parts, next, was_retired, fact)?;
            }
            match (was_retired, retired(&p.wanted)) {
                (false, true) => service::retire_in(&ctx, tx, &retirement, &p.id, "pack"),
                (true, false) => service::reinstate_in(&ctx, tx, &p.id, &wanted),
                _ => Ok(()),
            }
        })
        .await
    })
}

/// `matter.toml` with the comments at the head of the file that it replaces, and the texts.
fn folder(id: &str, body: &Body, pack: &Pack) -> Result<Vec<(String, String)>> {
    let content = Content::of_body(id, body);
    let parts = content.typed()?;
    let sheet = toml::to_string(&parts.sheet).map_err(|e| Fault::of(format!("{id}: matter.toml"), e))?;
    let old = pack
        .text(&format!("matters/{id}/matter.toml"))
        .unwrap_or_default();
    let comments: String = old
        .lines()
        .take_while(|l| l.starts_with('#') || l.trim().is_empty())
        .map(|l| format!("{l}\n"))
        .collect();
    let same = toml::from_str::<crate::matter::model::Sheet>(&old).is_ok_and(|s| s == parts.sheet);
    let mut out = vec![(
        "matter.toml".to_string(),
        if same { old } else { comments + &sheet },
    )];
    for (name, text) in PARTS.iter().zip(&content.parts) {
        out.push((name.to_string(), text.clone()));
    }
    Ok(out)
}
