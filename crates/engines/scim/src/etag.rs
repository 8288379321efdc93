//! Versions of resources as entity tags (RFC 7644 §3.14).

/// The weak tag of a version, which is made of letters, digits, dots and dashes.
pub fn tag(version: &str) -> String {
    format!("W/\"{version}\"")
}

/// Whether one of the tags of an `If-Match` or `If-None-Match` header is this version's, or `*`. Tags are compared weakly, as the
/// versions of SCIM are weak.
pub fn names(header: &str, version: &str) -> bool {
    header.split(',').map(str::trim).any(|one| {
        let bare = one.strip_prefix("W/").unwrap_or(one);
        one == "*" || bare == format!("\"{version}\"")
    })
}
