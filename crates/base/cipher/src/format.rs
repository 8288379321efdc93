//! Ciphertexts that say under which key and version they were made, so that decryption needs no other record of it.
//!
//! `yw1:` + key id (32 hex digits) + `:` + version + `:` + base64url(nonce ‖ ciphertext ‖ tag)
//! `ywa1:` + key id + `:` + version + `:` + base64url(SM2 cipher in DER) + `.` + base64url(nonce ‖ ciphertext ‖ tag of SM4-GCM)
//! `ywe1:` + the same of the wrapped data key + `.` + base64url(nonce ‖ ciphertext ‖ tag under the data key)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;

const MARK: &str = "yw1:";
const ENVELOPE: &str = "ywe1:";

/// A ciphertext taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub key: String,
    pub version: i64,
    /// nonce ‖ ciphertext ‖ tag
    pub body: Vec<u8>,
}

impl Sealed {
    pub(crate) fn text(&self) -> String {
        format!("{MARK}{}:{}:{}", self.key, self.version, B64.encode(&self.body))
    }
    pub(crate) fn parse(text: &str) -> Option<Sealed> {
        let (key, rest) = text.strip_prefix(MARK)?.split_once(':')?;
        let (version, body) = rest.split_once(':')?;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        // One number has one spelling, so that one ciphertext has one.
        let number: i64 = version.parse().ok()?;
        if key.len() != 32 || !key.bytes().all(hex) || number < 1 || number.to_string() != version {
            return None;
        }
        Some(Sealed {
            key: key.into(),
            version: number,
            body: B64.decode(body).ok()?,
        })
    }
}

/// Data encrypted under a data key that is wrapped by a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub wrapped: Sealed,
    pub body: Vec<u8>,
}

impl Envelope {
    pub(crate) fn text(&self) -> String {
        format!("{ENVELOPE}{}.{}", self.wrapped.text(), B64.encode(&self.body))
    }
    pub(crate) fn parse(text: &str) -> Option<Envelope> {
        let (wrapped, body) = text.strip_prefix(ENVELOPE)?.split_once('.')?;
        Some(Envelope {
            wrapped: Sealed::parse(wrapped)?,
            body: B64.decode(body).ok()?,
        })
    }
}

const ASYMMETRIC: &str = "ywa1:";

/// Data encrypted under an SM4 key that is encrypted to a public key. Anybody can make one with the public half alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub wrapped: Sealed,
    pub body: Vec<u8>,
}

impl Open {
    fn head(wrapped: &Sealed) -> String {
        wrapped.text().replacen(MARK, ASYMMETRIC, 1)
    }
    /// What the text is bound to: everything before the dot, and the context behind another.
    pub(crate) fn bound(wrapped: &Sealed, context: &str) -> Vec<u8> {
        let mut out = Self::head(wrapped);
        if !context.is_empty() {
            out.push('.');
            out.push_str(context);
        }
        out.into_bytes()
    }
    pub(crate) fn text(&self) -> String {
        format!("{}.{}", Self::head(&self.wrapped), B64.encode(&self.body))
    }
    pub(crate) fn parse(text: &str) -> Option<Open> {
        let (wrapped, body) = text.strip_prefix(ASYMMETRIC)?.split_once('.')?;
        Some(Open {
            wrapped: Sealed::parse(&format!("{MARK}{wrapped}"))?,
            body: B64.decode(body).ok()?,
        })
    }
}

/// What a ciphertext is good for; part of what it is bound to, so that a wrapped data key never decrypts as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Data,
    DataKey,
    Envelope,
}

/// What a ciphertext is bound to: its use, the key by id and alias, the version, the caller's context. Every part is
/// preceded by its length, so that no two lists of parts give the same bytes.
pub(crate) fn bound(what: Use, key: &str, alias: &str, version: i64, context: &str) -> Vec<u8> {
    let what = match what {
        Use::Data => "yw1 data",
        Use::DataKey => "yw1 data-key",
        Use::Envelope => "yw1 envelope",
    };
    let version = version.to_string();
    let mut out = Vec::new();
    for part in [what, key, alias, &version, context] {
        out.extend((part.len() as u64).to_be_bytes());
        out.extend(part.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_strange_ones_do_not() {
        let sealed = Sealed {
            key: "0".repeat(31) + "f",
            version: 12,
            body: vec![1, 2, 255],
        };
        assert_eq!(Sealed::parse(&sealed.text()), Some(sealed.clone()));
        let envelope = Envelope {
            wrapped: sealed.clone(),
            body: vec![],
        };
        assert_eq!(Envelope::parse(&envelope.text()), Some(envelope.clone()));
        let text = sealed.text();
        for strange in [
            String::new(),
            text.replace("yw1", "yw2"),
            text.replace(":12:", ":012:"),
            text.replace(":12:", ":+12:"),
            text.replace(":12:", ":0:"),
            text.replace(":12:", ":-1:"),
            text.replace(":12:", ":99999999999999999999:"),
            text.replace('f', "F"),
            text.clone() + "=",
            text.clone() + " ",
            envelope.text(),
        ] {
            assert_eq!(Sealed::parse(&strange), None, "{strange}");
        }
        assert_eq!(Envelope::parse(&text), None);
        let open = Open {
            wrapped: sealed.clone(),
            body: vec![9],
        };
        assert_eq!(Open::parse(&open.text()), Some(open.clone()));
        assert!(open.text().starts_with("ywa1:000") && Open::parse(&envelope.text()).is_none());
        assert_eq!(Open::parse(&open.text().replace("ywa1:", "ywa1:yw1:")), None);
        assert_ne!(Open::bound(&sealed, ""), Open::bound(&sealed, "c"));
    }

    #[test]
    fn parts_do_not_run_together() {
        let of = |alias, context| bound(Use::Data, "k", alias, 1, context);
        assert_ne!(of("a/b", "c"), of("a/", "bc"));
        assert_ne!(of("a/b", ""), bound(Use::DataKey, "k", "a/b", 1, ""));
        assert_ne!(of("a/b", ""), bound(Use::Data, "k", "a/b", 2, ""));
    }
}
