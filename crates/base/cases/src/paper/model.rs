//! Which event makes which paper; pure.

use crate::case::model::{Case, state};

/// A paper that a fact calls for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Kind of paper of the pack.
    pub kind: &'static str,
    /// Papers of one series stand for one another: when the office takes a step again, the later paper supersedes the
    /// earlier. `None` for papers that stand side by side.
    pub series: Option<&'static str>,
}

/// The facts that may call for a paper.
pub(crate) const FACTS: &[&str] = &[
    "cases.case.submitted",
    "cases.case.corrected",
    "cases.case.accepted",
    "cases.case.correction-requested",
    "cases.case.special-procedure",
    "cases.case.suspended",
    "cases.case.extended",
    "cases.case.ended",
    "cases.delivery.delivered",
];

/// The paper that a fact about this case calls for, if any.
pub(crate) fn plan(fact: &str, case: &Case) -> Option<Plan> {
    let alone = |kind| Some(Plan { kind, series: None });
    let of = |series, kind| {
        Some(Plan {
            kind,
            series: Some(series),
        })
    };
    match fact {
        "cases.case.submitted" | "cases.case.corrected" => alone("received"),
        "cases.case.accepted" => of("acceptance", "accepted"),
        "cases.case.correction-requested" => of("correction", "correction"),
        "cases.case.special-procedure" => alone("special"),
        "cases.case.suspended" => alone("suspended"),
        "cases.case.extended" => of("extension", "extended"),
        "cases.case.ended" => match (case.state.as_str(), case.accepted_at) {
            (state::GRANTED, _) => of("decision", "granted"),
            (state::REFUSED, Some(_)) => of("decision", "refused"),
            (state::REFUSED, None) => of("acceptance", "not-accepted"),
            _ => None,
        },
        "cases.delivery.delivered" => of("service", "served"),
        _ => None,
    }
}

/// The lines that an official typed, without empty ones.
pub(crate) fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|l| l.trim().to_string())
        .filter(|l| !l.is_empty())
        .collect()
}
