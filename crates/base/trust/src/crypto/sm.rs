//! National algorithms: SM3 (GB/T 32905), SM2 signatures (GB/T 32918.2) and encryption (GB/T 32918.4), SM4 (GB/T 32907) in
//! GCM.

use aes_gcm::aead::{Aead, KeyInit as _, Payload, consts::U12};
use hmac::{Hmac, Mac as _};
use sm2::dsa::signature::hazmat::PrehashSigner as _;
use sm2::dsa::signature::{Signer as _, Verifier as _};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm2::elliptic_curve::rand_core::{TryCryptoRng, TryRng};
use sm2::pke::{DecryptingKey, EncryptingKey};
use sm3::{Digest as _, Sm3};
use zeroize::Zeroizing;

use super::{Error, Result, Rng};

/// The distinguishing identifier used where the parties agreed on none (GM/T 0009-2012, section 10).
pub const DEFAULT_ID: &str = "1234567812345678";

/// SM4 in Galois/counter mode with a 12-byte nonce and a 16-byte tag (RFC 8998).
type Sm4Gcm = aes_gcm::AesGcm<sm4::Sm4, U12>;

/// The SM3 digest of `bytes`.
pub fn sm3(bytes: &[u8]) -> [u8; 32] {
    Sm3::digest(bytes).into()
}

/// HMAC-SM3 over the concatenation of `parts` (GB/T 15852.2).
pub fn hmac_sm3(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A key longer than a block is hashed first, as HMAC asks; doing it here keeps the length valid for every
    // key.
    let mut block = Zeroizing::new([0u8; 64]);
    if key.len() > block.len() {
        block[..32].copy_from_slice(&sm3(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut mac = Hmac::<Sm3>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// An SM2 key pair; the private scalar is wiped when dropped.
#[derive(Clone)]
pub struct Sm2Key(sm2::SecretKey);

impl Sm2Key {
    /// A new key pair from `rng`.
    pub fn generate(rng: Rng<'_>) -> Self {
        let mut bytes = Zeroizing::new([0u8; 32]);
        loop {
            rng(&mut *bytes);
            // All but about one in 2^32 strings are valid scalars.
            if let Ok(key) = Self::from_bytes(&*bytes) {
                return key;
            }
        }
    }

    /// The key pair of a 32-byte big-endian private scalar.
    ///
    /// # Errors
    /// [`Error::Key`] when the scalar is not 32 bytes or not in 1 to n-2.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bad = Error::Key("not an SM2 private key");
        if bytes.len() != 32 {
            return Err(bad);
        }
        let key = sm2::SecretKey::from_slice(bytes).map_err(|_| bad.clone())?;
        // d = n-1 has no inverse of 1+d, so it cannot sign (GB/T 32918.1, section 6.1).
        if bool::from((*key.to_nonzero_scalar() + sm2::Scalar::ONE).is_zero()) {
            return Err(bad);
        }
        Ok(Self(key))
    }

    /// The 32-byte big-endian private scalar, wiped when dropped.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        let mut field = self.0.to_bytes();
        let out = Zeroizing::new(field.into());
        zeroize::Zeroize::zeroize(field.as_mut_slice());
        out
    }

    /// The public point, uncompressed: 04 ‖ x ‖ y, 65 bytes.
    pub fn public(&self) -> Vec<u8> {
        self.0.public_key().to_sec1_bytes().to_vec()
    }

    /// Signs `message` for the signer known as `distid`; DER SEQUENCE { r, s }. The nonce is derived from the
    /// key and the message, so one message has one signature.
    ///
    /// # Errors
    /// [`Error::Key`] when `distid` is longer than the standard allows (8191 bytes).
    pub fn sign(&self, distid: &str, message: &[u8]) -> Result<Vec<u8>> {
        let key = SigningKey::new(distid, &self.0).map_err(|_| Error::Key("SM2 identifier too long"))?;
        let signature: Signature = key.try_sign(message).map_err(|_| Error::Signature)?;
        Ok(signature.to_der().as_ref().to_vec())
    }

    /// Signs what is already digested: e = SM3(Z ‖ M) of GB/T 32918.2, 6.1, where Z names the signer. DER as above.
    ///
    /// # Errors
    /// [`Error::Signature`] when the algorithm finds no signature; its chance is negligible.
    pub fn sign_digest(&self, digest: &[u8; 32]) -> Result<Vec<u8>> {
        let key = SigningKey::new(DEFAULT_ID, &self.0).map_err(|_| Error::Key("SM2 identifier too long"))?;
        let signature: Signature = key.sign_prehash(digest).map_err(|_| Error::Signature)?;
        Ok(signature.to_der().as_ref().to_vec())
    }

    /// Decrypts what [`sm2_encrypt`] made.
    ///
    /// # Errors
    /// [`Error::Sealed`] for anything else.
    pub fn decrypt(&self, cipher: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let key = DecryptingKey::new(self.0.clone());
        key.decrypt_der(cipher)
            .map(Zeroizing::new)
            .map_err(|_| Error::Sealed)
    }
}

/// A source of chance as the library wants it.
struct Chance<'a>(Rng<'a>);

impl TryRng for Chance<'_> {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        (self.0)(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        (self.0)(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> std::result::Result<(), Self::Error> {
        (self.0)(dst);
        Ok(())
    }
}

impl TryCryptoRng for Chance<'_> {}

/// Encrypts to the holder of the uncompressed point `public` (GB/T 32918.4 with SM3): DER SEQUENCE { x, y, C3, C2 }, which is
/// C1C3C2 as GM/T 0009 writes it.
///
/// # Errors
/// [`Error::Key`] for a bad point, [`Error::Sealed`] for an empty text, which the algorithm cannot hide.
pub fn sm2_encrypt(public: &[u8], rng: Rng<'_>, plain: &[u8]) -> Result<Vec<u8>> {
    let key = EncryptingKey::from_sec1_bytes(public).map_err(|_| Error::Key("not an SM2 public key"))?;
    if plain.is_empty() {
        return Err(Error::Sealed);
    }
    key.encrypt_der(&mut Chance(rng), plain)
        .map_err(|_| Error::Sealed)
}

/// Verifies a DER SM2 signature by the holder of the uncompressed point `public`, known as `distid`.
///
/// # Errors
/// [`Error::Key`] for a bad point, [`Error::Signature`] for anything else.
pub fn sm2_verify(public: &[u8], distid: &str, message: &[u8], signature: &[u8]) -> Result<()> {
    let key =
        VerifyingKey::from_sec1_bytes(distid, public).map_err(|_| Error::Key("not an SM2 public key"))?;
    let signature = Signature::from_der(signature).map_err(|_| Error::Signature)?;
    key.verify(message, &signature).map_err(|_| Error::Signature)
}

/// Encrypts `plain` with SM4-GCM and binds `aad` to it; the 16-byte tag follows the ciphertext. A nonce must
/// never be used twice with one key.
///
/// # Errors
/// [`Error::Sealed`] when `plain` is longer than GCM allows (64 GiB).
pub fn sm4_gcm_seal(key: &[u8; 16], nonce: &[u8; 12], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let payload = Payload { msg: plain, aad };
    Sm4Gcm::new(key.into())
        .encrypt(nonce.into(), payload)
        .map_err(|_| Error::Sealed)
}

/// Decrypts what [`sm4_gcm_seal`] made.
///
/// # Errors
/// [`Error::Sealed`] when key, nonce, `aad` or a byte of `sealed` differs.
pub fn sm4_gcm_open(key: &[u8; 16], nonce: &[u8; 12], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
    let payload = Payload { msg: sealed, aad };
    Sm4Gcm::new(key.into())
        .decrypt(nonce.into(), payload)
        .map_err(|_| Error::Sealed)
}
