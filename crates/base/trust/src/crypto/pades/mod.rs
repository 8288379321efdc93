//! PAdES B-B and B-T (ETSI EN 319 142-1): signs a PDF by an incremental update, verifies what it finds in a file, and
//! says what was done to the file after each signature.
//!
//! Whether a signature is intact is decided on bytes alone: the two signed ranges start at 0, leave out exactly one hex
//! string and nothing else; so a reader that is fooled by odd PDF structures cannot see bytes the signature does not
//! cover. Only what was appended later is parsed, and whatever is not understood there counts against it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `sign` | signing |
//! | `range` | finding signatures in bytes |
//! | `verify` | verifying, and the report |
//! | `changes` | the names of what an incremental update may change |
//! | `revision` | reading revisions, and their bytes |
//! | `roles` | what each object is to the reader |
//! | `compare` | telling what changed |

mod changes;
mod compare;
mod range;
mod revision;
mod roles;
mod sign;
mod verify;

pub use changes::{Change, Role};
pub use sign::{SealLook, Spec, Widget, sign, sign_stamped};
pub use verify::{Limits, Problem, Report, Signature, Stamped, Verified, examine, verify};

const BYTE_RANGE: &[u8] = b"/ByteRange ";
const CONTENTS: &[u8] = b"/Contents ";

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}
