//! Data keys, and what a declared column holds.

use crate::crypto::seal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::module::{Sealed, SealedForm};
use kernel::{Fault, Value};

/// One row of the table of keys.
#[derive(Clone)]
pub(crate) struct DataKey {
    pub purpose: String,
    /// From 1; of `column`, 0 is the master key itself.
    pub version: u32,
    /// Hex digits of the key, sealed under the master key; zeros once it is retired.
    pub sealed: Vec<u8>,
    /// `live` or `retired`.
    pub state: String,
    pub created_at: i64,
    pub retired_at: Option<i64>,
}

impl DataKey {
    pub fn id(&self) -> String {
        format!("{}-{}", self.purpose, self.version)
    }
    /// The place under which the key is sealed.
    pub fn place(&self) -> String {
        format!("trust_data_key.sealed:{}", self.id())
    }
    pub fn live(&self) -> bool {
        self.state == "live"
    }
}

/// A rotation as page and command line show it.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Rotation {
    pub id: String,
    pub version: u32,
    /// `running`, `settling` or `done`.
    pub state: String,
    pub started_at: i64,
    pub finished_at: Option<i64>,
}

/// How far one column is.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Part {
    /// `table.column`, with the row's key where it is one row only.
    pub part: String,
    pub total: i64,
    pub done: i64,
    pub resealed: i64,
    #[serde(skip)]
    pub reached: Option<String>,
    pub last_error: Option<String>,
    pub finished_at: Option<i64>,
}

const MARK: &str = "sealed:";

/// The name of a declared column among the parts of a rotation.
pub(crate) fn name(c: &Sealed) -> String {
    let only = c.only.map(|(_, v)| format!(":{v}")).unwrap_or_default();
    format!("{}.{}{only}", c.table, c.column)
}

/// How many bytes or characters of a value tell its version.
pub(crate) fn head(form: SealedForm) -> usize {
    match form {
        SealedForm::Bytes => seal::PREFIX,
        SealedForm::Words => MARK.len() + seal::PREFIX / 3 * 4,
        SealedForm::Hex => seal::PREFIX * 2,
    }
}

/// The version that a value, or its head, asks for; `None` when nothing is sealed here.
pub(crate) fn version(form: SealedForm, value: &Value) -> Option<u32> {
    match (form, value) {
        (SealedForm::Bytes, Value::Bytes(b)) => seal::version(b),
        (SealedForm::Words, Value::Text(t)) => {
            let text = t.strip_prefix(MARK)?.as_bytes();
            seal::version(&STANDARD.decode(text.get(..seal::PREFIX / 3 * 4)?).ok()?)
        }
        (SealedForm::Hex, Value::Text(t)) => {
            seal::version(&hex::decode(t.as_bytes().get(..seal::PREFIX * 2)?).ok()?)
        }
        _ => None,
    }
}

/// The envelope in a value.
pub(crate) fn envelope(form: SealedForm, value: &Value) -> Result<Vec<u8>, Fault> {
    let wrong = || Fault::new("a sealed column does not hold what it is declared to hold");
    match (form, value) {
        (SealedForm::Bytes, Value::Bytes(b)) => Ok(b.clone()),
        (SealedForm::Words, Value::Text(t)) => {
            let text = t.strip_prefix(MARK).ok_or_else(wrong)?;
            STANDARD.decode(text).map_err(|_| wrong())
        }
        (SealedForm::Hex, Value::Text(t)) => hex::decode(t).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// The value that holds an envelope.
pub(crate) fn value(form: SealedForm, envelope: Vec<u8>) -> Value {
    match form {
        SealedForm::Bytes => Value::Bytes(envelope),
        SealedForm::Words => Value::Text(format!("{MARK}{}", STANDARD.encode(envelope))),
        SealedForm::Hex => Value::Text(hex::encode(envelope)),
    }
}

/// The place of a row's value; `key` in the order of the declared columns.
pub(crate) fn place(c: &Sealed, key: &[Value]) -> String {
    let mut place = String::new();
    let mut rest = c.place;
    // One pass, so that braces inside of a value stay what they are.
    while let Some((before, after)) = rest.split_once('{') {
        let (column, after) = after.split_once('}').unwrap_or((after, ""));
        place.push_str(before);
        match c.key.iter().zip(key).find(|(k, _)| **k == column) {
            Some((_, Value::Text(t))) => place.push_str(t),
            Some((_, Value::Int(n))) => place.push_str(&n.to_string()),
            _ => {}
        }
        rest = after;
    }
    place + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn places_take_their_keys_once() {
        let c = Sealed::bytes("t", &["a", "n"], "c", "t.c:{a}/{n}");
        let key = [Value::Text("{n}".into()), Value::Int(7)];
        assert_eq!(place(&c, &key), "t.c:{n}/7");
    }

    proptest! {
        #[test]
        fn an_envelope_says_its_version_in_every_form(
            version in 1u32.., key: [u8; 32], plain: Vec<u8>, at in ".{0,20}", flip in 0usize..4096,
        ) {
            let mut rng = |b: &mut [u8]| b.fill(9);
            let new = seal::seal_under(&key, version, at.as_bytes(), &plain, &mut rng).unwrap();
            let old = seal::seal(&key, at.as_bytes(), &plain, &mut rng).unwrap();
            prop_assert_eq!(seal::version(&new), Some(version));
            prop_assert_eq!(seal::version(&old), Some(0));
            for form in [SealedForm::Bytes, SealedForm::Words, SealedForm::Hex] {
                for (bytes, wanted) in [(&new, version), (&old, 0)] {
                    let v = value(form, bytes.clone());
                    prop_assert_eq!(super::version(form, &v), Some(wanted));
                    prop_assert_eq!(&envelope(form, &v).unwrap(), bytes);
                    let short = match v {
                        Value::Text(t) => Value::Text(t[..head(form)].into()),
                        Value::Bytes(b) => Value::Bytes(b[..head(form)].into()),
                        other => other,
                    };
                    prop_assert_eq!(super::version(form, &short), Some(wanted));
                }
            }
            prop_assert_eq!(seal::open_under(&key, at.as_bytes(), &new).unwrap(), plain.clone());
            prop_assert_eq!(seal::open(&key, at.as_bytes(), &old).unwrap(), plain);
            // Neither format opens as the other, and no altered byte passes, the prefix included.
            prop_assert!(seal::open(&key, at.as_bytes(), &new).is_err());
            prop_assert!(seal::open_under(&key, at.as_bytes(), &old).is_err());
            let mut altered = new.clone();
            let i = flip % altered.len();
            altered[i] ^= 1;
            prop_assert!(seal::open_under(&key, at.as_bytes(), &altered).is_err());
        }
    }
}
