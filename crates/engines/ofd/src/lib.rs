//! OFD, the fixed-layout format of Chinese official documents (GB/T 33190-2016): writing, signing, safe reading.
//!
//! Pure: no clock, no chance, no files. What is written is the same for the same arguments, byte for byte, because a
//! signature is over bytes. What is read may have been made by an enemy, so every step has a limit and an error.
//! Cryptography stays outside: [`prepare`] says what has to be signed, [`read`] what would have to be verified.

mod error;
mod model;
mod package;
mod read;
mod sign;
mod write;
mod xml;

pub use error::Error;
pub use model::{
    Attachment, Cap, Color, Document, Font, Image, ImageFormat, Join, Matrix, Object, Page, Path, Picture,
    Rect, Segment, Stroke, Text,
};
pub use package::{Limits, Package};
pub use read::{PageReport, Reference, Report, Run, Signature, StampReport, State, read};
pub use sign::{Prepared, Signing, Stamp, prepare};
pub use write::write;

/// The namespace of every element (GB/T 33190-2016, 7.1).
pub const NAMESPACE: &str = "http://www.ofdspec.org/2016";
/// The digest SM3, as `CheckMethod` names it (GB/T 33560).
pub const SM3: &str = "1.2.156.10197.1.401";
/// The signature SM2 with SM3, as `SignatureMethod` names it (GB/T 33560).
pub const SM2_SM3: &str = "1.2.156.10197.1.501";

/// SM3 (GB/T 32905) of some bytes.
pub fn sm3(bytes: &[u8]) -> [u8; 32] {
    use ::sm3::Digest as _;
    ::sm3::Sm3::digest(bytes).into()
}
