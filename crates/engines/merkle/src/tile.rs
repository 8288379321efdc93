//! Tiles and entry bundles of C2SP tlog-tiles.

use crate::{Hash, Hashes};

/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 256;
/// Entries in a full bundle.
pub const BUNDLE_LEN: usize = 256;
/// Longest entry in bytes: its length is written in sixteen bits.
pub const ENTRY_MAX: usize = 65_535;

/// Tile levels are this many tree levels apart.
const TILE_HEIGHT: u32 = 8;

/// Why a bundle cannot be written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry is longer than [`ENTRY_MAX`] bytes; the number is its place in the bundle.
    #[error("entry {0} of the bundle is longer than 65535 bytes")]
    EntryTooLong(usize),
    /// More than [`BUNDLE_LEN`] entries.
    #[error("more than 256 entries in the bundle")]
    TooMany,
    /// The bytes end inside an entry.
    #[error("the bundle ends inside an entry")]
    Truncated,
}

/// Path of a hash tile below the log's root, such as `tile/0/x001/x234/067`.
///
/// `width` (1 to 255) is for a partial tile; `None` or 256 for a full one.
pub fn tile_path(level: u8, index: u64, width: Option<u16>) -> String {
    format!("tile/{level}/{}", place(index, width))
}

/// Path of an entry bundle below the log's root, such as `tile/entries/000.p/5`; `width` as for a tile.
pub fn entries_path(index: u64, width: Option<u16>) -> String {
    format!("tile/entries/{}", place(index, width))
}

/// Three digits to a folder; all but the last begin with x, so that files and folders never share a name.
fn place(index: u64, width: Option<u16>) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    match width {
        Some(w) if w < TILE_WIDTH => format!("{path}.p/{w}"),
        _ => path,
    }
}

/// Content of the tile at `level` and `index` with `width` hashes; `None` when a stored hash is missing.
pub fn tile_bytes(h: &impl Hashes, level: u8, index: u64, width: u16) -> Option<Vec<u8>> {
    let tree_level = u8::try_from(u32::from(level) * TILE_HEIGHT).ok()?;
    let first = index.checked_mul(u64::from(TILE_WIDTH))?;
    let hashes = (0..u64::from(width)).map(|i| h.node(tree_level, first.checked_add(i)?));
    Some(hashes.collect::<Option<Vec<Hash>>>()?.concat())
}

/// Writes up to 256 entries, each after its length in two bytes, big end first.
///
/// # Errors
/// `EntryTooLong` and `TooMany`.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    if entries.len() > BUNDLE_LEN {
        return Err(BundleError::TooMany);
    }
    let mut out = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let entry = entry.as_ref();
        let len = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong(i))?;
        out.extend(len.to_be_bytes());
        out.extend(entry);
    }
    Ok(out)
}

/// Reads the entries of a bundle.
///
/// # Errors
/// `Truncated` and `TooMany`.
pub fn decode_bundle(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, BundleError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (len, rest) = bytes.split_first_chunk::<2>().ok_or(BundleError::Truncated)?;
        let len = usize::from(u16::from_be_bytes(*len));
        let (entry, rest) = rest.split_at_checked(len).ok_or(BundleError::Truncated)?;
        if entries.len() == BUNDLE_LEN {
            return Err(BundleError::TooMany);
        }
        entries.push(entry.to_vec());
        bytes = rest;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hashing, MemoryTree, Tree};

    #[test]
    fn paths() {
        assert_eq!(tile_path(0, 0, None), "tile/0/000");
        assert_eq!(tile_path(0, 1234, Some(5)), "tile/0/x001/234.p/5");
        assert_eq!(tile_path(1, 1_234_067, None), "tile/1/x001/x234/067");
        assert_eq!(tile_path(2, 1000, Some(256)), "tile/2/x001/000");
        assert_eq!(entries_path(0, Some(255)), "tile/entries/000.p/255");
        assert_eq!(entries_path(999, None), "tile/entries/999");
        assert_eq!(
            tile_path(63, u64::MAX, None),
            "tile/63/x018/x446/x744/x073/x709/x551/615"
        );
    }

    #[test]
    fn tiles_hold_the_subtrees() {
        let mut t = MemoryTree::new(Hashing::Sm3);
        let leaves: Vec<Hash> = (0..600u32).map(|i| Hashing::Sm3.leaf(&i.to_be_bytes())).collect();
        for leaf in &leaves {
            t.append(*leaf);
        }
        assert_eq!(tile_bytes(&t, 0, 0, 256).unwrap(), leaves[..256].concat());
        assert_eq!(tile_bytes(&t, 0, 2, 88).unwrap(), leaves[512..].concat());
        let mut first = Tree::new(Hashing::Sm3);
        for leaf in &leaves[..256] {
            first.append(*leaf);
        }
        let above = tile_bytes(&t, 1, 0, 2).unwrap();
        assert_eq!((above.len(), &above[..32]), (64, &first.root()[..]));
        assert_eq!(tile_bytes(&t, 1, 0, 3), None);
        assert_eq!(tile_bytes(&t, 63, u64::MAX, 1), None);
    }

    #[test]
    fn bundles() {
        let entries = vec![b"".to_vec(), b"a".to_vec(), vec![7; ENTRY_MAX]];
        let bytes = encode_bundle(&entries).unwrap();
        assert_eq!(&bytes[..5], [0, 0, 0, 1, b'a']);
        assert_eq!(decode_bundle(&bytes).unwrap(), entries);
        assert_eq!(
            decode_bundle(&bytes[..bytes.len() - 1]),
            Err(BundleError::Truncated)
        );
        assert_eq!(decode_bundle(&bytes[..1]), Err(BundleError::Truncated));
        assert_eq!(decode_bundle(&[]), Ok(vec![]));
        assert_eq!(
            encode_bundle(&[vec![0; ENTRY_MAX + 1]]),
            Err(BundleError::EntryTooLong(0))
        );
        assert_eq!(encode_bundle(&vec![b""; 257]), Err(BundleError::TooMany));
        assert_eq!(decode_bundle(&[0; 512]).map(|e| e.len()), Ok(256));
        assert_eq!(decode_bundle(&[0; 514]), Err(BundleError::TooMany));
    }
}
