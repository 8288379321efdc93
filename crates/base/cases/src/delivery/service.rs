//! The verbs of deliveries. A carrier's own system would call [`step`] with the consignment number; until one is connected,
//! officials enter by hand what the carrier says.

use super::model::{Address, Delivery, Step, WAYS, after, state};
use super::store;
use crate::case::model::{Case, state as case_state};
use crate::case::service::{own, readable, signs};
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::json;

/// What an applicant chose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice<'a> {
    pub way: &'a str,
    pub window: &'a str,
    pub name: &'a str,
    pub phone: &'a str,
    pub address: &'a str,
}

/// The way may change until the result is made ready, and not after the case led to nothing that could be delivered.
pub(crate) fn may_choose(case: &Case, d: Option<&Delivery>) -> bool {
    let open = case.state != case_state::DRAFT && case.state != case_state::WITHDRAWN;
    open && d.is_none_or(|d| d.state == state::CHOSEN)
}

fn address(ctx: &Ctx, c: &Choice<'_>) -> Result<Address> {
    let a = Address {
        name: c.name.trim().into(),
        phone: c.phone.trim().into(),
        address: c.address.trim().into(),
    };
    let mut wrong = Refusal::new("cases-delivery-wrong");
    if !(2..=50).contains(&a.name.chars().count()) {
        wrong = wrong.field("name", ctx.t("cases-delivery-name-wrong", &[]));
    }
    if let Err(e) = codes::phone(&a.phone) {
        wrong = wrong.field("phone", ctx.t(e.key(), &[]));
    }
    if !(5..=200).contains(&a.address.chars().count()) {
        wrong = wrong.field("address", ctx.t("cases-delivery-address-wrong", &[]));
    }
    if wrong.fields.is_empty() {
        Ok(a)
    } else {
        Err(wrong.into())
    }
}

fn emit(ctx: &Ctx, tx: &mut Tx<'_>, d: &Delivery, kind: &'static str) -> Result<()> {
    // The timeline of the case shows it, so the case is the subject.
    let fact = Fact::new(kind, &d.case).payload(json!({ "way": d.way, "state": d.state }));
    ctx.emit(tx, fact.touch(&crate::DELIVERY, &d.case))?;
    Ok(())
}

/// The applicant says how the result is to come.
pub(crate) async fn choose(ctx: &Ctx, case: &str, c: &Choice<'_>) -> Result<()> {
    if !WAYS.contains(&c.way) {
        return Err(Refusal::new("cases-delivery-way").into());
    }
    let to = if c.way == "post" {
        Some(address(ctx, c)?)
    } else {
        None
    };
    ctx.tx("cases.choose-delivery", |tx| {
        let case = own(ctx, tx, case, "cases.delivery.choose")?;
        let have = store::get(ctx, tx, &case.id)?;
        if !may_choose(&case, have.as_ref()) {
            return Err(Refusal::new("cases-delivery-late").status(409).into());
        }
        let window = match c.way {
            "pickup" => {
                let matter = crate::case::runtime::matter_of(ctx, &case)?;
                let places = crate::appointment::service::windows_for(tx, &matter.organisation)?;
                let found = places.into_iter().find(|p| p.window.id == c.window);
                Some(
                    found
                        .ok_or_else(|| Refusal::new("cases-delivery-window"))?
                        .window
                        .id,
                )
            }
            _ => None,
        };
        let d = Delivery {
            case: case.id.clone(),
            org_path: case.org_path.clone(),
            area_code: case.area_code.clone(),
            way: c.way.into(),
            window,
            address: to.clone(),
            code: None,
            state: state::CHOSEN.into(),
            carrier: None,
            consignment: None,
            signed_by: None,
            reason: None,
            actor: None,
            chosen_at: have.as_ref().map_or(ctx.now(), |h| h.chosen_at),
            prepared_at: None,
            sent_at: None,
            closed_at: None,
            version: have.map_or(0, |h| h.version),
        };
        store::save(ctx, tx, &d)?;
        emit(ctx, tx, &d, "cases.delivery.chosen")
    })
    .await
}

/// What is entered with a step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry<'a> {
    pub version: i64,
    pub carrier: &'a str,
    pub consignment: &'a str,
    pub code: &'a str,
    pub signed_by: &'a str,
    pub reason: &'a str,
}

fn words(text: &str, max: usize, key: &'static str) -> Result<Option<String>> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > max {
        return Err(Refusal::new(key).into());
    }
    Ok(Some(text.into()))
}

fn ended(case: &Case) -> Result<()> {
    if matches!(case.state.as_str(), case_state::GRANTED | case_state::REFUSED) {
        Ok(())
    } else {
        Err(Refusal::new("cases-delivery-early").status(409).into())
    }
}

/// An official makes it ready, sends it, hands it over, or notes that it came back.
pub(crate) async fn step(ctx: &Ctx, case: &str, step: Step, e: &Entry<'_>) -> Result<()> {
    // Before the body, which may be run again.
    let random = u32::from_be_bytes(ctx.random::<4>()) % 1_000_000;
    ctx.tx("cases.step-delivery", |tx| {
        tx.lock(&format!("case:{case}"))?;
        let case = readable(ctx, tx, case)?;
        ctx.may("cases.delivery.handle", &case.resource())?;
        ended(&case)?;
        let mut d = store::get(ctx, tx, &case.id)?.ok_or_else(Refusal::not_found)?;
        if d.version != e.version {
            return Err(Refusal::stale().into());
        }
        if d.way == "download" {
            // Only the applicant can say that it has been received.
            return Err(Refusal::new("cases-delivery-order").status(409).into());
        }
        d.state = after(&d.way, &d.state, step)?.into();
        d.actor = Some(ctx.actor.id.clone());
        let kind = match step {
            Step::Prepare => {
                d.prepared_at = Some(ctx.now());
                d.closed_at = None;
                d.reason = None;
                if d.way == "pickup" {
                    d.code = Some(format!("{random:06}"));
                }
                "cases.delivery.prepared"
            }
            Step::Send => {
                d.carrier = words(e.carrier, 50, "cases-delivery-carrier-needed")?;
                let number: String = e.consignment.trim().to_uppercase();
                if !(6..=40).contains(&number.len())
                    || !number.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                {
                    return Err(Refusal::new("cases-delivery-consignment-wrong").into());
                }
                d.consignment = Some(number);
                d.sent_at = Some(ctx.now());
                "cases.delivery.sent"
            }
            Step::Deliver => {
                if d.way == "pickup" && d.code.as_deref() != Some(e.code.trim()) {
                    return Err(Refusal::new("cases-delivery-code-wrong").status(409).into());
                }
                d.signed_by = words(e.signed_by, 50, "cases-delivery-signed-needed")?;
                d.closed_at = Some(ctx.now());
                "cases.delivery.delivered"
            }
            Step::Return => {
                d.reason = words(e.reason, 200, "cases-reason-needed")?;
                d.closed_at = Some(ctx.now());
                "cases.delivery.returned"
            }
        };
        store::save(ctx, tx, &d)?;
        emit(ctx, tx, &d, kind)
    })
    .await
}

/// Who signs, and for whom when it is for another.
fn signature(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case) -> Result<String> {
    let who = ctx.actor.name.clone();
    if ctx.actor.subject.as_ref() == Some(&case.applicant) {
        return Ok(who);
    }
    let whom = identity::api::party(ctx, tx, &case.applicant)?;
    let whom = whom.map(|p| p.name).unwrap_or_default();
    // It goes onto papers, which are Chinese.
    let args = [("who", who.as_str()), ("whom", whom.as_str())];
    Ok(ctx.app.texts.get(kernel::Locale::Zh, "cases-delivery-for", &args))
}

/// The applicant confirms that a download was received.
pub(crate) async fn confirm(ctx: &Ctx, case: &str) -> Result<()> {
    ctx.tx("cases.confirm-delivery", |tx| {
        let case = own(ctx, tx, case, "cases.delivery.choose")?;
        ended(&case)?;
        let mut d = store::get(ctx, tx, &case.id)?.ok_or_else(Refusal::not_found)?;
        if d.way != "download" {
            return Err(Refusal::new("cases-delivery-order").status(409).into());
        }
        signs(ctx, &case)?;
        d.state = after(&d.way, &d.state, Step::Deliver)?.into();
        d.signed_by = Some(signature(ctx, tx, &case)?);
        d.closed_at = Some(ctx.now());
        store::save(ctx, tx, &d)?;
        emit(ctx, tx, &d, "cases.delivery.delivered")
    })
    .await
}
