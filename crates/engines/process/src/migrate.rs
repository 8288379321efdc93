//! Moving a running case to another version of its process. Where a case stands is a matter of node ids, so it moves when
//! every node that it stands at, waits for or is inside of is still there, of the same kind, in the same body, and when
//! every join ahead of it can still complete. Otherwise nothing moves, and the reasons say why.
//!
//! What a case only remembers may go: a finished task that is no longer there cannot be sent back to any more. Timers
//! keep the day they were set to, and an open task gets no event that only the new version has.

use crate::model::{BoundaryEvent, Definition, Node, NodeKind, Trigger};
use crate::state::{Joined, SPECIAL, State, Token, WorkStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

/// Why a case cannot move, with the node of the old version that it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obstacle {
    pub why: Why,
    pub node: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The case has ended or has not begun: there is nothing to move.
    NotRunning,
    Gone,
    /// Another element, another kind of task, or an event that waits for something else.
    Kind,
    /// In another process or sub-process.
    Body,
    /// A join that could never complete.
    Join,
    /// Not the same sort of multi-instance activity.
    Many,
    /// The event that is awaited is gone, or hangs elsewhere.
    Event,
    /// An open task offers outcomes that the new version does not know.
    Outcomes,
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let why = match self.why {
            Why::NotRunning => "the case is not running",
            Why::Gone => "is gone",
            Why::Kind => "is of another kind",
            Why::Body => "stands in another body",
            Why::Join => "could never complete",
            Why::Many => "is repeated in another way",
            Why::Event => "is no longer awaited there",
            Why::Outcomes => "lost an outcome",
        };
        write!(f, "{} {why}", self.node)
    }
}

impl Definition {
    /// The state of a case of this version as a state of `to`. Nodes keep their ids unless `mapping` renames them.
    pub fn migrate(
        &self,
        state: &State,
        to: &Definition,
        mapping: &BTreeMap<String, String>,
    ) -> Result<State, Vec<Obstacle>> {
        let mut m = Move {
            from: self,
            to,
            mapping,
            obstacles: BTreeSet::new(),
        };
        if state.tokens.is_empty() {
            m.object(Why::NotRunning, &self.id);
            return Err(m.obstacles.into_iter().collect());
        }
        let moved = m.state(state);
        if m.obstacles.is_empty() {
            Ok(moved)
        } else {
            Err(m.obstacles.into_iter().collect())
        }
    }
}

/// A token for the analysis of joins: where it is, and by which flow it came when it waits there.
struct Standing {
    node: String,
    waits: Option<String>,
}

struct Move<'m> {
    from: &'m Definition,
    to: &'m Definition,
    mapping: &'m BTreeMap<String, String>,
    obstacles: BTreeSet<Obstacle>,
}

impl Move<'_> {
    fn object(&mut self, why: Why, node: &str) {
        self.obstacles.insert(Obstacle {
            why,
            node: node.to_string(),
        });
    }

    fn id(&self, old: &str) -> String {
        match self.mapping.get(old) {
            Some(new) => new.clone(),
            None if old == self.from.id => self.to.id.clone(),
            None => old.to_string(),
        }
    }

    /// Old and new node, or why there is no such pair.
    fn pair(&self, id: &str) -> Result<(&Node, &Node), Why> {
        let old = self.from.nodes.get(id).ok_or(Why::Gone)?;
        let new = self.to.nodes.get(&self.id(id)).ok_or(Why::Gone)?;
        let same = discriminant(&old.kind) == discriminant(&new.kind)
            && old.hint("kind") == new.hint("kind")
            && match (&old.kind, &new.kind) {
                (NodeKind::Wait(a), NodeKind::Wait(b)) => match (a, b) {
                    (Trigger::Message(a), Trigger::Message(b)) => a == b,
                    _ => discriminant(a) == discriminant(b),
                },
                (NodeKind::Boundary(a), NodeKind::Boundary(b)) => match (&a.event, &b.event) {
                    (BoundaryEvent::Message(a), BoundaryEvent::Message(b)) => a == b,
                    (a, b) => discriminant(a) == discriminant(b),
                },
                (NodeKind::Call(a), NodeKind::Call(b)) => self.id(a) == *b,
                _ => true,
            };
        if !same {
            return Err(Why::Kind);
        }
        if self.id(&old.body) != new.body {
            return Err(Why::Body);
        }
        Ok((old, new))
    }

    /// The flow between the same two nodes, the one of the same id first.
    fn flow(&self, id: &str) -> Option<&str> {
        let old = self.from.flows.get(id)?;
        let (source, target) = (self.id(&old.source), self.id(&old.target));
        let same = |f: &&crate::Flow| f.source == source && f.target == target;
        let kept = self.to.flows.get(id).filter(same);
        kept.or_else(|| self.to.flows.values().find(same))
            .map(|f| f.id.as_str())
    }

    fn flows(&self, ids: &BTreeSet<String>) -> Option<BTreeSet<String>> {
        ids.iter().map(|f| self.flow(f).map(str::to_string)).collect()
    }

    fn state(&mut self, s: &State) -> State {
        let mut out = s.clone();
        for t in &s.tokens {
            self.stand(t);
        }
        for w in &s.work {
            let live = matches!(w.status, WorkStatus::Open | WorkStatus::Held);
            let lost = self.pair(&w.node).is_ok_and(|(old, new)| {
                let known = new.outcomes();
                old.outcomes().iter().any(|o| !known.contains(o))
            });
            if live && w.adds.is_none() && lost {
                self.object(Why::Outcomes, &w.node);
            }
        }
        for (owner, event) in s.timers.iter().chain(&s.messages) {
            if event != SPECIAL {
                self.event(s, *owner, event);
            }
        }
        for scope in &s.scopes {
            let body = self.id(&scope.body);
            if !self.to.nodes.values().any(|n| n.body == body) {
                self.object(Why::Gone, &scope.body);
            }
        }
        self.joins(s);

        let kept: BTreeSet<u32> = s
            .work
            .iter()
            .filter(|w| self.may_return(&w.node))
            .map(|w| w.id)
            .collect();
        for t in &mut out.tokens {
            self.token(t, &kept);
        }
        out.joined = s.joined.iter().filter_map(|j| self.joined(j, &kept)).collect();
        for w in &mut out.work {
            if self.pair(&w.node).is_ok() {
                w.node = self.id(&w.node);
            }
            w.past.retain(|id| kept.contains(id));
        }
        for (_, event) in out.timers.iter_mut().chain(&mut out.messages) {
            *event = self.id(event);
        }
        for scope in &mut out.scopes {
            scope.body = self.id(&scope.body);
        }
        for v in &mut out.visited {
            *v = self.id(v);
        }
        // What was decided at a task goes by the task's name.
        for (old, new) in self.mapping {
            for what in ["outcome", "outcomes"] {
                let key = |id: &str| format!("{}_{what}", id.replace('-', "_"));
                if let Some(v) = s.variables.get(key(old)) {
                    out.variables[key(new)] = v.clone();
                }
            }
        }
        out
    }

    /// May a token rest at its node in the new version?
    fn stand(&mut self, t: &Token) {
        let found = self.pair(&t.node).and_then(|(old, new)| {
            let same = match (&old.multi, &new.multi) {
                (None, None) => true,
                (Some(a), Some(b)) => a.sequential == b.sequential && a.item == b.item,
                _ => false,
            };
            if !same {
                return Err(Why::Many);
            }
            let waits = matches!(old.kind, NodeKind::Parallel | NodeKind::Inclusive(_));
            if waits && self.flow(&t.via).is_none() {
                return Err(Why::Join);
            }
            Ok(())
        });
        if let Err(why) = found {
            self.object(why, &t.node);
        }
    }

    /// An awaited event must still hang where its owner stands.
    fn event(&mut self, s: &State, owner: u32, event: &str) {
        let token = s.work(owner).map_or(owner, |w| w.token);
        let Some(here) = s.token(token).map(|t| self.id(&t.node)) else {
            return;
        };
        let found = match self.pair(event) {
            Err(Why::Gone) => Err(Why::Event),
            Err(why) => Err(why),
            Ok((_, new)) => {
                let there = match &new.kind {
                    NodeKind::Boundary(b) => b.attached_to == here,
                    _ => {
                        let flows = new.incoming.iter().filter_map(|f| self.to.flows.get(f));
                        new.id == here || flows.into_iter().any(|f| f.source == here)
                    }
                };
                if there { Ok(()) } else { Err(Why::Event) }
            }
        };
        if let Err(why) = found {
            self.object(why, event);
        }
    }

    fn token(&self, t: &mut Token, kept: &BTreeSet<u32>) {
        t.node = self.id(&t.node);
        if !t.via.is_empty() {
            t.via = self.flow(&t.via).unwrap_or_default().to_string();
        }
        t.past.retain(|id| kept.contains(id));
    }

    /// A passed join is remembered while it looks the same; sending back into it would wait for ever otherwise.
    fn joined(&self, j: &Joined, kept: &BTreeSet<u32>) -> Option<Joined> {
        let mut j = j.clone();
        for t in &mut j.tokens {
            let (old, _) = self.pair(&t.node).ok()?;
            self.flow(&t.via)?;
            if !self.unchanged(old) {
                return None;
            }
            self.token(t, kept);
        }
        Some(j)
    }

    /// A join with the same ways in.
    fn unchanged(&self, old: &Node) -> bool {
        let ways: BTreeSet<String> = old.incoming.iter().cloned().collect();
        let new = self.to.nodes.get(&self.id(&old.id));
        new.is_some_and(|n| self.flows(&ways) == Some(n.incoming.iter().cloned().collect()))
    }

    /// The join of the old version that became this one.
    fn before(&self, join: &str) -> Option<&Node> {
        let was = |n: &&Node| self.id(&n.id) == join && n.kind == NodeKind::Parallel;
        self.from.nodes.values().find(was)
    }

    /// Ways into a join that a token at a node can still come by.
    fn ahead(d: &Definition, node: &str, join: &Node) -> BTreeSet<String> {
        let mut ways = d.reachable_flows(node, &join.id);
        ways.retain(|f| join.incoming.contains(f));
        ways
    }

    fn parallel_joins(&self, body: &str) -> Vec<&Node> {
        let all = self.to.nodes.values();
        all.filter(|n| n.body == body && n.kind == NodeKind::Parallel && n.incoming.len() > 1)
            .collect()
    }

    /// May a finished task be opened again? Not when it is gone, nor when it came to lie before a join of which it could
    /// serve only a part.
    fn may_return(&self, node: &str) -> bool {
        let Ok((old, new)) = self.pair(node) else {
            return false;
        };
        old.multi.is_some() == new.multi.is_some()
            && self.parallel_joins(&new.body).into_iter().all(|join| {
                let ways = Self::ahead(self.to, &new.id, join);
                ways.is_empty() || ways.len() == join.incoming.len() || self.same_view(node, join)
            })
    }

    /// A token at this node sees the same ways into the join as before.
    fn same_view(&self, node: &str, join: &Node) -> bool {
        self.before(&join.id).is_some_and(|old| {
            self.unchanged(old)
                && self.flows(&Self::ahead(self.from, node, old))
                    == Some(Self::ahead(self.to, &self.id(node), join))
        })
    }

    /// Every parallel join ahead must get a token by each way in, and no second one by any.
    fn joins(&mut self, s: &State) {
        let mut bad = Vec::new();
        let scopes = std::iter::once((0, self.from.id.as_str()))
            .chain(s.scopes.iter().map(|x| (x.id, x.body.as_str())));
        for (scope, body) in scopes {
            let here: Vec<&Token> = s.tokens.iter().filter(|t| t.scope == scope).collect();
            let mut standing: Vec<Standing> = here
                .iter()
                .filter_map(|t| {
                    let (_, new) = self.pair(&t.node).ok()?;
                    let waits = match new.kind {
                        NodeKind::Parallel => Some(self.flow(&t.via)?.to_string()),
                        _ => None,
                    };
                    Some(Standing {
                        node: new.id.clone(),
                        waits,
                    })
                })
                .collect();
            let joins = self.parallel_joins(&self.id(body));
            let mut open = joins.clone();
            // An inner join makes one token of several before an outer one counts them.
            while let Some(pos) = open.iter().position(|j| Self::merge(self.to, j, &mut standing)) {
                open.remove(pos);
            }
            for join in open {
                let whole = standing.iter().all(|t| {
                    let ways = Self::ways(self.to, t, join);
                    ways.is_empty() || (t.node != join.id && ways.len() == join.incoming.len())
                });
                // As it was, for tokens that see it as they did: what could end before still can.
                let as_before = here.iter().all(|t| {
                    if self.id(&t.node) == join.id {
                        self.before(&join.id).is_some_and(|old| self.unchanged(old))
                    } else {
                        self.same_view(&t.node, join)
                    }
                });
                if !whole && !as_before {
                    let old = self.before(&join.id).map_or(&join.id, |n| &n.id);
                    bad.push(old.clone());
                }
            }
        }
        for node in bad {
            self.object(Why::Join, &node);
        }
    }

    fn ways(d: &Definition, t: &Standing, join: &Node) -> BTreeSet<String> {
        match &t.waits {
            Some(via) if t.node == join.id => BTreeSet::from([via.clone()]),
            _ => Self::ahead(d, &t.node, join),
        }
    }

    /// Lets a join pass when tokens share its ways in among them, each way for one of them.
    fn merge(d: &Definition, join: &Node, standing: &mut Vec<Standing>) -> bool {
        let ways: Vec<BTreeSet<String>> = standing.iter().map(|t| Self::ways(d, t, join)).collect();
        let counted: usize = ways.iter().map(BTreeSet::len).sum();
        let covered: BTreeSet<&String> = ways.iter().flatten().collect();
        let several = ways.iter().filter(|w| !w.is_empty()).count() > 1;
        if !several || counted != covered.len() || covered.len() != join.incoming.len() {
            return false;
        }
        let mut empty = ways.iter().map(BTreeSet::is_empty);
        standing.retain(|_| empty.next().unwrap_or(true));
        standing.push(Standing {
            node: join.id.clone(),
            waits: None,
        });
        true
    }
}
