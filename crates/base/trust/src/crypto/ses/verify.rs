//! Verifying seals and signatures: one finding for each question.

use super::{Seal, Signature};
use crate::crypto::hash::Hash;
use crate::crypto::keys::Kind;
use crate::crypto::tsp::{self, Token};
use crate::crypto::x509::Certificate;
use crate::crypto::{Error, Result, crl};

impl Seal {
    /// Checks the seal as it stood at the moment `at` (Unix milliseconds).
    pub fn verify(&self, trust: &mut Trust<'_>, at: i64) -> Vec<Finding> {
        let mut findings = vec![
            Finding::of(
                Check::SealSignature,
                signs(&self.maker, &self.signed, &self.value),
                "seal signature does not verify",
            ),
            Finding::of(
                Check::SealPeriod,
                self.valid_at(at),
                "outside the seal's validity",
            ),
            Finding::of(
                Check::MakerKnown,
                trust.makers.contains(&self.maker),
                "not a known seal maker",
            ),
        ];
        let checks = [Check::MakerPeriod, Check::MakerTrusted, Check::MakerStatus];
        findings.extend(trust.judge(&self.maker, checks, at));
        findings
    }
}

fn signs(certificate: &Certificate, signed: &[u8], value: &[u8]) -> bool {
    certificate.key.kind() == Kind::Sm2 && certificate.key.verify(signed, value).is_ok()
}

impl Signature {
    /// Checks the signature over the document with the SM3 digest `data_hash`, and the seal in it. Dates and revocation
    /// are judged at the time-stamp's moment if there is a trusted one, else at the moment the signer claims.
    pub fn verify(&self, data_hash: &[u8; 32], trust: &mut Trust<'_>) -> Report {
        let token = self.stamp.as_deref().map(|token| self.read_stamp(token));
        let stamped = match token {
            None => Verdict::Open("no time-stamp"),
            Some(Ok(token)) if token.trusted(trust.pool, trust.roots) => Verdict::Holds(Some(token.at)),
            Some(Ok(_)) => Verdict::Fails("time-stamp authority does not lead to a trusted root"),
            Some(Err(_)) => Verdict::Fails("time-stamp does not verify"),
        };
        let at = match stamped {
            Verdict::Holds(Some(at)) => at,
            _ => self.at,
        };
        let mut findings = vec![
            Finding::of(
                Check::Signature,
                signs(&self.signer, &self.signed, &self.value) && self.version == self.seal.version,
                "signature does not verify",
            ),
            Finding::of(
                Check::Document,
                self.data_hash == data_hash,
                "the document is another one",
            ),
            Finding::of(
                Check::Listed,
                self.seal.info.holders.contain(&self.signer),
                "signer is not on the list of the seal",
            ),
        ];
        findings.push(Finding {
            check: Check::Timestamp,
            verdict: stamped,
        });
        let checks = [Check::SignerPeriod, Check::SignerTrusted, Check::SignerStatus];
        findings.extend(trust.judge(&self.signer, checks, at));
        findings.extend(self.seal.verify(trust, at));
        Report { at, findings }
    }

    fn read_stamp(&self, token: &[u8]) -> Result<Token> {
        // Which digest the standard means is unconfirmed: SM3 would be its own, SHA-256 is what we make.
        [Hash::Sha256, Hash::Sm3]
            .into_iter()
            .map(|hash| tsp::verify(token, hash, &hash.digest(&self.value), &[]))
            .find(Result::is_ok)
            .unwrap_or(Err(Error::Signature))
    }
}

/// What somebody who verifies trusts and knows.
pub struct Trust<'a> {
    /// Trusted roots.
    pub roots: &'a [Certificate],
    /// Certificates between.
    pub pool: &'a [Certificate],
    /// The certificates of the seal makers whose seals count: else whoever has a signing certificate could make
    /// himself a seal of anybody.
    pub makers: &'a [Certificate],
    /// What is known of a certificate's revocation; `None` when it could not be asked.
    pub status: &'a mut dyn FnMut(&Certificate) -> Option<crl::Status>,
}

impl Trust<'_> {
    /// Period, chain and revocation of one certificate, each under its own name.
    fn judge(
        &mut self,
        certificate: &Certificate,
        [period, chain, status]: [Check; 3],
        at: i64,
    ) -> [Finding; 3] {
        let known = match (self.status)(certificate) {
            None => Verdict::Open("revocation is not known"),
            Some(crl::Status::Unknown) => Verdict::Open("its issuer does not know it"),
            Some(found) if found.held_at(at) => Verdict::Holds(None),
            Some(_) => Verdict::Fails("revoked"),
        };
        [
            Finding::of(
                period,
                certificate.valid_at(at),
                "outside the certificate's validity",
            ),
            Finding::of(
                chain,
                certificate.trusted(self.pool, self.roots, at),
                "does not lead to a trusted root as a document signer",
            ),
            Finding {
                check: status,
                verdict: known,
            },
        ]
    }
}

/// One question about a seal or a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The signer's key signed TBS_Sign.
    Signature,
    /// The digest is that of the document.
    Document,
    /// The signer is on the list of the seal.
    Listed,
    /// A time-stamp over the signature value, trusted.
    Timestamp,
    /// The signer's certificate was within its validity.
    SignerPeriod,
    /// The signer's certificate leads to a trusted root.
    SignerTrusted,
    /// The signer's certificate was not revoked.
    SignerStatus,
    /// The maker's key signed the seal.
    SealSignature,
    /// The seal was within its validity.
    SealPeriod,
    /// The maker is one of those whose seals count.
    MakerKnown,
    /// The maker's certificate was within its validity.
    MakerPeriod,
    /// The maker's certificate leads to a trusted root.
    MakerTrusted,
    /// The maker's certificate was not revoked.
    MakerStatus,
}

/// The answer to a [`Check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes; with the moment (Unix milliseconds) if the question was a time.
    Holds(Option<i64>),
    /// No, and why, in English for logs.
    Fails(&'static str),
    /// It cannot be said, and why.
    Open(&'static str),
}

/// A question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The question.
    pub check: Check,
    /// The answer.
    pub verdict: Verdict,
}

impl Finding {
    fn of(check: Check, holds: bool, otherwise: &'static str) -> Self {
        let verdict = if holds {
            Verdict::Holds(None)
        } else {
            Verdict::Fails(otherwise)
        };
        Self { check, verdict }
    }
}

/// Everything found about a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The moment at which dates and revocation were judged, Unix milliseconds.
    pub at: i64,
    /// One finding for each [`Check`].
    pub findings: Vec<Finding>,
}

impl Report {
    /// The answer to one question.
    pub fn verdict(&self, check: Check) -> Verdict {
        self.findings
            .iter()
            .find(|finding| finding.check == check)
            .map_or(Verdict::Open("not asked"), |finding| finding.verdict)
    }

    /// Whether nothing fails. Open questions remain in [`Report::open`].
    pub fn stands(&self) -> bool {
        let fails = |finding: &Finding| matches!(finding.verdict, Verdict::Fails(_));
        !self.findings.iter().any(fails)
    }

    /// The questions that could not be answered.
    pub fn open(&self) -> impl Iterator<Item = Check> + '_ {
        let open = |finding: &&Finding| matches!(finding.verdict, Verdict::Open(_));
        self.findings.iter().filter(open).map(|finding| finding.check)
    }
}
