//! What a paper says, and how it is numbered; pure.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// One kind of paper as the pack describes it (`papers/papers.toml`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    pub id: String,
    pub title: String,
    /// Titles for kinds of matter that call it something else, by the kind of matter.
    #[serde(default)]
    pub titles: BTreeMap<String, String>,
    /// The word of this kind in its number (文号), such as 许决.
    pub word: String,
}

impl Kind {
    /// What it is called for this kind of matter.
    pub fn title(&self, matter_kind: &str) -> &str {
        self.titles.get(matter_kind).unwrap_or(&self.title)
    }
}

/// A kind with what all papers of the city share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub kind: Kind,
    /// `{organisation}{word}〔{year}〕{serial}号`.
    pub number: String,
    /// How to appeal, as the pack words it.
    pub remedies: String,
}

impl Rule {
    /// The number (文号). The serial counts the papers of one organisation in one year.
    pub fn number(&self, organisation: &str, year: i16, serial: i64) -> String {
        self.number
            .replace("{organisation}", organisation)
            .replace("{word}", &self.kind.word)
            .replace("{year}", &year.to_string())
            .replace("{serial:04}", &format!("{serial:04}"))
            .replace("{serial}", &serial.to_string())
    }
}

/// Why a number rule cannot be used. Without year and serial two papers would bear one number.
pub(crate) fn number_wrong(rule: &str) -> Option<String> {
    let missing = ["{year}", "{serial"]
        .into_iter()
        .find(|part| !rule.contains(part));
    if let Some(part) = missing {
        return Some(format!("the number rule lacks {part}"));
    }
    let known = ["{organisation}", "{word}", "{year}", "{serial:04}", "{serial}"];
    let rest = known
        .iter()
        .fold(rule.to_string(), |rest, part| rest.replace(part, ""));
    rest.contains(['{', '}'])
        .then(|| format!("the number rule has an unknown part: {rest}"))
}

/// A line of a list, with a remark.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub title: String,
    pub note: String,
}

/// An article that a decision rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Law {
    pub law: String,
    pub article: String,
    pub text: String,
}

/// How something was served (送达).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// `download`, `pickup` or `post`.
    pub way: String,
    pub place: Option<String>,
    pub carrier: Option<String>,
    pub consignment: Option<String>,
    pub signed_by: Option<String>,
}

/// Everything a paper says beyond its kind, number, organisation and date. Templates find each of these fields, `none` or
/// empty where the paper has no such thing. Days are words already (2026年11月23日).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    pub applicant: String,
    pub matter: String,
    /// 行政许可, 行政给付 …: the pack's own word.
    pub matter_kind: String,
    pub case_number: String,
    pub submitted: Option<String>,
    pub accepted: Option<String>,
    /// The last day for what comes next.
    pub due: Option<String>,
    /// What is to be corrected, or what was served.
    pub items: Vec<String>,
    pub answer_by: Option<String>,
    pub materials: Vec<Item>,
    pub reason: Option<String>,
    /// Working days.
    pub days: Option<u32>,
    pub procedure: Option<String>,
    pub basis: Vec<Law>,
    /// What is issued with a granted decision.
    pub certificate: Option<String>,
    pub served: Option<Served>,
}

/// Which paper this one corrects and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Corrects {
    pub number: String,
    pub dated: String,
    /// Empty when the office did the same step again instead of correcting a paper.
    pub why: String,
}

/// A paper with its number and its words, ready to be printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub id: String,
    pub kind: String,
    pub title: String,
    pub number: String,
    pub token: String,
    pub case: String,
    /// Papers of one series stand for one another: the newest counts. Empty for papers that stand side by side.
    pub series: String,
    pub recipient: String,
    pub organisation: String,
    /// The day it bears, ISO 8601.
    pub dated: String,
    /// Id of the fact that made it.
    pub cause: String,
    pub supersedes: Option<String>,
    pub corrects: Option<Corrects>,
    pub content: Content,
}

/// An issued paper, without its file and its words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Paper {
    pub id: String,
    pub kind: String,
    pub title: String,
    pub number: String,
    #[serde(skip)]
    pub token: String,
    #[serde(skip)]
    pub case_id: String,
    #[serde(skip)]
    pub series: String,
    #[serde(skip)]
    pub recipient: String,
    pub organisation: String,
    pub dated: String,
    pub supersedes: Option<String>,
    pub superseded_by: Option<String>,
    pub pdf_sha256: String,
    pub issued_at: i64,
}

/// What a template is given.
pub(crate) fn data(
    draft: &Draft,
    organisation: &str,
    dated: &str,
    remedies: &str,
    url: &str,
    qr: &str,
    demo: bool,
) -> Json {
    let mut data = json!(draft.content);
    data["title"] = draft.title.as_str().into();
    data["number"] = draft.number.as_str().into();
    data["organisation"] = organisation.into();
    data["date"] = dated.into();
    data["remedies"] = remedies.into();
    data["corrects"] = json!(draft.corrects);
    data["verify_url"] = url.into();
    data["qr"] = qr.into();
    data["demo"] = demo.into();
    data
}

/// Two invented papers of a kind for the pack check: one that says all there is to say, one that says as little as can be.
pub(crate) fn samples(rule: &Rule) -> [Draft; 2] {
    let text = || "样例".to_string();
    let some = || Some("2026年11月26日".to_string());
    let bare = Draft {
        id: "0".into(),
        kind: rule.kind.id.clone(),
        title: rule.kind.title.clone(),
        number: rule.number("演示机关", 2026, 1),
        token: "0".into(),
        case: "0".into(),
        series: String::new(),
        recipient: "0".into(),
        organisation: "0".into(),
        dated: "2026-11-26".into(),
        cause: "0".into(),
        supersedes: None,
        corrects: None,
        content: Content {
            applicant: "演示".into(),
            matter: "示例事项".into(),
            case_number: "2026-X-000001".into(),
            ..Content::default()
        },
    };
    let mut full = bare.clone();
    full.corrects = Some(Corrects {
        number: rule.number("演示机关", 2026, 1),
        dated: "2026年11月25日".into(),
        why: text(),
    });
    let item = Item {
        title: text(),
        note: text(),
    };
    let law = Law {
        law: "示例条例".into(),
        article: "第一条".into(),
        text: text(),
    };
    full.content = Content {
        matter_kind: "行政许可".into(),
        submitted: some(),
        accepted: some(),
        due: some(),
        items: vec![text()],
        answer_by: some(),
        materials: vec![item],
        reason: Some(text()),
        days: Some(10),
        procedure: Some(text()),
        basis: vec![law],
        certificate: Some(text()),
        served: Some(Served {
            way: "post".into(),
            place: Some(text()),
            carrier: Some(text()),
            consignment: Some(text()),
            signed_by: Some(text()),
        }),
        ..bare.content.clone()
    };
    [full, bare]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_organisation_word_year_and_serial() {
        let rule = |number: &str| Rule {
            kind: Kind {
                id: "accepted".into(),
                title: "受理通知书".into(),
                titles: BTreeMap::new(),
                word: "许受".into(),
            },
            number: number.into(),
            remedies: String::new(),
        };
        assert_eq!(
            rule("{organisation}{word}〔{year}〕{serial}号").number("市演示局", 2026, 12),
            "市演示局许受〔2026〕12号"
        );
        assert_eq!(rule("{year}-{serial:04}").number("x", 2026, 12), "2026-0012");
        assert_eq!(number_wrong("{word}{year}{serial:04}"), None);
        assert!(number_wrong("{word}{serial}").is_some_and(|m| m.contains("{year}")));
        assert!(number_wrong("{year}{serial}{month}").is_some_and(|m| m.contains("{month}")));
    }
}
