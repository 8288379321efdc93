//! The verbs of registered systems.

use super::store::{self, Stored};
use crate::provider;
use kernel::{Ctx, Fact, Fault, Problem, Refusal, Result, Tx};
use oidc::client::{AuthMethod, Client, FieldError, GrantType, Registration};
use oidc::secret::Opaque;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

/// After a secret was renewed the one before it works for a day, so that the system can be changed over.
const CHANGE_OVER: i64 = 86_400_000;

/// A system that is in use, checked once and kept until it changes.
pub(crate) struct Known {
    pub client: Client,
    pub name: String,
    pub operator: String,
    version: i64,
    secret: Option<[u8; 32]>,
    former: Option<([u8; 32], i64)>,
}

impl Known {
    /// Digests of the secrets that work now.
    pub(crate) fn secrets(&self, now: i64) -> Vec<[u8; 32]> {
        let former = self
            .former
            .filter(|(_, until)| now < *until)
            .map(|(digest, _)| digest);
        self.secret.into_iter().chain(former).collect()
    }
}

/// Systems as this node keeps them, by id; each use compares the version.
#[derive(Default)]
pub(crate) struct Cache(RwLock<HashMap<String, Arc<Known>>>);

/// The system of this id, if it is in use.
pub(crate) fn known(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Arc<Known>>> {
    let Some(version) = store::version(tx, id)? else {
        return Ok(None);
    };
    let cache = ctx.service::<Cache>()?;
    let kept = cache.0.read().unwrap_or_else(|e| e.into_inner()).get(id).cloned();
    if let Some(known) = kept.filter(|k| k.version == version) {
        return Ok(Some(known));
    }
    let Some(stored) = store::get(tx, id)?.filter(|s| !s.retired) else {
        return Ok(None);
    };
    let known = Arc::new(read(ctx, &stored)?);
    let mut all = cache.0.write().unwrap_or_else(|e| e.into_inner());
    all.insert(id.to_string(), known.clone());
    Ok(Some(known))
}

fn read(ctx: &Ctx, s: &Stored) -> Result<Known> {
    let wrong = |e: String| Fault::new(format!("registered system {}: {e}", s.id));
    let metadata = serde_json::from_str(&s.metadata).map_err(|e| wrong(e.to_string()))?;
    let client = Client::from_json(metadata, provider::plain_http(ctx)).map_err(|e| wrong(e.to_string()))?;
    let bytes = |hex: &str| -> Result<[u8; 32]> {
        let bytes = hex::decode(hex).map_err(|e| wrong(e.to_string()))?;
        Ok(bytes
            .try_into()
            .map_err(|_| wrong("its digest is not 32 bytes".into()))?)
    };
    Ok(Known {
        client,
        name: s.name.clone(),
        operator: s.operator.clone(),
        version: s.version,
        secret: s.secret.as_deref().map(bytes).transpose()?,
        former: s
            .former
            .as_ref()
            .map(|(d, until)| Ok::<_, Problem>((bytes(d)?, *until)))
            .transpose()?,
    })
}

/// What an administrator writes down of a system.
#[derive(Clone)]
pub(crate) struct Draft {
    pub operator: String,
    pub registration: Registration,
}

/// What the registrar needs to hand over; the secret is never shown again.
pub(crate) struct Registered {
    pub id: String,
    pub secret: Option<String>,
}

fn has_secret(r: &Registration) -> bool {
    matches!(
        r.token_endpoint_auth_method,
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost
    )
}

/// The refusal of a field, at its name.
fn refused(e: &FieldError) -> Refusal {
    let field = e.field.split('[').next().unwrap_or_default();
    Refusal::new("openid-client-field")
        .arg("why", e)
        .field(field, e.to_string())
}

fn check(ctx: &Ctx, d: &Draft) -> Result<()> {
    if d.registration.client_name.trim().is_empty() {
        return Err(Refusal::new("openid-client-nameless")
            .field("client_name", ctx.t("openid-client-nameless", &[]))
            .into());
    }
    let scopes = &provider::provider(ctx).scopes;
    let unknown = d
        .registration
        .scopes
        .iter()
        .find(|s| !scopes.has(s) && !provider::MACHINE.contains(&s.as_str()));
    if let Some(scope) = unknown {
        let r = Refusal::new("openid-client-scope-unknown").arg("scope", scope);
        return Err(r.clone().field("scope", ctx.says(&r)).into());
    }
    Client::new(d.registration.clone(), provider::plain_http(ctx)).map_err(|e| refused(&e))?;
    Ok(())
}

/// Registers a system; its id is new.
pub(crate) async fn register(ctx: &Ctx, mut d: Draft) -> Result<Registered> {
    d.registration.client_id = ctx.id().simple().to_string();
    check(ctx, &d)?;
    let secret = has_secret(&d.registration).then(|| Opaque::new(ctx.random()));
    let client = Stored {
        id: d.registration.client_id.clone(),
        name: d.registration.client_name.trim().to_string(),
        operator: d.operator.trim().to_string(),
        metadata: serde_json::to_string(&d.registration)?,
        secret: secret.as_ref().map(|s| hex::encode(s.digest)),
        former: None,
        version: 1,
        created_at: ctx.now(),
        retired: false,
    };
    ctx.tx("openid.register-client", |tx| {
        if !store::insert(tx, &client)? {
            return Err(Fault::new("a new id stands already").into());
        }
        noted(ctx, tx, "openid.client.registered", &client.id)
    })
    .await?;
    Ok(Registered {
        id: client.id,
        secret: secret.map(|s| s.token),
    })
}

fn noted(ctx: &Ctx, tx: &mut Tx<'_>, kind: &'static str, id: &str) -> Result<()> {
    ctx.emit(tx, Fact::new(kind, id).touch(&crate::CLIENT, id))?;
    Ok(())
}

/// The registration as its form shows it.
pub(crate) fn draft(s: &Stored) -> Result<Draft> {
    Ok(Draft {
        operator: s.operator.clone(),
        registration: serde_json::from_str(&s.metadata)?,
    })
}

/// Changes a registration that is at this version. Going over to secrets gives the first one.
pub(crate) async fn change(ctx: &Ctx, id: &str, version: i64, mut d: Draft) -> Result<Option<String>> {
    d.registration.client_id = id.to_string();
    check(ctx, &d)?;
    let fresh = Opaque::new(ctx.random());
    ctx.tx("openid.change-client", |tx| {
        let now = store::get(tx, id)?
            .filter(|s| !s.retired)
            .ok_or_else(Refusal::not_found)?;
        let needs = has_secret(&d.registration);
        let first = needs && now.secret.is_none();
        let next = Stored {
            name: d.registration.client_name.trim().to_string(),
            operator: d.operator.trim().to_string(),
            metadata: serde_json::to_string(&d.registration)?,
            secret: match needs {
                true if first => Some(hex::encode(fresh.digest)),
                true => now.secret.clone(),
                // A forgotten secret must not open what a key was meant to guard.
                false => None,
            },
            former: now.former.clone().filter(|_| needs),
            ..now
        };
        if !store::update(tx, &next, version)? {
            return Err(Refusal::stale().into());
        }
        noted(ctx, tx, "openid.client.changed", id)?;
        Ok(first.then(|| fresh.token.clone()))
    })
    .await
}

/// Gives a system a new secret; the old one works for another day.
pub(crate) async fn renew_secret(ctx: &Ctx, id: &str) -> Result<String> {
    let fresh = Opaque::new(ctx.random());
    ctx.tx("openid.renew-secret", |tx| {
        let now = store::get(tx, id)?
            .filter(|s| !s.retired)
            .ok_or_else(Refusal::not_found)?;
        let old = now
            .secret
            .clone()
            .ok_or_else(|| Refusal::new("openid-client-secretless").status(409))?;
        let (version, next) = (
            now.version,
            Stored {
                secret: Some(hex::encode(fresh.digest)),
                former: Some((old, ctx.now() + CHANGE_OVER)),
                ..now
            },
        );
        if !store::update(tx, &next, version)? {
            return Err(Refusal::stale().into());
        }
        noted(ctx, tx, "openid.client.secret-renewed", id)
    })
    .await?;
    Ok(fresh.token)
}

/// Ends a registration: nobody signs in through it any more, and its tokens are void.
pub(crate) async fn retire(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("openid.retire-client", |tx| {
        if !store::retire(tx, id, ctx.now())? {
            return Err(Refusal::not_found().into());
        }
        crate::grant::store::remove_of_client(tx, id)?;
        noted(ctx, tx, "openid.client.retired", id)
    })
    .await
}

/// `yiwang client add|list`.
pub(crate) fn command(ctx: Ctx, words: Vec<String>) -> kernel::module::JobFuture {
    kernel::module::boxed(async move {
        let usage = "usage: yiwang client list\n       yiwang client add --name NAME [--operator WHO] [--redirect URI]… \
                     [--after-logout URI]… [--scope \"openid profile …\"] [--auth client_secret_basic|client_secret_post|none] \
                     [--grant authorization_code|refresh_token|client_credentials]…";
        match words.split_first() {
            Some((verb, [])) if verb == "list" => {
                let all = ctx.read("openid.clients", |tx| Ok(store::all(tx)?)).await?;
                for c in all.iter().filter(|c| !c.retired) {
                    println!("{}\t{}\t{}", c.id, c.name, c.operator);
                }
                Ok(())
            }
            Some((verb, options)) if verb == "add" => {
                let draft = from_options(options).map_err(|e| Fault::new(format!("{e}\n{usage}")))?;
                let made = match register(&ctx, draft).await {
                    Err(Problem::Refusal(r)) => return Err(Fault::new(ctx.says(&r)).into()),
                    made => made?,
                };
                println!(
                    "{}",
                    json!({ "client_id": made.id, "client_secret": made.secret })
                );
                Ok(())
            }
            _ => Err(Fault::new(usage).into()),
        }
    })
}

/// A registration from the options of the command line, as `--name=value`.
fn from_options(options: &[String]) -> Result<Draft, String> {
    let mut metadata = serde_json::Map::new();
    let (mut operator, mut grants) = (String::new(), Vec::new());
    let (mut redirects, mut afterwards) = (Vec::new(), Vec::new());
    for option in options {
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| format!("`{option}` is no option"))?;
        match name {
            "--name" => drop(metadata.insert("client_name".into(), value.into())),
            "--operator" => operator = value.to_string(),
            "--redirect" => redirects.push(value),
            "--after-logout" => afterwards.push(value),
            "--scope" => drop(metadata.insert("scope".into(), value.into())),
            "--auth" => drop(metadata.insert("token_endpoint_auth_method".into(), value.into())),
            "--grant" => grants.push(value),
            _ => return Err(format!("unknown option {name}")),
        }
    }
    if grants.is_empty() {
        grants = match redirects.is_empty() {
            true => vec!["client_credentials"],
            false => vec!["authorization_code", "refresh_token"],
        };
    }
    let people = grants.contains(&"authorization_code");
    if people && !metadata.contains_key("scope") {
        metadata.insert("scope".into(), "openid profile offline_access".into());
    }
    metadata.insert("client_id".into(), "new".into());
    metadata.insert("redirect_uris".into(), json!(redirects));
    metadata.insert("post_logout_redirect_uris".into(), json!(afterwards));
    metadata.insert("grant_types".into(), json!(grants));
    let registration = serde_json::from_value(metadata.into()).map_err(|e| e.to_string())?;
    Ok(Draft {
        operator,
        registration,
    })
}

/// The flows that a form offers.
pub(crate) const GRANTS: [(GrantType, &str); 3] = [
    (GrantType::AuthorizationCode, "authorization_code"),
    (GrantType::RefreshToken, "refresh_token"),
    (GrantType::ClientCredentials, "client_credentials"),
];
