//! Process (流程): a BPMN 2.0 engine as a pure function. `step(definition, state, command) → effects`; nothing here reads
//! a clock, a database or a file, so replaying a case's commands always gives the same state.
//!
//! - [`Definition`]: parsed from the standard's XML, checked before it may run ([`Definition::deploy_check`])
//! - [`State`]: tokens and work items, serialised with the case
//! - [`Command`]: what people and timers do; administrative idioms (补正 correction, 退回 send-back, 挂起计时 suspension)
//!   are commands of the engine, so no model draws them
//! - [`Effect`]: what the runtime must do in the same transaction
//!
//! Elements: start and end events, user, service and business-rule tasks, exclusive and parallel gateways, boundary
//! timers (interrupting and not).

mod model;
mod parse;
mod state;

pub use model::{Definition, Flow, Node, NodeKind, Shape, Timer};
pub use state::{Command, Effect, Environment, Reject, State, Token, Work, WorkStatus};

/// Why a model cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("process model, byte {at}: {message}")]
pub struct ModelError {
    /// Byte offset in the XML; 0 when the model as a whole is meant.
    pub at: usize,
    pub message: String,
}
