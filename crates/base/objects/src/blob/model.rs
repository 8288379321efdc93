//! Names and states.

/// Before the key in a column; Base64 has no colon, so a content that stayed in its column never looks so.
pub(crate) const MARK: &str = "object:";

/// How long a content may wait for its row before the sweep takes it for abandoned, in milliseconds.
pub(crate) const PATIENCE: i64 = 24 * 3_600_000;

/// The store's key of a place such as `cases_material.content:ID`: `cases_material/content/ID`.
pub(crate) fn key(place: &str) -> String {
    place.replace(['.', ':'], "/")
}

/// How many contents and bytes are in a state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sum {
    pub state: String,
    pub count: i64,
    pub bytes: i64,
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_key_is_a_path() {
        let id = "0190d3c5-0000-7000-8000-000000000001";
        assert_eq!(
            super::key(&format!("cases_material.content:{id}")),
            format!("cases_material/content/{id}")
        );
    }
}
