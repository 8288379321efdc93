//! Uploads: checked by content, not by name; stored sealed.

use super::model::{Case, MaterialRow};
use super::{service, store};
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Media types that are accepted anywhere, with their file name endings.
const ENDINGS: [(&str, &[&str]); 3] = [
    ("application/pdf", &["pdf"]),
    ("image/jpeg", &["jpg", "jpeg"]),
    ("image/png", &["png"]),
];

/// What the first bytes say a file is; `None` for anything that is not accepted anywhere.
fn sniff(bytes: &[u8]) -> Option<(&'static str, &'static [&'static str])> {
    let known = if bytes.starts_with(b"%PDF-") {
        0
    } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        1
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        2
    } else {
        return None;
    };
    Some(ENDINGS[known])
}

/// A file name without path, control characters or excess length.
fn clean(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let text: String = last
        .chars()
        .filter(|c| !c.is_control() && !"<>:\"|?*".contains(*c))
        .take(120)
        .collect();
    if text.trim().is_empty() {
        "file".into()
    } else {
        text.trim().to_string()
    }
}

/// Where the content of a material is sealed.
pub(crate) fn place(id: &str) -> String {
    format!("cases_material.content:{id}")
}

/// A file as it will be stored: its row and what its content's column holds. Refuses what is no document, whatever it is called.
pub(crate) async fn stored(
    ctx: &Ctx,
    material: &str,
    name: &str,
    bytes: &[u8],
) -> Result<(MaterialRow, Vec<u8>)> {
    let name = clean(name);
    let (media, _) = sniff(bytes).ok_or_else(|| Refusal::new("cases-material-type").arg("name", &name))?;
    let id = ctx.id().to_string();
    let content = objects::api::put(ctx, &place(&id), bytes).await?;
    let row = MaterialRow {
        id,
        material: material.into(),
        name,
        media: media.into(),
        size: bytes.len() as i64,
        sha256: hex::encode(Sha256::digest(bytes)),
        created_at: ctx.now(),
    };
    Ok((row, content))
}

/// Keeps a file with a case, by the material's rules; false when the same file is there already (a double click).
pub(crate) fn keep(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    case: &Case,
    row: &MaterialRow,
    content: &[u8],
) -> Result<bool> {
    let matter = super::runtime::matter_of(ctx, case)?;
    let m = matter.material(&row.material).ok_or_else(Refusal::not_found)?;
    let endings = ENDINGS
        .iter()
        .find(|(media, _)| *media == row.media)
        .map_or(&[][..], |(_, e)| e);
    if !m.accept.is_empty() && !m.accept.iter().any(|a| endings.contains(&a.as_str())) {
        return Err(Refusal::new("cases-material-type").arg("name", &row.name).into());
    }
    if row.size > (m.max_mb as i64) << 20 {
        return Err(Refusal::new("cases-material-size")
            .arg("max", m.max_mb)
            .arg("name", &row.name)
            .into());
    }
    let have = store::materials(ctx, tx, &case.id)?;
    if have.len() >= 40 {
        return Err(Refusal::new("cases-material-many").into());
    }
    if have
        .iter()
        .any(|h| h.sha256 == row.sha256 && h.material == row.material)
    {
        return Ok(false);
    }
    objects::api::keep(ctx, tx, &place(&row.id), content)?;
    store::insert_material(ctx, tx, &case.id, row, content.to_vec())?;
    Ok(true)
}

/// Adds a file to a material of an editable case.
pub(crate) async fn attach(ctx: &Ctx, case: &str, material: &str, name: &str, bytes: &[u8]) -> Result<()> {
    let (row, content) = stored(ctx, material, name, bytes).await?;
    ctx.tx("cases.attach", |tx| {
        let case = service::own(ctx, tx, case, "cases.case.apply")?;
        if !case.editable() {
            return Err(Refusal::new("cases-not-editable").status(409).into());
        }
        if keep(ctx, tx, &case, &row, &content)? {
            let fact = Fact::new("cases.material.attached", &case.id)
                .payload(json!({ "material": row.material, "sha256": row.sha256 }));
            ctx.emit(tx, fact.touch(&crate::MATERIAL, &row.id))?;
        }
        Ok(())
    })
    .await
}

pub(crate) async fn detach(ctx: &Ctx, case: &str, id: &str) -> Result<()> {
    ctx.tx("cases.detach", |tx| {
        let case = service::own(ctx, tx, case, "cases.case.apply")?;
        if !case.editable() {
            return Err(Refusal::new("cases-not-editable").status(409).into());
        }
        if store::remove_material(tx, &case.id, id)? == 0 {
            return Err(Refusal::not_found().into());
        }
        objects::api::discard(ctx, tx, &place(id))?;
        ctx.emit(
            tx,
            Fact::new("cases.material.detached", &case.id).gone(&crate::MATERIAL, id),
        )?;
        Ok(())
    })
    .await
}

/// One file for whoever may read the case; an official's look is recorded.
pub(crate) async fn content(ctx: &Ctx, case: &str, id: &str) -> Result<(MaterialRow, Vec<u8>)> {
    let (row, column) = ctx
        .tx("cases.read-material", |tx| {
            let case = service::readable(ctx, tx, case)?;
            let row = store::materials(ctx, tx, &case.id)?
                .into_iter()
                .find(|m| m.id == id);
            let row = row.ok_or_else(Refusal::not_found)?;
            let column = store::material_content(tx, &case.id, id)?.ok_or_else(Refusal::not_found)?;
            ctx.accessed(tx, std::slice::from_ref(&case.applicant), &["material"], "case")?;
            Ok((row, column))
        })
        .await?;
    let bytes = objects::api::get(ctx, &place(id), &column).await?;
    Ok((row, bytes))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_and_types_are_taken_from_what_is_there() {
        assert_eq!(super::clean("../../etc/passwd"), "passwd");
        assert_eq!(super::clean("C:\\x\\平面图.pdf"), "平面图.pdf");
        assert_eq!(super::clean("\u{0}\n"), "file");
        assert_eq!(super::sniff(b"%PDF-1.7").map(|s| s.0), Some("application/pdf"));
        assert_eq!(super::sniff(b"MZ\x90").map(|s| s.0), None);
    }
}
