//! Counter intake: who came, and what for. The form itself is the applicant's form.

use crate::case::service::{self, Person};
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::see;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Came {
    #[serde(default)]
    matter: String,
    /// `person` or `firm`.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    agent_name: String,
    #[serde(default)]
    agent_code: String,
    #[serde(default)]
    agent_phone: String,
}

pub(crate) async fn form(cx: Ctx, Query(came): Query<Came>) -> Result<Response> {
    page(&cx, StatusCode::OK, &came, "", &[])
}

fn page(
    cx: &Ctx,
    status: StatusCode,
    came: &Came,
    message: &str,
    wrong: &[(String, String)],
) -> Result<Response> {
    let errors: Map<String, Json> = wrong.iter().map(|(f, m)| (f.clone(), m.clone().into())).collect();
    let data = json!({ "came": came, "matters": super::matters(cx)?, "message": message, "errors": errors });
    cx.page_with(status, "cases/work/intake.html", data)
}

/// Begins the draft and goes on to its form.
pub(crate) async fn begin(cx: Ctx, Form(came): Form<Came>) -> Result<Response> {
    let person = |name: &str, code: &str, phone: &str| Person {
        name: name.into(),
        code: code.into(),
        phone: phone.into(),
    };
    let applicant = person(&came.name, &came.code, &came.phone);
    let agent = (came.kind == "firm").then(|| person(&came.agent_name, &came.agent_code, &came.agent_phone));
    match service::intake(&cx, &came.matter, &applicant, agent.as_ref()).await {
        Ok(id) => Ok(see(&format!("/cases/{id}/form"))),
        Err(Problem::Refusal(r)) if r.status == 404 => {
            let text = cx.t("cases-intake-matter", &[]);
            let wrong = [("matter".to_string(), text.clone())];
            page(&cx, StatusCode::UNPROCESSABLE_ENTITY, &came, &text, &wrong)
        }
        Err(Problem::Refusal(r)) if cx.html => {
            let status = kernel::http::status(&r);
            page(&cx, status, &came, &cx.explains(&r), &r.fields)
        }
        Err(e) => Err(e),
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let matters = json!([{ "id": "m", "title": "示例" }]);
    let sample = |name, came: &Came, errors: Json| Sample {
        template: "cases/work/intake.html",
        name,
        data: json!({ "came": came, "matters": matters, "message": "请改正", "errors": errors }),
    };
    let firm = Came {
        kind: "firm".into(),
        ..Came::default()
    };
    vec![
        sample("person", &Came::default(), json!({})),
        sample("firm", &firm, json!({ "code": "位数不对" })),
    ]
}
