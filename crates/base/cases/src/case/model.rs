//! A case (办件) and what it may do when.

use crate::clock::CaseClock;
use kernel::{Fault, Resource};
use process::State;
use serde_json::{Map, Value as Json};

/// Where a case stands, as people see it.
pub mod state {
    pub const DRAFT: &str = "draft";
    pub const SUBMITTED: &str = "submitted";
    pub const CORRECTING: &str = "correcting";
    pub const HANDLING: &str = "handling";
    pub const SUSPENDED: &str = "suspended";
    pub const GRANTED: &str = "granted";
    pub const REFUSED: &str = "refused";
    pub const WITHDRAWN: &str = "withdrawn";
}

/// Materials not handed in with the application, by id.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Waived {
    /// To follow (容缺); the clerk decides whether the case goes on without them.
    pub gaps: Vec<String>,
    /// The applicant promises instead of proving (告知承诺).
    pub promised: Vec<String>,
}

impl Waived {
    pub fn keep(&mut self, still: impl Fn(&str) -> bool) {
        self.gaps.retain(|m| still(m));
        self.promised.retain(|m| still(m));
    }
}

/// One application for one matter.
#[derive(Clone, Debug)]
pub struct Case {
    pub id: String,
    pub number: Option<String>,
    pub matter: String,
    pub matter_version: i64,
    /// Subject ids.
    pub applicant: String,
    pub agent: Option<String>,
    pub organisation: String,
    pub org_path: String,
    pub area_code: String,
    pub state: String,
    pub channel: String,
    pub visits: i64,
    pub form: Map<String, Json>,
    pub waived: Waived,
    /// The account that entered it at the counter.
    pub clerk: Option<String>,
    /// When the applicant last urged it (催办).
    pub urged_at: Option<i64>,
    pub process: Option<State>,
    pub clock: Option<CaseClock>,
    pub due_on: Option<String>,
    pub provisional: bool,
    pub on_time: Option<bool>,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub submitted_at: Option<i64>,
    pub accepted_at: Option<i64>,
    pub ended_at: Option<i64>,
    /// Every organisation that takes part.
    pub org_paths: Vec<String>,
}

impl Case {
    pub fn resource(&self) -> Resource {
        Resource {
            kind: "Case",
            about: vec![self.matter.clone()],
            id: self.id.clone(),
            owners: std::iter::once(self.applicant.clone())
                .chain(self.agent.clone())
                .collect(),
            org_paths: self.org_paths.clone(),
            area_code: self.area_code.clone(),
            state: self.state.clone(),
        }
    }
    pub fn ended(&self) -> bool {
        self.ended_at.is_some()
    }
    /// The applicant may change form and materials now.
    pub fn editable(&self) -> bool {
        matches!(self.state.as_str(), state::DRAFT | state::CORRECTING)
    }
}

/// One work item as stored for lists.
#[derive(Clone, Debug, serde::Serialize)]
pub struct WorkRow {
    pub id: String,
    pub case_id: String,
    pub work: u32,
    pub node: String,
    pub kind: String,
    pub role: String,
    pub org_path: String,
    pub status: String,
    pub outcome: Option<String>,
    pub opinion: Option<String>,
    pub actor: Option<String>,
    pub post: Option<String>,
    pub opened_at: i64,
    pub closed_at: Option<i64>,
    pub due_on: Option<String>,
    pub round: i64,
    /// The account that this item was given to (转办, 委托, 加签); nobody else may finish it.
    pub assignee: Option<String>,
    /// In whose name the assignee acts (委托).
    pub on_behalf: Option<String>,
    /// The item that this signature was added to (加签).
    pub adds: Option<u32>,
    /// How often it was urged (催办).
    pub urged: i64,
}

/// One uploaded file, without its content.
#[derive(Clone, Debug, serde::Serialize)]
pub struct MaterialRow {
    pub id: String,
    pub material: String,
    pub name: String,
    pub media: String,
    pub size: i64,
    pub sha256: String,
    pub created_at: i64,
}

/// One all-day entry of a calendar file (RFC 5545): escaped, folded at 75 bytes, lines ended by CRLF.
pub fn diary_entry(uid: &str, day: &str, summary: &str, url: &str, now: i64) -> Result<String, Fault> {
    let date: jiff::civil::Date = day.parse().map_err(|e| Fault::of("due date", e))?;
    let next = date.tomorrow().map_err(|e| Fault::of("due date", e))?;
    let stamp = jiff::Timestamp::from_millisecond(now).map_err(|e| Fault::of("time", e))?;
    let plain = |d: jiff::civil::Date| d.to_string().replace('-', "");
    let escaped = summary
        .replace('\\', "\\\\")
        .replace(';', "\\;")
        .replace(',', "\\,")
        .replace('\n', " ");
    let lines = [
        "BEGIN:VCALENDAR".to_string(),
        "VERSION:2.0".into(),
        "PRODID:-//Yiwang//Cases//ZH".into(),
        "BEGIN:VEVENT".into(),
        format!("UID:{uid}"),
        format!("DTSTAMP:{}", stamp.strftime("%Y%m%dT%H%M%SZ")),
        format!("DTSTART;VALUE=DATE:{}", plain(date)),
        format!("DTEND;VALUE=DATE:{}", plain(next)),
        format!("SUMMARY:{escaped}"),
        format!("URL:{url}"),
        "END:VEVENT".into(),
        "END:VCALENDAR".into(),
    ];
    let mut out = String::new();
    for line in lines {
        let mut width = 0;
        for c in line.chars() {
            if width + c.len_utf8() > 75 {
                out.push_str("\r\n ");
                width = 1;
            }
            out.push(c);
            width += c.len_utf8();
        }
        out.push_str("\r\n");
    }
    Ok(out)
}

#[cfg(test)]
mod diary_tests {
    #[test]
    fn an_entry_is_folded_and_escaped() {
        let title = "最迟受理或告知补正日期 · 临时占用城市道路审批, 一件; 2026-OR-000001";
        let text = super::diary_entry(
            "1",
            "2026-12-31",
            title,
            "http://localhost/cases/1",
            1_795_500_000_000,
        )
        .unwrap();
        assert!(text.lines().all(|l| l.len() <= 76), "{text}");
        assert!(text.contains("DTSTART;VALUE=DATE:20261231\r\nDTEND;VALUE=DATE:20270101\r\n"));
        let unfolded = text.replace("\r\n ", "");
        assert!(unfolded.contains("审批\\, 一件\\; 2026"), "{unfolded}");
    }
}
