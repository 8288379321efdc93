//! Whom a message reaches: the people behind subjects, posts and accounts, as comms asks for them.

use kernel::{Ctx, Result, Tx};

/// Implements [`comms::api::Directory`]; made in the binary.
pub struct People;

impl comms::api::Directory for People {
    fn phone(&self, ctx: &Ctx, tx: &mut Tx<'_>, subject: &str) -> Result<Option<String>> {
        Ok(crate::api::party(ctx, tx, subject)?.and_then(|p| p.phone))
    }

    fn name(&self, ctx: &Ctx, tx: &mut Tx<'_>, subject: &str) -> Result<Option<String>> {
        let party = crate::api::party(ctx, tx, subject)?;
        Ok(party.map(|p| match p.kind == "legal" {
            true => p.name,
            false => p.masked_name(),
        }))
    }

    fn holders(
        &self,
        ctx: &Ctx,
        tx: &mut Tx<'_>,
        role: &str,
        org_path: &str,
        area_code: &str,
    ) -> Result<Vec<String>> {
        crate::organisation::store::holders(tx, role, org_path, area_code, &ctx.today().to_string())
            .map_err(Into::into)
    }

    fn subject_of(&self, tx: &mut Tx<'_>, actor: &str) -> Result<Option<String>> {
        let id = actor.strip_prefix("account:").and_then(|id| id.parse().ok());
        let Some(id) = id else { return Ok(None) };
        let account = crate::account::store::account(tx, id)?;
        Ok(account.filter(|a| !a.retired).map(|a| a.subject))
    }
}
