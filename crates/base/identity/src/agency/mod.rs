//! Who may act for whom (法人、经办人、监护): legal representatives, managers and agents of a firm, guardians of a child or dependant.
//!
//! One row a power, with scope (verbs, matters) and term. Each request finds the power behind its session anew and puts it into
//! [`kernel::Actor::mandate`]; without one in force the actor acts for nobody. [`crate::policy`] holds the mandate against every
//! row that belongs to whom the actor acts for: the policies see it as `context.scope`, lists as terms of [`kernel::Scope`].

pub(crate) mod guard;
pub(crate) mod matters;
pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod watch;
pub(crate) mod web;
