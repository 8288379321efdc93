//! The verbs of readings.

use super::store::{self, New};
use crate::device::service::{ListSigner, issuer_now, seconds};
use crate::device::store::{self as devices, Device};
use crate::format::{Code, Kind, LIFE, TOLERANCE, Wrong};
use crate::scene::{Scene, Scenes};
use kernel::{Ctx, Fact, Fault, Refusal, Result, Tx};
use serde_json::{Value as Json, json};

/// A list for readers without a network holds so long, in seconds.
const LIST: i64 = 86_400;
/// Readings made offline are taken so long afterwards, in milliseconds.
const AFTERWARDS: i64 = 7 * 86_400_000;

/// What a reader is told.
pub(crate) struct Told {
    pub kind: Kind,
    pub label: String,
    /// (element, value), in the scene's order.
    pub elements: Vec<(String, String)>,
}

fn refusal(wrong: Wrong) -> Refusal {
    let key = match wrong {
        Wrong::Form => "onecode-form",
        Wrong::Issuer | Wrong::Signature => "onecode-forged",
        Wrong::Certificate => "onecode-device-ended",
        Wrong::Late => "onecode-late",
        Wrong::Early => "onecode-early",
    };
    Refusal::new(key)
}

/// The scene of this name, when the caller may read in it.
pub(crate) fn scene<'s>(ctx: &Ctx, scenes: &'s Scenes, id: &str) -> Result<&'s Scene> {
    let scene = scenes.get(id).ok_or_else(|| Refusal::new("onecode-no-scene"))?;
    match scene.read_by(ctx) {
        true => Ok(scene),
        false => Err(Refusal::new("onecode-not-here").status(403).into()),
    }
}

/// Who reads, and where, as the holder will see it.
fn place(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<String> {
    Ok(identity::api::post_title(ctx, tx, &ctx.actor.id)?.unwrap_or_else(|| ctx.actor.name.clone()))
}

/// The device behind a code whose signatures hold, when it may show it now.
fn device(ctx: &Ctx, tx: &mut Tx<'_>, code: &Code) -> Result<Device> {
    let found = devices::get(tx, &hex::encode(code.certificate.device))?;
    let found = found.ok_or_else(|| Refusal::new("onecode-forged"))?;
    let ended = || Refusal::new("onecode-device-ended");
    if found.revoked || !identity::api::open(tx, found.account)? {
        return Err(ended().into());
    }
    if let Some(firm) = &found.on_behalf {
        if !identity::api::may_for(ctx, tx, &found.subject, firm, "code")? {
            return Err(Refusal::new("onecode-no-agent").into());
        }
    }
    Ok(found)
}

fn record(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    device: &Device,
    scene: &Scene,
    result: &str,
    elements: &str,
    offline_at: Option<i64>,
) -> Result<()> {
    let id = ctx.id().to_string();
    let place = place(ctx, tx)?;
    let new = New {
        id: &id,
        device: &device.id,
        holder: device.holder(),
        person: &device.subject,
        scene: &scene.id,
        reader: &ctx.actor.id,
        place: &place,
        result,
        elements,
        offline: offline_at.is_some(),
        at: offline_at.unwrap_or(ctx.now()),
    };
    store::insert(tx, &new, ctx.now())?;
    let fact = Fact::new("onecode.code.read", &id)
        .payload(json!({ "scene": scene.id, "result": result, "offline": offline_at.is_some() }));
    ctx.emit(tx, fact.touch(&crate::SCAN, &id))?;
    Ok(())
}

/// Reads a code in a scene.
///
/// # Errors
/// What is wrong with the code, the scene, or the holder's will. A second reading (`onecode-replayed`, 409) and a closed scene
/// (`onecode-blocked`, 403) are written down for the holder before they are refused.
pub(crate) async fn check(ctx: &Ctx, text: &str, scene_id: &str) -> Result<Told> {
    let scenes = ctx.service::<Scenes>()?;
    let scene = scene(ctx, &scenes, scene_id)?;
    let code = Code::read(text).map_err(refusal)?;
    let issuer = issuer_now(ctx).await?;
    code.check(&[*issuer.key()], seconds(ctx)).map_err(refusal)?;
    if !scene.shown_by.iter().any(|k| k == code.certificate.kind.name()) {
        return Err(Refusal::new("onecode-other-kind").into());
    }
    let digest = code.digest();
    let expires = (i64::from(code.issued_at) + LIFE + 2 * TOLERANCE) * 1000;
    let told = ctx
        .tx("onecode.check", |tx| {
            let device = device(ctx, tx, &code)?;
            if store::take(tx, &digest, &ctx.actor.id, expires)?.is_some() {
                record(ctx, tx, &device, scene, "replayed", "", None)?;
                return Ok(Err(Refusal::new("onecode-replayed").status(409)));
            }
            if scene.blockable && store::is_blocked(tx, device.holder(), &scene.id)? {
                record(ctx, tx, &device, scene, "blocked", "", None)?;
                return Ok(Err(Refusal::new("onecode-blocked").status(403)));
            }
            let level = identity::api::level(ctx, tx, &device.subject)?;
            if level < scene.level {
                return Ok(Err(Refusal::new("onecode-level").arg("level", scene.level)));
            }
            let elements = elements(ctx, tx, scene, &device)?;
            let names: Vec<&str> = elements.iter().map(|(n, _)| n.as_str()).collect();
            record(ctx, tx, &device, scene, "told", &names.join(" "), None)?;
            ctx.accessed(tx, &[device.holder().to_string()], &names, scene.title(ctx))?;
            Ok(Ok(elements))
        })
        .await?;
    Ok(Told {
        kind: code.certificate.kind,
        label: code.certificate.label.clone(),
        elements: told?,
    })
}

/// What the scene's reader is told of this holder; what does not apply is left out.
fn elements(ctx: &Ctx, tx: &mut Tx<'_>, scene: &Scene, d: &Device) -> Result<Vec<(String, String)>> {
    let person =
        identity::api::party(ctx, tx, &d.subject)?.ok_or_else(|| Fault::new("a device of nobody"))?;
    let behalf = match &d.on_behalf {
        Some(id) => identity::api::party(ctx, tx, id)?,
        None => None,
    };
    // A guardian shows the code of a person, who is told of as one.
    let (firm, person, shower) = match behalf {
        Some(child) if child.kind == "natural" => (None, child, Some(person)),
        firm => (firm, person, None),
    };
    let own = firm.is_none();
    let level = |tx: &mut Tx<'_>| identity::api::level(ctx, tx, &person.id);
    let mut out = Vec::new();
    for name in &scene.elements {
        let value = match name.as_str() {
            "name" if own => Some(person.name.clone()),
            "masked_name" if own => Some(person.masked_name()),
            "citizen_number" if own => Some(person.code.clone()),
            "masked_number" if own => Some(person.masked_code()),
            "phone_number" if own => person.phone.clone(),
            "age_group" if own => age_group(ctx, &person.code),
            "real_name_level" if own => Some(format!("R{}", level(tx)?)),
            "firm_name" => firm.as_ref().map(|f| f.name.clone()),
            "firm_credit_code" => firm.as_ref().map(|f| f.code.clone()),
            "agent_name" if !own => Some(person.name.clone()),
            "agent_name" => shower.as_ref().map(|s| s.name.clone()),
            "certificates" => certificates(ctx, tx, d.holder())?,
            _ => None,
        };
        if let Some(value) = value {
            out.push((name.clone(), value));
        }
    }
    Ok(out)
}

/// 60 and over, under 18, or neither: what a reduced fare needs to know.
fn age_group(ctx: &Ctx, number: &str) -> Option<String> {
    let id = codes::citizen_id(number).ok()?;
    let age = ctx.today().since((jiff::Unit::Year, id.birth)).ok()?.get_years();
    let key = match age {
        60.. => "onecode-age-old",
        ..18 => "onecode-age-young",
        _ => "onecode-age-adult",
    };
    Some(ctx.t(key, &[]))
}

/// Titles and numbers of the certificates that hold today.
fn certificates(ctx: &Ctx, tx: &mut Tx<'_>, holder: &str) -> Result<Option<String>> {
    let today = ctx.today().to_string();
    let all = documents::api::of_holder(tx, holder)?;
    let valid: Vec<String> = all
        .iter()
        .filter(|c| c.standing(&today) == "valid")
        .map(|c| format!("{} {}", c.title(ctx), c.number))
        .collect();
    Ok(Some(match valid.is_empty() {
        true => ctx.t("onecode-no-certificate", &[]),
        false => valid.join("；"),
    }))
}

/// The signed list by which a reader without a network decides: keys, removed devices, scenes.
pub(crate) async fn list(ctx: &Ctx) -> Result<String> {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
    let issuer = issuer_now(ctx).await?;
    let now = seconds(ctx);
    let revoked = ctx
        .read("onecode.list", |tx| Ok(devices::revoked(tx, now)?))
        .await?;
    let point = issuer.key().to_sec1_point(false);
    let (x, y) = (&point.as_bytes()[1..33], &point.as_bytes()[33..65]);
    let scenes = ctx.service::<Scenes>()?;
    let scenes: Vec<Json> = scenes
        .scene
        .iter()
        .map(|s| json!({ "id": s.id, "title": s.title, "title_en": s.title_en, "shown_by": s.shown_by }))
        .collect();
    let payload = json!({ "issued_at": now, "expires_at": now + LIST, "revoked": revoked, "scenes": scenes,
        "keys": [{ "kid": issuer.kid(), "x": B64.encode(x), "y": B64.encode(y) }] });
    let signed = oidc::jose::sign(&ListSigner::new(issuer), "JWT", &payload);
    Ok(signed.map_err(|e| Fault::of("list for readers", e.to_string()))?)
}

/// A reading that was made without a network.
pub(crate) struct Offline<'a> {
    pub code: &'a str,
    pub scene: &'a str,
    /// UTC seconds by the reader's clock.
    pub at: i64,
}

/// Takes one reading made offline into the holder's list; the same one twice is taken once.
pub(crate) async fn take_offline(ctx: &Ctx, o: &Offline<'_>) -> Result<()> {
    let scenes = ctx.service::<Scenes>()?;
    let scene = scene(ctx, &scenes, o.scene)?;
    let code = Code::read(o.code).map_err(refusal)?;
    let issuer = issuer_now(ctx).await?;
    code.check(&[*issuer.key()], o.at).map_err(refusal)?;
    let at = o.at * 1000;
    if at > ctx.now() + TOLERANCE * 1000 || at < ctx.now() - AFTERWARDS {
        return Err(Refusal::new("onecode-offline-time").into());
    }
    let digest = code.digest();
    ctx.tx("onecode.take-offline", |tx| {
        // Also of a device that was removed meanwhile: its owner wants to see just that.
        let device = devices::get(tx, &hex::encode(code.certificate.device))?;
        let device = device.ok_or_else(|| Refusal::new("onecode-forged"))?;
        let before = store::take(tx, &digest, &ctx.actor.id, ctx.now() + AFTERWARDS)?;
        match before {
            Some(reader) if reader == ctx.actor.id => Ok(()),
            Some(_) => record(ctx, tx, &device, scene, "replayed", "", Some(at)),
            None => record(ctx, tx, &device, scene, "told", "label", Some(at)),
        }
    })
    .await
}

/// Closes or opens a scene to oneself, or to the firm one acts for.
pub(crate) async fn set_blocked(ctx: &Ctx, scene_id: &str, blocked: bool) -> Result<()> {
    let scenes = ctx.service::<Scenes>()?;
    let scene = scenes.get(scene_id).ok_or_else(Refusal::not_found)?;
    if !scene.blockable {
        return Err(Refusal::new("onecode-not-blockable").status(409).into());
    }
    let holder = ctx.actor.party().ok_or_else(Refusal::sign_in)?.to_string();
    ctx.tx("onecode.block", |tx| {
        match blocked {
            true => store::block(tx, &holder, &scene.id, ctx.now())?,
            false => store::unblock(tx, &holder, &scene.id)?,
        }
        let kind = if blocked {
            "onecode.scene.closed"
        } else {
            "onecode.scene.opened"
        };
        ctx.emit(tx, Fact::new(kind, &holder).payload(json!({ "scene": scene.id })))?;
        Ok(())
    })
    .await
}
