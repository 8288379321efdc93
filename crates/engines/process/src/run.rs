//! How tokens move. One [`Run`] carries out one command on a copy of the state; what people do to work items in the
//! manner of the administration is in [`crate::idiom`].

use crate::model::{BoundaryEvent, Definition, Due, Ending, Node, NodeKind, Trigger};
use crate::state::{
    Command, Effect, Environment, Joined, Many, Reject, SPECIAL, Scope, State, Token, Work, WorkStatus,
};
use serde_json::{Value as Json, json};
use std::collections::{BTreeSet, VecDeque};

/// More automatic steps than any sound model takes between two people.
const AUTOMATIC: usize = 10_000;
/// More instances than any sound model opens at once.
const INSTANCES: usize = 1_000;

pub(crate) struct Run<'r> {
    pub d: &'r Definition,
    pub s: &'r mut State,
    pub env: &'r dyn Environment,
    pub effects: Vec<Effect>,
    /// Tokens that have left one node and not arrived at the next, the next to arrive first.
    moving: VecDeque<u32>,
    steps: usize,
}

impl<'r> Run<'r> {
    pub(crate) fn command(
        d: &'r Definition,
        s: &'r mut State,
        env: &'r dyn Environment,
        command: Command,
    ) -> Result<Vec<Effect>, Reject> {
        if s.ended.is_some() {
            return Err(Reject::Ended);
        }
        if s.next == 0 && !matches!(command, Command::Start { .. } | Command::Withdraw { .. }) {
            return Err(Reject::NotOpen);
        }
        let at = command.at();
        let mut run = Run {
            d,
            s,
            env,
            effects: Vec::new(),
            moving: VecDeque::new(),
            steps: 0,
        };
        run.carry_out(command)?;
        run.settle(at)?;
        let scopes = &run.s.scopes;
        let lives = |scope: u32| scope == 0 || scopes.iter().any(|s| s.id == scope);
        run.s.joined.retain(|j| lives(j.scope));
        Ok(run.effects)
    }

    fn carry_out(&mut self, command: Command) -> Result<(), Reject> {
        match command {
            Command::Start { variables, .. } => {
                if self.s.next > 0 {
                    return Err(Reject::Begun);
                }
                self.s.variables = variables;
                let d = self.d;
                self.enter(&d.id, 0)
            }
            Command::Complete {
                work,
                outcome,
                by,
                at,
            } => self.complete(work, outcome, by, at),
            Command::Raise { work, error, by, at } => {
                self.running()?;
                let w = self.open_work(work)?;
                self.finish(work, &error, by, at);
                self.remember(w.token, &w.node);
                let caught = self.d.catcher(&w.node, &error).map(|n| n.id.clone());
                match caught {
                    Some(event) => self.interrupt(w.token, &event, at),
                    None => self.raise(w.scope, &error, at),
                }
            }
            Command::Message { name, variables, at } => {
                let waits = |node: &str| match self.d.nodes.get(node).map(|n| &n.kind) {
                    Some(NodeKind::Wait(Trigger::Message(m))) => *m == name,
                    Some(NodeKind::Boundary(b)) => {
                        matches!(&b.event, BoundaryEvent::Message(m) if *m == name)
                    }
                    _ => false,
                };
                let first = self.s.messages.iter().find(|(_, node)| waits(node));
                let Some((owner, node)) = first.cloned() else {
                    return Err(Reject::NotAwaited(name));
                };
                self.take_in(variables);
                self.happens(owner, &node, at)
            }
            Command::Fire { work, timer, at } => {
                let Some(pos) = self.s.timers.iter().position(|(w, t)| *w == work && *t == timer) else {
                    return Err(Reject::NotOpen);
                };
                self.s.timers.remove(pos);
                if timer == SPECIAL {
                    self.resume()
                } else {
                    self.happens(work, &timer, at)
                }
            }
            administrative => self.idiom(administrative),
        }
    }

    /// Neither a correction nor a stopped clock holds the case up.
    pub(crate) fn running(&self) -> Result<(), Reject> {
        if self.s.correcting {
            return Err(Reject::Correcting);
        }
        if self.s.suspended.is_some() {
            Err(Reject::Suspended)
        } else {
            Ok(())
        }
    }

    pub(crate) fn resume(&mut self) -> Result<(), Reject> {
        if self.s.suspended.take().is_none() {
            return Err(Reject::Running);
        }
        self.effects.push(Effect::Resumed);
        Ok(())
    }

    pub(crate) fn node(&self, id: &str) -> Result<&'r Node, Reject> {
        self.d
            .nodes
            .get(id)
            .ok_or_else(|| Reject::Model(format!("no node {id}")))
    }

    pub(crate) fn open_work(&self, id: u32) -> Result<Work, Reject> {
        self.s
            .work(id)
            .filter(|w| w.status == WorkStatus::Open)
            .cloned()
            .ok_or(Reject::NotOpen)
    }

    pub(crate) fn number(&mut self) -> u32 {
        self.s.next += 1;
        self.s.next
    }

    fn merge(&mut self, key: &str, value: Json) {
        if !self.s.variables.is_object() {
            self.s.variables = Json::Object(Default::default());
        }
        self.s.variables[key] = value;
    }

    /// New values, such as the applicant's corrected form.
    pub(crate) fn take_in(&mut self, variables: Json) {
        if let Json::Object(new) = variables {
            for (key, value) in new {
                self.merge(&key, value);
            }
        }
    }

    /// The case's variables as a scope sees them.
    fn seen(&self, scope: u32) -> Json {
        let mut chain = Vec::new();
        let mut at = scope;
        while let Some(s) = self.s.scopes.iter().find(|s| s.id == at) {
            chain.push(s);
            at = s.parent;
        }
        let mut all = self.s.variables.clone();
        for s in chain.iter().rev() {
            if let (Json::Object(all), Json::Object(local)) = (&mut all, &s.local) {
                all.extend(local.clone());
            }
        }
        all
    }

    fn token_at(&self, token: u32) -> Result<Token, Reject> {
        self.s
            .token(token)
            .cloned()
            .ok_or_else(|| Reject::Model("a token is lost".into()))
    }

    fn put(&mut self, node: &str, scope: u32, past: Vec<u32>) -> u32 {
        let id = self.number();
        self.s.tokens.push(Token {
            id,
            node: node.to_string(),
            via: String::new(),
            scope,
            past,
        });
        id
    }

    /// A token has its task behind it; an earlier round of that task no longer counts.
    fn remember(&mut self, token: u32, node: &str) {
        let done = |w: &&Work| w.token == token && w.status == WorkStatus::Done && w.adds.is_none();
        let Some(last) = self
            .s
            .work
            .iter()
            .rfind(|w| done(w) && w.node == node)
            .map(|w| w.id)
        else {
            return;
        };
        let work = &self.s.work;
        let same = |id: u32| work.iter().any(|w| w.id == id && w.node == node);
        if let Some(t) = self.s.tokens.iter_mut().find(|t| t.id == token) {
            t.past.retain(|id| !same(*id));
            t.past.push(last);
        }
    }

    /// Begins a body at its start event.
    fn enter(&mut self, body: &str, scope: u32) -> Result<(), Reject> {
        let start = self
            .d
            .start_of(body)
            .ok_or_else(|| Reject::Model(format!("{body}: no start event")))?;
        let token = self.put(&start.id, scope, Vec::new());
        self.leave(token)
    }

    /// Opens a body inside the activity where a token rests.
    fn descend(&mut self, token: u32, local: Json) -> Result<(), Reject> {
        let here = self.token_at(token)?;
        let node = self.node(&here.node)?;
        let body = self
            .d
            .body_of(node)
            .ok_or_else(|| Reject::Model(format!("{} has nothing inside", here.node)))?;
        let id = self.number();
        self.s.scopes.push(Scope {
            id,
            body: body.to_string(),
            token,
            parent: here.scope,
            local,
        });
        self.enter(body, id)
    }

    fn complete(&mut self, work: u32, outcome: String, by: String, at: i64) -> Result<(), Reject> {
        self.running()?;
        let w = self.open_work(work)?;
        if !w.outcomes(self.d).contains(&outcome.as_str()) {
            return Err(Reject::Outcome(outcome));
        }
        let node = self.node(&w.node)?;
        if !self.s.gaps.is_empty() && w.adds.is_none() && node.hint("kind") == "decide" && outcome == "grant"
        {
            return Err(Reject::Gaps);
        }
        let later = self
            .s
            .later
            .iter()
            .find(|(of, _)| *of == work)
            .map(|(_, to)| to.clone());
        self.finish(work, &outcome, by, at);
        if let Some(signed) = w.adds {
            return self.signed(signed, at);
        }
        let task = w.node.replace('-', "_");
        self.merge("outcome", Json::String(outcome.clone()));
        self.merge(&format!("{task}_outcome"), Json::String(outcome));
        if let Some(to) = later {
            self.ask_signatures(&w, &to, at);
        }
        self.signed(work, at)
    }

    /// Closes a work item as done.
    fn finish(&mut self, work: u32, outcome: &str, by: String, at: i64) {
        self.close(work, WorkStatus::Done, at);
        if let Some(w) = self.s.work.iter_mut().find(|w| w.id == work) {
            w.outcome = Some(outcome.to_string());
            w.by = Some(by);
        }
    }

    /// A work item, or a signature added to it, is finished: goes on once all of them are.
    fn signed(&mut self, work: u32, at: i64) -> Result<(), Reject> {
        let waits = self
            .s
            .work
            .iter()
            .any(|w| w.adds == Some(work) && matches!(w.status, WorkStatus::Open | WorkStatus::Held));
        let Some(w) = self.s.work(work).cloned() else {
            return Err(Reject::NotOpen);
        };
        match w.status {
            _ if waits => Ok(()),
            WorkStatus::Held => {
                if let Some(w) = self.s.work.iter_mut().find(|w| w.id == work) {
                    w.status = WorkStatus::Open;
                }
                self.effects.push(Effect::Released { work });
                Ok(())
            }
            WorkStatus::Done if self.s.many.iter().any(|m| m.token == w.token) => {
                let task = w.node.replace('-', "_");
                let outcomes: Vec<Json> = self
                    .s
                    .work
                    .iter()
                    .filter(|x| x.token == w.token && x.node == w.node && x.adds.is_none())
                    .filter(|x| x.status == WorkStatus::Done && x.round == w.round)
                    .map(|x| json!(x.outcome))
                    .collect();
                self.merge(&format!("{task}_outcomes"), outcomes.into());
                self.one_done(w.token, at)
            }
            WorkStatus::Done => self.leave(w.token),
            WorkStatus::Open | WorkStatus::Cancelled => Ok(()),
        }
    }

    pub(crate) fn close(&mut self, work: u32, status: WorkStatus, at: i64) {
        if let Some(w) = self.s.work.iter_mut().find(|w| w.id == work) {
            w.status = status;
            w.closed_at = Some(at);
        }
        self.effects.push(match status {
            WorkStatus::Cancelled => Effect::Cancelled { work },
            _ => Effect::Closed { work },
        });
        self.forget(work);
    }

    /// Nothing waits for events on behalf of this work item or token any longer.
    fn forget(&mut self, owner: u32) {
        self.s.messages.retain(|(o, _)| *o != owner);
        self.s.later.retain(|(of, _)| *of != owner);
        let (gone, kept): (Vec<_>, Vec<_>) = self.s.timers.drain(..).partition(|(o, _)| *o == owner);
        self.s.timers = kept;
        self.effects.extend(
            gone.into_iter()
                .map(|(work, timer)| Effect::TimerCancelled { work, timer }),
        );
    }

    pub(crate) fn set_timer(&mut self, owner: u32, timer: &str, due: Due) {
        self.s.timers.push((owner, timer.to_string()));
        self.effects.push(Effect::TimerSet {
            work: owner,
            timer: timer.to_string(),
            due,
        });
    }

    /// Waits for the events on the border of an activity.
    fn watch(&mut self, owner: u32, node: &str) {
        let d = self.d;
        for (event, boundary) in d.boundaries(node) {
            match &boundary.event {
                BoundaryEvent::Timer(due) => self.set_timer(owner, &event.id, due.clone()),
                BoundaryEvent::Message(_) => self.s.messages.push((owner, event.id.clone())),
                BoundaryEvent::Error(_) => {}
            }
        }
    }

    fn await_event(&mut self, token: u32, node: &Node) {
        match &node.kind {
            NodeKind::Wait(Trigger::Timer(due)) => self.set_timer(token, &node.id, due.clone()),
            NodeKind::Wait(Trigger::Message(_)) => self.s.messages.push((token, node.id.clone())),
            _ => {}
        }
    }

    /// An event that somebody waited for.
    fn happens(&mut self, owner: u32, event: &str, at: i64) -> Result<(), Reject> {
        let node = self.node(event)?;
        let token = self.s.work(owner).map_or(owner, |w| w.token);
        if let NodeKind::Boundary(b) = &node.kind {
            if b.interrupting {
                return self.interrupt(token, event, at);
            }
            if node.outgoing.is_empty() {
                self.s.visited.push(event.to_string());
                self.effects.push(Effect::Remind {
                    work: owner,
                    timer: event.to_string(),
                });
                return Ok(());
            }
            let here = self.token_at(token)?;
            let beside = self.put(event, here.scope, here.past);
            return self.leave(beside);
        }
        // The event itself, or the first of those behind an event gateway.
        let here = self.token_at(token)?.node;
        if here != event {
            self.s.visited.push(here);
        }
        self.forget(token);
        self.stand(token, event);
        self.leave(token)
    }

    fn stand(&mut self, token: u32, node: &str) {
        if let Some(t) = self.s.tokens.iter_mut().find(|t| t.id == token) {
            t.node = node.to_string();
        }
    }

    /// An event on the border takes the token out of its activity.
    fn interrupt(&mut self, token: u32, event: &str, at: i64) -> Result<(), Reject> {
        self.stop(token, at);
        self.stand(token, event);
        self.leave(token)
    }

    /// Cancels what goes on in the activity where a token rests. The token stays.
    pub(crate) fn stop(&mut self, token: u32, at: i64) {
        let open: Vec<u32> = self
            .s
            .work
            .iter()
            .filter(|w| w.token == token && matches!(w.status, WorkStatus::Open | WorkStatus::Held))
            .map(|w| w.id)
            .collect();
        for w in open {
            self.close(w, WorkStatus::Cancelled, at);
        }
        self.forget(token);
        self.s.many.retain(|m| m.token != token);
        let inner: Vec<u32> = self
            .s
            .scopes
            .iter()
            .filter(|s| s.token == token)
            .map(|s| s.id)
            .collect();
        for scope in inner {
            self.clear(scope, at);
            self.s.scopes.retain(|s| s.id != scope);
        }
    }

    /// Removes every token of a scope with all that it was doing.
    fn clear(&mut self, scope: u32, at: i64) {
        let tokens: Vec<u32> = self
            .s
            .tokens
            .iter()
            .filter(|t| t.scope == scope)
            .map(|t| t.id)
            .collect();
        for t in tokens {
            self.stop(t, at);
            self.s.tokens.retain(|x| x.id != t);
        }
    }

    /// An error leaves a body; the activity around it, or one further out, catches it.
    fn raise(&mut self, scope: u32, code: &str, at: i64) -> Result<(), Reject> {
        let Some(s) = self.s.scopes.iter().find(|s| s.id == scope).cloned() else {
            return Err(Reject::Model(format!("the error {code} is caught nowhere")));
        };
        let activity = self.token_at(s.token)?.node;
        match self.d.catcher(&activity, code).map(|n| n.id.clone()) {
            Some(event) => self.interrupt(s.token, &event, at),
            None => self.raise(s.parent, code, at),
        }
    }

    /// A thread of a body has come to its end.
    fn body_done(&mut self, scope: u32, end: &str, at: i64) -> Result<(), Reject> {
        if self.s.tokens.iter().any(|t| t.scope == scope) {
            return Ok(());
        }
        if scope == 0 {
            // A special procedure may still be running when the last event ends the case.
            for (work, timer) in std::mem::take(&mut self.s.timers) {
                self.effects.push(Effect::TimerCancelled { work, timer });
            }
            self.s.suspended = None;
            self.s.correcting = false;
            self.s.joined.clear();
            self.s.ended = Some(end.to_string());
            self.effects.push(Effect::Ended {
                node: end.to_string(),
            });
            return Ok(());
        }
        let Some(pos) = self.s.scopes.iter().position(|s| s.id == scope) else {
            return Err(Reject::Model("a scope is lost".into()));
        };
        let token = self.s.scopes.remove(pos).token;
        if self.s.many.iter().any(|m| m.token == token) {
            self.one_done(token, at)
        } else {
            self.leave(token)
        }
    }

    // Many instances.

    fn begin_many(&mut self, token: u32, node: &Node, at: i64) -> Result<(), Reject> {
        let Some(multi) = &node.multi else { return Ok(()) };
        let scope = self.token_at(token)?.scope;
        let seen = self.seen(scope);
        let lost = |what: &str| Reject::Model(format!("{}: the variable {what} is not there", node.called()));
        let items: Vec<Json> = match (&multi.collection, &multi.cardinality) {
            (Some(name), _) => match &seen[name.as_str()] {
                Json::Null => return Err(lost(name)),
                Json::Array(items) => items.clone(),
                one => vec![one.clone()],
            },
            (None, Some(count)) => {
                let n = count
                    .parse::<u64>()
                    .ok()
                    .or_else(|| seen[count.as_str()].as_u64());
                (1..=n.ok_or_else(|| lost(count))?).map(Json::from).collect()
            }
            (None, None) => return Err(Reject::Model(format!("{}: how many?", node.called()))),
        };
        if items.len() > INSTANCES {
            return Err(Reject::Model(format!(
                "{}: {} instances; at most {INSTANCES}",
                node.called(),
                items.len()
            )));
        }
        if items.is_empty() {
            return self.leave(token);
        }
        let first = if multi.sequential { 1 } else { items.len() };
        self.watch(token, &node.id);
        self.s.many.push(Many {
            token,
            items,
            started: first,
            done: 0,
        });
        (0..first).try_for_each(|n| self.begin_one(token, node, n, at))
    }

    fn begin_one(&mut self, token: u32, node: &Node, n: usize, at: i64) -> Result<(), Reject> {
        let item = self
            .s
            .many
            .iter()
            .find(|m| m.token == token)
            .and_then(|m| m.items.get(n))
            .cloned()
            .unwrap_or_default();
        if node.kind == NodeKind::User {
            self.open(node, token, item, at)
        } else {
            let name = node.multi.as_ref().map_or("item", |m| m.item.as_str());
            self.descend(token, json!({ name: item, "loopCounter": n + 1 }))
        }
    }

    fn one_done(&mut self, token: u32, at: i64) -> Result<(), Reject> {
        let here = self.token_at(token)?;
        let node = self.node(&here.node)?;
        let Some(m) = self.s.many.iter_mut().find(|m| m.token == token) else {
            return Ok(());
        };
        m.done += 1;
        let m = m.clone();
        let enough = match node.multi.as_ref().and_then(|m| m.completion.as_deref()) {
            Some(condition) => {
                let mut seen = self.seen(here.scope);
                if let Json::Object(seen) = &mut seen {
                    seen.insert("nrOfInstances".into(), m.items.len().into());
                    seen.insert("nrOfCompletedInstances".into(), m.done.into());
                    seen.insert("nrOfActiveInstances".into(), (m.started - m.done).into());
                }
                self.env.holds(condition, &seen).map_err(Reject::Model)?
            }
            None => false,
        };
        if enough || m.done == m.items.len() {
            self.stop(token, at);
            return self.leave(token);
        }
        if m.started < m.items.len() && node.multi.as_ref().is_some_and(|m| m.sequential) {
            if let Some(m) = self.s.many.iter_mut().find(|m| m.token == token) {
                m.started += 1;
            }
            return self.begin_one(token, node, m.started, at);
        }
        Ok(())
    }

    /// Opens a work item at a user task.
    fn open(&mut self, node: &Node, token: u32, item: Json, at: i64) -> Result<(), Reject> {
        let here = self.token_at(token)?;
        let scope = here.scope;
        let before = self.s.work.iter();
        let round = before
            .filter(|w| w.node == node.id && w.scope == scope && w.item == item && w.adds.is_none())
            .count();
        let id = self.number();
        self.s.work.push(Work {
            id,
            node: node.id.clone(),
            token,
            status: WorkStatus::Open,
            outcome: None,
            opened_at: at,
            closed_at: None,
            by: None,
            round: round as u32 + 1,
            scope,
            item,
            assignee: None,
            on_behalf: None,
            adds: None,
            urged: 0,
            past: here.past,
        });
        self.effects.push(Effect::Opened {
            work: id,
            node: node.id.clone(),
        });
        if node.multi.is_none() {
            self.watch(id, &node.id);
        }
        Ok(())
    }

    // Tokens.

    /// Moves the token on from the node it stands at.
    pub(crate) fn leave(&mut self, token: u32) -> Result<(), Reject> {
        let here = self.token_at(token)?;
        let node = self.node(&here.node)?;
        self.forget(token);
        if node.kind == NodeKind::User {
            self.remember(token, &node.id);
        }
        let here = self.token_at(token)?;
        self.s.visited.push(here.node.clone());
        let ways = self.ways(node, here.scope)?;
        self.s.tokens.retain(|t| t.id != token);
        // All are on their way before the first arrives: one that ends at once must not end the body for the others.
        for (n, flow) in ways.iter().enumerate() {
            // The first way keeps the token's identity, so that a reopened branch finds its token at the join.
            let id = if n == 0 { token } else { self.number() };
            self.s.tokens.push(Token {
                id,
                node: self
                    .d
                    .flows
                    .get(flow)
                    .map(|f| f.target.clone())
                    .unwrap_or_default(),
                via: flow.clone(),
                scope: here.scope,
                past: here.past.clone(),
            });
            self.moving.insert(n, id);
        }
        Ok(())
    }

    /// The flows that a token takes out of a node.
    fn ways(&self, node: &Node, scope: u32) -> Result<Vec<String>, Reject> {
        let (default, all) = match &node.kind {
            NodeKind::Exclusive(default) if node.outgoing.len() > 1 => (default, false),
            NodeKind::Inclusive(default) if node.outgoing.len() > 1 => (default, true),
            _ => return Ok(node.outgoing.clone()),
        };
        let seen = self.seen(scope);
        let mut ways = Vec::new();
        for f in node.outgoing.iter().filter(|f| Some(*f) != default.as_ref()) {
            let condition = self.d.flows[f].condition.as_deref().unwrap_or_default();
            if self.env.holds(condition, &seen).map_err(Reject::Model)? {
                ways.push(f.clone());
                if !all {
                    break;
                }
            }
        }
        if ways.is_empty() {
            ways.extend(default.clone());
        }
        if ways.is_empty() {
            return Err(Reject::Model(format!("no way out of {}", node.called())));
        }
        Ok(ways)
    }

    pub(crate) fn arrive(&mut self, token: u32, at: i64) -> Result<(), Reject> {
        self.steps += 1;
        if self.steps > AUTOMATIC {
            return Err(Reject::Model(
                "the process runs in a circle without people".into(),
            ));
        }
        // Its body may have been ended by another way meanwhile.
        let Some(here) = self.s.token(token).cloned() else {
            return Ok(());
        };
        let node = self.node(&here.node)?;
        if node.multi.is_some() {
            return self.begin_many(token, node, at);
        }
        match &node.kind {
            NodeKind::User => self.open(node, token, Json::Null, at),
            NodeKind::Rule(decision) => {
                let seen = self.seen(here.scope);
                let values = self.env.decide(decision, &seen).map_err(Reject::Model)?;
                self.take_in(values.clone());
                self.merge("decision", values.clone());
                self.effects.push(Effect::Decided {
                    node: here.node,
                    values,
                });
                self.leave(token)
            }
            NodeKind::Service(effect) => {
                self.effects.push(Effect::Perform {
                    node: here.node,
                    effect: effect.clone(),
                });
                self.leave(token)
            }
            NodeKind::Send(message) => {
                self.effects.push(Effect::Send {
                    node: here.node,
                    message: message.clone(),
                });
                self.leave(token)
            }
            NodeKind::Wait(_) => {
                self.watch(token, &node.id);
                self.await_event(token, node);
                Ok(())
            }
            NodeKind::EventBased => {
                let targets: Vec<&Node> = node
                    .outgoing
                    .iter()
                    .filter_map(|f| self.d.flows.get(f))
                    .filter_map(|f| self.d.nodes.get(&f.target))
                    .collect();
                for target in targets {
                    self.await_event(token, target);
                }
                Ok(())
            }
            NodeKind::Sub | NodeKind::Call(_) => {
                self.watch(token, &node.id);
                self.descend(token, Json::Null)
            }
            NodeKind::Parallel => {
                let mut waiting = Vec::new();
                for f in &node.incoming {
                    let arrived = |t: &&Token| t.node == here.node && t.via == *f && t.scope == here.scope;
                    waiting.extend(self.s.tokens.iter().find(arrived).map(|t| t.id));
                }
                if waiting.len() < node.incoming.len() {
                    return Ok(());
                }
                self.join(&waiting)
            }
            // Whether others may still come is seen once everything rests.
            NodeKind::Inclusive(_) if node.incoming.len() > 1 => Ok(()),
            NodeKind::End(ending) => {
                self.s.visited.push(here.node.clone());
                self.s.tokens.retain(|t| t.id != token);
                match ending {
                    Ending::Plain => {}
                    Ending::Terminate => self.clear(here.scope, at),
                    Ending::Error(code) => return self.raise(here.scope, code, at),
                    Ending::Message(message) => self.effects.push(Effect::Send {
                        node: here.node.clone(),
                        message: message.clone(),
                    }),
                }
                self.body_done(here.scope, &here.node, at)
            }
            _ => self.leave(token),
        }
    }

    fn join(&mut self, waiting: &[u32]) -> Result<(), Reject> {
        let Some(first) = waiting.first().copied() else {
            return Ok(());
        };
        let one = |t: &&Token| waiting.contains(&t.id);
        let tokens: Vec<Token> = self.s.tokens.iter().filter(one).cloned().collect();
        self.s
            .tokens
            .retain(|t| t.id == first || !waiting.contains(&t.id));
        if let Some(t) = self.s.tokens.iter_mut().find(|t| t.id == first) {
            let others = tokens.iter().flat_map(|t| &t.past);
            let new: BTreeSet<u32> = others.filter(|p| !t.past.contains(p)).copied().collect();
            t.past.extend(new);
            if tokens.len() > 1 {
                let scope = t.scope;
                self.s.joined.push(Joined { scope, tokens });
            }
        }
        self.moving.retain(|m| !waiting.contains(m));
        self.leave(first)
    }

    /// Lets tokens arrive until all rest, then opens the inclusive joins to which nobody else can come (BPMN 2.0.2, 13.4.3): no other token of the body has a
    /// way to a flow that is still empty unless it has one to a flow by which somebody came.
    fn settle(&mut self, at: i64) -> Result<(), Reject> {
        loop {
            while let Some(token) = self.moving.pop_front() {
                self.arrive(token, at)?;
            }
            match self.ready_join() {
                Some(ready) => self.join(&ready)?,
                None => return Ok(()),
            }
        }
    }

    fn ready_join(&self) -> Option<Vec<u32>> {
        let mut tried = BTreeSet::new();
        for t in &self.s.tokens {
            let Some(node) = self.d.nodes.get(&t.node) else {
                continue;
            };
            let joins = matches!(node.kind, NodeKind::Inclusive(_)) && node.incoming.len() > 1;
            if !joins || !tried.insert((t.scope, &t.node)) {
                continue;
            }
            let mut here: Vec<&Token> = Vec::new();
            for flow in &node.incoming {
                let arrived = |x: &&Token| x.node == t.node && x.scope == t.scope && x.via == *flow;
                here.extend(self.s.tokens.iter().find(arrived));
            }
            let others = self
                .s
                .tokens
                .iter()
                .filter(|x| x.scope == t.scope && x.node != t.node);
            let may_come = others.into_iter().any(|x| {
                let ways = self.d.reachable_flows(&x.node, &t.node);
                let (full, empty): (Vec<&String>, Vec<&String>) = node
                    .incoming
                    .iter()
                    .filter(|f| ways.contains(*f))
                    .partition(|f| here.iter().any(|h| h.via == **f));
                !empty.is_empty() && full.is_empty()
            });
            if !may_come {
                return Some(here.iter().map(|t| t.id).collect());
            }
        }
        None
    }
}
