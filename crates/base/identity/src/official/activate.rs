//! A new official sets the own password, once, by the secret.

use super::model::{self, OWN_RECORD, State};
use super::{find, held, store};
use crate::account::model::digest;
use crate::account::{service as accounts, store as account_store};
use kernel::{Ctx, Fact, Refusal, Result, Tx, Uuid};

fn waiting(ctx: &Ctx, tx: &mut Tx<'_>, secret: &str) -> Result<(Uuid, String)> {
    let gone = || Refusal::new("identity-activation-over").status(410);
    let account = store::activation(tx, &digest(secret), ctx.now())?.ok_or_else(gone)?;
    let account = account_store::account(tx, account)?.filter(|a| !a.retired && a.password.is_empty());
    let account = account.ok_or_else(gone)?;
    // Behind an account of before may stand a resident with her own data, so one administrator alone does not open it again:
    // somebody else has approved a post first.
    let (_, index) = store::of_subject(tx, &account.subject)?;
    let today = ctx.today().to_string();
    if !index.starts_with(OWN_RECORD) && !held::holdings(tx, account.id)?.iter().any(|h| h.lasts(&today)) {
        return Err(Refusal::new("identity-activation-waits").status(409).into());
    }
    Ok((account.id, account.login))
}

/// The login that a secret is for.
///
/// # Errors
/// `identity-activation-over` (410) when it was used, is too old, or the account is closed; `identity-activation-waits` (409) until
/// somebody who comes back has a post again.
pub(crate) async fn peek(ctx: &Ctx, secret: &str) -> Result<String> {
    ctx.read("identity.activation", |tx| Ok(waiting(ctx, tx, secret)?.1))
        .await
}

/// Sets the password; the secret is used up.
///
/// # Errors
/// See [`peek`]; `identity-official-password`, `identity-official-repeat` with the field.
pub(crate) async fn activate(ctx: &Ctx, secret: &str, password: &str, again: &str) -> Result<()> {
    let login = peek(ctx, secret).await?;
    model::password(password, &login)?;
    if password != again {
        let key = "identity-official-repeat";
        return Err(Refusal::new(key).field("again", key).into());
    }
    let hash = accounts::hash(ctx, password).await?;
    ctx.tx("identity.activate", |tx| {
        let (account, _) = waiting(ctx, tx, secret)?;
        if !store::use_activation(tx, &digest(secret), ctx.now())? {
            return Err(Refusal::new("identity-activation-over").status(410).into());
        }
        let mut record = find::record(tx, account)?;
        record.state = State::Active;
        store::set_password(tx, account, &hash)?;
        store::save(tx, &record, ctx.now())?;
        let fact = Fact::new("identity.official.activated", account)
            .touch(&crate::ACCOUNT, account)
            .touch(&crate::OFFICIAL, account);
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await
}
