//! The authority's addresses.

mod api;
mod command;
mod public;
mod register;
mod requests;
mod samples;

use api::{api_ask, api_certificate, api_request};
pub(crate) use command::command;
use public::{file, ocsp, ocsp_get, tsa};
use register::{download, hold, list, release, renew, revoke, show};
use requests::{approve, ask, form, queue, refuse, request_page};
pub(crate) use samples::samples;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use kernel::{Door, Route};
use serde_json::json;

pub(crate) const READ: &str = "trust.certificate.read";
pub(crate) const REQUEST: &str = "trust.certificate.request";
pub(crate) const APPROVE: &str = "trust.certificate.approve";
pub(crate) const REVOKE: &str = "trust.certificate.revoke";

const PAGE: i64 = 50;
/// Requests of OCSP and time-stamps are small.
const ASKED: usize = 32 << 10;

pub(crate) fn routes() -> Vec<Route> {
    use axum::routing::{get, post};
    let rate = kernel::rate::Rate::Lookup;
    let one = "/work/authority/{serial}";
    vec![
        Route::new("/pki/{file}", Door::Public, get(file)),
        Route::new("/pki/ocsp/{algorithm}", Door::Public, post(ocsp))
            .open()
            .body(ASKED)
            .rate(rate),
        Route::new("/pki/ocsp/{algorithm}/{*request}", Door::Public, get(ocsp_get)).rate(rate),
        Route::new("/pki/tsa", Door::Public, post(tsa))
            .open()
            .body(ASKED)
            .rate(rate),
        Route::new("/work/authority", Door::Official(READ), get(list)),
        Route::new(
            "/work/authority/requests",
            Door::Official(REQUEST),
            get(form).post(ask),
        )
        .body(64 << 10),
        Route::new("/work/authority/queue", Door::Official(READ), get(queue)),
        Route::new(
            "/work/authority/queue/{id}",
            Door::Official(READ),
            get(request_page),
        ),
        Route::new(
            "/work/authority/queue/{id}/approval",
            Door::Official(APPROVE),
            post(approve),
        ),
        Route::new(
            "/work/authority/queue/{id}/refusal",
            Door::Official(APPROVE),
            post(refuse),
        ),
        Route::new(one, Door::Official(READ), get(show)),
        Route::new(
            "/work/authority/{serial}/file/{name}",
            Door::Official(READ),
            get(download),
        ),
        Route::new(
            "/work/authority/{serial}/revocation",
            Door::Official(REVOKE),
            post(revoke),
        ),
        Route::new(
            "/work/authority/{serial}/hold",
            Door::Official(REVOKE),
            post(hold),
        ),
        Route::new(
            "/work/authority/{serial}/release",
            Door::Official(REVOKE),
            post(release),
        ),
        Route::new(
            "/work/authority/{serial}/renewal",
            Door::Official(APPROVE),
            post(renew),
        ),
        Route::new("/api/v1/pki/requests", Door::Official(REQUEST), post(api_ask)).doc(
            "POST",
            "Asks for a certificate: profile (node, person, seal), request (PKCS #10 as PEM or base64), names, reason",
            json!({ "type": "object" }),
            json!({ "type": "object" }),
        ),
        Route::new("/api/v1/pki/requests/{id}", Door::Official(REQUEST), get(api_request)).doc(
            "GET",
            "Where one's own request stands, with the certificate once it is issued",
            json!(null),
            json!({ "type": "object" }),
        ),
        Route::new("/api/v1/pki/certificates/{serial}", Door::Public, get(api_certificate))
            .rate(rate)
            .doc(
                "GET",
                "A certificate of this authority with its status",
                json!(null),
                json!({ "type": "object" }),
            ),
    ]
}

fn typed(kind: &'static str, body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}
