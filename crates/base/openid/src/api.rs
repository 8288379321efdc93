//! What the floors above may ask of openid.

use crate::client::store;
use crate::grant::model::Kind;
use crate::grant::token::working;
use kernel::ctx::Credential;
use kernel::{Actor, Ctx, Fault, Refusal, Result, Tx};
use oidc::bearer;

/// Who calls a route that programs alone use ([`kernel::Route::open`]): a registered system with an access token that it got
/// for itself and that has the scope, or an account by its API token. The context of a system has the actor `client:<id>`,
/// which is nobody who has signed in: the route itself says what it may.
///
/// # Errors
/// 401 without a token that works, 403 `openid-scope` for a system whose token has not the scope.
pub async fn caller(ctx: &Ctx, authorization: Option<&str>, scope: &str) -> Result<Ctx> {
    let text = match bearer::read(authorization) {
        Ok(text) => text.to_string(),
        Err(None) => return Err(Refusal::sign_in().into()),
        Err(Some(_)) => return Err(unknown().into()),
    };
    let sessions = ctx.app.ports.sessions.clone();
    let actor = ctx
        .read("openid.caller", |tx| {
            let own = working(ctx, tx, &text)?.filter(|(t, _)| t.kind == Kind::Access);
            match own {
                Some((token, None)) => {
                    bearer::require(&token.scopes.join(" "), scope)
                        .map_err(|_| Refusal::new("openid-scope").status(403).arg("scope", scope))?;
                    Ok(Actor {
                        id: format!("client:{}", token.client),
                        ..Actor::public()
                    })
                }
                // A system that acts for a person is no system that acts for itself.
                Some((_, Some(_))) => Err(unknown().into()),
                None => {
                    let found = sessions.resolve(tx, &Credential::Bearer(text.clone()), ctx.now())?;
                    Ok(found.ok_or_else(unknown)?)
                }
            }
        })
        .await?;
    let mut own = ctx.clone();
    own.actor = actor;
    Ok(own)
}

fn unknown() -> Refusal {
    Refusal::new("kernel-bad-token").status(401)
}

/// A registered system, as other rooms name it.
pub struct System {
    pub id: String,
    pub name: String,
    pub operator: String,
    pub retired: bool,
}

/// The registered system of this id.
pub fn system(tx: &mut Tx<'_>, id: &str) -> Result<Option<System>, Fault> {
    Ok(store::get(tx, id)?.map(named))
}

/// Every system that may get tokens with this scope for itself, by name; retired ones are left out.
pub fn systems(tx: &mut Tx<'_>, scope: &str) -> Result<Vec<System>, Fault> {
    let has = |metadata: &str| {
        let read: serde_json::Value = serde_json::from_str(metadata).unwrap_or_default();
        let all = read["scope"].as_str().unwrap_or_default();
        all.split(' ').any(|s| s == scope)
    };
    let all = store::all(tx)?.into_iter();
    Ok(all
        .filter(|c| !c.retired && has(&c.metadata))
        .map(named)
        .collect())
}

fn named(c: store::Stored) -> System {
    System {
        id: c.id,
        name: c.name,
        operator: c.operator,
        retired: c.retired,
    }
}
