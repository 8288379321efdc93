//! Where a sign-in may lead besides this site: a browser that was sent here by another system goes back there when it is done,
//! and its policy about forms must allow that (CSP 3, form-action).

use axum::http::{HeaderValue, header};
use axum::response::Response;
use kernel::Ctx;
use kernel::http::policy;
use std::pin::Pin;

/// The origin of another site, if there is one.
pub type Origin = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// Knows the site behind a path of ours; a service of the module that sends people on.
pub struct Onward(pub fn(Ctx, String) -> Origin);

/// Lets the forms of this page lead to where `next` does.
pub(crate) async fn allow(cx: &Ctx, next: &str, mut response: Response) -> Response {
    let Ok(onward) = cx.app.services.get::<Onward>() else {
        return response;
    };
    if let Some(origin) = (onward.0)(cx.clone(), next.to_string()).await
        && let Ok(value) = HeaderValue::from_str(&policy(&origin))
    {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
    }
    response
}

/// Lets the forms of this page lead to another site's address.
pub(crate) fn lead_to(mut response: Response, address: &str) -> Response {
    let origin: Vec<&str> = address.splitn(4, '/').take(3).collect();
    if let Ok(value) = HeaderValue::from_str(&policy(&origin.join("/"))) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
    }
    response
}
