//! What a reader trusts of one log.

use crate::{Checkpoint, Hashing, NoteError, NoteKey, PublicKey, verify_note};

/// The keys of one log, all of one name; a head counts when every one of them has signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKeys(Vec<NoteKey>);

impl LogKeys {
    /// Reads a key file: verifier keys, one on a line.
    ///
    /// # Errors
    /// `Key` when a line is none, the names differ or there is no key.
    pub fn parse(text: &str) -> Result<LogKeys, NoteError> {
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
        let keys: Vec<NoteKey> = lines.map(NoteKey::parse).collect::<Result<_, _>>()?;
        let one_name = keys.windows(2).all(|two| two[0].name == two[1].name);
        match one_name && !keys.is_empty() {
            true => Ok(LogKeys(keys)),
            false => Err(NoteError::Key),
        }
    }

    /// The name under which heads are signed.
    pub fn name(&self) -> &str {
        self.0.first().map_or("", |k| &k.name)
    }

    /// What the tree is hashed with: SM3 where SM2 signs, by the meaning of that kind of key; else SHA-256.
    pub fn hashing(&self) -> Hashing {
        match self.0.iter().any(|k| matches!(k.key, PublicKey::Sm2(_))) {
            true => Hashing::Sm3,
            false => Hashing::Sha256,
        }
    }

    /// The same keys under another name: the log of the same signer in another epoch.
    pub fn renamed(&self, name: &str) -> LogKeys {
        let rename = |k: &NoteKey| NoteKey {
            name: name.to_string(),
            key: k.key.clone(),
        };
        LogKeys(self.0.iter().map(rename).collect())
    }

    /// The checkpoint in a note, signed by every key.
    ///
    /// # Errors
    /// What is wrong with the note, in words.
    pub fn open(&self, note: &str) -> Result<Checkpoint, String> {
        let mut text = note;
        for key in &self.0 {
            text = verify_note(note, key).map_err(|e| e.to_string())?;
        }
        Checkpoint::parse(text).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SigningKey, sign_note};

    #[test]
    fn every_key_must_have_signed() {
        let (a, b) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let line = |key: &SigningKey, name: &str| crate::verifier_key(name, &key.verifying_key());
        let text = Checkpoint {
            origin: "log/1".into(),
            size: 0,
            root: Hashing::Sha256.empty(),
        }
        .to_text();
        let note = sign_note(&text, &a, "log/1");
        let one = LogKeys::parse(&format!("\n{}\n", line(&a, "log/1"))).unwrap();
        assert_eq!(one.open(&note).unwrap().size, 0);
        assert_eq!((one.name(), one.hashing()), ("log/1", Hashing::Sha256));
        assert!(one.renamed("log/2").open(&note).is_err());
        let both = LogKeys::parse(&format!("{}\n{}", line(&a, "log/1"), line(&b, "log/1"))).unwrap();
        assert!(both.open(&note).unwrap_err().contains("not signed"));
        let second = sign_note(&text, &b, "log/1");
        let note = format!("{note}{}", &second[text.len() + 1..]);
        assert_eq!(both.open(&note).unwrap().origin, "log/1");
        for bad in ["", "x", &format!("{}\n{}", line(&a, "log/1"), line(&b, "log/2"))] {
            assert_eq!(LogKeys::parse(bad), Err(NoteError::Key));
        }
    }
}
