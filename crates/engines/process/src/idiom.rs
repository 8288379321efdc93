//! What Chinese administration does to a case beside its process: commands of the engine, so that no model draws them.

use crate::model::Due;
use crate::run::Run;
use crate::state::{Command, Effect, Order, Reject, SPECIAL, Token, Work, WorkStatus};
use serde_json::Value as Json;

impl Command {
    /// The instant of the command; 0 where none matters.
    pub(crate) fn at(&self) -> i64 {
        match self {
            Command::Start { at, .. }
            | Command::Complete { at, .. }
            | Command::Raise { at, .. }
            | Command::Message { at, .. }
            | Command::Fire { at, .. }
            | Command::SendBack { at, .. }
            | Command::Recall { at, .. }
            | Command::AddSign { at, .. }
            | Command::RequestCorrection { at, .. }
            | Command::Correct { at, .. }
            | Command::Suspend { at, .. }
            | Command::Special { at, .. }
            | Command::Resume { at }
            | Command::Withdraw { at } => *at,
            Command::Transfer { .. }
            | Command::Delegate { .. }
            | Command::Urge { .. }
            | Command::Gap { .. }
            | Command::Supply { .. }
            | Command::Promise { .. }
            | Command::Extend { .. } => 0,
        }
    }
}

impl Run<'_> {
    pub(crate) fn idiom(&mut self, command: Command) -> Result<(), Reject> {
        match command {
            Command::SendBack { from, to, at } => {
                self.running()?;
                self.open_work(from)?;
                if !self.s.may_send_back(self.d, from).contains(&to) {
                    return Err(Reject::NotBefore);
                }
                self.take_back(to, at)
            }
            Command::Recall { work, by, at } => self.recall(work, &by, at),
            Command::AddSign { work, to, order, at } => {
                self.running()?;
                let w = self.open_work(work)?;
                if w.adds.is_some() {
                    return Err(Reject::Added);
                }
                if to.is_empty() || to.iter().any(|t| t.trim().is_empty()) {
                    return Err(Reject::Nobody);
                }
                match order {
                    Order::After => self.s.later.push((work, to)),
                    Order::Beside => self.ask_signatures(&w, &to, at),
                    Order::Before => {
                        self.change(work, |w| w.status = WorkStatus::Held);
                        self.effects.push(Effect::Held { work });
                        self.ask_signatures(&w, &to, at);
                    }
                }
                Ok(())
            }
            Command::Transfer { work, to } => self.assign(work, to, None),
            Command::Delegate { work, to, by } => self.assign(work, to, Some(by)),
            Command::Urge { work } => {
                self.open_work(work)?;
                self.change(work, |w| w.urged += 1);
                self.effects.push(Effect::Urged { work });
                Ok(())
            }
            Command::RequestCorrection { work, at } => {
                self.running()?;
                self.open_work(work)?;
                if self.s.corrections > 0 {
                    return Err(Reject::CorrectedOnce);
                }
                self.s.corrections += 1;
                self.s.correcting = true;
                self.halt("correction", at);
                Ok(())
            }
            Command::Correct { variables, .. } => {
                if !self.s.correcting {
                    return Err(Reject::NotCorrecting);
                }
                self.s.correcting = false;
                self.take_in(variables);
                self.resume()
            }
            Command::Gap { work, items } => {
                self.running()?;
                let w = self.open_work(work)?;
                if self.node(&w.node)?.hint("kind") != "accept" {
                    return Err(Reject::NotAccepting);
                }
                if items.is_empty() {
                    return Err(Reject::Nobody);
                }
                add(&mut self.s.gaps, items);
                Ok(())
            }
            Command::Supply { items } => {
                if let Some(other) = items.iter().find(|i| !self.s.gaps.contains(i)) {
                    return Err(Reject::NoGap(other.clone()));
                }
                self.s.gaps.retain(|g| !items.contains(g));
                Ok(())
            }
            Command::Promise { items } => {
                if items.is_empty() {
                    return Err(Reject::Nobody);
                }
                // A promise closes what was let through as missing.
                self.s.gaps.retain(|g| !items.contains(g));
                add(&mut self.s.promised, items);
                let promised: Vec<Json> = self.s.promised.iter().map(|p| p.clone().into()).collect();
                self.take_in(serde_json::json!({ "promised": promised }));
                Ok(())
            }
            Command::Suspend { reason, at } => {
                self.running()?;
                self.halt(&reason, at);
                Ok(())
            }
            Command::Special {
                name,
                working_days,
                at,
            } => {
                self.running()?;
                self.halt(&name, at);
                self.set_timer(0, SPECIAL, Due::WorkingDays(working_days));
                Ok(())
            }
            Command::Resume { .. } => {
                if self.s.correcting {
                    return Err(Reject::Correcting);
                }
                if let Some(pos) = self.s.timers.iter().position(|(_, t)| t == SPECIAL) {
                    let (work, timer) = self.s.timers.remove(pos);
                    self.effects.push(Effect::TimerCancelled { work, timer });
                }
                self.resume()
            }
            Command::Extend { working_days } => {
                self.running()?;
                if self.s.extensions > 0 {
                    return Err(Reject::ExtendedOnce);
                }
                self.s.extensions += 1;
                self.effects.push(Effect::Extended { working_days });
                Ok(())
            }
            Command::Withdraw { at } => {
                let tokens: Vec<u32> = self.s.tokens.iter().map(|t| t.id).collect();
                for t in tokens {
                    self.stop(t, at);
                }
                for (work, timer) in std::mem::take(&mut self.s.timers) {
                    self.effects.push(Effect::TimerCancelled { work, timer });
                }
                self.s.tokens.clear();
                self.s.messages.clear();
                self.s.later.clear();
                self.s.joined.clear();
                self.s.suspended = None;
                self.s.correcting = false;
                self.s.ended = Some("withdrawn".into());
                self.effects.push(Effect::Ended {
                    node: "withdrawn".into(),
                });
                Ok(())
            }
            other => Err(Reject::Model(format!("{other:?} is no idiom"))),
        }
    }

    fn change(&mut self, work: u32, how: impl FnOnce(&mut Work)) {
        if let Some(w) = self.s.work.iter_mut().find(|w| w.id == work) {
            how(w);
        }
    }

    fn halt(&mut self, reason: &str, at: i64) {
        self.s.suspended = Some((at, reason.to_string()));
        self.effects.push(Effect::Suspended);
    }

    fn assign(&mut self, work: u32, to: String, on_behalf: Option<String>) -> Result<(), Reject> {
        self.running()?;
        self.open_work(work)?;
        if to.trim().is_empty() {
            return Err(Reject::Nobody);
        }
        self.change(work, |w| {
            w.assignee = Some(to.clone());
            w.on_behalf = on_behalf;
        });
        self.effects.push(Effect::Assigned { work, to });
        Ok(())
    }

    /// Opens a work item for each of these people beside the one they sign for.
    pub(crate) fn ask_signatures(&mut self, of: &Work, to: &[String], at: i64) {
        for who in to {
            let id = self.number();
            self.s.work.push(Work {
                id,
                status: WorkStatus::Open,
                outcome: None,
                opened_at: at,
                closed_at: None,
                by: None,
                assignee: Some(who.clone()),
                on_behalf: None,
                adds: Some(of.id),
                urged: 0,
                ..of.clone()
            });
            self.effects.push(Effect::Opened {
                work: id,
                node: of.node.clone(),
            });
        }
    }

    /// Does a finished task again. What came from it goes: its tokens with all they were doing. What the joins behind it
    /// had swallowed from other branches waits there again. So nothing is lost that the task had no part in, and no
    /// join waits for somebody who cannot come.
    fn take_back(&mut self, work: u32, at: i64) -> Result<(), Reject> {
        let target = self.s.work(work).cloned().ok_or(Reject::NotBefore)?;
        for t in self.s.cone(&target) {
            self.stop(t, at);
            self.s.tokens.retain(|x| x.id != t);
        }
        for j in std::mem::take(&mut self.s.joined) {
            if j.scope == target.scope && j.tokens.iter().any(|t| t.past.contains(&work)) {
                let others = j.tokens.into_iter().filter(|t| !t.past.contains(&work));
                self.s.tokens.extend(others);
            } else {
                self.s.joined.push(j);
            }
        }
        let id = match self.s.token(target.token) {
            None => target.token,
            Some(_) => self.number(),
        };
        self.s.tokens.push(Token {
            id,
            node: target.node,
            via: String::new(),
            scope: target.scope,
            past: target.past,
        });
        self.arrive(id, at)
    }

    /// The own finished task comes back while nobody behind it has acted.
    fn recall(&mut self, work: u32, by: &str, at: i64) -> Result<(), Reject> {
        self.running()?;
        let done = self.s.work(work).cloned().ok_or(Reject::NotOpen)?;
        let mine = done.status == WorkStatus::Done && done.by.as_deref() == Some(by) && done.adds.is_none();
        let cone = self.s.cone(&done);
        let behind = |w: &Work| match self.s.scopes.iter().any(|s| s.id == w.scope) {
            _ if w.scope == done.scope => w.past.contains(&work),
            true => self.s.inside(w.scope, &cone),
            // In a body that is over; numbers rise, so it came later.
            false => w.id > work,
        };
        let acted = |w: &Work| w.status == WorkStatus::Done && w.id != work && behind(w);
        if !mine || cone.is_empty() || self.s.work.iter().any(acted) {
            return Err(Reject::NotRecalled);
        }
        self.take_back(work, at)
    }
}

fn add(list: &mut Vec<String>, items: Vec<String>) {
    for item in items {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}
