//! Signing a PDF by an incremental update.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lopdf::xref::XrefType;
use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId, StringFormat, Writer, dictionary};

use super::{BYTE_RANGE, CONTENTS, find};
use crate::crypto::x509::Certificate;
use crate::crypto::{Error, PrivateKey, Result, cms, der};

/// What to sign with, and what the signature dictionary says.
pub struct Spec<'a> {
    /// A P-256 key.
    pub key: &'a PrivateKey,
    /// DER certificates: the signer's first, then those above it up to the root.
    pub chain: &'a [Vec<u8>],
    /// Claimed signing time, Unix milliseconds; must lie within the signer certificate's validity.
    pub at: i64,
    /// Who signs, for display; empty leaves it out.
    pub name: &'a str,
    /// Why, for display; empty leaves it out.
    pub reason: &'a str,
    /// Where, for display; empty leaves it out.
    pub location: &'a str,
    /// How it looks; `None` makes an invisible signature attached to the first page.
    pub widget: Option<Widget>,
}

/// A visible signature.
#[derive(Debug, Clone)]
pub struct Widget {
    /// Page number, from 1.
    pub page: u32,
    /// Left, bottom, right, top on the page, in points (1/72 inch) from its lower left corner.
    pub rect: [f32; 4],
    /// The coordinate space of `content`; it is scaled onto `rect`.
    pub bbox: [f32; 4],
    /// PDF drawing operators (ISO 32000-1, annex A) that need no resources: paths, colours, transforms.
    pub content: Vec<u8>,
}

/// The look of a round official seal: a ring with the five-pointed star in the middle, as vectors. Text is
/// left to the page below, where the typesetter has the fonts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealLook {
    /// Colour, usually red.
    pub rgb: [u8; 3],
}

impl SealLook {
    /// The widget that draws this seal on `page` (from 1), centred on `centre`, `diameter` points wide.
    pub fn widget(self, page: u32, centre: [f32; 2], diameter: f32) -> Widget {
        let half = diameter / 2.0;
        let [x, y] = centre;
        Widget {
            page,
            rect: [x - half, y - half, x + half, y + half],
            bbox: [-100.0, -100.0, 100.0, 100.0],
            content: self.content(),
        }
    }

    fn content(self) -> Vec<u8> {
        let [r, g, b] = self.rgb.map(|c| f32::from(c) / 255.0);
        let mut out = format!("q {r:.3} {g:.3} {b:.3} RG {r:.3} {g:.3} {b:.3} rg 6 w\n96 0 m\n");
        // Four Bézier arcs make a circle; 0.5523 is the usual control distance.
        let (radius, control) = (96.0, 96.0 * 0.5523);
        for (cos, sin) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)] {
            let turn = |x: f64, y: f64| (x * cos - y * sin, x * sin + y * cos);
            let ((a, b), (c, d), (e, f)) = (turn(radius, control), turn(control, radius), turn(0.0, radius));
            let _ = writeln!(out, "{a:.2} {b:.2} {c:.2} {d:.2} {e:.2} {f:.2} c");
        }
        out.push_str("s\n");
        for point in 0..10 {
            let radius = if point % 2 == 0 { 34.0 } else { 34.0 * 0.381_966 };
            let angle = std::f64::consts::FRAC_PI_2 + f64::from(point) * std::f64::consts::PI / 5.0;
            let (x, y) = (radius * angle.cos(), radius * angle.sin());
            let _ = writeln!(out, "{x:.2} {y:.2} {}", if point == 0 { "m" } else { "l" });
        }
        out.push_str("f Q\n");
        out.into_bytes()
    }
}

/// Signs `pdf` by appending an incremental update; the original bytes stay as they are.
///
/// # Errors
/// [`Error::Pdf`] for a damaged or encrypted file or a missing page, [`Error::Certificate`] and
/// [`Error::Key`] when key, chain and time do not fit together.
pub fn sign(pdf: &[u8], spec: &Spec<'_>) -> Result<Vec<u8>> {
    write(pdf, spec, None)
}

/// As [`sign`], with a time-stamp over the signature value (PAdES B-T): `stamp` is handed its SHA-256 digest and
/// returns a DER token of at most 8 KiB.
///
/// # Errors
/// As [`sign`], what `stamp` returns, and [`Error::Certificate`] for a larger token.
pub fn sign_stamped(pdf: &[u8], spec: &Spec<'_>, stamp: cms::Stamp<'_>) -> Result<Vec<u8>> {
    write(pdf, spec, Some(stamp))
}

/// Room for a time-stamp token: it stands inside the gap whose size must be known before it is asked for.
const STAMP_ROOM: usize = 8 * 1024;

fn write(pdf: &[u8], spec: &Spec<'_>, stamp: Option<cms::Stamp<'_>>) -> Result<Vec<u8>> {
    let chain = spec
        .chain
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect::<Result<Vec<_>>>()?;
    let signer = chain.first().ok_or(Error::Certificate("no signer certificate"))?;
    if !signer.valid_at(spec.at) {
        return Err(Error::Certificate("not valid at the signing time"));
    }
    // The signature structure has constant length but for a few bytes of DER integers; 1 KiB is ample beside
    // the certificates.
    let room =
        1024 + chain.iter().map(|c| c.der().len()).sum::<usize>() + stamp.as_ref().map_or(0, |_| STAMP_ROOM);
    let mut update = Update::open(pdf)?;
    let signature = signature_dictionary(spec, room)?;
    let signature_id = update.add(signature);
    update.attach(signature_id, spec.widget.as_ref())?;
    let mut out = update.finish()?;

    let start = update_offset(&out, pdf.len(), CONTENTS)?;
    let end = start + 2 * room + 2;
    let range = format!("[0 {start} {end} {}]", out.len() - end);
    let at = update_offset(&out, pdf.len(), BYTE_RANGE)?;
    let (before, after) = (out.get(..start), out.get(end..));
    let slot = RANGE_SLOT.len();
    if before.is_none() || after.is_none() || range.len() > slot || at + slot > start {
        return Err(Error::Pdf("file too large".into()));
    }
    out[at..at + slot].copy_from_slice(format!("{range:<slot$}").as_bytes());
    let digest = cms::digest(&[&out[..start], &out[end..]]);
    let made = cms::sign_stamped(&digest, spec.key, &chain, stamp)?;
    let text = hex::encode(made);
    if text.len() > 2 * room {
        return Err(Error::Certificate("signature larger than planned"));
    }
    out[start + 1..start + 1 + text.len()].copy_from_slice(text.as_bytes());
    Ok(out)
}

/// Four numbers of up to ten digits.
const RANGE_SLOT: &str = "[0 0000000000 0000000000 0000000000]";

/// Where the value after `key` starts; the signature dictionary is the first object of the update.
fn update_offset(out: &[u8], from: usize, key: &[u8]) -> Result<usize> {
    find(&out[from..], key)
        .map(|at| from + at + key.len())
        .ok_or_else(|| Error::Pdf("placeholder lost".into()))
}

fn signature_dictionary(spec: &Spec<'_>, room: usize) -> Result<Vec<u8>> {
    let mut out = b"<</Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached\n".to_vec();
    out.extend_from_slice(BYTE_RANGE);
    out.extend_from_slice(RANGE_SLOT.as_bytes());
    out.extend_from_slice(b"\n/Contents <");
    out.resize(out.len() + 2 * room, b'0');
    out.extend_from_slice(format!(">\n/M (D:{})", der::stamp(spec.at)?).as_bytes());
    for (key, value) in [
        ("Name", spec.name),
        ("Reason", spec.reason),
        ("Location", spec.location),
    ] {
        if !value.is_empty() {
            out.extend_from_slice(format!("\n/{key} ").as_bytes());
            write_object(&mut out, &text(value))?;
        }
    }
    out.extend_from_slice(b">>");
    Ok(out)
}

/// A text string in UTF-16BE with byte order mark, in hex so that no byte needs escaping.
fn text(value: &str) -> Object {
    let units = std::iter::once(0xfeff).chain(value.encode_utf16());
    Object::String(
        units.flat_map(u16::to_be_bytes).collect(),
        StringFormat::Hexadecimal,
    )
}

fn write_object(out: &mut Vec<u8>, object: &Object) -> Result<()> {
    Writer::write_object(out, object).map_err(|e| Error::Pdf(e.to_string()))
}

/// An incremental update being written behind a file.
struct Update {
    old: Document,
    out: Vec<u8>,
    digest: [u8; 32],
    next: u32,
    /// Object number to generation and offset.
    written: BTreeMap<u32, (u16, usize)>,
}

impl Update {
    fn open(pdf: &[u8]) -> Result<Self> {
        // A file that needs repair has no table an update could build on.
        let options = LoadOptions {
            strict: true,
            ..LoadOptions::default()
        };
        let old = Document::load_mem_with_options(pdf, options).map_err(|e| Error::Pdf(e.to_string()))?;
        if old.is_encrypted() || old.was_encrypted() {
            return Err(Error::Pdf("encrypted".into()));
        }
        if !pdf.starts_with(b"%PDF-") || old.xref_recovery.is_some() || old.xref_start == 0 {
            return Err(Error::Pdf("damaged cross-reference table".into()));
        }
        let mut out = pdf.to_vec();
        if out.last() != Some(&b'\n') {
            out.push(b'\n');
        }
        let next = old.reference_table.size.max(old.max_id.saturating_add(1));
        Ok(Self {
            old,
            out,
            digest: cms::digest(&[pdf]),
            next,
            written: BTreeMap::new(),
        })
    }

    fn write(&mut self, id: ObjectId, body: &[u8]) {
        self.written.insert(id.0, (id.1, self.out.len()));
        self.out
            .extend_from_slice(format!("{} {} obj\n", id.0, id.1).as_bytes());
        self.out.extend_from_slice(body);
        self.out.extend_from_slice(b"\nendobj\n");
    }

    fn write_dictionary(&mut self, id: ObjectId, dictionary: Dictionary) -> Result<()> {
        let mut body = Vec::new();
        write_object(&mut body, &Object::Dictionary(dictionary))?;
        self.write(id, &body);
        Ok(())
    }

    fn add(&mut self, body: Vec<u8>) -> ObjectId {
        let id = (self.next, 0);
        self.next += 1;
        self.write(id, &body);
        id
    }

    fn list(&self, holder: &Dictionary, key: &[u8]) -> Vec<Object> {
        holder
            .get(key)
            .and_then(|value| self.old.dereference(value))
            .and_then(|(_, value)| value.as_array().cloned())
            .unwrap_or_default()
    }

    /// Adds the signature field to the page and to the form of the document.
    fn attach(&mut self, signature: ObjectId, widget: Option<&Widget>) -> Result<()> {
        let lost = |what: &str| Error::Pdf(format!("{what} missing"));
        let number = widget.map_or(1, |w| w.page);
        let page_id = *self.old.get_pages().get(&number).ok_or_else(|| lost("page"))?;
        let mut page = self
            .old
            .get_dictionary(page_id)
            .map_err(|_| lost("page"))?
            .clone();
        let root_id = self
            .old
            .trailer
            .get(b"Root")
            .and_then(Object::as_reference)
            .map_err(|_| lost("catalog"))?;
        let mut root = self.old.catalog().map_err(|_| lost("catalog"))?.clone();
        let (form_id, mut form) = match root.get(b"AcroForm").and_then(|f| self.old.dereference(f)) {
            Ok((id, value)) => (id, value.as_dict().map_err(|_| lost("form"))?.clone()),
            Err(_) => (None, Dictionary::new()),
        };
        let mut fields = self.list(&form, b"Fields");
        let mut annotations = self.list(&page, b"Annots");

        let rect = widget.map_or([0.0; 4], |w| w.rect);
        let mut field = dictionary! {
            "Type" => "Annot", "Subtype" => "Widget", "FT" => "Sig",
            "T" => Object::string_literal(self.free_name(&fields)),
            "V" => signature, "P" => page_id,
            // Print and Locked (ISO 32000-1, table 165).
            "F" => 132,
            "Rect" => numbers(rect),
        };
        if let Some(widget) = widget {
            let look = dictionary! {
                "Type" => "XObject", "Subtype" => "Form", "BBox" => numbers(widget.bbox),
                "Resources" => Dictionary::new(), "Length" => widget.content.len() as i64,
            };
            let mut body = Vec::new();
            write_object(&mut body, &Object::Dictionary(look))?;
            body.extend_from_slice(b"\nstream\n");
            body.extend_from_slice(&widget.content);
            body.extend_from_slice(b"\nendstream");
            let look = self.add(body);
            field.set("AP", dictionary! { "N" => look });
        }
        let mut body = Vec::new();
        write_object(&mut body, &Object::Dictionary(field))?;
        let field = self.add(body);

        annotations.push(field.into());
        page.set("Annots", annotations);
        self.write_dictionary(page_id, page)?;
        fields.push(field.into());
        form.set("Fields", fields);
        // Signatures exist, and the file may only grow (ISO 32000-1, table 219).
        form.set("SigFlags", 3);
        match form_id {
            Some(id) => self.write_dictionary(id, form),
            None => {
                root.set("AcroForm", form);
                self.write_dictionary(root_id, root)
            }
        }
    }

    /// A field name no field of the form has.
    fn free_name(&self, fields: &[Object]) -> String {
        let taken = |name: &str| {
            fields.iter().any(|field| {
                self.old
                    .dereference(field)
                    .and_then(|(_, f)| f.as_dict()?.get(b"T")?.as_str())
                    .is_ok_and(|t| t == name.as_bytes())
            })
        };
        let mut number = fields.len() + 1;
        while taken(&format!("Signature{number}")) {
            number += 1;
        }
        format!("Signature{number}")
    }

    /// Writes the cross-reference section, of the kind the file already has.
    fn finish(mut self) -> Result<Vec<u8>> {
        let mut trailer = Dictionary::new();
        for key in [&b"Root"[..], b"Info"] {
            if let Ok(value) = self.old.trailer.get(key) {
                trailer.set(key, value.clone());
            }
        }
        // The first half of the file identifier stays; the second names this revision.
        let revision = Object::String(self.digest[..16].to_vec(), StringFormat::Hexadecimal);
        let first = self
            .list(&self.old.trailer, b"ID")
            .into_iter()
            .next()
            .unwrap_or_else(|| revision.clone());
        trailer.set("ID", vec![first, revision]);
        trailer.set("Prev", self.old.xref_start as i64);
        let start = self.out.len();
        match self.old.reference_table.cross_reference_type {
            XrefType::CrossReferenceTable => {
                trailer.set("Size", i64::from(self.next));
                self.out.extend_from_slice(b"xref\n");
                for (first, run) in runs(&self.written) {
                    self.out
                        .extend_from_slice(format!("{first} {}\n", run.len()).as_bytes());
                    for (generation, offset) in run {
                        self.out
                            .extend_from_slice(format!("{offset:010} {generation:05} n \n").as_bytes());
                    }
                }
                self.out.extend_from_slice(b"trailer\n");
                write_object(&mut self.out, &Object::Dictionary(trailer))?;
                self.out.push(b'\n');
            }
            XrefType::CrossReferenceStream => {
                let id = (self.next, 0);
                self.written.insert(id.0, (0, start));
                let (mut index, mut rows) = (Vec::new(), Vec::new());
                for (first, run) in runs(&self.written) {
                    index.extend([Object::Integer(first.into()), Object::Integer(run.len() as i64)]);
                    for (generation, offset) in run {
                        let offset =
                            u32::try_from(offset).map_err(|_| Error::Pdf("file too large".into()))?;
                        rows.push(1);
                        rows.extend(offset.to_be_bytes());
                        rows.extend(generation.to_be_bytes());
                    }
                }
                trailer.set("Type", "XRef");
                trailer.set("Size", i64::from(self.next) + 1);
                trailer.set("W", vec![1.into(), 4.into(), 2.into()]);
                trailer.set("Index", index);
                trailer.set("Length", rows.len() as i64);
                let mut body = Vec::new();
                write_object(&mut body, &Object::Dictionary(trailer))?;
                body.extend_from_slice(b"\nstream\n");
                body.extend_from_slice(&rows);
                body.extend_from_slice(b"\nendstream");
                self.write(id, &body);
            }
        }
        self.out
            .extend_from_slice(format!("startxref\n{start}\n%%EOF\n").as_bytes());
        Ok(self.out)
    }
}

/// Groups entries whose object numbers follow one another.
fn runs(written: &BTreeMap<u32, (u16, usize)>) -> Vec<(u32, Vec<(u16, usize)>)> {
    let mut out: Vec<(u32, Vec<(u16, usize)>)> = Vec::new();
    for (&id, &entry) in written {
        match out.last_mut() {
            Some((first, run)) if *first as usize + run.len() == id as usize => run.push(entry),
            _ => out.push((id, vec![entry])),
        }
    }
    out
}

fn numbers(values: [f32; 4]) -> Object {
    Object::Array(values.iter().map(|&v| Object::Real(v)).collect())
}
