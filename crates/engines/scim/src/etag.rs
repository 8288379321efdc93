//! Versions of resources as entity tags (RFC 7644 §3.14).

/// The weak tag of a version.
pub fn tag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// Whether one of the tags of an `If-Match` or `If-None-Match` header is this version's, or `*`. Tags are compared weakly, as the
/// versions of SCIM are weak.
pub fn names(header: &str, version: i64) -> bool {
    header.split(',').map(str::trim).any(|one| {
        let bare = one.strip_prefix("W/").unwrap_or(one);
        one == "*" || bare == format!("\"{version}\"")
    })
}
