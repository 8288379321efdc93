//! The certificate authority (数字证书认证) of this instance: a root and an issuing authority for each algorithm, requests,
//! the register, revocation lists, OCSP, time-stamps. The ceremony stands in docs/guides/certificate-authority.md.

mod model;
pub(crate) mod service;
mod store;
pub(crate) mod web;

use kernel::Table;
pub use model::Use;

pub(crate) static CERTIFICATE: Table = Table {
    name: "trust_certificate",
    columns: &[
        "serial",
        "algorithm",
        "issuer",
        "profile",
        "cn",
        "o",
        "holder",
        "key_hash",
        "not_before",
        "not_after",
        "reason",
        "revoked_at",
        "request",
        "replaces",
        "version",
        "issued_at",
    ],
};
pub(crate) static REQUEST: Table = Table {
    name: "trust_request",
    columns: &[
        "id",
        "profile",
        "algorithm",
        "cn",
        "o",
        "names",
        "reason",
        "key_hash",
        "state",
        "asked_by",
        "decided_by",
        "opinion",
        "serial",
        "replaces",
        "version",
        "created_at",
        "decided_at",
    ],
};
