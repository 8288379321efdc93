//! Signed notes with Ed25519, C2SP signed-note.

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// Signature type of Ed25519 in the specification.
const ED25519: u8 = 1;

/// Most signatures read from one note; the specification asks for a limit of at least sixteen.
const MAX_SIGNATURES: usize = 64;

/// A public key under the name that notes are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    /// Non-empty, without white space and plus signs.
    pub name: String,
    /// The Ed25519 public key.
    pub key: VerifyingKey,
}

/// The key that a reader trusts.
pub type NoteVerifier = NoteKey;

/// Why a note or a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The verifier key is not `name+id+key`, or its id does not fit the key.
    #[error("the text is not a verifier key of an Ed25519 note")]
    Key,
    /// The note has no text, no blank line, or a malformed signature line.
    #[error("the text is not a signed note")]
    Form,
    /// No signature by the trusted key.
    #[error("the note is not signed by the trusted key")]
    Unsigned,
    /// A signature by the trusted key does not fit the text.
    #[error("the signature does not fit the text of the note")]
    Signature,
}

impl NoteKey {
    /// First four bytes of the hash over name and key.
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The verifier key `name+id+key`, with the id in hexadecimal and type and key in base64.
    pub fn to_text(&self) -> String {
        let key = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        format!(
            "{}+{}+{}",
            self.name,
            hex::encode(self.id()),
            STANDARD.encode(key)
        )
    }

    /// Reads a verifier key; white space around it is dropped, since keys are kept in files.
    ///
    /// # Errors
    /// `Key`.
    pub fn parse(text: &str) -> Result<NoteKey, NoteError> {
        let read = || {
            let (name, rest) = text.trim().split_once('+')?;
            let (id, key) = rest.split_once('+')?;
            let key = STANDARD.decode(key).ok()?;
            let key: [u8; 32] = key.strip_prefix(&[ED25519])?.try_into().ok()?;
            let key = NoteKey {
                name: name.to_string(),
                key: VerifyingKey::from_bytes(&key).ok()?,
            };
            let id_fits = hex::decode(id).ok()? == key.id();
            (name_ok(name) && id_fits && !key.key.is_weak()).then_some(key)
        };
        read().ok_or(NoteError::Key)
    }
}

/// The verifier key of `key` under `name`; see [`NoteKey::to_text`].
pub fn verifier_key(name: &str, key: &VerifyingKey) -> String {
    NoteKey {
        name: name.to_string(),
        key: *key,
    }
    .to_text()
}

fn name_ok(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// Signs `text` under `name` and returns the note.
///
/// A missing newline at the end of the text is added, as the format needs one. `name` must follow the rule
/// of [`NoteKey::name`], or no verifier key can name the signature.
pub fn sign_note(text: &str, key: &SigningKey, name: &str) -> String {
    let text = if text.ends_with('\n') {
        text.to_string()
    } else {
        format!("{text}\n")
    };
    let id = NoteKey {
        name: name.to_string(),
        key: key.verifying_key(),
    }
    .id();
    let signature = [id.as_slice(), key.sign(text.as_bytes()).to_bytes().as_slice()].concat();
    format!("{text}\n\u{2014} {name} {}\n", STANDARD.encode(signature))
}

/// The text of a note, newline included, when the trusted key signed it; other signatures are skipped.
///
/// # Errors
/// `Form`, `Unsigned` or `Signature`.
pub fn verify_note<'a>(note: &'a str, trusted: &NoteVerifier) -> Result<&'a str, NoteError> {
    if note.contains(|c: char| c < ' ' && c != '\n') {
        return Err(NoteError::Form);
    }
    let end = note.rfind("\n\n").ok_or(NoteError::Form)?;
    let text = note.get(..end + 1).ok_or(NoteError::Form)?;
    let signatures = note
        .get(end + 2..)
        .and_then(|s| s.strip_suffix('\n'))
        .ok_or(NoteError::Form)?;
    let mut signed = false;
    for (i, line) in signatures.split('\n').enumerate() {
        let (name, bytes) = signature_line(line)
            .filter(|_| i < MAX_SIGNATURES)
            .ok_or(NoteError::Form)?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or(NoteError::Form)?;
        if name != trusted.name || *id != trusted.id() {
            continue;
        }
        let signature = Signature::from_slice(signature).map_err(|_| NoteError::Signature)?;
        // The strict form leaves no second signature for the same text and no keys of small order.
        trusted
            .key
            .verify_strict(text.as_bytes(), &signature)
            .map_err(|_| NoteError::Signature)?;
        signed = true;
    }
    if signed {
        Ok(text)
    } else {
        Err(NoteError::Unsigned)
    }
}

/// Key name and signature bytes, the key id first, of one signature line.
fn signature_line(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(signature).ok()?;
    name_ok(name).then_some((name, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "yiwang.example/log";

    fn keys(seed: u8, name: &str) -> (SigningKey, NoteVerifier) {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let verifier = NoteKey {
            name: name.into(),
            key: key.verifying_key(),
        };
        (key, verifier)
    }

    #[test]
    fn a_published_verifier_key() {
        // The key of the Go checksum database.
        let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        let key = NoteKey::parse(text).unwrap();
        assert_eq!(
            (key.name.as_str(), hex::encode(key.id()).as_str()),
            ("sum.golang.org", "033de0ae")
        );
        assert_eq!(key.to_text(), text);
        assert_eq!(NoteKey::parse(&format!("{text}\n")), Ok(key));
        for bad in [
            "",
            "sum.golang.org",
            &text[1..],
            &text[..text.len() - 4],
            &text.replace("033de0ae", "033de0af"),
            &text.replace("+Ac4z", "+Bc4z"),
            &text.replace("sum.", "sum "),
        ] {
            assert_eq!(NoteKey::parse(bad), Err(NoteError::Key), "{bad}");
        }
    }

    #[test]
    fn round_trip() {
        let (key, verifier) = keys(1, NAME);
        let text = "第一行\n\nlast line\n";
        let note = sign_note(text, &key, NAME);
        assert!(note.starts_with("第一行\n\nlast line\n\n\u{2014} yiwang.example/log "));
        assert_eq!(verify_note(&note, &verifier), Ok(text));
        assert_eq!(
            verify_note(&note, &NoteKey::parse(&verifier.to_text()).unwrap()),
            Ok(text)
        );
        assert_eq!(verifier_key(NAME, &key.verifying_key()), verifier.to_text());
        assert_eq!(sign_note(text.trim_end(), &key, NAME), note);
    }

    #[test]
    fn other_signatures_are_skipped() {
        let (key, verifier) = keys(1, NAME);
        let (witness, other) = keys(2, "witness.example");
        let note = sign_note("text\n", &key, NAME);
        let both = format!(
            "{note}{}",
            sign_note("text\n", &witness, "witness.example").replace("text\n\n", "")
        );
        assert_eq!(verify_note(&both, &verifier), Ok("text\n"));
        assert_eq!(verify_note(&both, &other), Ok("text\n"));
        assert_eq!(verify_note(&note, &other), Err(NoteError::Unsigned));
        // Same name, other key; same key, other name.
        assert_eq!(verify_note(&note, &keys(2, NAME).1), Err(NoteError::Unsigned));
        assert_eq!(
            verify_note(&note, &keys(1, "another").1),
            Err(NoteError::Unsigned)
        );
    }

    #[test]
    fn tampering_is_refused() {
        let (key, verifier) = keys(1, NAME);
        let note = sign_note("size\n12\n", &key, NAME);
        assert_eq!(
            verify_note(&note.replace("12", "13"), &verifier),
            Err(NoteError::Signature)
        );
        let forged = sign_note("size\n12\n", &keys(2, NAME).0, NAME);
        let relabelled = {
            let (head, line) = forged.rsplit_once(' ').unwrap();
            let mut bytes = STANDARD.decode(line.trim_end()).unwrap();
            bytes[..4].copy_from_slice(&verifier.id());
            format!("{head} {}\n", STANDARD.encode(bytes))
        };
        assert_eq!(verify_note(&relabelled, &verifier), Err(NoteError::Signature));
        // A broken signature by the trusted key spoils the note even beside a good one.
        let line = relabelled.rsplit_once("\n\n").unwrap().1;
        assert_eq!(
            verify_note(&format!("{note}{line}"), &verifier),
            Err(NoteError::Signature)
        );
    }

    #[test]
    fn malformed_notes_are_refused() {
        let (key, verifier) = keys(1, NAME);
        let note = sign_note("text\n", &key, NAME);
        for bad in [
            String::new(),
            "text\n".into(),
            "text\n\n".into(),
            note.trim_end().into(),
            note.replace("\n\n", "\n"),
            note.replace('\u{2014}', "-"),
            note.replace("text", "te\txt"),
            format!("{note}\u{2014} x !\n"),
            format!("{note}\u{2014} x AAA=\n"),
            format!("{note}\u{2014}  AAAAAAAA\n"),
            format!("{note}\n"),
            format!("{note}{}", "\u{2014} x AAAAAAAA\n".repeat(64)),
        ] {
            assert_eq!(verify_note(&bad, &verifier), Err(NoteError::Form), "{bad:?}");
        }
    }
}
