//! What a seal is and what may happen to it; pure.

use crate::draw::{Design, Shape};
use kernel::ctx::Resource;
use serde::{Deserialize, Serialize};

/// Kinds of seal.
pub(crate) const KINDS: [&str; 3] = ["official", "special", "personal"];
/// The word that a demonstration's seals carry.
pub(crate) const DEMO: &str = "演示";

/// Where a seal stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Applied,
    Refused,
    Approved,
    Made,
    Active,
    Suspended,
    Destroyed,
}

/// What is done to a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Approve,
    Refuse,
    /// The applicant takes it back.
    Withdraw,
    Make,
    /// The first custodian accepts it.
    Activate,
    Suspend,
    Lift,
    Destroy,
}

impl State {
    pub(crate) const ALL: [State; 7] = [
        State::Applied,
        State::Refused,
        State::Approved,
        State::Made,
        State::Active,
        State::Suspended,
        State::Destroyed,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Applied => "applied",
            State::Refused => "refused",
            State::Approved => "approved",
            State::Made => "made",
            State::Active => "active",
            State::Suspended => "suspended",
            State::Destroyed => "destroyed",
        }
    }

    pub(crate) fn of(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|s| s.name() == name)
    }

    /// The state after an act; `None` when it cannot be done now.
    pub(crate) fn after(self, act: Act) -> Option<State> {
        use State::*;
        Some(match (self, act) {
            (Applied, Act::Approve) => Approved,
            (Applied, Act::Refuse | Act::Withdraw) => Refused,
            (Approved, Act::Make) => Made,
            (Made, Act::Activate) => Active,
            (Active, Act::Suspend) => Suspended,
            (Suspended, Act::Lift) => Active,
            (Made | Active | Suspended, Act::Destroy) => Destroyed,
            _ => return None,
        })
    }
}

/// A seal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seal {
    pub id: String,
    pub organisation: String,
    pub org_path: String,
    pub area_code: String,
    pub kind: String,
    /// The name on it; of a person, who may be known to few.
    pub name: String,
    /// The line below the star, such as 合同专用章; may be empty.
    pub purpose: String,
    /// Number at the bottom; may be empty.
    pub code: String,
    pub reason: String,
    /// Number of the document that it rests on; may be empty.
    pub basis: String,
    /// Kinds of document that the automatic processes may seal with it.
    pub processes: Vec<String>,
    /// Name of its keys in the key store.
    pub key_name: String,
    pub picture_sha256: Option<String>,
    pub state: State,
    /// `applied` or `pack`.
    pub source: String,
    pub applicant: String,
    pub applicant_subject: String,
    pub applied_at: i64,
    pub decided_by: Option<String>,
    pub opinion: Option<String>,
    pub decided_at: Option<i64>,
    pub made_at: Option<i64>,
    pub active_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub custodian: Option<String>,
    pub version: i64,
}

impl Seal {
    pub(crate) fn resource(&self) -> Resource {
        Resource {
            kind: "Seal",
            id: self.id.clone(),
            owners: vec![self.applicant_subject.clone()],
            about: Vec::new(),
            org_paths: vec![self.org_path.clone()],
            area_code: self.area_code.clone(),
            state: self.state.name().into(),
        }
    }

    /// Its picture; a demonstration's says so.
    pub(crate) fn design(&self, demo: bool) -> Design {
        Design {
            shape: shape(&self.kind),
            name: self.name.clone(),
            line: self.purpose.clone(),
            mark: if demo { DEMO.into() } else { String::new() },
            code: self.code.clone(),
        }
    }

    /// Width on paper in points.
    pub(crate) fn width(&self) -> f64 {
        width(&self.kind)
    }

    /// (name of the keys, name in the certificate), as trust takes them. The organisation stands in the certificate, whatever
    /// the seal is for.
    pub(crate) fn held<'a>(&'a self, organisation: &'a str) -> (&'a str, &'a str) {
        (&self.key_name, organisation)
    }
}

fn shape(kind: &str) -> Shape {
    match kind {
        "special" => Shape::Oval,
        "personal" => Shape::Square,
        _ => Shape::Round,
    }
}

/// Width on paper in points: 42 mm, 45 mm (30 mm high), 20 mm.
pub(crate) fn width(kind: &str) -> f64 {
    let mm = match kind {
        "special" => 45.0,
        "personal" => 20.0,
        _ => 42.0,
    };
    mm / 25.4 * 72.0
}

/// The word of the purpose line that a kind demands.
pub(crate) fn purpose_fits(kind: &str, purpose: &str) -> bool {
    match kind {
        "special" => !purpose.trim().is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ACTS: [Act; 8] = [
        Act::Approve,
        Act::Refuse,
        Act::Withdraw,
        Act::Make,
        Act::Activate,
        Act::Suspend,
        Act::Lift,
        Act::Destroy,
    ];

    #[test]
    fn a_whole_life() {
        let acts = [
            Act::Approve,
            Act::Make,
            Act::Activate,
            Act::Suspend,
            Act::Lift,
            Act::Destroy,
        ];
        let end = acts
            .iter()
            .try_fold(State::Applied, |state, act| state.after(*act));
        assert_eq!(end, Some(State::Destroyed));
    }

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(State::of(state.name()), Some(state));
        }
        assert_eq!(State::of("lost"), None);
    }

    proptest! {
        /// Whatever is tried: ends are ends, and nothing is ever active that was not approved, made and accepted.
        #[test]
        fn no_way_around_the_approval(acts in proptest::collection::vec(0..ACTS.len(), 0..40)) {
            let (mut state, mut seen) = (State::Applied, Vec::new());
            for act in acts.into_iter().map(|n| ACTS[n]) {
                match state.after(act) {
                    Some(next) => {
                        prop_assert!(!matches!(state, State::Refused | State::Destroyed));
                        prop_assert_ne!(next, State::Applied);
                        seen.push(act);
                        state = next;
                    }
                    None => prop_assert!(state.after(act).is_none()),
                }
                if state == State::Active {
                    prop_assert_eq!(&seen[..3], &[Act::Approve, Act::Make, Act::Activate]);
                }
            }
        }
    }
}
