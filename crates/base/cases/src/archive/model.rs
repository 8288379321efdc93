//! What a package says of itself, and how long it is kept; pure.

use super::zip;
use kernel::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

pub(crate) const BUILT: &str = "built";
pub(crate) const FAILED: &str = "failed";
pub(crate) const STATES: [&str; 2] = [BUILT, FAILED];
/// The largest package, before sealing.
pub(crate) const LIMIT: usize = 40 << 20;
pub(crate) const MANIFEST: &str = "manifest.json";
/// Years that packages are kept where the city says nothing else.
pub(crate) const YEARS: i64 = 30;

/// One build of a case's package.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    pub id: String,
    pub case: String,
    pub version: i64,
    pub org_path: String,
    pub area_code: String,
    pub state: String,
    /// Why it could not be built: a key of the texts.
    pub reason: Option<String>,
    pub sha256: Option<String>,
    pub size: i64,
    pub files: i64,
    pub certificates: i64,
    pub papers: i64,
    pub retain_until: String,
    pub built_at: i64,
}

/// A file to be packed.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    pub path: String,
    pub media: String,
    pub content: Vec<u8>,
}

/// A file as the manifest lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub path: String,
    pub media: String,
    pub size: usize,
    pub sha256: String,
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The package: the manifest first, with every other file named in it.
pub(crate) fn package(mut about: Json, files: Vec<Packed>) -> Result<Vec<u8>, Fault> {
    let listed: Vec<Listed> = files
        .iter()
        .map(|f| Listed {
            path: f.path.clone(),
            media: f.media.clone(),
            size: f.content.len(),
            sha256: hash(&f.content),
        })
        .collect();
    about["files"] = serde_json::to_value(listed).map_err(|e| Fault::of("manifest", e))?;
    let text = serde_json::to_vec_pretty(&about).map_err(|e| Fault::of("manifest", e))?;
    let mut all = vec![(MANIFEST.to_string(), text)];
    all.extend(files.into_iter().map(|f| (f.path, f.content)));
    zip::write(&all)
}

/// What is wrong with a package: (key of a text, what it is about).
pub(crate) type Finding = (&'static str, String);

/// Compares a package with its own manifest.
pub(crate) fn inspect(package: &[u8]) -> Vec<Finding> {
    let Some(mut files) = zip::read(package) else {
        return vec![("cases-archive-broken", String::new())];
    };
    let listed = files
        .remove(MANIFEST)
        .and_then(|m| serde_json::from_slice::<Json>(&m).ok())
        .and_then(|m| serde_json::from_value::<Vec<Listed>>(m["files"].clone()).ok());
    let Some(listed) = listed else {
        return vec![("cases-archive-no-manifest", String::new())];
    };
    let mut out = Vec::new();
    for l in listed {
        match files.remove(&l.path) {
            None => out.push(("cases-archive-file-missing", l.path)),
            Some(c) if hash(&c) != l.sha256 || c.len() != l.size => {
                out.push(("cases-archive-file-differs", l.path))
            }
            Some(_) => {}
        }
    }
    out.extend(files.into_keys().map(|path| ("cases-archive-file-extra", path)));
    out
}

/// The last day of the retention period.
pub(crate) fn retain_until(ended: jiff::civil::Date, years: i64) -> Result<String, Fault> {
    let until = ended
        .checked_add(jiff::Span::new().years(years))
        .map_err(|e| Fault::of("retention period", e))?;
    Ok(until.to_string())
}

/// A path inside the package: no folder of its own, no way out.
pub(crate) fn file_name(n: usize, kind: &str, name: &str) -> String {
    let clean = |t: &str| t.replace(['/', '\\', ':'], "-").replace("..", "-");
    format!("{:02}-{}-{}", n, clean(kind), clean(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_package_says_what_is_in_it_and_what_is_wrong() {
        let file = |path: &str, text: &str| Packed {
            path: path.into(),
            media: "text/plain".into(),
            content: text.into(),
        };
        let made = package(json!({ "case": "1" }), vec![file("a", "one"), file("b", "two")]).unwrap();
        assert_eq!(inspect(&made), Vec::new());
        let mut files: Vec<(String, Vec<u8>)> = zip::read(&made).unwrap().into_iter().collect();
        for (name, content) in &mut files {
            match name.as_str() {
                "a" => content.push(b'!'),
                "b" => *name = "c".into(),
                _ => {}
            }
        }
        let changed = zip::write(&files).unwrap();
        assert_eq!(
            inspect(&changed),
            [
                ("cases-archive-file-differs", "a".to_string()),
                ("cases-archive-file-missing", "b".into()),
                ("cases-archive-file-extra", "c".into())
            ]
        );
        assert_eq!(inspect(b"no zip"), [("cases-archive-broken", String::new())]);
        assert_eq!(file_name(1, "site-plan", "../x/y.pdf"), "01-site-plan---x-y.pdf");
        assert_eq!(
            retain_until("2028-02-29".parse().unwrap(), 30).unwrap(),
            "2058-02-28"
        );
    }
}
