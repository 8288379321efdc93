//! One certificate, without its file.

use kernel::{Ctx, Locale, Resource};

/// A certificate as lists and pages show it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Certificate {
    pub id: String,
    pub kind: String,
    pub title_zh: String,
    pub title_en: String,
    pub identifier: Option<String>,
    #[serde(skip)]
    pub token: String,
    pub case_id: String,
    pub number: String,
    #[serde(skip)]
    pub holder: String,
    pub issuer: String,
    #[serde(skip)]
    pub org_path: String,
    #[serde(skip)]
    pub area_code: String,
    /// `ordered`, `valid` or `revoked`; whether it has expired depends on the day.
    pub state: String,
    pub issued_on: String,
    pub valid_from: Option<String>,
    pub valid_until: Option<String>,
    pub pdf_sha256: Option<String>,
    pub reason: Option<String>,
    pub ready: bool,
    /// Why it cannot be sealed now: key of a text.
    pub waiting: Option<String>,
}

impl Certificate {
    pub fn title(&self, ctx: &Ctx) -> String {
        if ctx.locale == Locale::En && !self.title_en.is_empty() {
            self.title_en.clone()
        } else {
            self.title_zh.clone()
        }
    }
    /// `ordered`, `valid`, `expired`, `future` or `revoked` today.
    pub fn standing(&self, today: &str) -> &'static str {
        match self.state.as_str() {
            "revoked" => "revoked",
            "valid" if self.valid_until.as_deref().is_some_and(|d| d < today) => "expired",
            "valid" if self.valid_from.as_deref().is_some_and(|d| d > today) => "future",
            "valid" => "valid",
            _ => "ordered",
        }
    }
    pub(crate) fn resource(&self) -> Resource {
        Resource {
            kind: "Certificate",
            about: Vec::new(),
            id: self.id.clone(),
            owners: vec![self.holder.clone()],
            org_paths: vec![self.org_path.clone()],
            area_code: self.area_code.clone(),
            state: self.state.clone(),
        }
    }
}
