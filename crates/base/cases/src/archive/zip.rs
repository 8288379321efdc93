//! ZIP files without compression: what goes in is mostly PDF and pictures, and the plainest form lives longest. Names are
//! UTF-8, times are left at 1980-01-01, so the same files give the same bytes.

use kernel::Fault;
use std::collections::BTreeMap;

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
/// 1980-01-01, the first day the format knows.
const DAY: u16 = 0x21;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;

/// CRC-32 of ISO 3309, as ZIP wants it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |s, _| {
            if s & 1 == 1 {
                (s >> 1) ^ 0xedb8_8320
            } else {
                s >> 1
            }
        })
    })
}

/// What a header says of a file, the same before the content and in the directory.
fn head(name: &str, content: &[u8]) -> Result<Vec<u8>, Fault> {
    let size = u32::try_from(content.len()).map_err(|e| Fault::of("file in a ZIP", e))?;
    let long = u16::try_from(name.len()).map_err(|e| Fault::of("name in a ZIP", e))?;
    let mut out = Vec::new();
    // Version 2.0, UTF-8, stored, midnight.
    for word in [20, UTF8, 0, 0, DAY] {
        out.extend(u16::to_le_bytes(word));
    }
    for word in [crc(content), size, size] {
        out.extend(word.to_le_bytes());
    }
    out.extend(long.to_le_bytes());
    out.extend([0; 2]);
    Ok(out)
}

/// One ZIP file of these (name, content) pairs.
pub(crate) fn write(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Fault> {
    let place = |n: usize| u32::try_from(n).map_err(|e| Fault::of("ZIP", e));
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let (at, head) = (place(out.len())?, head(name, content)?);
        out.extend(LOCAL);
        out.extend(&head);
        out.extend(name.as_bytes());
        out.extend(content);
        directory.extend(CENTRAL);
        directory.extend(20u16.to_le_bytes());
        directory.extend(&head);
        // No comment, disk 0, no attributes.
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, size) = (place(out.len())?, place(directory.len())?);
    let many = u16::try_from(files.len()).map_err(|e| Fault::of("ZIP", e))?;
    out.extend(directory);
    out.extend(END);
    out.extend([0; 4]);
    out.extend([many.to_le_bytes(), many.to_le_bytes()].concat());
    out.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
    out.extend([0; 2]);
    Ok(out)
}

/// The files of a ZIP that [`write`] made; `None` when it is not whole.
pub(crate) fn read(bytes: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let short = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?) as usize);
    let long = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let (mut at, mut out) = (0, BTreeMap::new());
    while bytes.get(at..at + 4)? == LOCAL {
        let (size, name) = (long(at + 22)?, short(at + 26)?);
        let from = at + 30 + name + short(at + 28)?;
        let content = bytes.get(from..from + size)?;
        if crc(content) as usize != long(at + 14)? {
            return None;
        }
        let name = std::str::from_utf8(bytes.get(at + 30..at + 30 + name)?).ok()?;
        out.insert(name.to_string(), content.to_vec());
        at = from + size;
    }
    (bytes.get(at..at + 4)? == CENTRAL || bytes.get(at..at + 4)? == END).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_here_and_by_others() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
        let files = vec![
            ("manifest.json".to_string(), b"{}".to_vec()),
            ("materials/平面图.pdf".into(), vec![7; 70_000]),
            ("empty".into(), Vec::new()),
        ];
        let made = write(&files).unwrap();
        assert_eq!(read(&made).unwrap().into_iter().collect::<Vec<_>>().len(), 3);
        for (name, content) in &files {
            assert_eq!(read(&made).unwrap().get(name), Some(content));
        }
        let mut hurt = made.clone();
        hurt[60] ^= 1;
        assert!(read(&hurt).is_none(), "a changed byte is found by its check sum");
        assert!(read(&made[..made.len() / 2]).is_none());

        let path = std::env::temp_dir().join(format!("yiwang-zip-{}.zip", std::process::id()));
        std::fs::write(&path, &made).unwrap();
        let said = std::process::Command::new("python3")
            .args(["-c", "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(len(z.read('materials/平面图.pdf')), len(z.namelist()))"])
            .arg(&path)
            .output();
        std::fs::remove_file(&path).unwrap();
        let said = said.expect("python3 reads the file as any other program would");
        assert_eq!(
            String::from_utf8_lossy(&said.stdout).trim(),
            "70000 3",
            "{said:?}"
        );
    }
}
