//! Parameters of a query or of a form body (application/x-www-form-urlencoded), each at most once.

use crate::error::{Code, OAuthError, err};

/// Longest query or body read, in bytes; a signed assertion of [`crate::jose::MAX_JWS`] fits with room to spare.
pub const MAX_FORM: usize = 65_536;
/// Most parameters read.
pub const MAX_PARAMS: usize = 100;

/// Parameters by name. A repeated one has no value: RFC 6749 §3.1 forbids it, and choosing one of two is how
/// filters and servers come to disagree. One without a value counts as omitted (same section).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
    repeated: Vec<String>,
}

impl Params {
    /// Reads the raw text after `?`, or a raw body.
    ///
    /// # Errors
    /// `invalid_request` for text too long, too many parameters, broken percent escapes, text that is not UTF-8
    /// and NUL characters. A repeated parameter is no error here; see [`Params::once`].
    pub fn parse(raw: &str) -> Result<Self, OAuthError> {
        if raw.len() > MAX_FORM {
            return Err(err(Code::InvalidRequest, "the request is too long"));
        }
        let mut read = Self::default();
        for (n, pair) in raw.split('&').filter(|p| !p.is_empty()).enumerate() {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value), true) = (decode(name), decode(value), n < MAX_PARAMS) else {
                return Err(err(
                    Code::InvalidRequest,
                    "the parameters are malformed or too many",
                ));
            };
            if read.repeated.contains(&name) {
                continue;
            }
            if let Some(at) = read.pairs.iter().position(|(known, _)| *known == name) {
                read.pairs.remove(at);
                read.repeated.push(name);
            } else {
                read.pairs.push((name, value));
            }
        }
        read.pairs.retain(|(_, value)| !value.is_empty());
        Ok(read)
    }

    /// The value of a parameter that stands there once and is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a parameter stands there more than once.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.repeated.iter().any(|known| known == name)
    }

    /// Refuses a request with any repeated parameter.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn once(&self) -> Result<(), OAuthError> {
        if self.repeated.is_empty() {
            Ok(())
        } else {
            Err(err(Code::InvalidRequest, "a parameter is repeated"))
        }
    }

    /// The value of a parameter that must be there.
    pub(crate) fn need(&self, name: &str, why: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or(err(Code::InvalidRequest, why))
    }
}

/// Decodes one name or value: `+` is a space and `%XX` a byte; `None` for broken escapes, other than UTF-8, or NUL.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Writes parameters in the same encoding.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// Members of a list divided by single spaces (scope, prompt, acr_values), each once, in order; runs of spaces are
/// forgiven.
pub(crate) fn list(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        if !all.iter().any(|known| known == word) {
            all.push(word.to_string());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_once() {
        let params = Params::parse("a=1+2%2B%25&b=&c&&d=%E5%B8%82=x").unwrap();
        assert_eq!(params.get("a"), Some("1 2+%"));
        assert_eq!((params.get("b"), params.get("c")), (None, None));
        assert_eq!(params.get("d"), Some("市=x"));
        assert_eq!(params.once(), Ok(()));
    }

    #[test]
    fn a_repeated_parameter_has_no_value() {
        for raw in ["a=1&a=1", "a=1&%61=2", "a=&a=1", "a=1&a=2&a=3"] {
            let params = Params::parse(raw).unwrap();
            assert_eq!(params.get("a"), None, "{raw}");
            assert!(params.is_repeated("a") && params.once().is_err(), "{raw}");
        }
    }

    #[test]
    fn malformed_text_is_refused() {
        let long = "a".repeat(MAX_FORM + 1);
        let many = (0..=MAX_PARAMS).map(|n| format!("p{n}=1&")).collect::<String>();
        for raw in [
            "a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff", "%c3%28=1", "a=%00", &long, &many,
        ] {
            assert!(Params::parse(raw).is_err(), "{raw}");
        }
    }
}
