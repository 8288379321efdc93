//! Signatures over a package (GB/T 33190-2016, clause 18; GB/T 38540-2020 for what is put into them), in two steps so that
//! the key stays where it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::within;
use crate::package::{folder, resolve};
use crate::xml::{Node, Out, end_of, number, parse};
use crate::{Error, Limits, Package, Rect, SM2_SM3, SM3, sm3};

/// What a signature says of itself.
#[derive(Debug, Clone, Default)]
pub struct Signing {
    /// The program that signs, its version and who made it.
    pub provider: String,
    pub version: String,
    pub company: String,
    /// The time, as text; `20260529042640Z` is what others write.
    pub time: String,
    /// The signature algorithm's identifier; empty for [`SM2_SM3`].
    pub method: String,
    /// The seal (SESeal, GB/T 38540): Seal.esl, digested like every other file. `None` for a plain signature.
    pub seal: Option<Vec<u8>>,
    /// Where the seal shows.
    pub stamps: Vec<Stamp>,
}

/// A seal's place: one for a stamp, one a page for a seal over the edges of all pages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stamp {
    /// From 0.
    pub page: usize,
    /// On the page, in millimetres.
    pub boundary: Rect,
    /// The part of the seal that shows, within the boundary; `None` for all.
    pub clip: Option<Rect>,
}

/// A package that lacks only the signature's value.
#[derive(Debug, Clone)]
pub struct Prepared {
    package: Package,
    description: String,
    value: String,
}

impl Prepared {
    /// Signature.xml. Its digest is the `dataHash` of a TBS_Sign (GB/T 38540); a plain signature is over these bytes.
    pub fn signature_xml(&self) -> &[u8] {
        self.package
            .files
            .get(&self.description)
            .map_or(&[], Vec::as_slice)
    }

    /// SM3 of [`Prepared::signature_xml`].
    pub fn digest(&self) -> [u8; 32] {
        sm3(self.signature_xml())
    }

    /// Where Signature.xml is, from the root and with a slash: the `propertyInfo` of a TBS_Sign.
    pub fn property_info(&self) -> String {
        format!("/{}", self.description)
    }

    /// Puts the SES_Signature, in DER, in its place as SignedValue.dat.
    ///
    /// # Errors
    /// As [`Package::pack`].
    pub fn finish(mut self, signed_value: &[u8]) -> Result<Vec<u8>, Error> {
        self.package.files.insert(self.value, signed_value.to_vec());
        self.package.pack()
    }
}

/// The number in `s012`, `12` and the like.
fn numbered(id: &str) -> u64 {
    let digits = id.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().unwrap_or(0)
}

/// The kept list of signatures, and the largest number in it.
struct List {
    path: String,
    entries: Vec<[String; 3]>,
    last: u64,
}

impl List {
    fn read(package: &Package, path: String, limits: &Limits) -> Result<Self, Error> {
        let list = parse(&path, package.get(&path)?, "Signatures", limits)?;
        let mut out = Self {
            last: numbered(list.word("MaxSignId")),
            path,
            entries: Vec::new(),
        };
        for entry in list.all("Signature") {
            within("signatures", out.entries.len() + 1, limits.signatures)?;
            let [id, kind, place] = ["ID", "Type", "BaseLoc"].map(|k| entry.attribute(k).unwrap_or_default());
            let file = resolve(&out.path, place)
                .ok_or_else(|| Error::structure(&out.path, "a signature without a place"))?;
            let description = parse(&file, package.get(&file)?, "Signature", limits)?;
            if references(&description).any(|r| resolve(&file, r).as_ref() == Some(&out.path)) {
                return Err(Error::Closed(file));
            }
            let stamps = description
                .child("SignedInfo")
                .into_iter()
                .flat_map(|i| i.all("StampAnnot"));
            let ids = stamps.filter_map(|s| s.attribute("ID")).chain([id]);
            out.last = ids.map(numbered).fold(out.last, u64::max);
            out.entries.push([id, kind, place].map(String::from));
        }
        Ok(out)
    }

    fn id(&mut self) -> String {
        self.last += 1;
        format!("s{:03}", self.last)
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Out::new("Signatures", &[]);
        out.leaf("MaxSignId", &[], &format!("s{:03}", self.last));
        for [id, kind, place] in &self.entries {
            let mut attributes = vec![("ID", id.as_str())];
            if !kind.is_empty() {
                attributes.push(("Type", kind));
            }
            attributes.push(("BaseLoc", place));
            out.empty("Signature", &attributes);
        }
        out.finish()
    }
}

fn references(description: &Node) -> impl Iterator<Item = &str> {
    let info = description.child("SignedInfo");
    let list = info.and_then(|i| i.child("References"));
    list.into_iter()
        .flat_map(|r| r.all("Reference"))
        .filter_map(|r| r.attribute("FileRef"))
}

/// First step: adds a signature that covers every file of the package, earlier signatures too, except the list of
/// signatures. That one grows with the next signature, so earlier ones stay valid.
///
/// # Errors
/// As [`Package::open`]; [`Error::Xml`], [`Error::Missing`] and [`Error::Structure`] for a package that is no OFD; [`Error::Closed`]
/// for one with a signature that forbids others; [`Error::Document`] for a stamp on a page that is not there.
pub fn prepare(package: &[u8], limits: &Limits, signing: &Signing) -> Result<Prepared, Error> {
    let mut package = Package::open(package, limits)?;
    let entry = parse("OFD.xml", package.get("OFD.xml")?, "OFD", limits)?;
    let body = match entry.all("DocBody").collect::<Vec<_>>().as_slice() {
        [one] => *one,
        [] => return Err(Error::structure("OFD.xml", "no DocBody")),
        _ => return Err(Error::Unsupported("several documents in one package")),
    };
    let root =
        resolve("OFD.xml", body.word("DocRoot")).ok_or_else(|| Error::structure("OFD.xml", "no DocRoot"))?;
    let pages = pages(&package, &root, limits)?;
    let mut list = match body.child("Signatures") {
        Some(place) => {
            let path = resolve("OFD.xml", &place.text)
                .ok_or_else(|| Error::structure("OFD.xml", "Signatures leads nowhere"))?;
            List::read(&package, path, limits)?
        }
        None => announce(&mut package, &root)?,
    };

    let home = folder(&list.path).to_string();
    let free = (0..=package.files.len())
        .map(|n| format!("{home}Sign_{n}/"))
        .find(|f| !package.files.keys().any(|k| k.starts_with(f.as_str())))
        .unwrap_or_default();
    let [description, value, seal] =
        ["Signature.xml", "SignedValue.dat", "Seal.esl"].map(|name| format!("{free}{name}"));
    let kind = if signing.seal.is_some() { "Seal" } else { "Sign" };
    let id = list.id();
    list.entries.push([id, kind.into(), format!("/{description}")]);
    if let Some(bytes) = &signing.seal {
        package.files.insert(seal.clone(), bytes.clone());
    }

    let mut out = Out::new("Signature", &[]);
    out.start("SignedInfo", &[]);
    let mut provider = vec![("ProviderName", signing.provider.as_str())];
    for (key, text) in [("Version", &signing.version), ("Company", &signing.company)] {
        if !text.is_empty() {
            provider.push((key, text));
        }
    }
    out.empty("Provider", &provider);
    out.leaf(
        "SignatureMethod",
        &[],
        if signing.method.is_empty() {
            SM2_SM3
        } else {
            &signing.method
        },
    );
    out.leaf("SignatureDateTime", &[], &signing.time);
    out.start("References", &[("CheckMethod", SM3)]);
    for (path, bytes) in package.files.iter().filter(|(path, _)| **path != list.path) {
        out.start("Reference", &[("FileRef", &format!("/{path}"))]);
        out.leaf("CheckValue", &[], &STANDARD.encode(sm3(bytes)));
        out.end();
    }
    out.end();
    for stamp in &signing.stamps {
        let page = pages
            .get(stamp.page)
            .ok_or_else(|| Error::Document(format!("a stamp on page {}", stamp.page + 1)))?;
        let (id, place) = (list.id(), area(stamp.boundary)?);
        let clip = stamp.clip.map(area).transpose()?;
        let mut attributes = vec![("ID", id.as_str()), ("PageRef", page), ("Boundary", &place)];
        if let Some(clip) = &clip {
            attributes.push(("Clip", clip));
        }
        out.empty("StampAnnot", &attributes);
    }
    if signing.seal.is_some() {
        out.start("Seal", &[]);
        out.leaf("BaseLoc", &[], &format!("/{seal}"));
        out.end();
    }
    out.end();
    out.leaf("SignedValue", &[], &format!("/{value}"));
    package.files.insert(description.clone(), out.finish());
    let path = list.path.clone();
    package.files.insert(path, list.write());
    Ok(Prepared {
        package,
        description,
        value,
    })
}

fn area(of: Rect) -> Result<String, Error> {
    let numbers = [of.x, of.y, of.width, of.height];
    if !numbers.iter().all(|n| n.is_finite()) || of.width <= 0.0 || of.height <= 0.0 {
        return Err(Error::Document("a stamp's boundary".into()));
    }
    Ok(numbers.map(|n| number(n, 4)).join(" "))
}

/// The numbers of the pages, in their order.
fn pages(package: &Package, root: &str, limits: &Limits) -> Result<Vec<String>, Error> {
    let document = parse(root, package.get(root)?, "Document", limits)?;
    let pages = document.child("Pages");
    let ids = pages.into_iter().flat_map(|p| p.all("Page"));
    Ok(ids
        .map(|page| page.attribute("ID").unwrap_or_default().to_string())
        .collect())
}

/// Names a list of signatures in OFD.xml, whose other bytes stay: a first signature covers them, and no later one
/// changes them.
fn announce(package: &mut Package, root: &str) -> Result<List, Error> {
    let path = format!("{}Signs/Signatures.xml", folder(root));
    if package.files.contains_key(&path) {
        return Err(Error::structure(
            "OFD.xml",
            "it does not name the list of signatures that is there",
        ));
    }
    let entry = package.files.get_mut("OFD.xml");
    let entry = entry.ok_or_else(|| Error::Missing("OFD.xml".into()))?;
    let (at, prefix) = end_of(entry, "DocBody").ok_or_else(|| Error::structure("OFD.xml", "no DocBody"))?;
    let text = format!("<{prefix}Signatures>/{path}</{prefix}Signatures>");
    entry.splice(at..at, text.into_bytes());
    Ok(List {
        path,
        entries: Vec::new(),
        last: 0,
    })
}
