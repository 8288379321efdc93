//! Passwords as argon2id hashes (RFC 9106), in memory that is kept: 19 MiB for each of as many checks as the machine has
//! cores, whatever the number of people who sign in at once. Others wait for their turn, so a flood of wrong passwords
//! costs time and no memory.

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, PasswordHash, Version};
use kernel::Fault;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError, TryLockError};

/// Working memory, a piece for each core; allocated at first use, never given back.
static MEMORY: LazyLock<Vec<Mutex<Vec<Block>>>> = LazyLock::new(|| {
    let pieces = std::thread::available_parallelism().map_or(1, usize::from);
    (0..pieces).map(|_| Mutex::default()).collect()
});
static TURN: AtomicUsize = AtomicUsize::new(0);

fn with_memory<T>(blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
    let free = MEMORY.iter().find_map(|m| match m.try_lock() {
        Ok(piece) => Some(piece),
        Err(TryLockError::Poisoned(piece)) => Some(piece.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    });
    let mut piece = free.unwrap_or_else(|| {
        let next = TURN.fetch_add(1, Ordering::Relaxed) % MEMORY.len();
        MEMORY[next].lock().unwrap_or_else(PoisonError::into_inner)
    });
    if piece.len() < blocks {
        piece.resize(blocks, Block::default());
    }
    work(&mut piece[..blocks])
}

fn compute(params: Params, password: &str, salt: &[u8], length: usize) -> Result<Output, Fault> {
    let mut out = vec![0; length];
    with_memory(params.block_count(), |memory| {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
            password.as_bytes(),
            salt,
            &mut out,
            memory,
        )
    })
    .map_err(wrong)?;
    Output::new(&out).map_err(wrong)
}

fn wrong(e: impl std::fmt::Display) -> Fault {
    Fault::new(format!("argon2: {e}"))
}

/// The hash as a PHC string, with the parameters OWASP asks for; `fast` is for tests only. Takes some 20 ms: call it off
/// the async threads.
pub(crate) fn hash(password: &str, salt: &[u8; 16], fast: bool) -> Result<String, Fault> {
    let (memory, passes) = if fast { (64, 1) } else { (19 * 1024, 2) };
    let params = Params::new(memory, passes, 1, None).map_err(wrong)?;
    let text = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(wrong)?,
        salt: Some(Salt::new(salt).map_err(wrong)?),
        hash: Some(compute(params, password, salt, 32)?),
    };
    Ok(text.to_string())
}

/// Whether the password is the one behind a hash; the comparison takes the same time wherever they differ.
pub(crate) fn matches(password: &str, hash: &str) -> bool {
    let check = || {
        let known = PasswordHash::new(hash).ok()?;
        if known.algorithm != ARGON2ID_IDENT || known.version != Some(Version::V0x13.into()) {
            return None;
        }
        let wanted = known.hash.as_ref()?;
        let params = Params::try_from(&known).ok()?;
        let salt = known.salt.as_ref()?;
        let found = compute(params, password, salt.as_ref(), wanted.len()).ok()?;
        Some(found == *wanted)
    };
    check().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::PasswordVerifier;

    #[test]
    fn a_hash_is_what_the_library_makes() {
        let text = hash("正确的密码", &[7; 16], false).unwrap();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        let parsed = PasswordHash::new(&text).unwrap();
        assert!(
            Argon2::default()
                .verify_password("正确的密码".as_bytes(), &parsed)
                .is_ok()
        );
        assert!(matches("正确的密码", &text));
        assert!(!matches("错误的密码", &text));
        assert!(!matches("正确的密码", "no hash"));
        // Memory that was used before changes nothing, whatever the parameters.
        let fast = hash("正确的密码", &[8; 16], true).unwrap();
        assert!(matches("正确的密码", &fast) && matches("正确的密码", &text));
    }

    #[test]
    fn many_at_once_share_the_memory() {
        let text = hash("一", &[9; 16], true).unwrap();
        std::thread::scope(|s| {
            for n in 0..32 {
                let text = &text;
                s.spawn(move || assert_eq!(matches(if n % 2 == 0 { "一" } else { "二" }, text), n % 2 == 0));
            }
        });
        assert!(MEMORY.len() <= std::thread::available_parallelism().unwrap().get());
    }
}
