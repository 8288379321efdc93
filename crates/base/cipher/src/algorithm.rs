//! What a key can do with bytes: pure functions over the algorithms. Chance is an argument.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use trust::crypto::{Kind, PrivateKey, PublicKey, Rng, sm};
use zeroize::Zeroizing;

/// What a key is for; fixed when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Sign,
    Encrypt,
    Mac,
    /// Wraps data keys; the data are encrypted under those.
    Envelope,
    /// Data keys are encrypted to its public half, by anybody; only here are they opened.
    Asymmetric,
}

/// Algorithm of a key; fixed when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// SM2 with SM3, default identifier; DER signatures (GB/T 32918.2, GB/T 35276).
    Sm2,
    /// ECDSA on P-256 with SHA-256; DER signatures (FIPS 186-5).
    Es256,
    /// RFC 8032.
    Ed25519,
    /// SM2 public-key encryption with SM3 (GB/T 32918.4), C1C3C2 in DER (GM/T 0009).
    Sm2Encryption,
    /// RFC 8998: 128-bit key, 96-bit nonce, 128-bit tag.
    Sm4Gcm,
    /// NIST SP 800-38D: 256-bit key, 96-bit nonce, 128-bit tag.
    Aes256Gcm,
    /// GB/T 15852.2 with SM3; 256-bit key.
    HmacSm3,
    /// RFC 2104, RFC 6234; 256-bit key.
    HmacSha256,
}

pub(crate) const PURPOSES: [Purpose; 5] = [
    Purpose::Sign,
    Purpose::Encrypt,
    Purpose::Mac,
    Purpose::Envelope,
    Purpose::Asymmetric,
];
pub(crate) const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::Sm2,
    Algorithm::Es256,
    Algorithm::Ed25519,
    Algorithm::Sm2Encryption,
    Algorithm::Sm4Gcm,
    Algorithm::Aes256Gcm,
    Algorithm::HmacSm3,
    Algorithm::HmacSha256,
];

/// Bytes of a nonce, and of a tag.
pub(crate) const NONCE: usize = 12;
const TAG: usize = 16;

impl Purpose {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Purpose::Sign => "sign",
            Purpose::Encrypt => "encrypt",
            Purpose::Mac => "mac",
            Purpose::Envelope => "envelope",
            Purpose::Asymmetric => "asymmetric",
        }
    }
    pub(crate) fn of(name: &str) -> Option<Purpose> {
        PURPOSES.into_iter().find(|p| p.name() == name)
    }
    /// The algorithms that serve it, the national one first.
    pub(crate) fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Purpose::Sign => &[Algorithm::Sm2, Algorithm::Es256, Algorithm::Ed25519],
            Purpose::Encrypt | Purpose::Envelope => &[Algorithm::Sm4Gcm, Algorithm::Aes256Gcm],
            Purpose::Mac => &[Algorithm::HmacSm3, Algorithm::HmacSha256],
            Purpose::Asymmetric => &[Algorithm::Sm2Encryption],
        }
    }
}

impl Algorithm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Algorithm::Sm2 => "sm2",
            Algorithm::Es256 => "es256",
            Algorithm::Ed25519 => "ed25519",
            Algorithm::Sm2Encryption => "sm2-encryption",
            Algorithm::Sm4Gcm => "sm4-gcm",
            Algorithm::Aes256Gcm => "aes-256-gcm",
            Algorithm::HmacSm3 => "hmac-sm3",
            Algorithm::HmacSha256 => "hmac-sha256",
        }
    }
    pub(crate) fn of(name: &str) -> Option<Algorithm> {
        ALGORITHMS.into_iter().find(|a| a.name() == name)
    }
    fn pair(self) -> Option<Kind> {
        match self {
            Algorithm::Sm2 | Algorithm::Sm2Encryption => Some(Kind::Sm2),
            Algorithm::Es256 => Some(Kind::P256),
            Algorithm::Ed25519 => Some(Kind::Ed25519),
            _ => None,
        }
    }
    /// Bytes of a symmetric key.
    pub(crate) fn size(self) -> usize {
        match self {
            Algorithm::Sm4Gcm => 16,
            _ => 32,
        }
    }
}

/// What goes wrong has one shape: it does not fit. Why, nobody who attacks shall learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfit;

/// Secret bytes of one version; wiped when dropped.
pub(crate) enum Material {
    Pair(Box<PrivateKey>),
    Secret(Algorithm, Zeroizing<Vec<u8>>),
}

impl Material {
    pub(crate) fn generate(algorithm: Algorithm, rng: Rng<'_>) -> Material {
        match algorithm.pair() {
            Some(kind) => Material::Pair(Box::new(PrivateKey::generate(kind, rng))),
            None => {
                let mut bytes = Zeroizing::new(vec![0u8; algorithm.size()]);
                rng(&mut bytes);
                Material::Secret(algorithm, bytes)
            }
        }
    }
    pub(crate) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Material, Unfit> {
        match algorithm.pair() {
            Some(kind) => PrivateKey::from_bytes(kind, bytes)
                .map(|key| Material::Pair(Box::new(key)))
                .map_err(|_| Unfit),
            None if bytes.len() == algorithm.size() => {
                Ok(Material::Secret(algorithm, Zeroizing::new(bytes.to_vec())))
            }
            None => Err(Unfit),
        }
    }
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Material::Pair(key) => Zeroizing::new(key.to_bytes().to_vec()),
            Material::Secret(_, bytes) => bytes.clone(),
        }
    }
    /// The public half as PEM; empty for symmetric keys, which have none.
    pub(crate) fn public_pem(&self) -> String {
        match self {
            Material::Pair(key) => key.public().spki_pem(),
            Material::Secret(..) => String::new(),
        }
    }
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unfit> {
        match self {
            Material::Pair(key) => key.sign(message).map_err(|_| Unfit),
            Material::Secret(..) => Err(Unfit),
        }
    }
    /// Signs a digest that the caller made.
    pub(crate) fn sign_digest(&self, digest: &[u8; 32]) -> Result<Vec<u8>, Unfit> {
        match self {
            Material::Pair(key) => key.sign_digest(digest).map_err(|_| Unfit),
            Material::Secret(..) => Err(Unfit),
        }
    }
    /// Opens what was encrypted to the public half.
    pub(crate) fn unwrap(&self, cipher: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unfit> {
        match self {
            Material::Pair(key) => key.decrypt(cipher).map_err(|_| Unfit),
            Material::Secret(..) => Err(Unfit),
        }
    }
    pub(crate) fn mac(&self, message: &[u8]) -> Result<Vec<u8>, Unfit> {
        match self {
            Material::Secret(Algorithm::HmacSm3, key) => Ok(sm::hmac_sm3(key, &[message]).to_vec()),
            Material::Secret(Algorithm::HmacSha256, key) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| Unfit)?;
                mac.update(message);
                Ok(mac.finalize().into_bytes().to_vec())
            }
            _ => Err(Unfit),
        }
    }
    /// Compares in a time that does not depend on where they differ.
    pub(crate) fn mac_matches(&self, message: &[u8], given: &[u8]) -> bool {
        self.mac(message).is_ok_and(|own| own.ct_eq(given).into())
    }
    /// nonce ‖ ciphertext ‖ tag under a fresh nonce.
    pub(crate) fn seal(&self, rng: Rng<'_>, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Unfit> {
        let mut nonce = [0u8; NONCE];
        rng(&mut nonce);
        let mut out = nonce.to_vec();
        out.extend(self.seal_with(&nonce, aad, plain)?);
        Ok(out)
    }
    fn seal_with(&self, nonce: &[u8; NONCE], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Unfit> {
        match self {
            Material::Secret(Algorithm::Sm4Gcm, key) => {
                let key = key.as_slice().try_into().map_err(|_| Unfit)?;
                sm::sm4_gcm_seal(key, nonce, aad, plain).map_err(|_| Unfit)
            }
            Material::Secret(Algorithm::Aes256Gcm, key) => {
                let cipher = Aes256Gcm::new_from_slice(key).map_err(|_| Unfit)?;
                cipher
                    .encrypt(nonce.into(), Payload { msg: plain, aad })
                    .map_err(|_| Unfit)
            }
            _ => Err(Unfit),
        }
    }
    /// Opens what [`Material::seal`] made.
    pub(crate) fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unfit> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE>().ok_or(Unfit)?;
        if body.len() < TAG {
            return Err(Unfit);
        }
        let plain = match self {
            Material::Secret(Algorithm::Sm4Gcm, key) => {
                let key = key.as_slice().try_into().map_err(|_| Unfit)?;
                sm::sm4_gcm_open(key, nonce, aad, body).map_err(|_| Unfit)?
            }
            Material::Secret(Algorithm::Aes256Gcm, key) => {
                let cipher = Aes256Gcm::new_from_slice(key).map_err(|_| Unfit)?;
                let payload = Payload { msg: body, aad };
                cipher.decrypt(nonce.into(), payload).map_err(|_| Unfit)?
            }
            _ => return Err(Unfit),
        };
        Ok(Zeroizing::new(plain))
    }
}

/// Whether a signature fits a message under a public key in PEM.
pub(crate) fn verifies(public_pem: &str, message: &[u8], signature: &[u8]) -> bool {
    PublicKey::from_spki_pem(public_pem).is_ok_and(|key| key.verify(message, signature).is_ok())
}

/// Encrypts a short text to the holder of a key, by its public half in PEM.
pub(crate) fn wrap(public_pem: &str, rng: Rng<'_>, plain: &[u8]) -> Result<Vec<u8>, Unfit> {
    let key = PublicKey::from_spki_pem(public_pem).map_err(|_| Unfit)?;
    key.encrypt(rng, plain).map_err(|_| Unfit)
}

/// SHA-256 in hex, by which the log names what was signed.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fixed(hex: &str, algorithm: Algorithm) -> Material {
        Material::from_bytes(algorithm, &hex::decode(hex).unwrap()).unwrap()
    }

    /// RFC 8998, appendix A.1.
    #[test]
    fn sm4_gcm_of_rfc_8998() {
        let key = fixed("0123456789abcdeffedcba9876543210", Algorithm::Sm4Gcm);
        let nonce: [u8; 12] = hex::decode("00001234567800000000abcd")
            .unwrap()
            .try_into()
            .unwrap();
        let aad = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").unwrap();
        let plain = hex::decode(
            "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
        )
        .unwrap();
        let made = key.seal_with(&nonce, &aad, &plain).unwrap();
        assert_eq!(
            hex::encode(&made),
            "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d\
             83de3541e4c2b58177e065a9bf7b62ec"
        );
        let sealed = [nonce.as_slice(), &made].concat();
        assert_eq!(*key.open(&aad, &sealed).unwrap(), plain);
    }

    /// Test case 16 of the GCM specification (McGrew and Viega).
    #[test]
    fn aes_256_gcm_of_the_specification() {
        let key = fixed(
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            Algorithm::Aes256Gcm,
        );
        let nonce: [u8; 12] = hex::decode("cafebabefacedbaddecaf888")
            .unwrap()
            .try_into()
            .unwrap();
        let aad = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").unwrap();
        let plain = hex::decode(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        )
        .unwrap();
        assert_eq!(
            hex::encode(key.seal_with(&nonce, &aad, &plain).unwrap()),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662\
             76fc6ece0f4e1768cddf8853bb2d551b"
        );
    }

    /// RFC 4231, test case 2 with a key of this size made by padding (HMAC pads with zeros anyway).
    #[test]
    fn hmac_sha256_of_rfc_4231() {
        let mut key = b"Jefe".to_vec();
        key.resize(32, 0);
        let key = Material::from_bytes(Algorithm::HmacSha256, &key).unwrap();
        let mac = key.mac(b"what do ya want for nothing?").unwrap();
        assert_eq!(
            hex::encode(&mac),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(key.mac_matches(b"what do ya want for nothing?", &mac));
        assert!(!key.mac_matches(b"what do ya want for nothing?", &mac[..31]));
        assert!(!key.mac_matches(b"what do ya want for nothing!", &mac));
    }

    #[test]
    fn no_nonce_comes_twice() {
        let mut rng = trust::crypto::random::system;
        let key = Material::generate(Algorithm::Sm4Gcm, &mut rng);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..20_000 {
            let sealed = key.seal(&mut rng, b"", b"").unwrap();
            assert!(seen.insert(sealed[..NONCE].to_vec()));
        }
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_and_nothing_else(plain in proptest::collection::vec(any::<u8>(), 0..200), aad in proptest::collection::vec(any::<u8>(), 0..40), at in any::<proptest::sample::Index>(), aes in any::<bool>()) {
            let mut rng = trust::crypto::random::system;
            let algorithm = if aes { Algorithm::Aes256Gcm } else { Algorithm::Sm4Gcm };
            let key = Material::generate(algorithm, &mut rng);
            let sealed = key.seal(&mut rng, &aad, &plain).unwrap();
            prop_assert_eq!(&*key.open(&aad, &sealed).unwrap(), &plain);
            let mut broken = sealed.clone();
            let n = at.index(broken.len());
            broken[n] ^= 1;
            prop_assert!(key.open(&aad, &broken).is_err());
            prop_assert!(key.open(&[aad.as_slice(), b"x"].concat(), &sealed).is_err());
            prop_assert!(key.open(&aad, &sealed[..n]).is_err());
            prop_assert!(Material::generate(algorithm, &mut rng).open(&aad, &sealed).is_err());
        }
    }
}
