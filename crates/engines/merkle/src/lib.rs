//! Transparency log: the Merkle tree of RFC 6962 with SHA-256 or SM3 and its publication after C2SP
//! (tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature).
//!
//! Pure functions; storage is behind the trait [`Hashes`]. Leaf indexes and sizes count from zero leaves.

mod checkpoint;
mod hash;
mod keys;
mod note;
mod tile;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use ed25519_dalek::{SigningKey, VerifyingKey};
pub use hash::{Hash, Hashing};
pub use keys::LogKeys;
pub use note::{
    NoteError, NoteKey, NoteVerifier, PublicKey, cosign, join_note, sign_note, verifier_key, verify_note,
};
pub use tile::{
    BUNDLE_LEN, BundleError, ENTRY_MAX, TILE_WIDTH, decode_bundle, encode_bundle, entries_path, tile_bytes,
    tile_path,
};
pub use tree::{
    Hashes, MemoryTree, Node, Tree, consistency, inclusion, root, verify_consistency, verify_inclusion,
};
