//! Process (流程): a BPMN 2.0 engine as a pure function. `step(definition, state, command) → effects`; nothing here reads
//! a clock, a database or a file, so replaying a case's commands always gives the same state.
//!
//! - [`Document`]: a file of the standard, read whole and written again whole
//! - [`Definition`]: what it runs, checked before it may ([`Definition::deploy_check`])
//! - [`State`]: tokens and work items, serialised with the case
//! - [`Command`]: what people and timers do; the idioms of the administration (补正 退回 撤回 加签 会签 转办 委托 催办
//!   容缺受理 告知承诺 挂起计时 特别程序 延长) are commands of the engine, so no model draws them
//! - [`Effect`]: what the runtime must do in the same transaction
//! - [`Definition::migrate`]: a running case goes on by another version of its model
//!
//! Elements: start (plain, message) and end events (plain, terminate, error, message); user, service, business-rule, send
//! and receive tasks; exclusive, inclusive, parallel and event-based gateways; intermediate timer and message events;
//! timers, messages and errors on the border of an activity, interrupting or not; sub-processes, call activities, and
//! many instances of an activity, in a row or side by side. Anything else is refused by name.

mod check;
mod document;
mod idiom;
mod migrate;
mod model;
mod run;
mod state;
mod xml;

pub use document::{Document, Item};
pub use migrate::{Obstacle, Why};
pub use model::{
    Boundary, BoundaryEvent, Definition, Due, Ending, Flow, Multi, Node, NodeKind, Shape, Trigger,
};
pub use state::{
    Command, Effect, Environment, Joined, Many, Order, Reject, SPECIAL, Scope, State, Token, Work, WorkStatus,
};

/// Why a model cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("process model, byte {at}: {message}")]
pub struct ModelError {
    /// Byte offset in the XML; 0 when the model as a whole is meant.
    pub at: usize,
    pub message: String,
}
