//! Ordering (in the transaction of the decision) and producing (a job: print, seal, store).

use super::model::Certificate;
use super::store;
use crate::kinds::{self, Kind};
use crate::print;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::fact::Recorded;
use kernel::{Ctx, Fact, Fault, Problem, Result, Tx, job};
use seals::api::{Occasion, OfdPlace, Place};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// The job that prints and seals.
pub(crate) const PRODUCE: &str = "documents.produce";
/// The middle of the visible seal on the first page, from the lower left corner, in points.
const PLACE: [f64; 2] = [429.5, 189.5];

/// Millimetres of a point, height of the page in them.
const MM: f64 = 25.4 / 72.0;
const PAGE: f64 = 297.0;

/// What a case orders.
pub struct Order<'a> {
    /// Certificate type of the pack.
    pub kind: &'a str,
    pub case: &'a str,
    /// Number of the case.
    pub number: &'a str,
    /// Subject id of the holder.
    pub holder: &'a str,
    /// Lead organisation of the case.
    pub organisation: &'a str,
    pub area_code: &'a str,
    /// Form values as they are to be printed (labels, not codes).
    pub form: &'a Json,
}

/// Orders a certificate; the job makes it after the commit.
pub fn order(ctx: &Ctx, tx: &mut Tx<'_>, o: &Order<'_>) -> Result<String> {
    let (kind, _) = kinds::get(tx, o.kind)?
        .ok_or_else(|| Fault::new(format!("certificate type {} is unknown", o.kind)))?;
    let issuer = identity::api::organisation(tx, &kind.issuer)?
        .ok_or_else(|| Fault::new(format!("issuer {} is unknown", kind.issuer)))?;
    let id = ctx.id().to_string();
    let today = ctx.today();
    let from = Kind::value(&kind.valid_from, o.form).map_or_else(|| today.to_string(), String::from);
    let first = from.parse().unwrap_or(today);
    let serial: String = o
        .number
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let code = issuer
        .credit_code
        .clone()
        .unwrap_or_else(|| issuer.area_code.clone());
    let identifier = codes::certificate_id("1.2.156.3005.2", &kind.type_code, &code, &serial)
        .ok_or_else(|| Fault::new(format!("no identifier can be made for {}", o.kind)))?;
    let printed: Vec<Json> = kind
        .fields
        .iter()
        .map(|f| {
            let value = f
                .from
                .strip_prefix("form.")
                .map_or(&Json::Null, |name| &o.form[name]);
            let text = match value {
                Json::String(s) => s.clone(),
                Json::Null => String::new(),
                other => other.to_string(),
            };
            // An empty field is printed as a dash by the template.
            let text = if text.is_empty() { Json::Null } else { text.into() };
            json!({ "label": f.zh, "label_en": f.en, "value": text })
        })
        .collect();
    let fields = ctx.protect().seal(
        &format!("documents_certificate.fields:{id}"),
        &Json::from(printed).to_string(),
    )?;
    let c = Certificate {
        kind: kind.id.clone(),
        title_zh: kind.title.clone(),
        title_en: kind.title_en.clone(),
        identifier: Some(identifier),
        token: hex(&ctx.random::<16>()),
        case_id: o.case.into(),
        number: o.number.into(),
        holder: o.holder.into(),
        issuer: issuer.id,
        org_path: issuer.path,
        area_code: o.area_code.into(),
        state: "ordered".into(),
        issued_on: today.to_string(),
        valid_until: kind.until(first, o.form),
        valid_from: Some(from),
        pdf_sha256: None,
        reason: None,
        ready: false,
        waiting: None,
        id: id.clone(),
    };
    store::insert(tx, &c, fields, ctx.now())?;
    let fact =
        Fact::new("documents.certificate.ordered", &id).payload(json!({ "type": c.kind, "case": o.case }));
    ctx.emit(tx, fact.touch(&crate::CERTIFICATE, &id))?;
    job::enqueue(tx, ctx, PRODUCE, &id, ctx.now(), json!({ "id": id }))?;
    Ok(id)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The data a template prints; the pack check uses invented values.
pub(crate) fn sample(kind: &Kind) -> Json {
    let fields: Vec<Json> = kind
        .fields
        .iter()
        .map(|f| json!({ "label": f.zh, "label_en": f.en, "value": "样例" }))
        .collect();
    json!({
        "title": kind.title, "title_en": kind.title_en, "number": "2026-X-000001", "identifier": "1.2.156.3005.2.X",
        "holder": "演示", "fields": fields, "issuer": "演示机关", "issued_on": "2026-11-24", "valid_from": "2026-11-24",
        "valid_until": "2026-12-24", "verify_url": "http://localhost/verify/0",
        "qr": kernel::qr::svg("http://localhost/verify/0").unwrap_or_default(), "note": "", "demo": true,
    })
}

/// Job: prints, seals, stores. A certificate that is issued already is left as it is.
pub(crate) async fn produce(ctx: Ctx, payload: Json) -> Result<()> {
    let id = payload["id"].as_str().unwrap_or_default().to_string();
    let found = ctx
        .read("documents.produce-read", |tx| {
            let Some(c) = store::by_id(tx, &id)?.filter(|c| c.state == "ordered") else {
                return Ok(None);
            };
            let kind = kinds::get(tx, &c.kind)?.ok_or_else(|| Fault::new("certificate type is gone"))?;
            let sealed = store::fields(tx, &id)?.unwrap_or_default();
            let holder = identity::api::party(&ctx, tx, &c.holder)?
                .map(|p| p.name)
                .unwrap_or_default();
            let issuer = identity::api::organisation(tx, &c.issuer)?
                .map(|o| o.name)
                .unwrap_or_default();
            Ok(Some((c, kind, sealed, holder, issuer)))
        })
        .await?;
    let Some((c, (kind, template), sealed, holder, issuer)) = found else {
        return Ok(());
    };
    let fields: Json = serde_json::from_str(
        &ctx.protect()
            .open(&format!("documents_certificate.fields:{id}"), &sealed)?,
    )?;
    let url = format!("{}/verify/{}", ctx.app.config.url, c.token);
    let demo = ctx.app.config.demo;
    let data = json!({
        "title": kind.title, "title_en": kind.title_en, "number": c.number, "identifier": c.identifier, "holder": holder,
        "fields": fields, "issuer": issuer, "issued_on": c.issued_on, "valid_from": c.valid_from,
        "valid_until": c.valid_until.clone().unwrap_or_default(), "verify_url": url,
        "qr": kernel::qr::svg(&url)?, "note": "", "demo": demo,
    });
    let (title, now) = (kind.title.clone(), ctx.now());
    let printed = tokio::task::spawn_blocking(move || print::render_both(&template, &data, &title, now, ""))
        .await
        .map_err(|e| Fault::of("printing", e))?;
    let print::Printed { pdf, ofd, .. } =
        printed.map_err(|e| Fault::of(format!("certificate {}", c.kind), e))?;
    let occasion = Occasion {
        kind: format!("certificate:{}", kind.id),
        title: kind.title.clone(),
        number: c.number.clone(),
        purpose: String::new(),
        for_whom: Some(c.holder.clone()),
    };
    let place = Place {
        page: 1,
        centre: PLACE,
    };
    let ofd_place = OfdPlace {
        page: 0,
        centre: [PLACE[0] * MM, PAGE - PLACE[1] * MM],
    };
    let done = async {
        let sealed = seals::api::seal_pdf(&ctx, &c.issuer, &occasion, pdf, place).await?;
        let ofd = seals::api::seal_ofd(&ctx, &c.issuer, &occasion, ofd, ofd_place).await?;
        Ok((sealed, ofd))
    };
    let (sealed, ofd) = match done.await {
        Err(Problem::Refusal(why)) => return wait(&ctx, &id, &why.key).await,
        done => done?,
    };
    let ofd_sha256 = hex(&Sha256::digest(&ofd));
    let ofd = ctx
        .protect()
        .seal(&format!("documents_ofd.file:{id}"), &STANDARD.encode(&ofd))?;
    let sha256 = hex(&Sha256::digest(&sealed.pdf));
    let stored = ctx.protect().seal(
        &format!("documents_certificate.pdf:{id}"),
        &STANDARD.encode(&sealed.pdf),
    )?;
    ctx.tx("documents.issue", |tx| {
        if !store::issue(tx, &id, stored.clone(), &sha256, sealed.sm2.clone(), ctx.now())? {
            return Ok(());
        }
        store::put_ofd(tx, &id, ofd.clone(), &ofd_sha256)?;
        let fact = Fact::new("documents.certificate.issued", &id).payload(
            json!({ "identifier": c.identifier, "type": c.kind, "pdf_sha256": sha256, "ofd_sha256": ofd_sha256, "case": c.case_id }),
        );
        ctx.emit(tx, fact.touch(&crate::CERTIFICATE, &id))?;
        Ok(())
    })
    .await
}

/// No seal may be used: the certificate waits, and says why.
async fn wait(ctx: &Ctx, id: &str, why: &str) -> Result<()> {
    ctx.tx("documents.wait", |tx| Ok(store::wait(tx, id, why)?)).await
}

/// Consumer: a seal of an organisation can be used again, so what it was to seal is tried anew. What is issued already is left
/// as it is.
pub(crate) fn follow_seals(ctx: &Ctx, tx: &mut Tx<'_>, f: &Recorded) -> Result<()> {
    let organisation = f.payload["organisation"].as_str().unwrap_or_default();
    for id in store::waiting(tx, organisation)? {
        let key = format!("{id}:{}", f.id);
        job::enqueue(tx, ctx, PRODUCE, &key, ctx.now(), json!({ "id": id }))?;
    }
    crate::paper::service::try_again(ctx, tx, organisation, &f.id)
}

/// The sealed OFD package.
pub(crate) fn ofd(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Vec<u8>>> {
    let Some(sealed) = store::ofd(tx, id)? else {
        return Ok(None);
    };
    let text = ctx.protect().open(&format!("documents_ofd.file:{id}"), &sealed)?;
    let ofd = STANDARD
        .decode(text)
        .map_err(|e| Fault::of("certificate file", e))?;
    Ok(Some(ofd))
}

/// The finished file and its detached SM2 signature.
pub(crate) fn file(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let Some((sealed, sm2)) = store::file(tx, id)? else {
        return Ok(None);
    };
    let text = ctx
        .protect()
        .open(&format!("documents_certificate.pdf:{id}"), &sealed)?;
    let pdf = STANDARD
        .decode(text)
        .map_err(|e| Fault::of("certificate file", e))?;
    Ok(Some((pdf, sm2)))
}
