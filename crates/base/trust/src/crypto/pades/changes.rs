//! What was appended to a signed file, told from what the signature covers.
//!
//! Both revisions are parsed and compared object by object. Objects the signed revision has must stay, but for the few
//! places to which a further signature or validation data is attached; objects it has not may only hang from those
//! places. What a viewer would have to be persuaded to show (hidden, replaced and overlaid content, "shadow attacks")
//! therefore comes up as a change of something that was signed.

/// What an object is to the reader of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The document catalog.
    Catalog,
    /// A node of the page tree, which says which pages there are.
    PageTree,
    /// A page, from 1.
    Page(u32),
    /// What is drawn on a page, from 1.
    Contents(u32),
    /// A font, picture or other part of what is shown.
    Resource,
    /// A note, link or field on a page, from 1.
    Annotation(u32),
    /// The form: its list of fields and its settings.
    Form,
    /// A field of the form, with its value.
    Field,
    /// Certificates and revocation data for verifying later (DSS).
    ValidationData,
    /// The document's metadata or information dictionary.
    Metadata,
    /// Nothing the signed revision shows.
    Hidden,
}

/// Something done to a file after it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A further signature or document time-stamp; permitted.
    Signature {
        /// Name of its field.
        field: String,
        /// Where the bytes it covers end; tells which one it is.
        end: usize,
        /// The page on which it shows, from 1.
        page: Option<u32>,
    },
    /// Validation data (DSS) was added; permitted.
    ValidationData,
    /// Another program, date of change or PDF version is noted, as writers of signatures do; permitted.
    Information,
    /// The metadata stream (XMP) was added or replaced. Nothing on the pages changes, but the title may; some writers of
    /// signatures do it, so it has a name of its own. Not permitted.
    Metadata,
    /// A further signature that shows on a page but is itself not intact and trusted: a picture laid over content.
    Overlay {
        /// The page, from 1.
        page: u32,
    },
    /// An object was replaced.
    Replaced {
        /// Its number.
        object: u32,
        /// What it was.
        role: Role,
        /// The entry that differs, where one dictionary replaced another.
        key: Option<String>,
    },
    /// An object was removed.
    Removed {
        /// Its number.
        object: u32,
        /// What it was.
        role: Role,
    },
    /// Something was added to a list of the signed revision that is no signature.
    Added {
        /// Number of what was added, 0 if it has none.
        object: u32,
        /// What it became.
        role: Role,
    },
    /// An object to which the signed revision refers without having it was supplied.
    Supplied {
        /// Its number.
        object: u32,
    },
    /// The file now starts from another catalog, has other information or is encrypted.
    Trailer {
        /// The entry of the trailer.
        key: String,
    },
    /// A cross-reference entry that does not point to the object it names.
    CrossReference {
        /// The object's number.
        object: u32,
    },
    /// Bytes no cross-reference accounts for, which a repairing viewer may show.
    Bytes {
        /// Where they start in the file.
        at: usize,
    },
    /// The revisions cannot be compared, and why.
    Unreadable(String),
}

impl Change {
    /// Whether a signature stays good in spite of it.
    pub fn permitted(&self) -> bool {
        matches!(
            self,
            Self::Signature { .. } | Self::ValidationData | Self::Information
        )
    }
}
