//! Signed notes, C2SP signed-note, and the cosignatures of witnesses, C2SP tlog-cosignature.

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use sm2::dsa::signature::Verifier;

/// Signature types of the specifications: Ed25519 over the text, and over text and time as a witness signs.
const ED25519: &[u8] = &[1];
const COSIGNATURE: &[u8] = &[4];
/// SM2 has no byte there. 0xff is theirs for types without one, and asks for a longer name behind it; this name is ours
/// and is registered nowhere.
const SM2: &[u8] = b"\xffyiwang.sm2-sm3.v1";

/// The signer's identity of SM2 where none was agreed on (GM/T 0009).
const SM2_ID: &str = "1234567812345678";

/// Most signatures read from one note; the specification asks for a limit of at least sixteen.
const MAX_SIGNATURES: usize = 64;

/// A public key, by the kind of signature it checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// Ed25519 over the text.
    Ed25519(VerifyingKey),
    /// Ed25519 of a witness over the text and a time.
    Cosigner(VerifyingKey),
    /// SM2 with SM3 over the text, default identity: the uncompressed point. Signatures are DER.
    Sm2([u8; 65]),
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> Self {
        PublicKey::Ed25519(key)
    }
}

impl PublicKey {
    /// The type and the key as verifier keys and key ids hold them.
    fn encoded(&self) -> Vec<u8> {
        match self {
            PublicKey::Ed25519(key) => [ED25519, key.as_bytes()].concat(),
            PublicKey::Cosigner(key) => [COSIGNATURE, key.as_bytes()].concat(),
            PublicKey::Sm2(point) => [SM2, point].concat(),
        }
    }

    fn decode(bytes: &[u8]) -> Option<PublicKey> {
        if let Some(point) = bytes.strip_prefix(SM2) {
            sm2::dsa::VerifyingKey::from_sec1_bytes(SM2_ID, point).ok()?;
            return point.try_into().ok().map(PublicKey::Sm2);
        }
        let key = |bytes: &[u8]| {
            let key = VerifyingKey::from_bytes(bytes.try_into().ok()?).ok()?;
            (!key.is_weak()).then_some(key)
        };
        match bytes.strip_prefix(ED25519) {
            Some(rest) => key(rest).map(PublicKey::Ed25519),
            None => key(bytes.strip_prefix(COSIGNATURE)?).map(PublicKey::Cosigner),
        }
    }

    fn verify(&self, text: &str, signature: &[u8]) -> Option<()> {
        // The strict form leaves no second signature for the same text and no keys of small order.
        let strict = |key: &VerifyingKey, text: &[u8], signature: &[u8]| {
            key.verify_strict(text, &Signature::from_slice(signature).ok()?)
                .ok()
        };
        match self {
            PublicKey::Ed25519(key) => strict(key, text.as_bytes(), signature),
            PublicKey::Cosigner(key) => {
                let (time, signature) = signature.split_first_chunk()?;
                strict(
                    key,
                    cosigned(text, u64::from_be_bytes(*time)).as_bytes(),
                    signature,
                )
            }
            PublicKey::Sm2(point) => {
                let key = sm2::dsa::VerifyingKey::from_sec1_bytes(SM2_ID, point).ok()?;
                let signature = sm2::dsa::Signature::from_der(signature).ok()?;
                key.verify(text.as_bytes(), &signature).ok()
            }
        }
    }
}

/// A public key under the name that notes are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    /// Non-empty, without white space and plus signs.
    pub name: String,
    /// What checks the signature.
    pub key: PublicKey,
}

/// The key that a reader trusts.
pub type NoteVerifier = NoteKey;

/// Why a note or a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The verifier key is not `name+id+key`, or its id does not fit the key.
    #[error("the text is not a verifier key of a signed note")]
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
    /// First four bytes of the hash over name and key; SHA-256 for every kind of key, as the format asks.
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update(b"\n")
            .chain_update(self.key.encoded())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The verifier key `name+id+key`, with the id in hexadecimal and type and key in base64.
    pub fn to_text(&self) -> String {
        format!(
            "{}+{}+{}",
            self.name,
            hex::encode(self.id()),
            STANDARD.encode(self.key.encoded())
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
            let key = NoteKey {
                name: name.to_string(),
                key: PublicKey::decode(&STANDARD.decode(key).ok()?)?,
            };
            let id_fits = hex::decode(id).ok()? == key.id();
            (name_ok(name) && id_fits).then_some(key)
        };
        read().ok_or(NoteError::Key)
    }

    /// The signature line, newline included, of a signature that was made elsewhere over the text of a note.
    pub fn line(&self, signature: &[u8]) -> String {
        let bytes = [&self.id(), signature].concat();
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
    }
}

/// The verifier key of `key` under `name`; see [`NoteKey::to_text`].
pub fn verifier_key(name: &str, key: &VerifyingKey) -> String {
    NoteKey {
        name: name.to_string(),
        key: (*key).into(),
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
    let public = NoteKey {
        name: name.to_string(),
        key: key.verifying_key().into(),
    };
    let line = public.line(&key.sign(text.as_bytes()).to_bytes());
    join_note(&text, &[line])
}

/// The note of a text, which ends with a newline, and its signature lines.
pub fn join_note(text: &str, lines: &[String]) -> String {
    format!("{text}\n{}", lines.concat())
}

/// The signature line of a witness under `name` over the text of a checkpoint; `time` in seconds since 1970.
pub fn cosign(text: &str, key: &SigningKey, name: &str, time: u64) -> String {
    let public = NoteKey {
        name: name.to_string(),
        key: PublicKey::Cosigner(key.verifying_key()),
    };
    let signature = key.sign(cosigned(text, time).as_bytes()).to_bytes();
    public.line(&[&time.to_be_bytes(), signature.as_slice()].concat())
}

/// What a witness signs.
fn cosigned(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
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
        trusted.key.verify(text, signature).ok_or(NoteError::Signature)?;
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
            key: key.verifying_key().into(),
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

    fn sm2_key() -> (sm2::dsa::SigningKey, NoteKey) {
        let secret = sm2::SecretKey::from_slice(&[9; 32]).unwrap();
        let point = secret.public_key().to_sec1_bytes().to_vec();
        let key = NoteKey {
            name: "yiwang.example/log/sm3/1".into(),
            key: PublicKey::Sm2(point.try_into().unwrap()),
        };
        (sm2::dsa::SigningKey::new(SM2_ID, &secret).unwrap(), key)
    }

    #[test]
    fn sm2_beside_ed25519() {
        let (signer, verifier) = sm2_key();
        let sign = |text: &str| {
            let made: sm2::dsa::Signature = signer.try_sign(text.as_bytes()).unwrap();
            verifier.line(made.to_der().as_ref())
        };
        let (key, common) = keys(1, &verifier.name);
        let text = "text\n";
        let note = join_note(
            text,
            &[sign(text), common.line(&key.sign(text.as_bytes()).to_bytes())],
        );
        assert_eq!(verify_note(&note, &verifier), Ok(text));
        assert_eq!(verify_note(&note, &common), Ok(text));
        let known = NoteKey::parse(&format!("{}\n", verifier.to_text())).unwrap();
        assert_eq!(known, verifier);
        assert_eq!(
            verify_note(&note.replace("text", "next"), &known),
            Err(NoteError::Signature)
        );
        let other = join_note(text, &[sign("other\n")]);
        assert_eq!(verify_note(&other, &known), Err(NoteError::Signature));
        assert_eq!(verify_note(&other, &common), Err(NoteError::Unsigned));
        // A point off the curve, and a key of another kind under the same bytes.
        let mut off = verifier.clone();
        off.key = PublicKey::Sm2([4; 65]);
        assert_eq!(NoteKey::parse(&off.to_text()), Err(NoteError::Key));
    }

    #[test]
    fn cosignatures() {
        let (key, log) = keys(1, "log.example");
        let witness = SigningKey::from_bytes(&[3; 32]);
        let known = NoteKey {
            name: "witness.example/w1".into(),
            key: PublicKey::Cosigner(witness.verifying_key()),
        };
        let text = "log.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        let note = sign_note(text, &key, "log.example") + &cosign(text, &witness, &known.name, 1_679_315_147);
        assert_eq!(verify_note(&note, &known), Ok(text));
        assert_eq!(verify_note(&note, &log), Ok(text));
        assert_eq!(NoteKey::parse(&known.to_text()), Ok(known.clone()));
        // The time is signed as well, and a plain signature is no cosignature.
        let (head, line) = note.trim_end().rsplit_once(' ').unwrap();
        let mut bytes = STANDARD.decode(line).unwrap();
        bytes[11] ^= 1;
        let moved = format!("{head} {}\n", STANDARD.encode(bytes));
        assert_eq!(verify_note(&moved, &known), Err(NoteError::Signature));
        let plain = join_note(text, &[known.line(&witness.sign(text.as_bytes()).to_bytes())]);
        assert_eq!(verify_note(&plain, &known), Err(NoteError::Signature));
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
