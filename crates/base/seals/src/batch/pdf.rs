//! What must be known of somebody's PDF before it is sealed. The file is hostile: everything has a limit.

use super::glyphs;
use super::look::{LARGEST, Looked, PAGES};
use super::model::Sheet;
use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

const OBJECTS: usize = 200_000;
/// What all compressed parts may come to together.
const INFLATED: usize = 256 << 20;
const DEEP: usize = 32;

/// The pages of a file that may be sealed; the error is the key of a text.
pub(crate) fn look(pdf: &[u8], texts: bool) -> Result<Looked, &'static str> {
    if pdf.len() > LARGEST {
        return Err("seals-file-large");
    }
    let count = |needle: &[u8]| pdf.windows(needle.len()).filter(|w| *w == needle).count();
    if count(b" obj") > OBJECTS {
        return Err("seals-file-large");
    }
    let inflating = count(b"/ObjStm") + count(b"/XRef") + count(b"#");
    let options = LoadOptions {
        strict: true,
        max_decompressed_size: Some(INFLATED / inflating.max(1)),
        ..LoadOptions::default()
    };
    // An encrypted file may be unreadable before it says that it is.
    let broken = if count(b"/Encrypt") > 0 {
        "seals-file-encrypted"
    } else {
        "seals-file-broken"
    };
    let document = Document::load_mem_with_options(pdf, options).map_err(|e| {
        tracing::info!("a PDF cannot be read: {e}");
        broken
    })?;
    if document.is_encrypted() || document.was_encrypted() {
        return Err("seals-file-encrypted");
    }
    if document.xref_recovery.is_some() || document.objects.len() > OBJECTS {
        return Err(broken);
    }
    if certified_for_ever(&document) {
        return Err("seals-file-certified");
    }
    let pages = document.get_pages();
    if pages.is_empty() || pages.len() > PAGES {
        return Err(broken);
    }
    let one = |id: &ObjectId| {
        let page = document.get_dictionary(*id).map_err(|_| broken)?;
        sheet(&document, page).ok_or(broken)
    };
    let sheets = pages.values().map(one).collect::<Result<_, _>>()?;
    let ids: Vec<ObjectId> = pages.into_values().collect();
    let glyphs = match texts {
        true => glyphs::of_pages(&document, &ids).ok_or("seals-file-text-large")?,
        false => Vec::new(),
    };
    Ok(Looked { sheets, glyphs })
}

fn entry<'a>(document: &'a Document, holder: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    let found = holder.get(key).ok()?;
    Some(document.dereference(found).ok()?.1)
}

/// An entry of a page or of what it hangs under.
fn inherited<'a>(document: &'a Document, page: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    let mut at = page;
    for _ in 0..DEEP {
        if let Some(found) = entry(document, at, key) {
            return Some(found);
        }
        at = entry(document, at, b"Parent")?.as_dict().ok()?;
    }
    None
}

fn sheet(document: &Document, page: &Dictionary) -> Option<Sheet> {
    let area = inherited(document, page, b"CropBox").or_else(|| inherited(document, page, b"MediaBox"))?;
    let numbers: Vec<f64> = area
        .as_array()
        .ok()?
        .iter()
        .filter_map(|o| document.dereference(o).ok()?.1.as_float().ok().map(f64::from))
        .collect();
    let [a, b, c, d] = numbers[..] else { return None };
    if ![a, b, c, d].iter().all(|n| n.is_finite() && n.abs() < 20_000.0) {
        return None;
    }
    let turned = inherited(document, page, b"Rotate").and_then(|o| o.as_i64().ok());
    Some(Sheet {
        area: [a.min(c), b.min(d), a.max(c), b.max(d)],
        turned: turned.unwrap_or(0).rem_euclid(360),
    })
}

/// Whether its author certified that nothing at all may be changed (DocMDP with P = 1; ISO 32000-1, 12.8.2.2).
fn certified_for_ever(document: &Document) -> bool {
    let found = || -> Option<i64> {
        let catalog = document.catalog().ok()?;
        let permissions = entry(document, catalog, b"Perms")?.as_dict().ok()?;
        let signature = entry(document, permissions, b"DocMDP")?.as_dict().ok()?;
        let references = entry(document, signature, b"Reference")?.as_array().ok()?;
        references.iter().find_map(|r| {
            let reference = document.dereference(r).ok()?.1.as_dict().ok()?;
            let terms = entry(document, reference, b"TransformParams")?.as_dict().ok()?;
            // Without a number the second level is meant.
            Some(
                entry(document, terms, b"P")
                    .and_then(|p| p.as_i64().ok())
                    .unwrap_or(2),
            )
        })
    };
    found() == Some(1)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn look(pdf: &[u8]) -> Result<Vec<Sheet>, &'static str> {
        super::look(pdf, true).map(|l| l.sheets)
    }

    /// A PDF of one empty page, with this in its catalog, page and trailer.
    pub(crate) fn made(catalog: &str, page: &str, trailer: &str) -> Vec<u8> {
        let objects = [
            format!("<</Type/Catalog/Pages 2 0 R{catalog}>>"),
            "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>".into(),
            format!("<</Type/Page/Parent 2 0 R{page}>>"),
        ];
        let mut out = b"%PDF-1.7\n".to_vec();
        let mut places = Vec::new();
        for (n, body) in objects.iter().enumerate() {
            places.push(out.len());
            out.extend(format!("{} 0 obj\n{body}\nendobj\n", n + 1).bytes());
        }
        let start = out.len();
        out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
        for place in places {
            out.extend(format!("{place:010} 00000 n \n").bytes());
        }
        out.extend(
            format!(
                "trailer\n<</Size {}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n",
                objects.len() + 1
            )
            .bytes(),
        );
        out
    }

    #[test]
    fn pages_are_measured() {
        let sheets = look(&made("", "", "")).unwrap();
        assert_eq!(
            sheets,
            [Sheet {
                area: [0.0, 0.0, 595.0, 842.0],
                turned: 0
            }]
        );
        let turned = look(&made("", "/Rotate 90/CropBox[500 800 10 20]", "")).unwrap();
        assert_eq!(turned[0].area, [10.0, 20.0, 500.0, 800.0]);
        assert_eq!(turned[0].turned, 90);
    }

    #[test]
    fn what_may_not_be_sealed_is_named() {
        assert_eq!(
            super::super::look::look(b"MZ", false).err(),
            Some("seals-file-unknown")
        );
        assert_eq!(look(b"%PDF-1.7\nnothing"), Err("seals-file-broken"));
        assert_eq!(look(&vec![b' '; LARGEST + 1]), Err("seals-file-large"));
        let locked = "/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4/O(00000000000000000000000000000000)/U(00000000000000000000000000000000)>>/ID[(0)(0)]";
        assert_eq!(look(&made("", "", locked)), Err("seals-file-encrypted"));
        let certified = |p: &str| {
            format!(
                "/Perms<</DocMDP<</Type/Sig/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams{p}>>>>]>>>>"
            )
        };
        assert_eq!(
            look(&made(&certified("/P 1"), "", "")),
            Err("seals-file-certified")
        );
        assert!(look(&made(&certified("/P 2"), "", "")).is_ok());
        assert!(look(&made(&certified(""), "", "")).is_ok());
        for cut in [20, 60, 120, 200] {
            assert!(look(&made("", "", "")[..cut]).is_err(), "{cut}");
        }
    }
}
