//! Seals of the pack (`seals.toml`): each organisation that issues something has one from the start, with a trail that says
//! where it comes from.

use super::model::{KINDS, Seal, State};
use super::{service, store};
use crate::usage::model::is_pattern;
use kernel::pack::Pack;
use kernel::{Ctx, Fault, Result};
use serde::Deserialize;

pub(crate) const FILE: &str = "seals.toml";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    seal: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    organisation: String,
    #[serde(default = "official")]
    kind: String,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    basis: String,
    reason: String,
    /// Kinds of document that the processes may seal.
    processes: Vec<String>,
    /// The post whose holder keeps it.
    #[serde(default)]
    custodian_post: String,
}

fn official() -> String {
    "official".into()
}

fn read(pack: &Pack) -> Result<File, kernel::pack::PackError> {
    match pack.file(FILE) {
        Some(_) => pack.toml(FILE),
        None => Ok(File::default()),
    }
}

/// Organisations, kinds and patterns that cannot be.
pub(crate) fn check(pack: &Pack) -> Vec<String> {
    let file = match read(pack) {
        Ok(file) => file,
        Err(e) => return vec![e.to_string()],
    };
    let organisations = pack.text("organisations.toml").unwrap_or_default();
    let text = pack.text(FILE).unwrap_or_default();
    let mut wrong = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for e in &file.seal {
        let needle = format!("\"{}\"", e.organisation);
        let line = text
            .lines()
            .position(|l| l.contains(&needle))
            .map_or(1, |n| n + 1);
        let mut say = |message: String| wrong.push(pack.wrong(FILE, line, message).to_string());
        if !organisations.contains(&format!("id = {needle}")) {
            say(format!("there is no organisation {}", e.organisation));
        }
        if !KINDS.contains(&e.kind.as_str()) || e.kind == "personal" {
            say(format!("a pack's seal is official or special, not {}", e.kind));
        }
        if let Some(word) = e.processes.iter().find(|w| !is_pattern(w)) {
            say(format!("{word} is no kind of document"));
        }
        if !seen.insert(id(e)) {
            say(format!("the seal of {} stands twice", e.organisation));
        }
    }
    wrong
}

fn id(e: &Entry) -> String {
    match e.kind.as_str() {
        "official" => format!("pack:{}", e.organisation),
        kind => format!("pack:{}:{kind}", e.organisation),
    }
}

/// Puts the seals in that are not there yet, and gives them to whoever holds the post of their custodian. Nothing that people
/// did to a seal is undone.
pub(crate) async fn open(ctx: &Ctx, pack: &Pack) -> Result<()> {
    let file = read(pack).map_err(|e| Fault::new(e.to_string()))?;
    let (missing, unkept) = ctx
        .read("seals.pack-known", |tx| {
            let mut missing = Vec::new();
            for (n, e) in file.seal.iter().enumerate() {
                if !store::known(tx, &id(e))? {
                    missing.push(n);
                }
            }
            Ok((missing, store::unkept(tx)?))
        })
        .await?;
    if !missing.is_empty() {
        ctx.tx("seals.pack", |tx| {
            for e in missing.iter().filter_map(|n| file.seal.get(*n)) {
                let Some(o) = identity::api::organisation(tx, &e.organisation)? else {
                    continue;
                };
                let seal = Seal {
                    id: id(e),
                    key_name: match e.kind.as_str() {
                        "official" => o.id.clone(),
                        kind => format!("{}.{kind}", o.id),
                    },
                    organisation: o.id,
                    org_path: o.path,
                    area_code: o.area_code,
                    kind: e.kind.clone(),
                    name: o.name,
                    purpose: e.purpose.clone(),
                    code: e.code.clone(),
                    reason: e.reason.clone(),
                    basis: e.basis.clone(),
                    processes: e.processes.clone(),
                    picture_sha256: None,
                    state: State::Active,
                    source: "pack".into(),
                    applicant: ctx.actor.id.clone(),
                    applicant_subject: String::new(),
                    applied_at: ctx.now(),
                    decided_by: Some(ctx.actor.id.clone()),
                    opinion: None,
                    decided_at: Some(ctx.now()),
                    made_at: Some(ctx.now()),
                    active_at: Some(ctx.now()),
                    ended_at: None,
                    custodian: None,
                    version: 1,
                };
                // Another node may have been faster.
                if store::insert(ctx, tx, &seal)? {
                    service::said(ctx, tx, &seal, "seals.seal.activated", "pack", &seal.reason)?;
                    service::standing(ctx, tx, &seal)?;
                }
            }
            Ok(())
        })
        .await?;
    }
    if missing.is_empty() && unkept.is_empty() {
        return Ok(());
    }
    ctx.tx("seals.pack-custody", |tx| {
        let officials = identity::api::officials(ctx, tx)?;
        for e in file.seal.iter().filter(|e| !e.custodian_post.is_empty()) {
            let keeper = officials
                .iter()
                .find(|o| o.grants.iter().any(|g| g.post == e.custodian_post));
            if let Some(keeper) = keeper
                && let Some(seal) = store::get(ctx, tx, &id(e))?.filter(|s| s.state == State::Active)
                && store::entrust(tx, &seal.id, &keeper.actor)?
            {
                service::said(ctx, tx, &seal, "seals.seal.noted", "pack-custody", "")?;
            }
        }
        Ok(())
    })
    .await
}
