//! Who calls, and in which words and form every request is answered.
//!
//! - [`answer`]: refusals as errors of SCIM, answers as responses
//! - [`web`]: the way of every request; discovery

pub(crate) mod answer;
pub(crate) mod web;
