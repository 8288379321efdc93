//! What is told about a person: the data elements of the scopes that they consented to.

use super::model::Grant;
use kernel::{Ctx, Result, Tx};
use serde_json::{Map, Value, json};

/// Everything that some scope could open, null where nothing is known; the caller picks what was consented to.
pub(crate) fn facts(ctx: &Ctx, tx: &mut Tx<'_>, g: &Grant) -> Result<Map<String, Value>> {
    let mut all = Map::new();
    let mut put = |name: &str, value: Value| drop(all.insert(name.to_string(), value));
    if let Some(p) = identity::api::party(ctx, tx, &g.subject)? {
        put("name", json!(p.name));
        put("phone_number", json!(p.phone.as_deref().map(international)));
        let confirmed = identity::api::phone_confirmed(tx, &g.subject)?;
        put(
            "phone_number_verified",
            json!(p.phone.is_some().then_some(confirmed)),
        );
        put("citizen_number", json!(p.code));
    }
    put("real_name_level", json!(g.level));
    if let Some(firm) = &g.on_behalf
        && let Some(p) = identity::api::party(ctx, tx, firm)?
    {
        let role = identity::api::firms_of(ctx, tx, &g.subject)?
            .into_iter()
            .find(|(id, _)| id == firm)
            .map(|(_, role)| role);
        put("firm_name", json!(p.name));
        put("firm_credit_code", json!(p.code));
        put("firm_role", json!(role));
    }
    if let Some(official) = identity::api::official(ctx, tx, &format!("account:{}", g.account))? {
        let organisation = identity::api::organisation(tx, &official.organisation)?;
        put(
            "organisation",
            json!(organisation.as_ref().map(|o| o.name.clone())),
        );
        put(
            "organisation_code",
            json!(organisation.and_then(|o| o.credit_code)),
        );
        put("post_title", json!(official.title));
    }
    Ok(all)
}

/// A mainland number in the form of E.164, as OpenID Connect Core §5.1 wants it.
fn international(phone: &str) -> String {
    match phone.starts_with('+') {
        true => phone.to_string(),
        false => format!("+86{phone}"),
    }
}
