//! CBOR (RFC 8949) within bounds: limited size and depth, no key twice.

use ciborium::Value;

/// Deepest nesting; what CTAP 2 sends has four levels.
const DEPTH: usize = 8;

/// A map whose keys differ.
pub(crate) struct Map(Vec<(Value, Value)>);

impl Map {
    pub(crate) fn of(value: Value) -> Option<Map> {
        let Value::Map(entries) = value else {
            return None;
        };
        let twice = entries
            .iter()
            .enumerate()
            .any(|(n, (key, _))| entries[..n].iter().any(|(before, _)| before == key));
        // Thirty-two entries are more than any structure of WebAuthn has, and keep that comparison short.
        (entries.len() <= 32 && !twice).then_some(Map(entries))
    }
    fn at(&self, key: &Value) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }
    pub(crate) fn text(&self, key: &str) -> Option<&Value> {
        self.at(&Value::from(key))
    }
    pub(crate) fn number(&self, key: i64) -> Option<&Value> {
        self.at(&Value::from(key))
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The first item of some bytes, and the rest of them.
pub(crate) fn first(bytes: &[u8]) -> Option<(Value, &[u8])> {
    if bytes.len() > crate::MOST {
        return None;
    }
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH).ok()?;
    Some((value, rest))
}

/// The one map that some bytes are.
pub(crate) fn map(bytes: &[u8]) -> Option<Map> {
    let (value, rest) = first(bytes)?;
    if rest.is_empty() { Map::of(value) } else { None }
}

pub(crate) fn integer(value: &Value) -> Option<i64> {
    i64::try_from(value.as_integer()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_long_and_doubled_items() {
        for byte in [0x81, 0x9f, 0xa1, 0xbf, 0xc0, 0xd8, 0x5f, 0x7f] {
            assert!(first(&vec![byte; crate::MOST]).is_none(), "{byte:x}");
        }
        // Lengths of many gigabytes that never come.
        for head in [0x5b, 0x7b, 0x9b, 0xbb] {
            let mut bytes = vec![head, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff];
            bytes.extend([0; 64]);
            assert!(first(&bytes).is_none(), "{head:x}");
        }
        assert!(map(&[0xa2, 1, 2, 1, 3]).is_none());
        assert!(map(&[0xa1, 1, 2, 0]).is_none());
        assert_eq!(map(&[0xa1, 1, 2]).unwrap().number(1).and_then(integer), Some(2));
        assert!(map(&[]).is_none());
    }
}
