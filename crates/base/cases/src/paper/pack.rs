//! The legal basis of each matter, read from its sheet: papers quote what the pack says and nothing else. The sheet as a
//! whole, with its check, belongs to services, which stands above.

use super::store::{self, Basis};
use documents::api::Law;
use kernel::Ctx;
use kernel::module::{JobFuture, boxed};
use kernel::pack::Pack;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
struct Sheet {
    kind: String,
    #[serde(default)]
    basis: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    law: String,
    #[serde(default)]
    article: String,
    zh: String,
}

fn read(pack: &Pack, matter: &str) -> Result<Basis, kernel::pack::PackError> {
    let sheet: Sheet = pack.toml(&format!("matters/{matter}/matter.toml"))?;
    let laws = sheet.basis.into_iter().map(|a| Law {
        law: a.law,
        article: a.article,
        text: a.zh,
    });
    Ok(Basis {
        kind: sheet.kind,
        laws: laws.collect(),
    })
}

/// The section's loader.
pub(crate) fn load(ctx: Ctx, pack: Arc<Pack>) -> JobFuture {
    boxed(async move {
        let matters = pack.folders("matters/");
        let all = matters
            .iter()
            .map(|m| Ok((m.as_str(), read(&pack, m)?)))
            .collect::<Result<Vec<_>, kernel::pack::PackError>>()?;
        ctx.tx("cases.load-basis", |tx| {
            for (matter, basis) in &all {
                store::put(tx, matter, basis)?;
            }
            Ok(())
        })
        .await
    })
}

/// Nothing of its own: services checks the whole sheet, key by key.
pub(crate) fn check(_: &Pack) -> Vec<String> {
    Vec::new()
}
