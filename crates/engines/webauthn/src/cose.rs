//! Public keys as COSE_Key (RFC 9052, RFC 9053) and signatures by them (WebAuthn § 6.5.5).

use crate::Refused;
use crate::cbor::{self, Map};

/// COSE algorithm ES256.
pub(crate) const ES256: i64 = -7;
/// COSE algorithm EdDSA, with curve Ed25519.
pub(crate) const EDDSA: i64 = -8;

/// A key that nobody holds (the base point of P-256), so that checking a credential that is not known takes as long as
/// checking one that is.
pub const STAND_IN: &[u8] = &[
    0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42,
    0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0,
    0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x22, 0x58, 0x20, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
    0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e,
    0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

/// A public key that verifies.
pub(crate) enum Key {
    Es256(p256::ecdsa::VerifyingKey),
    EdDsa(ed25519_dalek::VerifyingKey),
}

impl Key {
    pub(crate) fn read(bytes: &[u8]) -> Result<Key, Refused> {
        let map = cbor::map(bytes).ok_or(Refused::Key)?;
        Key::of(&map).ok_or(Refused::Key)
    }

    fn of(map: &Map) -> Option<Key> {
        let number = |label| map.number(label).and_then(cbor::integer);
        let point = |label| <[u8; 32]>::try_from(map.number(label)?.as_bytes()?.as_slice()).ok();
        match (number(1)?, number(3)?, number(-1)?) {
            (2, ES256, 1) => {
                let mut sec1 = [4; 65];
                sec1[1..33].copy_from_slice(&point(-2)?);
                sec1[33..].copy_from_slice(&point(-3)?);
                Some(Key::Es256(
                    p256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1).ok()?,
                ))
            }
            (1, EDDSA, 6) => {
                let key = ed25519_dalek::VerifyingKey::from_bytes(&point(-2)?).ok()?;
                (!key.is_weak()).then_some(Key::EdDsa(key))
            }
            _ => None,
        }
    }

    pub(crate) fn algorithm(&self) -> i64 {
        match self {
            Key::Es256(_) => ES256,
            Key::EdDsa(_) => EDDSA,
        }
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
        use p256::ecdsa::signature::Verifier;
        let right = match self {
            Key::Es256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Key::EdDsa(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        };
        if right { Ok(()) } else { Err(Refused::Signature) }
    }
}
