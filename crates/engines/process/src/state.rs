//! The state of one case and its only way to change, [`State::step`].

use crate::model::{Definition, Due, NodeKind};
use crate::run::Run;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What the engine asks of its surroundings; both are pure functions of the variables.
pub trait Environment {
    /// Runs a decision: the output values.
    fn decide(&self, decision: &str, variables: &Json) -> Result<Json, String>;
    /// Does a flow's condition hold?
    fn holds(&self, condition: &str, variables: &Json) -> Result<bool, String>;
}

/// Where a case stands. Serialised with the case. One counter numbers tokens, work items and scopes, so a number names
/// one thing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub tokens: Vec<Token>,
    pub work: Vec<Work>,
    /// What conditions and decisions see; outputs of decisions are merged in.
    pub variables: Json,
    /// Ids of the nodes that were passed, in order (for the picture and the stories).
    pub visited: Vec<String>,
    /// Timers not yet fired: (work item or token that waits, event node).
    pub timers: Vec<(u32, String)>,
    /// Messages awaited: (work item or token that waits, event node).
    #[serde(default)]
    pub messages: Vec<(u32, String)>,
    /// Running bodies of sub-processes and calls.
    #[serde(default)]
    pub scopes: Vec<Scope>,
    /// Multi-instance activities under way.
    #[serde(default)]
    pub many: Vec<Many>,
    /// Joins that were passed, with what they swallowed: sending back into one branch puts the others' tokens back.
    #[serde(default)]
    pub joined: Vec<Joined>,
    /// The clock is stopped since this instant (milliseconds), for this reason.
    pub suspended: Option<(i64, String)>,
    /// Corrections asked for so far; the law allows one request, with the whole list.
    pub corrections: u32,
    /// An answer to the correction is awaited.
    pub correcting: bool,
    /// Signatures to be added once a work item is finished (后加签): (work item, who).
    #[serde(default)]
    pub later: Vec<(u32, Vec<String>)>,
    /// Materials that may follow (容缺受理); nothing is granted before they are here.
    #[serde(default)]
    pub gaps: Vec<String>,
    /// Materials that the applicant's promise stands for (告知承诺).
    #[serde(default)]
    pub promised: Vec<String>,
    /// How often the time limit was extended (延长); once at most.
    #[serde(default)]
    pub extensions: u32,
    /// The end event reached.
    pub ended: Option<String>,
    pub(crate) next: u32,
}

/// One thread of control, resting at a user task or waiting at a join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    pub id: u32,
    pub node: String,
    /// The flow it came by; joins count arrivals by flow.
    pub via: String,
    /// The running body it belongs to; 0 is the process itself.
    #[serde(default)]
    pub scope: u32,
    /// The work items of its body whose completion brought it here, the last of each task. What depends on a work item
    /// is what has to go when that item is done again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<u32>,
}

/// One passing of a join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Joined {
    pub scope: u32,
    /// The tokens that became one, as they waited.
    pub tokens: Vec<Token>,
}

/// A running body: a sub-process, a called process, or one instance of many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    pub id: u32,
    /// The process or sub-process whose nodes run here.
    pub body: String,
    /// The token that rests at the activity meanwhile.
    pub token: u32,
    /// The scope of that token.
    pub parent: u32,
    /// What only this body sees, such as the item of an instance.
    pub local: Json,
}

/// A multi-instance activity under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Many {
    pub token: u32,
    pub items: Vec<Json>,
    pub started: usize,
    pub done: usize,
}

/// A work item (任务): one opening of a user task, or a signature added to one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Work {
    pub id: u32,
    pub node: String,
    pub token: u32,
    pub status: WorkStatus,
    pub outcome: Option<String>,
    /// UTC milliseconds.
    pub opened_at: i64,
    pub closed_at: Option<i64>,
    /// Who finished it.
    pub by: Option<String>,
    /// 1 for the first time, one more for each reopening.
    pub round: u32,
    /// The running body it belongs to.
    #[serde(default)]
    pub scope: u32,
    /// What this instance of many is about.
    #[serde(default)]
    pub item: Json,
    /// Somebody other than whom the model names (转办, 委托, 加签).
    #[serde(default)]
    pub assignee: Option<String>,
    /// In whose name the assignee acts (委托).
    #[serde(default)]
    pub on_behalf: Option<String>,
    /// The work item that this signature was added to (加签).
    #[serde(default)]
    pub adds: Option<u32>,
    /// How often it was urged (催办).
    #[serde(default)]
    pub urged: u32,
    /// What its token had behind it when it was opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<u32>,
}

impl Work {
    /// The outcomes that may be chosen: an added signature agrees or not, whatever the task decides.
    pub fn outcomes<'d>(&self, definition: &'d Definition) -> Vec<&'d str> {
        match (self.adds, definition.nodes.get(&self.node)) {
            (Some(_), _) => vec!["agree", "disagree"],
            (None, Some(node)) => node.outcomes(),
            (None, None) => Vec::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkStatus {
    Open,
    /// Waits for a signature that was put before it.
    Held,
    Done,
    Cancelled,
}

/// When added signatures are asked for (加签).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// 前加签: the work item waits for them.
    Before,
    /// 会签: side by side with it.
    Beside,
    /// 后加签: once it is finished.
    After,
}

/// What happens to a case. `at` is UTC milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Start {
        variables: Json,
        at: i64,
    },
    /// A person finishes a work item with one of the task's outcomes.
    Complete {
        work: u32,
        outcome: String,
        by: String,
        at: i64,
    },
    /// A person reports an error at a work item, for the boundary event that catches it.
    Raise {
        work: u32,
        error: String,
        by: String,
        at: i64,
    },
    /// A message has come in; the first that waits for its name takes it.
    Message {
        name: String,
        variables: Json,
        at: i64,
    },
    /// A timer is due: the work item or token that waits, and the event node.
    Fire {
        work: u32,
        timer: String,
        at: i64,
    },
    /// 退回: sends an earlier finished task back to its people. In sequence the later work is cancelled; between
    /// parallel branches only the other branch reopens and the join waits again.
    SendBack {
        from: u32,
        to: u32,
        at: i64,
    },
    /// 撤回 by an official: takes the own finished task back while nobody behind it has acted.
    Recall {
        work: u32,
        by: String,
        at: i64,
    },
    /// 加签, 会签: asks others to sign too.
    AddSign {
        work: u32,
        to: Vec<String>,
        order: Order,
        at: i64,
    },
    /// 转办: gives the work item to somebody else.
    Transfer {
        work: u32,
        to: String,
    },
    /// 委托: somebody else acts in the name of the one whose work it is.
    Delegate {
        work: u32,
        to: String,
        by: String,
    },
    /// 催办: reminds those who hold the work item; changes nothing else.
    Urge {
        work: u32,
    },
    /// 补正: asks the applicant once for a correction; the open work waits and the clock stops.
    RequestCorrection {
        work: u32,
        at: i64,
    },
    /// The applicant has answered.
    Correct {
        variables: Json,
        at: i64,
    },
    /// 容缺受理: goes on without these minor materials; they follow.
    Gap {
        work: u32,
        items: Vec<String>,
    },
    /// Materials that were missing have come.
    Supply {
        items: Vec<String>,
    },
    /// 告知承诺: the applicant promises instead of proving.
    Promise {
        items: Vec<String>,
    },
    /// 挂起计时: stops the clock until somebody lets it run.
    Suspend {
        reason: String,
        at: i64,
    },
    /// 特别程序: hearing, inspection, expert review; not counted, and over after so many working days at the latest.
    Special {
        name: String,
        working_days: u32,
        at: i64,
    },
    Resume {
        at: i64,
    },
    /// 延长: the time limit, once.
    Extend {
        working_days: u32,
    },
    /// 撤回 by the applicant: everything open is cancelled.
    Withdraw {
        at: i64,
    },
}

/// What the runtime does in the same transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Opened {
        work: u32,
        node: String,
    },
    Closed {
        work: u32,
    },
    Cancelled {
        work: u32,
    },
    /// Waits for signatures put before it.
    Held {
        work: u32,
    },
    /// Those signatures are there: it is open again.
    Released {
        work: u32,
    },
    Assigned {
        work: u32,
        to: String,
    },
    Urged {
        work: u32,
    },
    Decided {
        node: String,
        values: Json,
    },
    /// A service task: carry out this effect.
    Perform {
        node: String,
        effect: String,
    },
    /// A message goes out.
    Send {
        node: String,
        message: String,
    },
    /// Fire when due.
    TimerSet {
        work: u32,
        timer: String,
        due: Due,
    },
    TimerCancelled {
        work: u32,
        timer: String,
    },
    /// A non-interrupting timer without way out fired: remind.
    Remind {
        work: u32,
        timer: String,
    },
    Suspended,
    Resumed,
    /// The time limit is longer by so many working days.
    Extended {
        working_days: u32,
    },
    Ended {
        node: String,
    },
}

/// Why a command was not carried out; the state is unchanged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Reject {
    #[error("the case has ended")]
    Ended,
    #[error("the work item is not open")]
    NotOpen,
    #[error("`{0}` is no outcome of this task")]
    Outcome(String),
    #[error("the case waits for the applicant's correction")]
    Correcting,
    #[error("a correction was asked for already; the law allows one request")]
    CorrectedOnce,
    #[error("no correction was asked for")]
    NotCorrecting,
    #[error("the clock is stopped")]
    Suspended,
    #[error("the clock is running")]
    Running,
    #[error("this task cannot be sent back from here")]
    NotBefore,
    #[error("somebody has acted on it since, or it was not yours")]
    NotRecalled,
    #[error("nobody is named")]
    Nobody,
    #[error("signatures are added to the task itself")]
    Added,
    #[error("missing materials are accepted while the case is being accepted")]
    NotAccepting,
    #[error("materials are still missing; nothing is granted before they are here")]
    Gaps,
    #[error("`{0}` is not missing")]
    NoGap(String),
    #[error("the time limit was extended already")]
    ExtendedOnce,
    #[error("nobody waits for `{0}`")]
    NotAwaited(String),
    #[error("the case has begun already")]
    Begun,
    #[error("model: {0}")]
    Model(String),
}

/// The timer that ends a special procedure; it waits for no work item.
pub const SPECIAL: &str = "special-procedure";

impl State {
    /// Carries out one command. On `Err` the state is as it was.
    pub fn step(
        &mut self,
        definition: &Definition,
        command: Command,
        environment: &dyn Environment,
    ) -> Result<Vec<Effect>, Reject> {
        let mut next = self.clone();
        let effects = Run::command(definition, &mut next, environment, command)?;
        *self = next;
        Ok(effects)
    }

    pub fn work(&self, id: u32) -> Option<&Work> {
        self.work.iter().find(|w| w.id == id)
    }
    pub fn open(&self) -> impl Iterator<Item = &Work> {
        self.work.iter().filter(|w| w.status == WorkStatus::Open)
    }
    pub fn token(&self, id: u32) -> Option<&Token> {
        self.tokens.iter().find(|t| t.id == id)
    }

    /// The token in a scope inside whose activity another token runs; itself when it runs there.
    pub(crate) fn anchor(&self, token: u32, scope: u32) -> Option<u32> {
        let mut at = self.token(token)?;
        while at.scope != scope {
            let inner = self.scopes.iter().find(|s| s.id == at.scope)?;
            at = self.token(inner.token)?;
        }
        Some(at.id)
    }

    /// Does a body run inside the activity of one of these tokens, however deep?
    pub(crate) fn inside(&self, scope: u32, tokens: &[u32]) -> bool {
        let mut at = scope;
        while let Some(s) = self.scopes.iter().find(|s| s.id == at) {
            if tokens.contains(&s.token) {
                return true;
            }
            at = s.parent;
        }
        false
    }

    /// Tokens that came from a finished work item, in its own body.
    pub(crate) fn cone(&self, work: &Work) -> Vec<u32> {
        self.tokens
            .iter()
            .filter(|t| t.scope == work.scope && t.past.contains(&work.id))
            .map(|t| t.id)
            .collect()
    }

    /// Finished items that an open one may send back to: those it came from, in its own or a surrounding body, and those
    /// of a parallel branch that has come to its join and waits there.
    pub fn may_send_back(&self, definition: &Definition, from: u32) -> Vec<u32> {
        let Some(from) = self.work(from).filter(|w| w.status == WorkStatus::Open) else {
            return Vec::new();
        };
        let mut latest: BTreeMap<(u32, &str), &Work> = BTreeMap::new();
        for w in &self.work {
            if w.status == WorkStatus::Done && w.adds.is_none() {
                latest.insert((w.scope, &w.node), w);
            }
        }
        latest
            .values()
            .filter(|w| (w.scope, &w.node) != (from.scope, &from.node))
            .filter(|w| {
                let cone = self.cone(w);
                let comes_from = || {
                    self.anchor(from.token, w.scope)
                        .is_some_and(|a| cone.contains(&a))
                };
                !cone.is_empty() && (cone.iter().all(|t| self.waits(definition, *t)) || comes_from())
            })
            .map(|w| w.id)
            .collect()
    }

    /// The token rests at a join that is still incomplete.
    fn waits(&self, definition: &Definition, token: u32) -> bool {
        let node = self.token(token).and_then(|t| definition.nodes.get(&t.node));
        node.is_some_and(|n| matches!(n.kind, NodeKind::Parallel | NodeKind::Inclusive(_)))
    }
}
