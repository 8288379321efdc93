//! The protocol of a SCIM 2.0 service provider (RFC 7643, RFC 7644): what a request asks for, what a resource becomes, what
//! is answered.
//!
//! Pure functions on JSON. A resource in *canonical* form ([`document::read`]) has its attributes under the names of its
//! schema, values of the schema's types, no unknown and no empty members; [`filter`], [`patch`], [`project`] and [`order`]
//! take and give that form. Who may do what, and where resources are kept, is the caller's.
//!
//! Own code, because no library was convincing (looked at in November 2026): `scim-filter` has not changed since January
//! 2024, compares without regard to the types and case rules of a schema, has neither value paths nor limits for length and depth, and
//! brings nom 7 and rust_decimal; the others on crates.io are models for serde without filters or PATCH. What common
//! directories send beside the standard (`"op":"Replace"`, `"active":"False"`, dotted names in an object without path,
//! members to remove given as value) is accepted and tested.

pub mod document;
pub mod etag;
pub mod filter;
pub mod message;
pub mod order;
pub mod patch;
pub mod path;
pub mod project;
pub mod resources;
pub mod schema;

pub use filter::Filter;
pub use message::{Error, ScimType};
pub use path::{AttrPath, Path};

/// The media type of every body.
pub const MEDIA: &str = "application/scim+json";
/// Most characters of a filter or path.
pub const MAX_FILTER: usize = 2000;
/// Deepest nesting of a filter.
pub const MAX_DEPTH: usize = 12;
/// Most comparisons in one filter.
pub const MAX_TERMS: usize = 100;
/// Most operations in one PATCH.
pub const MAX_OPERATIONS: usize = 200;
/// Most values of one attribute.
pub const MAX_VALUES: usize = 2000;
/// Most resources in one answer.
pub const MAX_RESULTS: usize = 200;
