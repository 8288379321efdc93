//! The two hashes that a log can be built with.

use sha2::{Digest, Sha256};
use sm3::Sm3;

/// A hash of 32 bytes.
pub type Hash = [u8; 32];

/// What a tree is hashed with. The shape of the tree is the same; leaves and inner nodes are kept apart by a first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hashing {
    /// FIPS 180-4, as public tools expect it.
    Sha256,
    /// GB/T 32905.
    Sm3,
}

impl Hashing {
    /// Both, the one that public tools read first.
    pub const ALL: [Hashing; 2] = [Hashing::Sha256, Hashing::Sm3];

    /// Its name in addresses, files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Hashing::Sha256 => "sha256",
            Hashing::Sm3 => "sm3",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Hashing> {
        Hashing::ALL.into_iter().find(|h| h.name() == name)
    }

    /// Hash of a leaf.
    pub fn leaf(self, data: &[u8]) -> Hash {
        self.of(&[&[0], data])
    }

    /// Hash of an inner node.
    pub fn node(self, left: &Hash, right: &Hash) -> Hash {
        // One piece of 65 bytes is hashed faster than three.
        let mut both = [1; 65];
        both[1..33].copy_from_slice(left);
        both[33..].copy_from_slice(right);
        self.of(&[&both])
    }

    /// Root of the tree without leaves: the hash of nothing.
    pub fn empty(self) -> Hash {
        self.of(&[])
    }

    fn of(self, parts: &[&[u8]]) -> Hash {
        match self {
            Hashing::Sha256 => chain::<Sha256>(parts),
            Hashing::Sm3 => chain::<Sm3>(parts),
        }
    }
}

fn chain<D: Digest>(parts: &[&[u8]]) -> Hash
where
    Hash: From<sha2::digest::Output<D>>,
{
    let mut hash = D::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}
