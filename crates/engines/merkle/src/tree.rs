//! The Merkle tree of RFC 6962, section 2.1, with the hash as a value: which tree a proof is of is known only when it is read.

use crate::{Hash, Hashing};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    hashing: Hashing,
    size: u64,
    /// Complete subtrees from left to right, one for each bit set in `size`.
    range: Vec<Hash>,
}

impl Tree {
    /// The tree without leaves.
    pub fn new(hashing: Hashing) -> Tree {
        Tree {
            hashing,
            size: 0,
            range: Vec::new(),
        }
    }

    /// The tree of the first `size` leaves of stored hashes; `None` when one of them is missing.
    pub fn load(h: &impl Hashes, size: u64) -> Option<Tree> {
        Some(Tree {
            hashing: h.hashing(),
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
                hash: self.hashing.node(&left, &node.hash),
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
        fold(self.hashing, self.range.iter().copied()).unwrap_or_else(|| self.hashing.empty())
    }
}

/// Stored hashes of complete subtrees.
pub trait Hashes {
    /// What they were made with.
    fn hashing(&self) -> Hashing;

    /// Hash over the leaves from `index * 2^level` up to but not `(index + 1) * 2^level`; `None` when missing.
    fn node(&self, level: u8, index: u64) -> Option<Hash>;
}

/// A whole tree in memory.
#[derive(Debug, Clone)]
pub struct MemoryTree {
    tree: Tree,
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// The tree without leaves.
    pub fn new(hashing: Hashing) -> MemoryTree {
        MemoryTree {
            tree: Tree::new(hashing),
            levels: Vec::new(),
        }
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
    fn hashing(&self) -> Hashing {
        self.tree.hashing
    }
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
fn fold(hashing: Hashing, hashes: impl DoubleEndedIterator<Item = Hash>) -> Option<Hash> {
    hashes.rev().reduce(|right, left| hashing.node(&left, &right))
}

/// Hash of the `count` > 0 leaves from `start`.
fn subtree(h: &impl Hashes, start: u64, count: u64) -> Option<Hash> {
    let parts: Vec<Hash> = complete(start, count)
        .map(|(l, i)| h.node(l, i))
        .collect::<Option<_>>()?;
    fold(h.hashing(), parts.into_iter())
}

/// Root of the first `size` leaves; `None` when a stored hash is missing.
pub fn root(h: &impl Hashes, size: u64) -> Option<Hash> {
    if size == 0 {
        Some(h.hashing().empty())
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
pub fn verify_inclusion(
    hashing: Hashing,
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> bool {
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
            hash = hashing.node(sibling, &hash);
            while node % 2 == 0 && node != 0 {
                node /= 2;
                last /= 2;
            }
        } else {
            hash = hashing.node(&hash, sibling);
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
pub fn verify_consistency(
    hashing: Hashing,
    a: u64,
    b: u64,
    root_a: &Hash,
    root_b: &Hash,
    proof: &[Hash],
) -> bool {
    if a == b {
        return root_a == root_b && proof.is_empty() && (a != 0 || *root_a == hashing.empty());
    }
    if a > b {
        return false;
    }
    if a == 0 {
        return *root_a == hashing.empty() && proof.is_empty();
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
            old = hashing.node(c, &old);
            new = hashing.node(c, &new);
            while node % 2 == 0 && node != 0 {
                node /= 2;
                last /= 2;
            }
        } else {
            new = hashing.node(&new, c);
        }
        node /= 2;
        last /= 2;
    }
    last == 0 && old == *root_a && new == *root_b
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eight leaves of the Certificate Transparency test vectors.
    const LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];

    struct Known {
        empty: &'static str,
        /// After each leaf.
        roots: [&'static str; 8],
        /// Of leaf 5 in 8.
        inclusion: [&'static str; 3],
        /// From 6 to 8.
        consistency: [&'static str; 3],
    }

    /// The Certificate Transparency test vectors; the same computed for SM3 with Python's hashlib and the definition.
    const KNOWN: [(Hashing, Known); 2] = [
        (
            Hashing::Sha256,
            Known {
                empty: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                roots: [
                    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
                ],
                inclusion: [
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
                consistency: [
                    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            },
        ),
        (
            Hashing::Sm3,
            Known {
                empty: "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b",
                roots: [
                    "2daef60e7a0b8f5e024c81cd2ab3109f2b4f155cf83adeb2ae5532f74a157fdf",
                    "0b990fe0c7ad70f1bf1a1262f2c7908ea48146b14253a6db99f2917ab1f5cc4d",
                    "209ec96a210d662a964772680e8544d18cab7b88ffec3e00962220349b56ea56",
                    "28e4e307ef6d2d0c62d84b11ef96e835efe490f35b93c8f024ecfe38c8dd4377",
                    "bb10c996aeebbcdc69be3715fc847344de77442d37a5ab8213da9f41785b103b",
                    "8723c1ab1f82ddfba4a3733ac0c80d936d9f4c208c7dbc8cc81ca9fff8584f66",
                    "bd36c22a1ac6ff4308e0c3cc1a85bf0ffa30538ec60a55c70413ab15d45db4d2",
                    "bc48ba7a709184b5f2a631e1adeb8dc2a0d4c018c1d6cc89b5664fe154c93b38",
                ],
                inclusion: [
                    "a798bfdb4164a6c7b41a6faecc5c3155cf04d38929dcbd4fe21dea29071aac64",
                    "155f6ed4ccfa83510c9416c99b48f41aa5b12e443546bee1b501a7b281e5132a",
                    "28e4e307ef6d2d0c62d84b11ef96e835efe490f35b93c8f024ecfe38c8dd4377",
                ],
                consistency: [
                    "6f5566cd4dfab1605e73be3ce132f38de996be0094142731e1eb2ab2e001daca",
                    "155f6ed4ccfa83510c9416c99b48f41aa5b12e443546bee1b501a7b281e5132a",
                    "28e4e307ef6d2d0c62d84b11ef96e835efe490f35b93c8f024ecfe38c8dd4377",
                ],
            },
        ),
    ];

    fn sample(hashing: Hashing, n: u64) -> MemoryTree {
        let mut t = MemoryTree::new(hashing);
        for i in 0..n {
            assert_eq!(t.append(hashing.leaf(&i.to_be_bytes())), i);
        }
        t
    }

    /// MTH of RFC 6962, written down as defined and used only to check the rest.
    fn mth(hashing: Hashing, leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => hashing.empty(),
            1 => leaves[0],
            n => {
                let (l, r) = leaves.split_at(n.next_power_of_two() / 2);
                hashing.node(&mth(hashing, l), &mth(hashing, r))
            }
        }
    }

    fn flip(h: &Hash) -> Hash {
        let mut bad = *h;
        bad[31] ^= 1;
        bad
    }

    #[test]
    fn known_answers() {
        for (hashing, known) in KNOWN {
            let mut t = MemoryTree::new(hashing);
            assert_eq!(hex::encode(t.root()), known.empty);
            assert_eq!(hex::encode(root(&t, 0).unwrap()), known.empty);
            for (i, (leaf, want)) in LEAVES.iter().zip(known.roots).enumerate() {
                t.append(hashing.leaf(&hex::decode(leaf).unwrap()));
                assert_eq!(hex::encode(t.root()), want);
                assert_eq!(hex::encode(root(&t, i as u64 + 1).unwrap()), want);
            }
            let path: Vec<String> = inclusion(&t, 5, 8).unwrap().iter().map(hex::encode).collect();
            assert_eq!(path, known.inclusion);
            let path: Vec<String> = consistency(&t, 6, 8).unwrap().iter().map(hex::encode).collect();
            assert_eq!(path, known.consistency);
        }
    }

    #[test]
    fn one_hash_does_not_pass_for_the_other() {
        let [a, b] = Hashing::ALL;
        let t = sample(a, 20);
        let leaf = t.node(0, 7).unwrap();
        let proof = inclusion(&t, 7, 20).unwrap();
        assert!(verify_inclusion(a, &leaf, 7, 20, &proof, &t.root()));
        assert!(!verify_inclusion(b, &leaf, 7, 20, &proof, &t.root()));
        let proof = consistency(&t, 7, 20).unwrap();
        let old = root(&t, 7).unwrap();
        assert!(verify_consistency(a, 7, 20, &old, &t.root(), &proof));
        assert!(!verify_consistency(b, 7, 20, &old, &t.root(), &proof));
    }

    proptest::proptest! {
        #[test]
        fn proofs_hold_and_their_neighbours_do_not(
            sm3: bool,
            sizes in (1..300u64, 1..300u64),
            at in 0..300u64,
            spoiled: proptest::sample::Index,
        ) {
            let hashing = if sm3 { Hashing::Sm3 } else { Hashing::Sha256 };
            let (a, b) = (sizes.0.min(sizes.1), sizes.0.max(sizes.1));
            let (index, t) = (at % b, sample(hashing, b));
            let (old, new) = (root(&t, a).unwrap(), t.root());
            let leaf = hashing.leaf(&index.to_be_bytes());
            let mut proof = inclusion(&t, index, b).unwrap();
            assert!(verify_inclusion(hashing, &leaf, index, b, &proof, &new));
            assert!(a == b || !verify_inclusion(hashing, &leaf, index, b, &proof, &old));
            assert!(b == 1 || !verify_inclusion(hashing, &leaf, (index + 1) % b, b, &proof, &new));
            if !proof.is_empty() {
                let n = spoiled.index(proof.len());
                proof[n] = flip(&proof[n]);
                assert!(!verify_inclusion(hashing, &leaf, index, b, &proof, &new));
            }
            let mut proof = consistency(&t, a, b).unwrap();
            assert!(verify_consistency(hashing, a, b, &old, &new, &proof));
            assert!(!verify_consistency(hashing, a, b, &flip(&old), &new, &proof));
            assert!(!verify_consistency(hashing, a, b, &old, &flip(&new), &proof));
            if !proof.is_empty() {
                let n = spoiled.index(proof.len());
                proof[n] = flip(&proof[n]);
                assert!(!verify_consistency(hashing, a, b, &old, &new, &proof));
            }
        }
    }

    #[test]
    fn roots_follow_the_definition() {
        for hashing in Hashing::ALL {
            let t = sample(hashing, 70);
            let mut running = Tree::new(hashing);
            for n in 0..=70u64 {
                let want = mth(hashing, &t.levels[0][..n as usize]);
                assert_eq!(root(&t, n), Some(want));
                assert_eq!((running.root(), running.size()), (want, n));
                assert_eq!(Tree::load(&t, n).as_ref(), Some(&running));
                running.append(hashing.leaf(&n.to_be_bytes()));
            }
            assert_eq!(root(&t, 71), None);
            assert_eq!(Tree::load(&t, 71), None);
        }
    }

    #[test]
    fn every_inclusion_up_to_forty() {
        for hashing in Hashing::ALL {
            let t = sample(hashing, 40);
            for size in 1..=40 {
                let root = root(&t, size).unwrap();
                for index in 0..size {
                    let leaf = t.node(0, index).unwrap();
                    let proof = inclusion(&t, index, size).unwrap();
                    assert!(verify_inclusion(hashing, &leaf, index, size, &proof, &root));
                    assert!(!verify_inclusion(
                        hashing,
                        &flip(&leaf),
                        index,
                        size,
                        &proof,
                        &root
                    ));
                    assert!(!verify_inclusion(
                        hashing,
                        &leaf,
                        index,
                        size,
                        &proof,
                        &flip(&root)
                    ));
                    for other in (0..=size).filter(|o| *o != index) {
                        assert!(!verify_inclusion(hashing, &leaf, other, size, &proof, &root));
                    }
                    let mut long = proof.clone();
                    long.push(leaf);
                    assert!(!verify_inclusion(hashing, &leaf, index, size, &long, &root));
                    for i in 0..proof.len() {
                        let mut bad = proof.clone();
                        bad[i] = flip(&bad[i]);
                        assert!(!verify_inclusion(hashing, &leaf, index, size, &bad, &root));
                        bad.remove(i);
                        assert!(!verify_inclusion(hashing, &leaf, index, size, &bad, &root));
                    }
                }
                assert_eq!(inclusion(&t, size, size), None);
            }
            assert_eq!(inclusion(&t, 0, 41), None);
            assert!(!verify_inclusion(
                hashing,
                &hashing.empty(),
                0,
                0,
                &[],
                &hashing.empty()
            ));
        }
    }

    #[test]
    fn every_consistency_up_to_forty() {
        for hashing in Hashing::ALL {
            let t = sample(hashing, 40);
            for b in 0..=40 {
                let root_b = root(&t, b).unwrap();
                for a in 0..=b {
                    let root_a = root(&t, a).unwrap();
                    let proof = consistency(&t, a, b).unwrap();
                    assert!(
                        verify_consistency(hashing, a, b, &root_a, &root_b, &proof),
                        "{a} {b}"
                    );
                    assert!(!verify_consistency(
                        hashing,
                        a,
                        b,
                        &flip(&root_a),
                        &root_b,
                        &proof
                    ));
                    if a > 0 {
                        assert!(!verify_consistency(
                            hashing,
                            a,
                            b,
                            &root_a,
                            &flip(&root_b),
                            &proof
                        ));
                    }
                    assert!(!verify_consistency(hashing, b + 1, b, &root_a, &root_b, &proof));
                    let mut long = proof.clone();
                    long.push(root_a);
                    assert!(!verify_consistency(hashing, a, b, &root_a, &root_b, &long));
                    for i in 0..proof.len() {
                        let mut bad = proof.clone();
                        bad[i] = flip(&bad[i]);
                        assert!(!verify_consistency(hashing, a, b, &root_a, &root_b, &bad));
                        bad.remove(i);
                        assert!(!verify_consistency(hashing, a, b, &root_a, &root_b, &bad));
                    }
                }
            }
            assert_eq!(consistency(&t, 3, 2), None);
            assert_eq!(consistency(&t, 3, 41), None);
        }
    }

    #[test]
    fn a_rewritten_history_is_not_consistent() {
        for hashing in Hashing::ALL {
            let (t, mut other) = (sample(hashing, 20), MemoryTree::new(hashing));
            for i in 0..20u64 {
                other.append(hashing.leaf(&(if i == 4 { 99 } else { i }).to_be_bytes()));
            }
            for a in 5..20 {
                let proof = consistency(&other, a, 20).unwrap();
                assert!(!verify_consistency(
                    hashing,
                    a,
                    20,
                    &root(&t, a).unwrap(),
                    &other.root(),
                    &proof
                ));
            }
        }
    }

    #[test]
    fn append_returns_the_completed_nodes() {
        for hashing in Hashing::ALL {
            let mut t = Tree::new(hashing);
            let made: Vec<Vec<(u8, u64)>> = (0..4u8)
                .map(|i| {
                    t.append(hashing.leaf(&[i]))
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
    }

    #[test]
    fn sizes_at_the_edge_do_not_overflow() {
        for hashing in Hashing::ALL {
            assert_eq!(root(&MemoryTree::new(hashing), u64::MAX), None);
            assert_eq!(inclusion(&MemoryTree::new(hashing), u64::MAX - 1, u64::MAX), None);
            let z = [0; 32];
            assert!(!verify_inclusion(
                hashing,
                &z,
                u64::MAX - 1,
                u64::MAX,
                &[z; 64],
                &z
            ));
            assert!(!verify_consistency(
                hashing,
                u64::MAX - 1,
                u64::MAX,
                &z,
                &z,
                &[z; 64]
            ));
        }
    }
}
