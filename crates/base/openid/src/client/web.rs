//! Registered systems as their administrator sees them.

use super::service::{self, Draft, GRANTS, Registered};
use super::store;
use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use oidc::client::Registration;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// Ways in which a system proves who it is, with the texts `openid-auth-<name>`.
const METHODS: [&str; 4] = [
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "none",
];

pub(crate) async fn list(cx: Ctx) -> Result<Response> {
    let items = cx
        .read("openid.clients", |tx| {
            let all = store::all(tx)?;
            let all = all.iter().map(|c| {
                json!({ "id": c.id, "name": c.name, "operator": c.operator, "since": c.created_at, "retired": c.retired })
            });
            Ok(all.collect::<Vec<Json>>())
        })
        .await?;
    cx.page("openid/client/list.html", json!({ "items": items }))
}

/// A registration as its form sends it; lists have a line each.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    version: i64,
    client_name: String,
    operator: String,
    redirect_uris: String,
    post_logout_redirect_uris: String,
    scope: String,
    token_endpoint_auth_method: String,
    jwks: String,
    backchannel_logout_uri: String,
    id_token_signed_response_alg: String,
    subject_type: String,
    authorization_code: String,
    refresh_token: String,
    client_credentials: String,
    require_pushed_authorization_requests: String,
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|l| !l.is_empty()).collect()
}

impl Typed {
    fn draft(&self, cx: &Ctx) -> Result<Draft> {
        let chosen = [
            (&self.authorization_code, "authorization_code"),
            (&self.refresh_token, "refresh_token"),
            (&self.client_credentials, "client_credentials"),
        ];
        let grants: Vec<&str> = chosen
            .iter()
            .filter(|(on, _)| !on.is_empty())
            .map(|(_, n)| *n)
            .collect();
        let field = |name: &str, why: String| {
            Problem::from(
                Refusal::new("openid-client-field")
                    .arg("why", &why)
                    .field(name, why),
            )
        };
        let mut metadata = json!({
            "client_id": "new", "client_name": self.client_name.trim(), "redirect_uris": lines(&self.redirect_uris),
            "post_logout_redirect_uris": lines(&self.post_logout_redirect_uris), "grant_types": grants,
            "scope": self.scope.split_whitespace().collect::<Vec<_>>().join(" "),
            "require_pushed_authorization_requests": !self.require_pushed_authorization_requests.is_empty(),
        });
        let mut put = |name: &str, value: &str| {
            if !value.trim().is_empty() {
                metadata[name] = json!(value.trim());
            }
        };
        put("token_endpoint_auth_method", &self.token_endpoint_auth_method);
        put("backchannel_logout_uri", &self.backchannel_logout_uri);
        put("id_token_signed_response_alg", &self.id_token_signed_response_alg);
        put("subject_type", &self.subject_type);
        if !self.jwks.trim().is_empty() {
            metadata["jwks"] = serde_json::from_str(&self.jwks)
                .map_err(|_| field("jwks", cx.t("openid-client-jwks-broken", &[])))?;
        }
        let registration: Registration =
            serde_json::from_value(metadata).map_err(|e| field("client_name", e.to_string()))?;
        Ok(Draft {
            operator: self.operator.clone(),
            registration,
        })
    }

    /// What is registered, as the form shows it.
    fn of(d: &Draft, version: i64) -> Typed {
        let r = &d.registration;
        let word = |value: &Json| value.as_str().unwrap_or_default().to_string();
        let whole = serde_json::to_value(r).unwrap_or_default();
        let on = |name: &str| {
            let has = GRANTS
                .iter()
                .any(|(g, n)| *n == name && r.grant_types.contains(g));
            if has { "1".to_string() } else { String::new() }
        };
        Typed {
            version,
            client_name: r.client_name.clone(),
            operator: d.operator.clone(),
            redirect_uris: r.redirect_uris.join("\n"),
            post_logout_redirect_uris: r.post_logout_redirect_uris.join("\n"),
            scope: r.scopes.join(" "),
            token_endpoint_auth_method: word(&whole["token_endpoint_auth_method"]),
            jwks: r.jwks.as_ref().map(|k| format!("{k:#}")).unwrap_or_default(),
            backchannel_logout_uri: r.backchannel_logout_uri.clone().unwrap_or_default(),
            id_token_signed_response_alg: word(&whole["id_token_signed_response_alg"]),
            subject_type: word(&whole["subject_type"]),
            authorization_code: on("authorization_code"),
            refresh_token: on("refresh_token"),
            client_credentials: on("client_credentials"),
            require_pushed_authorization_requests: if r.require_pushed_authorization_requests {
                "1".into()
            } else {
                String::new()
            },
        }
    }
}

/// What a new registration starts from.
fn fresh() -> Typed {
    Typed {
        scope: "openid profile".into(),
        token_endpoint_auth_method: "client_secret_basic".into(),
        id_token_signed_response_alg: "ES256".into(),
        subject_type: "pairwise".into(),
        authorization_code: "1".into(),
        ..Typed::default()
    }
}

fn form_data(cx: &Ctx, id: Option<&str>, t: &Typed, refused: Option<&Refusal>) -> Json {
    let provider = crate::provider::provider(cx);
    let scopes: Vec<&str> = provider.scopes.all().iter().map(|s| s.name.as_str()).collect();
    let error = refused.map(|r| cx.says(r)).unwrap_or_default();
    let fields: serde_json::Map<String, Json> = refused
        .iter()
        .flat_map(|r| &r.fields)
        .map(|(f, m)| (f.clone(), json!(m)))
        .collect();
    json!({
        "id": id, "error": error, "wrong": fields, "methods": METHODS, "scopes": scopes.join(" "), "introspection": crate::provider::INTROSPECTION,
        "cipher": crate::provider::CIPHER, "scim": crate::provider::SCIM,
        "algs": ["ES256", "EdDSA"], "issuer": provider.issuer,
        "client": { "version": t.version, "client_name": t.client_name, "operator": t.operator, "redirect_uris": t.redirect_uris,
            "post_logout_redirect_uris": t.post_logout_redirect_uris, "scope": t.scope, "method": t.token_endpoint_auth_method,
            "jwks": t.jwks, "backchannel_logout_uri": t.backchannel_logout_uri, "alg": t.id_token_signed_response_alg,
            "subject_type": t.subject_type, "authorization_code": !t.authorization_code.is_empty(),
            "refresh_token": !t.refresh_token.is_empty(), "client_credentials": !t.client_credentials.is_empty(),
            "par": !t.require_pushed_authorization_requests.is_empty() },
    })
}

pub(crate) async fn new(cx: Ctx) -> Result<Response> {
    let data = form_data(&cx, None, &fresh(), None);
    cx.page("openid/client/form.html", data)
}

fn again(cx: &Ctx, id: Option<&str>, t: &Typed, r: &Refusal) -> Result<Response> {
    cx.page_with(
        status(r),
        "openid/client/form.html",
        form_data(cx, id, t, Some(r)),
    )
}

fn secret_page(cx: &Ctx, r: &Registered) -> Result<Response> {
    let issuer = crate::provider::provider(cx).issuer.clone();
    let data = json!({ "id": r.id, "secret": r.secret, "issuer": issuer });
    cx.page_with(StatusCode::OK, "openid/client/secret.html", data)
}

pub(crate) async fn register(cx: Ctx, Form(t): Form<Typed>) -> Result<Response> {
    let made = match t.draft(&cx) {
        Ok(draft) => service::register(&cx, draft).await,
        Err(e) => Err(e),
    };
    match made {
        Ok(made) => secret_page(&cx, &made),
        Err(Problem::Refusal(r)) if cx.html && r.status == 422 => again(&cx, None, &t, &r),
        Err(e) => Err(e),
    }
}

async fn stored(cx: &Ctx, id: &str) -> Result<store::Stored> {
    let found = cx.read("openid.client", |tx| Ok(store::get(tx, id)?)).await?;
    Ok(found.ok_or_else(Refusal::not_found)?)
}

pub(crate) async fn show(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let stored = stored(&cx, &id).await?;
    let draft = service::draft(&stored)?;
    let mut data = form_data(&cx, Some(&id), &Typed::of(&draft, stored.version), None);
    data["retired"] = stored.retired.into();
    data["secret"] = stored.secret.is_some().into();
    cx.page("openid/client/show.html", data)
}

pub(crate) async fn edit(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let stored = stored(&cx, &id).await?;
    if stored.retired {
        return Err(Refusal::not_found().into());
    }
    let typed = Typed::of(&service::draft(&stored)?, stored.version);
    let data = form_data(&cx, Some(&id), &typed, None);
    cx.page("openid/client/form.html", data)
}

pub(crate) async fn change(cx: Ctx, Path(id): Path<String>, Form(t): Form<Typed>) -> Result<Response> {
    let changed = match t.draft(&cx) {
        Ok(draft) => service::change(&cx, &id, t.version, draft).await,
        Err(e) => Err(e),
    };
    match changed {
        Ok(None) => Ok(see(&format!("/developers/clients/{id}"))),
        Ok(secret) => secret_page(&cx, &Registered { id, secret }),
        Err(Problem::Refusal(r)) if cx.html && r.status == 422 => again(&cx, Some(&id), &t, &r),
        Err(e) => Err(e),
    }
}

pub(crate) async fn renew(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let secret = Some(service::renew_secret(&cx, &id).await?);
    secret_page(&cx, &Registered { id, secret })
}

pub(crate) async fn retire(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    service::retire(&cx, &id).await?;
    Ok(see("/developers/clients"))
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let t = json!({ "version": 1, "client_name": "演示停车系统", "operator": "演示城市停车公司", "redirect_uris": "http://localhost:9000/cb",
        "post_logout_redirect_uris": "", "scope": "openid profile", "method": "client_secret_basic", "jwks": "", "backchannel_logout_uri": "",
        "alg": "ES256", "subject_type": "pairwise", "authorization_code": true, "refresh_token": false, "client_credentials": false, "par": false });
    let form = |id: Json, wrong: Json, error: &str| {
        json!({ "id": id, "error": error, "wrong": wrong, "methods": METHODS, "scopes": "openid profile phone", "introspection": "introspection", "cipher": "cipher", "scim": "scim",
            "algs": ["ES256", "EdDSA"], "issuer": "http://localhost:8151", "client": t, "retired": false, "secret": true })
    };
    let item = json!({ "id": "c", "name": "演示停车系统", "operator": "演示城市停车公司", "since": 1_795_000_000_000i64, "retired": false });
    vec![
        sample("openid/client/list.html", "none", json!({ "items": [] })),
        sample("openid/client/list.html", "one", json!({ "items": [item] })),
        sample("openid/client/form.html", "new", form(Json::Null, json!({}), "")),
        sample(
            "openid/client/form.html",
            "refused",
            form(json!("c"), json!({ "redirect_uris": "is no address" }), "请改正"),
        ),
        sample("openid/client/show.html", "one", form(json!("c"), json!({}), "")),
        sample(
            "openid/client/secret.html",
            "secret",
            json!({ "id": "c", "secret": "s", "issuer": "http://localhost:8151" }),
        ),
        sample(
            "openid/client/secret.html",
            "none",
            json!({ "id": "c", "secret": null, "issuer": "http://localhost:8151" }),
        ),
    ]
}
