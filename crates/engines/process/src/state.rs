//! The state of one case and its only way to change, [`State::step`].

use crate::model::{Definition, Node, NodeKind};
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

/// Where a case stands. Serialised with the case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub tokens: Vec<Token>,
    pub work: Vec<Work>,
    /// What conditions and decisions see; outputs of decisions are merged in.
    pub variables: Json,
    /// Ids of the nodes that were passed, in order (for the picture and the stories).
    pub visited: Vec<String>,
    /// Timers not yet fired: (work, boundary node).
    pub timers: Vec<(u32, String)>,
    /// The clock is stopped since this instant (milliseconds), for this reason.
    pub suspended: Option<(i64, String)>,
    /// Corrections asked for so far; the law allows one request, with the whole list.
    pub corrections: u32,
    /// An answer to the correction is awaited.
    pub correcting: bool,
    /// The end event reached.
    pub ended: Option<String>,
    next: u32,
}

/// One thread of control, resting at a user task or waiting at a join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    pub id: u32,
    pub node: String,
    /// The flow it came by; joins count arrivals by flow.
    pub via: String,
}

/// A work item (任务): one opening of a user task.
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
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkStatus {
    Open,
    Done,
    Cancelled,
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
    /// 退回: sends an earlier finished task back to its people. In sequence the later work is cancelled; between
    /// parallel branches only the other branch reopens and the join waits again.
    SendBack {
        from: u32,
        to: u32,
        at: i64,
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
    /// 挂起计时: stops the clock (expert review, hearing, inspection).
    Suspend {
        reason: String,
        at: i64,
    },
    Resume {
        at: i64,
    },
    /// A boundary timer is due.
    Fire {
        work: u32,
        timer: String,
        at: i64,
    },
    /// 撤回: the applicant withdraws; everything open is cancelled.
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
    Decided {
        node: String,
        values: Json,
    },
    /// A service task: carry out this effect.
    Perform {
        node: String,
        effect: String,
    },
    /// Fire after so many working days.
    TimerSet {
        work: u32,
        timer: String,
        working_days: u32,
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
    #[error("the case has begun already")]
    Begun,
    #[error("model: {0}")]
    Model(String),
}

/// More automatic steps than any sound model takes between two people.
const AUTOMATIC: usize = 1_000;

impl State {
    /// Carries out one command. On `Err` the state is as it was.
    pub fn step(
        &mut self,
        definition: &Definition,
        command: Command,
        environment: &dyn Environment,
    ) -> Result<Vec<Effect>, Reject> {
        let mut next = self.clone();
        let mut run = Run {
            d: definition,
            s: &mut next,
            env: environment,
            effects: Vec::new(),
            steps: 0,
        };
        run.command(command)?;
        let effects = run.effects;
        *self = next;
        Ok(effects)
    }

    pub fn work(&self, id: u32) -> Option<&Work> {
        self.work.iter().find(|w| w.id == id)
    }
    pub fn open(&self) -> impl Iterator<Item = &Work> {
        self.work.iter().filter(|w| w.status == WorkStatus::Open)
    }
    /// Finished items that an open one may send back to: tasks from which this one can be reached, and finished tasks
    /// of a parallel branch whose join still waits.
    pub fn may_send_back(&self, definition: &Definition, from: u32) -> Vec<u32> {
        let Some(from) = self.work(from).filter(|w| w.status == WorkStatus::Open) else {
            return Vec::new();
        };
        let mut latest: BTreeMap<&str, &Work> = BTreeMap::new();
        for w in self.work.iter().filter(|w| w.status == WorkStatus::Done) {
            latest.insert(&w.node, w);
        }
        latest
            .values()
            .filter(|w| w.node != from.node)
            .filter(|w| {
                definition.walk(&w.node, false).contains(&from.node) || self.waits_at_join(definition, w)
            })
            .map(|w| w.id)
            .collect()
    }

    /// The last finished task of a parallel branch: its token rests at a join that is still incomplete. A token keeps
    /// its identity through the fork, so earlier tasks of the same token are not meant.
    fn waits_at_join(&self, definition: &Definition, w: &Work) -> bool {
        let last = self
            .work
            .iter()
            .rev()
            .find(|x| x.token == w.token && x.status == WorkStatus::Done);
        if last.is_none_or(|l| l.id != w.id) {
            return false;
        }
        self.tokens.iter().any(|t| {
            t.id == w.token
                && definition
                    .nodes
                    .get(&t.node)
                    .is_some_and(|n| n.kind == NodeKind::Parallel)
        })
    }
}

struct Run<'r> {
    d: &'r Definition,
    s: &'r mut State,
    env: &'r dyn Environment,
    effects: Vec<Effect>,
    steps: usize,
}

impl Run<'_> {
    fn command(&mut self, command: Command) -> Result<(), Reject> {
        if self.s.ended.is_some() {
            return Err(Reject::Ended);
        }
        match command {
            Command::Start { variables, at } => {
                if self.s.next > 0 {
                    return Err(Reject::Begun);
                }
                self.s.variables = variables;
                let start = self
                    .d
                    .start()
                    .ok_or_else(|| Reject::Model("no start event".into()))?
                    .id
                    .clone();
                let token = self.token(&start, "");
                self.leave(token, at)
            }
            Command::Complete {
                work,
                outcome,
                by,
                at,
            } => {
                self.running()?;
                let w = self.open_work(work)?;
                let node = self.node(&w.node)?;
                if !node.outcomes().contains(&outcome.as_str()) {
                    return Err(Reject::Outcome(outcome));
                }
                self.close(work, WorkStatus::Done, at);
                if let Some(w) = self.s.work.iter_mut().find(|w| w.id == work) {
                    w.outcome = Some(outcome.clone());
                    w.by = Some(by);
                }
                self.merge("outcome", Json::String(outcome.clone()));
                self.merge(
                    &format!("{}_outcome", w.node.replace('-', "_")),
                    Json::String(outcome),
                );
                self.leave(w.token, at)
            }
            Command::SendBack { from, to, at } => {
                self.running()?;
                let f = self.open_work(from)?;
                if !self.s.may_send_back(self.d, from).contains(&to) {
                    return Err(Reject::NotBefore);
                }
                let target = self.s.work(to).cloned().ok_or(Reject::NotBefore)?;
                if self.s.waits_at_join(self.d, &target) {
                    // Parallel: the finished branch's token goes back to its task; this one stays as it is.
                    self.reopen(&target, target.token, at)
                } else {
                    // In sequence: everything that came after the target is taken back.
                    let after = self.d.walk(&target.node, false);
                    let late: Vec<u32> = self
                        .s
                        .open()
                        .filter(|w| after.contains(&w.node))
                        .map(|w| w.id)
                        .collect();
                    for w in late {
                        self.close(w, WorkStatus::Cancelled, at);
                    }
                    self.s
                        .tokens
                        .retain(|t| !after.contains(&t.node) || t.id == f.token);
                    self.reopen(&target, f.token, at)
                }
            }
            Command::RequestCorrection { work, at } => {
                self.running()?;
                self.open_work(work)?;
                if self.s.corrections > 0 {
                    return Err(Reject::CorrectedOnce);
                }
                self.s.corrections += 1;
                self.s.correcting = true;
                self.suspend("correction", at);
                Ok(())
            }
            Command::Correct { variables, at } => {
                if !self.s.correcting {
                    return Err(Reject::NotCorrecting);
                }
                self.s.correcting = false;
                if let (Json::Object(all), Json::Object(new)) = (&mut self.s.variables, variables) {
                    all.extend(new);
                }
                self.resume(at)
            }
            Command::Suspend { reason, at } => {
                self.running()?;
                self.suspend(&reason, at);
                Ok(())
            }
            Command::Resume { at } => {
                if self.s.correcting {
                    return Err(Reject::Correcting);
                }
                self.resume(at)
            }
            Command::Fire { work, timer, at } => {
                let Some(pos) = self.s.timers.iter().position(|(w, t)| *w == work && *t == timer) else {
                    return Err(Reject::NotOpen);
                };
                self.s.timers.remove(pos);
                let w = self.open_work(work)?;
                let node = self.node(&timer)?;
                let interrupting = matches!(&node.kind, NodeKind::Boundary(t) if t.interrupting);
                let reminds = node.outgoing.is_empty();
                self.s.visited.push(timer.clone());
                if interrupting {
                    self.close(work, WorkStatus::Cancelled, at);
                    if let Some(t) = self.s.tokens.iter_mut().find(|t| t.id == w.token) {
                        t.node.clone_from(&timer);
                    }
                    self.leave(w.token, at)
                } else if reminds {
                    self.effects.push(Effect::Remind { work, timer });
                    Ok(())
                } else {
                    let token = self.token(&timer, "");
                    self.leave(token, at)
                }
            }
            Command::Withdraw { at } => {
                let open: Vec<u32> = self.s.open().map(|w| w.id).collect();
                for w in open {
                    self.close(w, WorkStatus::Cancelled, at);
                }
                self.s.tokens.clear();
                self.s.ended = Some("withdrawn".into());
                self.effects.push(Effect::Ended {
                    node: "withdrawn".into(),
                });
                Ok(())
            }
        }
    }

    fn running(&self) -> Result<(), Reject> {
        if self.s.correcting {
            return Err(Reject::Correcting);
        }
        if self.s.suspended.is_some() {
            Err(Reject::Suspended)
        } else {
            Ok(())
        }
    }

    fn suspend(&mut self, reason: &str, at: i64) {
        self.s.suspended = Some((at, reason.to_string()));
        self.effects.push(Effect::Suspended);
    }

    fn resume(&mut self, _at: i64) -> Result<(), Reject> {
        if self.s.suspended.take().is_none() {
            return Err(Reject::Running);
        }
        self.effects.push(Effect::Resumed);
        Ok(())
    }

    fn node(&self, id: &str) -> Result<&Node, Reject> {
        self.d
            .nodes
            .get(id)
            .ok_or_else(|| Reject::Model(format!("no node {id}")))
    }

    fn open_work(&self, id: u32) -> Result<Work, Reject> {
        self.s
            .work(id)
            .filter(|w| w.status == WorkStatus::Open)
            .cloned()
            .ok_or(Reject::NotOpen)
    }

    fn number(&mut self) -> u32 {
        self.s.next += 1;
        self.s.next
    }

    fn merge(&mut self, key: &str, value: Json) {
        if !self.s.variables.is_object() {
            self.s.variables = Json::Object(Default::default());
        }
        self.s.variables[key] = value;
    }

    fn token(&mut self, node: &str, via: &str) -> u32 {
        let id = self.number();
        self.s.tokens.push(Token {
            id,
            node: node.to_string(),
            via: via.to_string(),
        });
        id
    }

    fn close(&mut self, work: u32, status: WorkStatus, at: i64) {
        if let Some(w) = self.s.work.iter_mut().find(|w| w.id == work) {
            w.status = status;
            w.closed_at = Some(at);
        }
        self.effects.push(match status {
            WorkStatus::Cancelled => Effect::Cancelled { work },
            _ => Effect::Closed { work },
        });
        let (gone, kept) = self.s.timers.drain(..).partition(|(w, _)| *w == work);
        self.s.timers = kept;
        let gone: Vec<(u32, String)> = gone;
        self.effects.extend(
            gone.into_iter()
                .map(|(work, timer)| Effect::TimerCancelled { work, timer }),
        );
    }

    fn reopen(&mut self, target: &Work, token: u32, at: i64) -> Result<(), Reject> {
        let token = match self.s.tokens.iter_mut().find(|t| t.id == token) {
            Some(t) => {
                t.node.clone_from(&target.node);
                t.id
            }
            None => self.token(&target.node, ""),
        };
        self.open(&target.node, token, at)
    }

    fn open(&mut self, node: &str, token: u32, at: i64) -> Result<(), Reject> {
        let id = self.number();
        let round = self.s.work.iter().filter(|w| w.node == node).count() as u32 + 1;
        self.s.work.push(Work {
            id,
            node: node.to_string(),
            token,
            status: WorkStatus::Open,
            outcome: None,
            opened_at: at,
            closed_at: None,
            by: None,
            round,
        });
        self.effects.push(Effect::Opened {
            work: id,
            node: node.to_string(),
        });
        let timers: Vec<(String, u32)> = self
            .d
            .timers(node)
            .map(|(n, t)| (n.id.clone(), t.working_days))
            .collect();
        for (timer, working_days) in timers {
            self.s.timers.push((id, timer.clone()));
            self.effects.push(Effect::TimerSet {
                work: id,
                timer,
                working_days,
            });
        }
        Ok(())
    }

    /// Moves the token on from the node it stands at.
    fn leave(&mut self, token: u32, at: i64) -> Result<(), Reject> {
        let Some(here) = self
            .s
            .tokens
            .iter()
            .find(|t| t.id == token)
            .map(|t| t.node.clone())
        else {
            return Err(Reject::Model("a token is lost".into()));
        };
        let node = self.node(&here)?;
        let (kind, outgoing) = (node.kind.clone(), node.outgoing.clone());
        self.s.visited.push(here.clone());
        let chosen: Vec<String> = match kind {
            NodeKind::Exclusive(default) if outgoing.len() > 1 => {
                let mut hit = None;
                for f in outgoing.iter().filter(|f| Some(*f) != default.as_ref()) {
                    let condition = self.d.flows[f].condition.clone().unwrap_or_default();
                    if self
                        .env
                        .holds(&condition, &self.s.variables)
                        .map_err(Reject::Model)?
                    {
                        hit = Some(f.clone());
                        break;
                    }
                }
                let way = hit
                    .or(default)
                    .ok_or_else(|| Reject::Model(format!("no way out of {here}")))?;
                vec![way]
            }
            _ => outgoing,
        };
        self.s.tokens.retain(|t| t.id != token);
        for (n, flow) in chosen.iter().enumerate() {
            let target = self
                .d
                .flows
                .get(flow)
                .map(|f| f.target.clone())
                .unwrap_or_default();
            // The first way keeps the token's identity, so that a reopened branch finds its token at the join.
            let id = if n == 0 { token } else { self.number() };
            self.s.tokens.push(Token {
                id,
                node: target,
                via: flow.clone(),
            });
            self.arrive(id, at)?;
        }
        Ok(())
    }

    fn arrive(&mut self, token: u32, at: i64) -> Result<(), Reject> {
        self.steps += 1;
        if self.steps > AUTOMATIC {
            return Err(Reject::Model(
                "the process runs in a circle without people".into(),
            ));
        }
        let Some(here) = self
            .s
            .tokens
            .iter()
            .find(|t| t.id == token)
            .map(|t| t.node.clone())
        else {
            return Ok(());
        };
        let node = self.node(&here)?.clone();
        match node.kind {
            NodeKind::User => self.open(&here, token, at),
            NodeKind::Rule(decision) => {
                let values = self
                    .env
                    .decide(&decision, &self.s.variables)
                    .map_err(Reject::Model)?;
                if let Json::Object(map) = &values {
                    for (k, v) in map {
                        self.merge(k, v.clone());
                    }
                }
                self.merge("decision", values.clone());
                self.effects.push(Effect::Decided { node: here, values });
                self.leave(token, at)
            }
            NodeKind::Service(effect) => {
                self.effects.push(Effect::Perform { node: here, effect });
                self.leave(token, at)
            }
            NodeKind::Parallel => {
                let waiting: Vec<u32> = node
                    .incoming
                    .iter()
                    .filter_map(|f| {
                        self.s
                            .tokens
                            .iter()
                            .find(|t| t.node == here && t.via == *f)
                            .map(|t| t.id)
                    })
                    .collect();
                if waiting.len() < node.incoming.len() {
                    return Ok(());
                }
                self.s
                    .tokens
                    .retain(|t| t.id == waiting[0] || !waiting.contains(&t.id));
                self.leave(waiting[0], at)
            }
            NodeKind::End => {
                self.s.visited.push(here.clone());
                self.s.tokens.retain(|t| t.id != token);
                // A case ends when its last thread does; reminders beside it do not hold it up.
                if self.s.tokens.is_empty() {
                    self.s.ended = Some(here.clone());
                    self.effects.push(Effect::Ended { node: here });
                }
                Ok(())
            }
            _ => self.leave(token, at),
        }
    }
}
