//! The text of a checkpoint, C2SP tlog-checkpoint.

use crate::Hash;
use base64::{Engine, engine::general_purpose::STANDARD};

/// State of a log at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Identity of the log: one non-empty line, by custom a web address without scheme.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree of this size.
    pub root: Hash,
}

/// The line of a checkpoint that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text does not consist of at least three non-empty lines, each ended.
    #[error("a checkpoint has at least three non-empty lines, each ended by a newline")]
    Lines,
    /// The size is not a decimal number without leading zeros.
    #[error("the size of the checkpoint is not a plain decimal number")]
    Size,
    /// The root is not 32 bytes in base64.
    #[error("the root of the checkpoint is not 32 bytes in base64")]
    Root,
}

impl Checkpoint {
    /// The text to sign, three lines.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads a checkpoint; extension lines are skipped.
    ///
    /// `text` is the text of the note or the whole note: no line of the text is empty, so that it ends at the
    /// first blank line. The signature is not tested here; see [`crate::verify_note`].
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn parse(text: &str) -> Result<Checkpoint, CheckpointError> {
        let text = text.find("\n\n").and_then(|end| text.get(..=end)).unwrap_or(text);
        let body = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let lines: Vec<&str> = body.split('\n').collect();
        let [origin, size, root, ..] = lines[..] else {
            return Err(CheckpointError::Lines);
        };
        if lines.iter().any(|l| l.is_empty()) {
            return Err(CheckpointError::Lines);
        }
        let number: u64 = size.parse().map_err(|_| CheckpointError::Size)?;
        if number.to_string() != size {
            return Err(CheckpointError::Size);
        }
        let root = STANDARD
            .decode(root)
            .ok()
            .and_then(|r| r.try_into().ok())
            .ok_or(CheckpointError::Root)?;
        Ok(Checkpoint {
            origin: origin.to_string(),
            size: number,
            root,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    #[test]
    fn the_example_of_the_specification() {
        let text = format!("example.com/behind-the-sofa\n20852163\n{ROOT}\n");
        let c = Checkpoint::parse(&text).unwrap();
        assert_eq!(
            (c.origin.as_str(), c.size),
            ("example.com/behind-the-sofa", 20_852_163)
        );
        assert_eq!(c.to_text(), text);
        let note = crate::sign_note(&text, &crate::SigningKey::from_bytes(&[1; 32]), "log");
        assert_eq!(Checkpoint::parse(&note), Ok(c.clone()));
        assert_eq!(Checkpoint::parse(&format!("{text}more\n")), Ok(c));
        assert_eq!(Checkpoint::parse(&format!("log\n0\n{ROOT}\n")).unwrap().size, 0);
    }

    #[test]
    fn what_is_refused() {
        let parse = |t: String| Checkpoint::parse(&t).unwrap_err();
        assert_eq!(parse(String::new()), CheckpointError::Lines);
        assert_eq!(parse(format!("log\n5\n{ROOT}")), CheckpointError::Lines);
        assert_eq!(parse("log\n5\n".into()), CheckpointError::Lines);
        assert_eq!(parse(format!("\n5\n{ROOT}\n")), CheckpointError::Lines);
        assert_eq!(parse(format!("\n\nlog\n5\n{ROOT}\n")), CheckpointError::Lines);
        assert_eq!(parse(format!("log\n\n5\n{ROOT}\n")), CheckpointError::Lines);
        for size in ["05", "+5", "-5", " 5", "5x", "99999999999999999999"] {
            assert_eq!(parse(format!("log\n{size}\n{ROOT}\n")), CheckpointError::Size);
        }
        for root in ["AAAA", &ROOT[1..], "CsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I="] {
            assert_eq!(parse(format!("log\n5\n{root}\n")), CheckpointError::Root);
        }
    }
}
