//! The master key in a file under a passphrase: argon2id (RFC 9106) makes of the passphrase a key that seals it with SM4-GCM.
//!
//! Two lines: `yiwang-master/1 argon2id MEMORY PASSES LANES SALT` (KiB; salt in hex), and the envelope in hex. The first line is
//! authenticated with the key.

use crate::crypto::{random, seal};
use crate::vault::Master;
use argon2::{Algorithm, Argon2, Params, Version};
use kernel::Fault;
use zeroize::Zeroizing;

const HEAD: &str = "yiwang-master/1";
/// 64 MiB, three passes: about a third of a second.
const COST: [u32; 3] = [65_536, 3, 1];
/// What a file may ask of the machine: 1 GiB, 16 passes, 16 lanes.
const MOST: [u32; 3] = [1 << 20, 16, 16];

/// Whether this is a master key under a passphrase.
pub fn is_protected(text: &str) -> bool {
    text.trim_start().starts_with(HEAD)
}

/// A new master key, 64 hex digits.
pub fn make() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    random::system(&mut *bytes);
    Zeroizing::new(hex::encode(*bytes))
}

/// Puts a master key (64 hex digits) under a passphrase; returns the text of the file.
pub fn protect(key: &str, passphrase: &str) -> Result<String, Fault> {
    if Master::parse(key.trim()).is_none() {
        return Err(Fault::new("the master key must be 64 hex digits"));
    }
    if passphrase.chars().count() < 12 {
        return Err(Fault::new("the passphrase must have at least 12 characters"));
    }
    let mut salt = [0u8; 16];
    random::system(&mut salt);
    let [memory, passes, lanes] = COST;
    let head = format!("{HEAD} argon2id {memory} {passes} {lanes} {}", hex::encode(salt));
    let under = derive(passphrase, &salt, COST)?;
    let sealed = seal::seal(
        &under,
        head.as_bytes(),
        key.trim().as_bytes(),
        &mut random::system,
    )
    .map_err(|e| Fault::of("sealing the master key", e))?;
    Ok(format!("{head}\n{}\n", hex::encode(sealed)))
}

/// The master key (64 hex digits) of a protected file.
pub fn unprotect(text: &str, passphrase: &str) -> Result<Zeroizing<String>, Fault> {
    let broken = || Fault::new("the file of the master key is damaged: use a copy of it");
    let mut lines = text.trim().lines().map(str::trim_end);
    let head = lines.next().ok_or_else(broken)?;
    let sealed = lines
        .next()
        .and_then(|l| hex::decode(l).ok())
        .ok_or_else(broken)?;
    let [HEAD, "argon2id", memory, passes, lanes, salt] = head.split(' ').collect::<Vec<_>>()[..] else {
        return Err(broken());
    };
    let mut cost = [0u32; 3];
    for ((to, from), most) in cost.iter_mut().zip([memory, passes, lanes]).zip(MOST) {
        *to = from.parse().ok().filter(|n| *n <= most).ok_or_else(broken)?;
    }
    let salt = hex::decode(salt).map_err(|_| broken())?;
    let under = derive(passphrase, &salt, cost)?;
    let plain = seal::open(&under, head.as_bytes(), &sealed).map_err(|_| {
        Fault::new(
            "the passphrase does not open the master key (or its file is damaged); nothing was changed",
        )
    })?;
    let plain = Zeroizing::new(plain);
    let key = std::str::from_utf8(&plain).map_err(|_| broken())?;
    Ok(Zeroizing::new(key.to_string()))
}

fn derive(
    passphrase: &str,
    salt: &[u8],
    [memory, passes, lanes]: [u32; 3],
) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let wrong = |e: argon2::Error| Fault::new(format!("the file of the master key: argon2: {e}"));
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(wrong)?;
    let mut key = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(wrong)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_opens_its_file_and_nothing_else_does() {
        let (key, words) = (make(), "correct horse 电池 staple");
        assert!(!is_protected(&key));
        let file = protect(&key, words).unwrap();
        assert!(is_protected(&file) && !file.contains(key.as_str()));
        assert_eq!(*unprotect(&file, words).unwrap(), *key);
        assert_ne!(protect(&key, words).unwrap(), file, "another salt each time");
        let error = |text: &str, words: &str| unprotect(text, words).unwrap_err().to_string();
        assert!(error(&file, "correct horse 电池 stable").contains("passphrase"));
        // Every altered character is refused, those of the costs too; an absurd cost is not even tried.
        assert!(error(&file.replacen(" 3 ", " 2 ", 1), words).contains("passphrase"));
        assert!(error(&file.replacen("65536", "99999999", 1), words).contains("damaged"));
        assert!(error("yiwang-master/1 argon2id", words).contains("damaged"));
        let mut cut = file.trim_end().to_string();
        cut.pop();
        assert!(error(&cut, words).contains("damaged"));
        assert!(
            protect(&key, "short")
                .unwrap_err()
                .to_string()
                .contains("12 characters")
        );
        assert!(protect("secret", words).is_err());
    }
}
