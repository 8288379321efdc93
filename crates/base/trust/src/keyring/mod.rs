//! Data keys under the master key, and their rotation (ADR 0009).

pub(crate) mod model;
pub(crate) mod reseal;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;

pub(crate) use model::DataKey;

use kernel::Table;
use kernel::module::{FactType, JobKind, Watch};

/// Rows that facts cover. The sealed half is covered by its own authentication.
pub(crate) static DATA_KEY: Table = Table {
    name: "trust_data_key",
    columns: &["id", "purpose", "version", "state", "created_at", "retired_at"],
};

pub(crate) const PERMISSION: &str = "trust.keys.rotate";

pub(crate) fn facts() -> Vec<FactType> {
    let fact = |name, why| FactType {
        name,
        unconsumed: Some(why),
    };
    vec![
        fact("trust.data-key.made", "a watch: every node loads the new key"),
        fact("trust.data-key.retired", "a watch: every node forgets the key"),
        fact("trust.master.changed", "audit only"),
        fact(
            "trust.rows.resealed",
            "audit only: the hash of a row covers its sealed words",
        ),
    ]
}

pub(crate) fn job() -> JobKind {
    JobKind {
        name: service::JOB,
        run: |ctx, payload| kernel::module::boxed(reseal::run(ctx, payload)),
        every: None,
    }
}

pub(crate) fn watch() -> Watch {
    Watch {
        facts: &["trust.data-key.made", "trust.data-key.retired"],
        run: |ctx| kernel::module::boxed(service::refresh(ctx)),
    }
}
