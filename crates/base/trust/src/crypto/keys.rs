//! One private and one public key type over SM2, ECDSA P-256 and Ed25519.

use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use zeroize::Zeroizing;

use super::sm::{self, Sm2Key};
use super::{Error, Result, Rng, der};

/// The algorithm of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// SM2 with SM3 (GB/T 32918.2), default identifier.
    Sm2,
    /// ECDSA on P-256 with SHA-256 (FIPS 186-5).
    P256,
    /// Ed25519 (RFC 8032).
    Ed25519,
}

/// A private key; its secret is wiped when dropped and never printed.
#[derive(Clone)]
pub enum PrivateKey {
    /// See [`Kind::Sm2`].
    Sm2(Sm2Key),
    /// See [`Kind::P256`].
    P256(p256::ecdsa::SigningKey),
    /// See [`Kind::Ed25519`].
    Ed25519(ed25519_dalek::SigningKey),
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({:?})", self.kind())
    }
}

impl PrivateKey {
    /// A new key from `rng`.
    pub fn generate(kind: Kind, rng: Rng<'_>) -> Self {
        let mut bytes = Zeroizing::new([0u8; 32]);
        loop {
            rng(&mut *bytes);
            // A string outside the scalar range is about as likely as one in 2^32; draw again.
            if let Ok(key) = Self::from_bytes(kind, &*bytes) {
                return key;
            }
        }
    }

    /// The key of 32 secret bytes (big-endian scalar, or the Ed25519 seed).
    ///
    /// # Errors
    /// [`Error::Key`] for a wrong length or a scalar out of range.
    pub fn from_bytes(kind: Kind, bytes: &[u8]) -> Result<Self> {
        let bytes = <&[u8; 32]>::try_from(bytes).map_err(|_| Error::Key("not 32 bytes"))?;
        Ok(match kind {
            Kind::Sm2 => Self::Sm2(Sm2Key::from_bytes(bytes)?),
            Kind::P256 => Self::P256(
                p256::ecdsa::SigningKey::from_slice(bytes)
                    .map_err(|_| Error::Key("not a P-256 private key"))?,
            ),
            Kind::Ed25519 => Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(bytes)),
        })
    }

    /// The 32 secret bytes, wiped when dropped; [`PrivateKey::from_bytes`] takes them back.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        match self {
            Self::Sm2(key) => key.to_bytes(),
            Self::P256(key) => {
                let mut field = key.to_bytes();
                let out = Zeroizing::new(field.into());
                zeroize::Zeroize::zeroize(field.as_mut_slice());
                out
            }
            Self::Ed25519(key) => Zeroizing::new(key.to_bytes()),
        }
    }

    /// The algorithm.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sm2(_) => Kind::Sm2,
            Self::P256(_) => Kind::P256,
            Self::Ed25519(_) => Kind::Ed25519,
        }
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let bytes = match self {
            Self::Sm2(key) => key.public(),
            Self::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
        };
        PublicKey {
            kind: self.kind(),
            bytes,
        }
    }

    /// Signs `message`: DER SEQUENCE { r, s } for SM2 (default identifier) and P-256 (SHA-256), 64 bytes for
    /// Ed25519. All three are deterministic.
    ///
    /// # Errors
    /// [`Error::Signature`] when the algorithm finds no signature; its chance is negligible.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Sm2(key) => key.sign(sm::DEFAULT_ID, message),
            Self::P256(key) => {
                let made: p256::ecdsa::Signature = key.try_sign(message).map_err(|_| Error::Signature)?;
                Ok(made.to_der().as_bytes().to_vec())
            }
            Self::Ed25519(key) => Ok(key
                .try_sign(message)
                .map_err(|_| Error::Signature)?
                .to_bytes()
                .to_vec()),
        }
    }
}

impl PrivateKey {
    /// Signs a digest that somebody else made: for SM2 SM3(Z ‖ M) (see [`Sm2Key::sign_digest`]), for P-256 SHA-256. The caller
    /// alone knows of what.
    ///
    /// # Errors
    /// [`Error::Key`] for Ed25519, which signs messages only.
    pub fn sign_digest(&self, digest: &[u8; 32]) -> Result<Vec<u8>> {
        match self {
            Self::Sm2(key) => key.sign_digest(digest),
            Self::P256(key) => {
                let made: p256::ecdsa::Signature = key.sign_prehash(digest).map_err(|_| Error::Signature)?;
                Ok(made.to_der().as_bytes().to_vec())
            }
            Self::Ed25519(_) => Err(Error::Key("Ed25519 signs no digests")),
        }
    }

    /// Decrypts what was encrypted to the public half; see [`PublicKey::encrypt`].
    ///
    /// # Errors
    /// [`Error::Sealed`] when it was not, [`Error::Key`] for a key that is not SM2.
    pub fn decrypt(&self, cipher: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        match self {
            Self::Sm2(key) => key.decrypt(cipher),
            _ => Err(Error::Key("only SM2 keys decrypt")),
        }
    }
}

/// A public key, checked to be a point of its curve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    /// 65 bytes uncompressed for the two curves with x and y, 32 bytes for Ed25519.
    bytes: Vec<u8>,
}

impl PublicKey {
    /// A key from its raw form: an uncompressed point (SM2, P-256) or 32 bytes (Ed25519).
    ///
    /// # Errors
    /// [`Error::Key`] when the bytes are no point of the curve.
    pub fn from_bytes(kind: Kind, bytes: &[u8]) -> Result<Self> {
        let valid = match kind {
            Kind::Sm2 => bytes.len() == 65 && sm2::PublicKey::from_sec1_bytes(bytes).is_ok(),
            Kind::P256 => bytes.len() == 65 && p256::PublicKey::from_sec1_bytes(bytes).is_ok(),
            Kind::Ed25519 => ed25519_key(bytes).is_ok(),
        };
        if !valid {
            return Err(Error::Key("not a public key of this algorithm"));
        }
        Ok(Self {
            kind,
            bytes: bytes.to_vec(),
        })
    }

    /// The raw form [`PublicKey::from_bytes`] takes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The algorithm.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// SubjectPublicKeyInfo in DER (RFC 5480, RFC 8410; SM2 as ecPublicKey on curve 1.2.156.10197.1.301).
    pub fn spki_der(&self) -> Vec<u8> {
        let algorithm = match self.kind {
            Kind::Sm2 => der::seq(&[&der::oid(der::EC_KEY), &der::oid(der::SM2_CURVE)]),
            Kind::P256 => der::seq(&[&der::oid(der::EC_KEY), &der::oid(der::P256_CURVE)]),
            Kind::Ed25519 => der::seq(&[&der::oid(der::ED25519)]),
        };
        der::seq(&[&algorithm, &der::bits(&self.bytes, 0)])
    }

    /// SubjectPublicKeyInfo in PEM, as OpenSSL 3 reads it.
    pub fn spki_pem(&self) -> String {
        der::pem("PUBLIC KEY", &self.spki_der())
    }

    /// Reads what [`PublicKey::spki_der`] writes.
    ///
    /// # Errors
    /// [`Error::Encoding`] for other structures or algorithms, [`Error::Key`] for a point off the curve.
    pub fn from_spki_der(bytes: &[u8]) -> Result<Self> {
        let mut outer = der::Reader::new(bytes);
        let mut spki = outer.enter(der::SEQUENCE)?;
        outer.end()?;
        let algorithm = spki.expect(der::SEQUENCE)?;
        let point = spki.bit_string()?;
        spki.end()?;
        let known = [Kind::Sm2, Kind::P256, Kind::Ed25519].into_iter().find(|&kind| {
            // The algorithm identifiers are constants, so comparing bytes is comparing meaning.
            let sample = Self {
                kind,
                bytes: Vec::new(),
            }
            .spki_der();
            der::Reader::new(&sample)
                .enter(der::SEQUENCE)
                .and_then(|mut inner| inner.expect(der::SEQUENCE).map(|a| a.full == algorithm.full))
                .unwrap_or(false)
        });
        Self::from_bytes(known.ok_or(Error::Encoding("unknown key algorithm"))?, point)
    }

    /// Reads a PEM "PUBLIC KEY" block.
    ///
    /// # Errors
    /// As [`PublicKey::from_spki_der`].
    pub fn from_spki_pem(text: &str) -> Result<Self> {
        Self::from_spki_der(&der::unpem("PUBLIC KEY", text)?)
    }

    /// Encrypts a short text, such as a key, to the holder of the private half; see [`sm::sm2_encrypt`].
    ///
    /// # Errors
    /// As there; [`Error::Key`] for a key that is not SM2.
    pub fn encrypt(&self, rng: Rng<'_>, plain: &[u8]) -> Result<Vec<u8>> {
        match self.kind {
            Kind::Sm2 => sm::sm2_encrypt(&self.bytes, rng, plain),
            _ => Err(Error::Key("only SM2 keys encrypt")),
        }
    }

    /// Verifies a signature made by [`PrivateKey::sign`].
    ///
    /// # Errors
    /// [`Error::Signature`] when it does not verify.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        match self.kind {
            Kind::Sm2 => sm::sm2_verify(&self.bytes, sm::DEFAULT_ID, message, signature),
            Kind::P256 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&self.bytes)
                    .map_err(|_| Error::Key("not a P-256 public key"))?;
                let signature = p256::ecdsa::Signature::from_der(signature).map_err(|_| Error::Signature)?;
                key.verify(message, &signature).map_err(|_| Error::Signature)
            }
            Kind::Ed25519 => {
                let signature =
                    ed25519_dalek::Signature::from_slice(signature).map_err(|_| Error::Signature)?;
                // The strict form also refuses small-order keys, so one signature fits one message.
                ed25519_key(&self.bytes)?
                    .verify_strict(message, &signature)
                    .map_err(|_| Error::Signature)
            }
        }
    }
}

fn ed25519_key(bytes: &[u8]) -> Result<ed25519_dalek::VerifyingKey> {
    let bytes = <&[u8; 32]>::try_from(bytes).map_err(|_| Error::Key("not an Ed25519 public key"))?;
    ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| Error::Key("not an Ed25519 public key"))
}
