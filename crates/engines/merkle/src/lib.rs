//! Transparency log: the Merkle tree of RFC 6962 with SHA-256 and its publication after C2SP
//! (tlog-tiles, tlog-checkpoint, signed-note).
//!
//! Pure functions; storage is behind the trait [`Hashes`]. Leaf indexes and sizes count from zero leaves.

mod checkpoint;
mod note;
mod tile;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use ed25519_dalek::{SigningKey, VerifyingKey};
pub use note::{NoteError, NoteKey, NoteVerifier, sign_note, verifier_key, verify_note};
pub use tile::{
    BUNDLE_LEN, BundleError, ENTRY_MAX, TILE_WIDTH, decode_bundle, encode_bundle, entries_path, tile_bytes,
    tile_path,
};
pub use tree::{
    Hash, Hashes, MemoryTree, Node, Tree, consistency, inclusion, leaf_hash, node_hash, root,
    verify_consistency, verify_inclusion,
};
