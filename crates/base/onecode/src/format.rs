//! The code itself: what stands in the QR code, how it is made and checked. Pure: time is an argument in Unix seconds.
//!
//! `YW1.` and base64url of certificate ‖ issued_at (u32, big-endian) ‖ nonce (8 bytes) ‖ signature. The certificate of the device
//! that shows it travels along, so that a reader needs the issuer's public key and nothing else:
//! version ‖ kind ‖ device id (16) ‖ issuer key id (8) ‖ not_before ‖ not_after (u32 each) ‖ public key (33, SEC1 compressed) ‖
//! length of the label ‖ label (UTF-8) ‖ issuer's signature. Signatures are ECDSA on P-256 with SHA-256, r ‖ s.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// How long a code is good, and by how much a reader's clock may be wrong, in seconds.
pub const LIFE: i64 = 60;
pub const TOLERANCE: i64 = 30;
/// Longest label in bytes.
pub const LABEL: usize = 60;
const PREFIX: &str = "YW1.";
const CODE: &[u8] = b"yiwang-code-v1\0";
const CERTIFICATE: &[u8] = b"yiwang-code-certificate-v1\0";
const SIGNATURE: usize = 64;
/// Bytes before the label.
const HEAD: usize = 1 + 1 + 16 + 8 + 4 + 4 + 33 + 1;

/// Whose code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Person,
    Firm,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Person => "person",
            Kind::Firm => "firm",
        }
    }
    pub fn of(name: &str) -> Option<Kind> {
        [Kind::Person, Kind::Firm].into_iter().find(|k| k.name() == name)
    }
}

/// Why a code is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("not a code of this kind")]
    Form,
    #[error("issued by somebody else")]
    Issuer,
    #[error("a signature does not verify")]
    Signature,
    #[error("the certificate of the device is not valid now")]
    Certificate,
    #[error("the code is too old")]
    Late,
    #[error("the code is of a time to come")]
    Early,
}

/// What a device's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub kind: Kind,
    pub device: [u8; 16],
    pub issuer: [u8; 8],
    pub not_before: u32,
    pub not_after: u32,
    /// SEC1, compressed.
    pub key: [u8; 33],
    /// Shown by readers without a network; at most [`LABEL`] bytes.
    pub label: String,
}

/// A code, taken apart; nothing of it is believed before [`Code::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    pub certificate: Certificate,
    pub issued_at: u32,
    pub nonce: [u8; 8],
    certified: Vec<u8>,
    certified_by: [u8; SIGNATURE],
    shown: Vec<u8>,
    shown_by: [u8; SIGNATURE],
}

/// The id of an issuer's key: the beginning of the SHA-256 of its uncompressed point.
pub fn key_id(key: &VerifyingKey) -> [u8; 8] {
    let mut id = [0; 8];
    id.copy_from_slice(&Sha256::digest(key.to_sec1_point(false).as_bytes())[..8]);
    id
}

impl Certificate {
    fn body(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + self.label.len() + SIGNATURE);
        out.push(1);
        out.push(if self.kind == Kind::Person { 1 } else { 2 });
        out.extend(self.device);
        out.extend(self.issuer);
        out.extend(self.not_before.to_be_bytes());
        out.extend(self.not_after.to_be_bytes());
        out.extend(self.key);
        let label = shortened(&self.label);
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
        out
    }

    /// The signed certificate.
    pub fn sign(&self, issuer: &SigningKey) -> Vec<u8> {
        let mut out = self.body();
        let signature: Signature = issuer.sign(&[CERTIFICATE, &out].concat());
        out.extend(signature.to_bytes());
        out
    }
}

/// As much of a label as fits, in whole characters.
fn shortened(label: &str) -> &str {
    let mut end = label.len().min(LABEL);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    &label[..end]
}

/// The code that a device shows at this moment.
pub fn show(certificate: &[u8], device: &SigningKey, issued_at: u32, nonce: [u8; 8]) -> String {
    let mut out = certificate.to_vec();
    out.extend(issued_at.to_be_bytes());
    out.extend(nonce);
    let signature: Signature = device.sign(&[CODE, &out].concat());
    out.extend(signature.to_bytes());
    format!("{PREFIX}{}", B64.encode(out))
}

/// Takes bytes off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Wrong> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(Wrong::Form)?;
        self.0 = rest;
        Ok(head)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Wrong> {
        self.take(N)?.try_into().map_err(|_| Wrong::Form)
    }
    fn number(&mut self) -> Result<u32, Wrong> {
        Ok(u32::from_be_bytes(self.array()?))
    }
}

impl Code {
    /// Takes a scanned text apart.
    ///
    /// # Errors
    /// [`Wrong::Form`].
    pub fn read(text: &str) -> Result<Code, Wrong> {
        let text = text.trim().strip_prefix(PREFIX).ok_or(Wrong::Form)?;
        if text.len() > 1_000 {
            return Err(Wrong::Form);
        }
        let bytes = B64.decode(text).map_err(|_| Wrong::Form)?;
        let mut r = Reader(&bytes);
        let [1, kind] = r.array()? else {
            return Err(Wrong::Form);
        };
        let kind = match kind {
            1 => Kind::Person,
            2 => Kind::Firm,
            _ => return Err(Wrong::Form),
        };
        let mut certificate = Certificate {
            kind,
            device: r.array()?,
            issuer: r.array()?,
            not_before: r.number()?,
            not_after: r.number()?,
            key: r.array()?,
            label: String::new(),
        };
        let [length] = r.array()?;
        if usize::from(length) > LABEL {
            return Err(Wrong::Form);
        }
        let label = std::str::from_utf8(r.take(usize::from(length))?).map_err(|_| Wrong::Form)?;
        certificate.label = label.to_string();
        let certified = bytes[..HEAD + usize::from(length)].to_vec();
        let certified_by = r.array()?;
        let (issued_at, nonce) = (r.number()?, r.array()?);
        let shown = bytes[..bytes.len() - r.0.len()].to_vec();
        let shown_by = r.array()?;
        if !r.0.is_empty() {
            return Err(Wrong::Form);
        }
        Ok(Code {
            certificate,
            issued_at,
            nonce,
            certified,
            certified_by,
            shown,
            shown_by,
        })
    }

    /// Believes it or not: issuer, both signatures, the certificate's term, the code's minute, at `now`.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self, issuers: &[VerifyingKey], now: i64) -> Result<(), Wrong> {
        let c = &self.certificate;
        let issuer = issuers
            .iter()
            .find(|k| key_id(k) == c.issuer)
            .ok_or(Wrong::Issuer)?;
        verify(
            issuer,
            &[CERTIFICATE, &self.certified].concat(),
            &self.certified_by,
        )?;
        let device = VerifyingKey::from_sec1_bytes(&c.key).map_err(|_| Wrong::Signature)?;
        verify(&device, &[CODE, &self.shown].concat(), &self.shown_by)?;
        let at = i64::from(self.issued_at);
        if at > now + TOLERANCE {
            return Err(Wrong::Early);
        }
        if now > at + LIFE + TOLERANCE {
            return Err(Wrong::Late);
        }
        if now < i64::from(c.not_before) - TOLERANCE || now > i64::from(c.not_after) {
            return Err(Wrong::Certificate);
        }
        Ok(())
    }

    /// Its name among codes that were seen: device, moment and nonce. No signature has a part in it, for of each there is a
    /// second one that also verifies.
    pub fn digest(&self) -> String {
        let at = self.issued_at.to_be_bytes();
        hex::encode(Sha256::digest(
            [&self.certificate.device[..], &at, &self.nonce].concat(),
        ))
    }
}

fn verify(key: &VerifyingKey, message: &[u8], signature: &[u8; SIGNATURE]) -> Result<(), Wrong> {
    let signature = Signature::from_slice(signature).map_err(|_| Wrong::Signature)?;
    key.verify(message, &signature).map_err(|_| Wrong::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_slice(&[byte; 32]).unwrap()
    }

    fn compressed(key: &SigningKey) -> [u8; 33] {
        key.verifying_key()
            .to_sec1_point(true)
            .as_bytes()
            .try_into()
            .unwrap()
    }

    fn made(issuer: &SigningKey, device: &SigningKey) -> String {
        let certificate = Certificate {
            kind: Kind::Firm,
            device: [9; 16],
            issuer: key_id(issuer.verifying_key()),
            not_before: 1_000,
            not_after: 9_000,
            key: compressed(device),
            label: "演示公司·演**".into(),
        };
        show(&certificate.sign(issuer), device, 5_000, [7; 8])
    }

    #[test]
    fn good_for_its_minute() {
        let (issuer, device) = (key(1), key(2));
        let text = made(&issuer, &device);
        assert!(text.len() < 400, "{}", text.len());
        let code = Code::read(&text).unwrap();
        assert_eq!(
            (code.certificate.kind, code.certificate.label.as_str()),
            (Kind::Firm, "演示公司·演**")
        );
        let trusted = [*issuer.verifying_key()];
        for (now, outcome) in [
            (4_969, Err(Wrong::Early)),
            (4_970, Ok(())),
            (5_090, Ok(())),
            (5_091, Err(Wrong::Late)),
        ] {
            assert_eq!(code.check(&trusted, now), outcome, "{now}");
        }
        assert_eq!(code.check(&[*key(3).verifying_key()], 5_000), Err(Wrong::Issuer));
        // Another key that calls itself the issuer's, and a device that is not the certified one.
        let forged = Code::read(&made(&key(3), &device)).unwrap();
        assert_eq!(forged.check(&trusted, 5_000), Err(Wrong::Issuer));
        let certificate = B64.decode(&text[4..]).unwrap();
        let stolen = show(&certificate[..certificate.len() - 76], &key(4), 5_000, [7; 8]);
        assert_eq!(
            Code::read(&stolen).unwrap().check(&trusted, 5_000),
            Err(Wrong::Signature)
        );
    }

    #[test]
    fn a_certificate_has_its_term() {
        let (issuer, device) = (key(1), key(2));
        let text = made(&issuer, &device);
        let bytes = B64.decode(&text[4..]).unwrap();
        let certificate = &bytes[..bytes.len() - 76];
        let trusted = [*issuer.verifying_key()];
        for (at, fits) in [(900, false), (970, true), (9_000, true), (9_001, false)] {
            let code = Code::read(&show(certificate, &device, at, [0; 8])).unwrap();
            assert_eq!(code.check(&trusted, i64::from(at)).is_ok(), fits, "{at}");
        }
    }

    #[test]
    fn every_byte_counts() {
        let (issuer, device) = (key(1), key(2));
        let bytes = B64.decode(&made(&issuer, &device)[4..]).unwrap();
        let trusted = [*issuer.verifying_key()];
        for n in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[n] ^= 1;
            let code = Code::read(&format!("{PREFIX}{}", B64.encode(&altered)));
            assert!(code.and_then(|c| c.check(&trusted, 5_000)).is_err(), "byte {n}");
            assert!(Code::read(&format!("{PREFIX}{}", B64.encode(&bytes[..n]))).is_err());
        }
    }

    /// ECDSA signatures (r, s) and (r, n − s) both verify; the code is the same.
    #[test]
    fn another_signature_is_no_other_code() {
        let (issuer, device) = (key(1), key(2));
        let bytes = B64.decode(&made(&issuer, &device)[4..]).unwrap();
        let mirror = |bytes: &mut [u8]| {
            let signature = Signature::from_slice(bytes).unwrap();
            let (r, s) = (signature.r(), signature.s());
            let mirrored = Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
            bytes.copy_from_slice(&mirrored.to_bytes());
        };
        let mut other = bytes.clone();
        let end = other.len();
        mirror(&mut other[end - 64..]);
        mirror(&mut other[end - 140..end - 76]);
        let read = |b: &[u8]| Code::read(&format!("{PREFIX}{}", B64.encode(b))).unwrap();
        assert_ne!(bytes, other);
        assert_eq!(read(&bytes).digest(), read(&other).digest());
    }

    #[test]
    fn long_labels_are_cut_between_characters() {
        assert_eq!(shortened(&"市".repeat(30)).len(), 60);
        assert_eq!(shortened(&format!("a{}", "市".repeat(30))).len(), 58);
    }

    proptest! {
        #[test]
        fn garbage_is_refused(text in ".{0,300}", bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Code::read(&text).is_err());
            let _ = Code::read(&format!("{PREFIX}{}", B64.encode(bytes)));
        }
    }
}
