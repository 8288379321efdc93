//! The Merkle tree of RFC 6962, section 2.1.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Hash of a leaf; the prefix byte keeps leaves and inner nodes apart.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(data)
        .finalize()
        .into()
}

/// Hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// Root of the tree without leaves: SHA-256 of nothing.
fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A complete subtree that an append has closed; level 0 are the leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The subtree spans 2^level leaves.
    pub level: u8,
    /// Place among the nodes of this level, from 0.
    pub index: u64,
    /// Hash of the subtree.
    pub hash: Hash,
}

/// An append-only tree that keeps only the roots of its complete subtrees (at most 64 hashes).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    size: u64,
    /// Complete subtrees from left to right, one for each bit set in `size`.
    range: Vec<Hash>,
}

impl Tree {
    /// The tree without leaves.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// The tree of the first `size` leaves of stored hashes; `None` when one of them is missing.
    pub fn load(h: &impl Hashes, size: u64) -> Option<Tree> {
        Some(Tree {
            size,
            range: complete(0, size)
                .map(|(l, i)| h.node(l, i))
                .collect::<Option<_>>()?,
        })
    }

    /// Appends a leaf hash; returns every node it completes, the leaf first, for storage.
    pub fn append(&mut self, leaf: Hash) -> Vec<Node> {
        let mut node = Node {
            level: 0,
            index: self.size,
            hash: leaf,
        };
        let mut made = vec![node];
        // An odd index is a right child: its left sibling is the last hash of the range.
        while node.index % 2 == 1 {
            let Some(left) = self.range.pop() else { break };
            node = Node {
                level: node.level + 1,
                index: node.index / 2,
                hash: node_hash(&left, &node.hash),
            };
            made.push(node);
        }
        self.range.push(node.hash);
        self.size += 1;
        made
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of all leaves so far.
    pub fn root(&self) -> Hash {
        fold(self.range.iter().copied()).unwrap_or_else(empty_root)
    }
}

/// Stored hashes of complete subtrees.
pub trait Hashes {
    /// Hash over the leaves from `index * 2^level` up to but not `(index + 1) * 2^level`; `None` when missing.
    fn node(&self, level: u8, index: u64) -> Option<Hash>;
}

/// A whole tree in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    tree: Tree,
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// The tree without leaves.
    pub fn new() -> MemoryTree {
        MemoryTree::default()
    }

    /// Appends the hash of a leaf and returns its index.
    pub fn append(&mut self, leaf: Hash) -> u64 {
        let index = self.tree.size();
        for node in self.tree.append(leaf) {
            let level = usize::from(node.level);
            if self.levels.len() <= level {
                self.levels.push(Vec::new());
            }
            if let Some(row) = self.levels.get_mut(level) {
                row.push(node.hash);
            }
        }
        index
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Root of all leaves so far.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }
}

impl Hashes for MemoryTree {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        self.levels
            .get(usize::from(level))?
            .get(usize::try_from(index).ok()?)
            .copied()
    }
}

/// The complete subtrees, as (level, index), that cover `count` leaves from `start`, largest first.
///
/// `start` must be a multiple of the largest; so it is for every right-hand part of a tree.
fn complete(start: u64, count: u64) -> impl Iterator<Item = (u8, u64)> {
    let mut done = 0;
    (0..64u8)
        .rev()
        .filter(move |level| count >> level & 1 == 1)
        .map(move |level| {
            let index = (start + done) >> level;
            done += 1 << level;
            (level, index)
        })
}

/// Joins hashes of falling subtree size from the right; `None` when there are none.
fn fold(hashes: impl DoubleEndedIterator<Item = Hash>) -> Option<Hash> {
    hashes.rev().reduce(|right, left| node_hash(&left, &right))
}

/// Hash of the `count` > 0 leaves from `start`.
fn subtree(h: &impl Hashes, start: u64, count: u64) -> Option<Hash> {
    let parts: Vec<Hash> = complete(start, count)
        .map(|(l, i)| h.node(l, i))
        .collect::<Option<_>>()?;
    fold(parts.into_iter())
}

/// Root of the first `size` leaves; `None` when a stored hash is missing.
pub fn root(h: &impl Hashes, size: u64) -> Option<Hash> {
    if size == 0 {
        Some(empty_root())
    } else {
        subtree(h, 0, size)
    }
}

/// Largest power of two below `n`, for `n` > 1: where RFC 6962 divides a tree.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// Proof that leaf `index` is in the tree of `size` leaves, lowest sibling first.
///
/// `None` when `index` is not below `size` or a stored hash is missing.
pub fn inclusion(h: &impl Hashes, index: u64, size: u64) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let (mut start, mut count) = (0, size);
    let mut path = Vec::new();
    while count > 1 {
        let k = split(count);
        if index - start < k {
            path.push(subtree(h, start + k, count - k)?);
            count = k;
        } else {
            path.push(subtree(h, start, k)?);
            start += k;
            count -= k;
        }
    }
    path.reverse();
    Some(path)
}

/// Whether `proof` shows that `leaf` (a leaf hash) is at `index` in the tree of `size` leaves with `root`.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    // RFC 9162, section 2.1.3.2: `node` is the place on the present level, `last` that of the last node.
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node % 2 == 0 && node != 0 {
                node /= 2;
                last /= 2;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node /= 2;
        last /= 2;
    }
    last == 0 && hash == *root
}

/// Proof that the tree of `b` leaves continues the tree of `a` leaves; empty for `a` = 0 and `a` = `b`.
///
/// `None` when `a` is above `b` or a stored hash is missing.
pub fn consistency(h: &impl Hashes, a: u64, b: u64) -> Option<Vec<Hash>> {
    if a > b {
        return None;
    }
    if a == 0 || a == b {
        return Some(Vec::new());
    }
    let (mut start, mut count, mut old) = (0, b, a);
    let mut path = Vec::new();
    while old != count {
        let k = split(count);
        if old <= k {
            path.push(subtree(h, start + k, count - k)?);
            count = k;
        } else {
            path.push(subtree(h, start, k)?);
            start += k;
            count -= k;
            old -= k;
        }
    }
    // The verifier knows the old root, so that a subtree that is the whole old tree is not repeated.
    if start != 0 {
        path.push(subtree(h, start, old)?);
    }
    path.reverse();
    Some(path)
}

/// Whether `proof` shows that the tree of `b` leaves with `root_b` continues that of `a` leaves with `root_a`.
pub fn verify_consistency(a: u64, b: u64, root_a: &Hash, root_b: &Hash, proof: &[Hash]) -> bool {
    if a == b {
        return root_a == root_b && proof.is_empty() && (a != 0 || *root_a == empty_root());
    }
    if a > b {
        return false;
    }
    if a == 0 {
        return *root_a == empty_root() && proof.is_empty();
    }
    // RFC 9162, section 2.1.4.2.
    let mut hashes = proof.iter();
    let first = if a.is_power_of_two() {
        Some(root_a)
    } else {
        hashes.next()
    };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (a - 1, b - 1);
    while node % 2 == 1 {
        node /= 2;
        last /= 2;
    }
    let (mut old, mut new) = (*first, *first);
    for c in hashes {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            old = node_hash(c, &old);
            new = node_hash(c, &new);
            while node % 2 == 0 && node != 0 {
                node /= 2;
                last /= 2;
            }
        } else {
            new = node_hash(&new, c);
        }
        node /= 2;
        last /= 2;
    }
    last == 0 && old == *root_a && new == *root_b
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eight leaves of the Certificate Transparency test vectors, and the root after each.
    const VECTORS: [(&str, &str); 8] = [
        (
            "",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        ),
        (
            "00",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        ),
        (
            "10",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ),
        (
            "2021",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
        (
            "3031",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        ),
        (
            "40414243",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        ),
        (
            "5051525354555657",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        ),
        (
            "606162636465666768696a6b6c6d6e6f",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ),
    ];

    fn sample(n: u64) -> MemoryTree {
        let mut t = MemoryTree::new();
        for i in 0..n {
            assert_eq!(t.append(leaf_hash(&i.to_be_bytes())), i);
        }
        t
    }

    /// MTH of RFC 6962, written down as defined and used only to check the rest.
    fn mth(leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => empty_root(),
            1 => leaves[0],
            n => {
                let (l, r) = leaves.split_at(n.next_power_of_two() / 2);
                node_hash(&mth(l), &mth(r))
            }
        }
    }

    fn flip(h: &Hash) -> Hash {
        let mut bad = *h;
        bad[31] ^= 1;
        bad
    }

    #[test]
    fn certificate_transparency_vectors() {
        let mut t = MemoryTree::new();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex::encode(t.root()), empty);
        assert_eq!(hex::encode(root(&t, 0).unwrap()), empty);
        for (i, (leaf, want)) in VECTORS.iter().enumerate() {
            t.append(leaf_hash(&hex::decode(leaf).unwrap()));
            assert_eq!(hex::encode(t.root()), *want);
            assert_eq!(hex::encode(root(&t, i as u64 + 1).unwrap()), *want);
        }
        let path: Vec<String> = inclusion(&t, 5, 8).unwrap().iter().map(hex::encode).collect();
        assert_eq!(
            path,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
        let path: Vec<String> = consistency(&t, 6, 8).unwrap().iter().map(hex::encode).collect();
        assert_eq!(
            path,
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
    }

    #[test]
    fn roots_follow_the_definition() {
        let t = sample(70);
        let mut running = Tree::new();
        for n in 0..=70u64 {
            let want = mth(&t.levels[0][..n as usize]);
            assert_eq!(root(&t, n), Some(want));
            assert_eq!((running.root(), running.size()), (want, n));
            assert_eq!(Tree::load(&t, n).as_ref(), Some(&running));
            running.append(leaf_hash(&n.to_be_bytes()));
        }
        assert_eq!(root(&t, 71), None);
        assert_eq!(Tree::load(&t, 71), None);
    }

    #[test]
    fn every_inclusion_up_to_forty() {
        let t = sample(40);
        for size in 1..=40 {
            let root = root(&t, size).unwrap();
            for index in 0..size {
                let leaf = t.node(0, index).unwrap();
                let proof = inclusion(&t, index, size).unwrap();
                assert!(verify_inclusion(&leaf, index, size, &proof, &root));
                assert!(!verify_inclusion(&flip(&leaf), index, size, &proof, &root));
                assert!(!verify_inclusion(&leaf, index, size, &proof, &flip(&root)));
                for other in (0..=size).filter(|o| *o != index) {
                    assert!(!verify_inclusion(&leaf, other, size, &proof, &root));
                }
                let mut long = proof.clone();
                long.push(leaf);
                assert!(!verify_inclusion(&leaf, index, size, &long, &root));
                for i in 0..proof.len() {
                    let mut bad = proof.clone();
                    bad[i] = flip(&bad[i]);
                    assert!(!verify_inclusion(&leaf, index, size, &bad, &root));
                    bad.remove(i);
                    assert!(!verify_inclusion(&leaf, index, size, &bad, &root));
                }
            }
            assert_eq!(inclusion(&t, size, size), None);
        }
        assert_eq!(inclusion(&t, 0, 41), None);
        assert!(!verify_inclusion(&empty_root(), 0, 0, &[], &empty_root()));
    }

    #[test]
    fn every_consistency_up_to_forty() {
        let t = sample(40);
        for b in 0..=40 {
            let root_b = root(&t, b).unwrap();
            for a in 0..=b {
                let root_a = root(&t, a).unwrap();
                let proof = consistency(&t, a, b).unwrap();
                assert!(verify_consistency(a, b, &root_a, &root_b, &proof), "{a} {b}");
                assert!(!verify_consistency(a, b, &flip(&root_a), &root_b, &proof));
                if a > 0 {
                    assert!(!verify_consistency(a, b, &root_a, &flip(&root_b), &proof));
                }
                assert!(!verify_consistency(b + 1, b, &root_a, &root_b, &proof));
                let mut long = proof.clone();
                long.push(root_a);
                assert!(!verify_consistency(a, b, &root_a, &root_b, &long));
                for i in 0..proof.len() {
                    let mut bad = proof.clone();
                    bad[i] = flip(&bad[i]);
                    assert!(!verify_consistency(a, b, &root_a, &root_b, &bad));
                    bad.remove(i);
                    assert!(!verify_consistency(a, b, &root_a, &root_b, &bad));
                }
            }
        }
        assert_eq!(consistency(&t, 3, 2), None);
        assert_eq!(consistency(&t, 3, 41), None);
    }

    #[test]
    fn a_rewritten_history_is_not_consistent() {
        let (t, mut other) = (sample(20), MemoryTree::new());
        for i in 0..20u64 {
            other.append(leaf_hash(&(if i == 4 { 99 } else { i }).to_be_bytes()));
        }
        for a in 5..20 {
            let proof = consistency(&other, a, 20).unwrap();
            assert!(!verify_consistency(
                a,
                20,
                &root(&t, a).unwrap(),
                &other.root(),
                &proof
            ));
        }
    }

    #[test]
    fn append_returns_the_completed_nodes() {
        let mut t = Tree::new();
        let made: Vec<Vec<(u8, u64)>> = (0..4u8)
            .map(|i| {
                t.append(leaf_hash(&[i]))
                    .iter()
                    .map(|n| (n.level, n.index))
                    .collect()
            })
            .collect();
        assert_eq!(
            made,
            [
                vec![(0, 0)],
                vec![(0, 1), (1, 0)],
                vec![(0, 2)],
                vec![(0, 3), (1, 1), (2, 0)]
            ]
        );
    }

    #[test]
    fn sizes_at_the_edge_do_not_overflow() {
        assert_eq!(root(&MemoryTree::new(), u64::MAX), None);
        assert_eq!(inclusion(&MemoryTree::new(), u64::MAX - 1, u64::MAX), None);
        let z = [0; 32];
        assert!(!verify_inclusion(&z, u64::MAX - 1, u64::MAX, &[z; 64], &z));
        assert!(!verify_consistency(u64::MAX - 1, u64::MAX, &z, &z, &[z; 64]));
    }
}
