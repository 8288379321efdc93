//! SQL of what papers name as their basis.

use documents::api::Law;
use kernel::{Result, Tx, params};

/// What the pack says of a matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Basis {
    /// 行政许可, 行政给付 …
    pub kind: String,
    pub laws: Vec<Law>,
}

pub(crate) fn put(tx: &mut Tx<'_>, matter: &str, b: &Basis) -> Result<()> {
    let laws = serde_json::to_string(&b.laws)?;
    tx.execute(
        "INSERT INTO cases_basis(matter, kind, laws) VALUES ($1, $2, $3) \
         ON CONFLICT (matter) DO UPDATE SET kind = $2, laws = $3",
        params![matter, b.kind.as_str(), laws],
    )?;
    Ok(())
}

/// Nothing for a matter that the pack did not bring.
pub(crate) fn get(tx: &mut Tx<'_>, matter: &str) -> Result<Basis> {
    let row = tx.one(
        "SELECT kind, laws FROM cases_basis WHERE matter = $1",
        params![matter],
    )?;
    let Some(r) = row else { return Ok(Basis::default()) };
    Ok(Basis {
        kind: r.get("kind")?,
        laws: serde_json::from_str(&r.get::<String>("laws")?)?,
    })
}
