//! JSON in which an object names each member once: two readers of a repeated name may see two values.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Seed.deserialize(deserializer).map(Strict)
    }
}

struct Seed;

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON with unique member names")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = seq.next_element_seed(Seed)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Seed)?;
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is named twice"));
            }
        }
        Ok(Value::Object(all))
    }
}

/// The object in `bytes`; `None` when it is no JSON object, names a member twice at any depth, or is followed by
/// anything but white space.
pub(crate) fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice::<Strict>(bytes).ok()?.0 {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// A NumericDate (RFC 7519 §2) in whole seconds; fractions are cut off.
pub(crate) fn date(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let seconds = value.as_f64()?;
        // Beyond 2^53 a double no longer counts seconds; no date is there.
        (seconds.abs() < 9_007_199_254_740_992.0).then_some(seconds as i64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_unique_at_any_depth() {
        assert_eq!(
            object(br#" {"a":[1,-2,1.5,"x",null,true,{"b":{}}]} "#).map(Value::Object),
            Some(json!({"a": [1, -2, 1.5, "x", null, true, {"b": {}}]}))
        );
        for bad in [
            &br#"{"a":1,"a":1}"#[..],
            br#"{"x":[{"a":1,"\u0061":2}]}"#,
            b"[]",
            b"1",
            b"",
            b"{}{}",
            b"{\"a\":\"\xff\"}",
        ] {
            assert_eq!(object(bad), None, "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(object("{\"a\":".repeat(10_000).as_bytes()), None);
    }

    #[test]
    fn dates_are_seconds() {
        assert_eq!(date(&json!(12)), Some(12));
        assert_eq!(date(&json!(12.9)), Some(12));
        for bad in [json!(1e300), json!("12"), json!(null), json!(u64::MAX)] {
            assert_eq!(date(&bad), None, "{bad}");
        }
    }
}
