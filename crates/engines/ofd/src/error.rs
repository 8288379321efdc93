//! What can be wrong with a package.

/// Why something could not be written, signed or read. None of them is a panic, whatever the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More than [`crate::Limits`] allows.
    #[error("{what}: {size} is over the limit of {allowed}")]
    Limit {
        /// What was counted.
        what: &'static str,
        size: u64,
        allowed: u64,
    },
    /// Not a ZIP file, or one that two programs could read differently.
    #[error("not a sound ZIP package: {0}")]
    Zip(String),
    /// A name that leaves the package or means different things on different systems.
    #[error("entry name not allowed: {0:?}")]
    Name(String),
    /// Two entries of one name, also when only their case differs.
    #[error("two entries are named {0:?}")]
    Duplicate(String),
    /// A symbolic link, a device or the like.
    #[error("{0:?} is not a regular file")]
    Special(String),
    /// A part that is not the XML it should be.
    #[error("{path}: {why}")]
    Xml { path: String, why: String },
    /// A document type or an entity: XML that says something else than what stands there.
    #[error("{0}: a document type or an entity is not allowed")]
    Entities(String),
    /// A signature that covers the list of signatures: no later one can follow it.
    #[error("{0} protects the list of signatures: none can follow")]
    Closed(String),
    /// A file that the structure names and the package lacks.
    #[error("{0} is missing")]
    Missing(String),
    /// XML that says something it may not.
    #[error("{path}: {why}")]
    Structure { path: String, why: String },
    /// Part of the standard, not of this program.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
    /// What the caller wants written or signed makes no sense.
    #[error("cannot be written: {0}")]
    Document(String),
}

impl Error {
    pub(crate) fn structure(path: &str, why: impl Into<String>) -> Self {
        Self::Structure {
            path: path.into(),
            why: why.into(),
        }
    }
}

/// `size` is at most `allowed`.
pub(crate) fn within(what: &'static str, size: usize, allowed: usize) -> Result<(), Error> {
    if size > allowed {
        return Err(Error::Limit {
            what,
            size: size as u64,
            allowed: allowed as u64,
        });
    }
    Ok(())
}
