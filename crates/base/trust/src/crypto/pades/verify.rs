//! Verifying the signatures of a file.

use super::changes::Change;
use super::range::{self, Geometry};
use super::revision::Newest;
use crate::crypto::x509::Certificate;
use crate::crypto::{Error, Hash, Result, cms, tsp};

/// What a file may cost its verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file, bytes.
    pub file: usize,
    /// Most signatures.
    pub signatures: usize,
    /// Most objects in a revision.
    pub objects: usize,
    /// Most bytes that the streams of a revision inflate to while its structure is read.
    pub inflated: usize,
    /// Most bytes that are parsed in all: every revision of a file is read.
    pub read: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file: 32 << 20,
            signatures: 16,
            objects: 200_000,
            inflated: 256 << 20,
            read: 512 << 20,
        }
    }
}

/// Why a file was not examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Larger than the limit.
    TooLarge,
    /// More signatures than the limit.
    TooManySignatures,
    /// Nothing that looks like a signature.
    NoSignature,
}

/// What was found in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Why nothing was looked at.
    pub problem: Option<Problem>,
    /// Everything that looks like a signature, in the order of the file.
    pub signatures: Vec<Signature>,
}

impl Report {
    /// Whether there are signatures and every one of them stands.
    pub fn stands(&self) -> bool {
        !self.signatures.is_empty() && self.signatures.iter().all(Signature::stands)
    }
}

/// One signature or document time-stamp of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// The signed bytes are what the signer signed.
    pub intact: bool,
    /// Whether it is a document time-stamp, signed by a time-stamp authority.
    pub timestamp: bool,
    /// It is intact and its certificate led to one of the roots at the time it is judged at.
    pub trusted: bool,
    /// How many bytes from the start of the file it covers, its own value left out.
    pub end: usize,
    /// How many bytes of the file come after those.
    pub after: usize,
    /// What those bytes do; looked at only if it is intact.
    pub later: Vec<Change>,
    /// The signer's certificate; `None` unless intact.
    pub signer: Option<Certificate>,
    /// All certificates it carries.
    pub certificates: Vec<Certificate>,
    /// The signing time the signer claims, or a document time-stamp's own; Unix milliseconds, `None` unless intact.
    pub at: Option<i64>,
    /// Its time-stamp (PAdES B-T).
    pub stamp: Option<Stamped>,
    /// Why it is not intact or not trusted, in English for logs.
    pub problem: Option<String>,
}

impl Signature {
    /// Whether it is intact, trusted and nothing but what may follow a signature came after it.
    pub fn stands(&self) -> bool {
        self.intact && self.trusted && self.later.iter().all(Change::permitted)
    }
}

/// What the time-stamp of a signature says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// When the signature existed, Unix milliseconds; 0 if the token does not verify.
    pub at: i64,
    /// Common name of the authority.
    pub authority: String,
    /// The token verifies and its certificate led to one of the roots at that time.
    pub trusted: bool,
    /// Why not.
    pub problem: Option<String>,
}

/// What [`verify`] found about the newest signature of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// The signed bytes are what the signer signed.
    pub intact: bool,
    /// The signature covers everything but its own value; `false` when bytes were appended later.
    pub covers_whole_file: bool,
    /// The signature is intact and its certificate led to one of the roots at the time it is judged at: that of a
    /// trusted time-stamp, else the claimed one.
    pub trusted: bool,
    /// Common name in the signer's certificate; empty unless intact.
    pub signer_cn: String,
    /// Serial number of the signer's certificate (for revocation); empty unless intact.
    pub serial: Vec<u8>,
    /// The signing time the signer claims, Unix milliseconds; `None` unless intact.
    pub at: Option<i64>,
    /// Its time-stamp.
    pub stamp: Option<Stamped>,
    /// What bytes behind the signature do.
    pub later: Vec<Change>,
    /// Why the signature is not intact or not trusted, in English for logs.
    pub problem: Option<String>,
}

/// Verifies the newest signature of `pdf` against DER certificates of trusted roots, within the default limits. Never
/// fails: what cannot be read is not intact. Revocation is the caller's.
pub fn verify(pdf: &[u8], roots: &[Vec<u8>]) -> Verified {
    let roots: Vec<Certificate> = roots
        .iter()
        .filter_map(|der| Certificate::from_der(der).ok())
        .collect();
    let mut report = examine(pdf, &roots, &Limits::default());
    let Some(newest) = report.signatures.pop() else {
        return Verified {
            problem: Some(match report.problem {
                Some(Problem::TooLarge) => "file is too large".into(),
                Some(Problem::TooManySignatures) => "file has too many signatures".into(),
                _ => "no signature with a sound byte range".into(),
            }),
            ..Verified::default()
        };
    };
    let (signer_cn, serial) = newest
        .signer
        .map_or_else(Default::default, |c| (c.subject_cn, c.serial));
    Verified {
        intact: newest.intact,
        covers_whole_file: newest.end > 0 && newest.after == 0,
        trusted: newest.trusted,
        signer_cn,
        serial,
        at: newest.at,
        stamp: newest.stamp,
        later: newest.later,
        problem: newest.problem,
    }
}

/// Verifies every signature of `pdf` and says what was done to the file after each. Revocation is the caller's.
pub fn examine(pdf: &[u8], roots: &[Certificate], limits: &Limits) -> Report {
    let refuse = |problem| Report {
        problem: Some(problem),
        signatures: Vec::new(),
    };
    if pdf.len() > limits.file {
        return refuse(Problem::TooLarge);
    }
    let places = range::places(pdf, limits.signatures + 1);
    if places.len() > limits.signatures {
        return refuse(Problem::TooManySignatures);
    }
    if places.is_empty() {
        return refuse(Problem::NoSignature);
    }
    let read: Vec<_> = places.iter().map(|&at| range::read(pdf, at)).collect();
    let sound: Vec<Geometry> = read.iter().filter_map(|r| r.as_ref().ok().copied()).collect();
    let mut signatures: Vec<Signature> = read
        .into_iter()
        .map(|geometry| match geometry {
            Ok(geometry) => judge(pdf, geometry, roots),
            Err(problem) => Signature {
                problem: Some(problem.into()),
                ..Signature::default()
            },
        })
        .collect();
    if signatures.iter().any(|one| one.intact && one.after > 0) {
        look_behind(pdf, &mut signatures, &sound, limits);
    }
    Report {
        problem: None,
        signatures,
    }
}

/// Fills in what came after each intact signature, the newest first: a later one that shows on a page is only as good as
/// what came after itself.
fn look_behind(pdf: &[u8], signatures: &mut [Signature], sound: &[Geometry], limits: &Limits) {
    let mut order: Vec<usize> = (0..signatures.len()).filter(|&n| signatures[n].intact).collect();
    order.sort_by_key(|&n| std::cmp::Reverse(signatures[n].end));
    let oldest = order.last().map_or(pdf.len(), |&n| signatures[n].end);
    let newest = Newest::open(pdf, oldest, order.len(), limits);
    let mut standing = Vec::new();
    for n in order {
        let one = &mut signatures[n];
        if one.after > 0 {
            let found = match &newest {
                Ok(newest) => newest.since(one.end, sound),
                Err(problem) => vec![Change::Unreadable(problem.clone())],
            };
            let judged = found.into_iter().map(|change| match change {
                Change::Signature {
                    end,
                    page: Some(page),
                    ..
                } if !standing.contains(&end) => Change::Overlay { page },
                change => change,
            });
            one.later = judged.collect();
        }
        if one.stands() {
            standing.push(one.end);
        }
    }
}

fn judge(pdf: &[u8], geometry: Geometry, roots: &[Certificate]) -> Signature {
    let (head, tail) = (&pdf[..geometry.gap.0], &pdf[geometry.gap.1..geometry.end]);
    let bare = Signature {
        end: geometry.end,
        after: pdf.len() - geometry.end,
        timestamp: range::is_timestamp(head, tail),
        ..Signature::default()
    };
    let value = hex::decode(&pdf[geometry.gap.0 + 1..geometry.gap.1 - 1])
        .map_err(|_| Error::Encoding("Contents is not hex"));
    let digest = cms::digest(&[head, tail]);
    let judged = value.and_then(|value| {
        if bare.timestamp {
            judge_timestamp(&value, &digest, roots, &bare)
        } else {
            judge_signature(&value, &digest, roots, &bare, range::claimed_time(head, tail))
        }
    });
    judged.unwrap_or_else(|problem| Signature {
        problem: Some(problem.to_string()),
        ..bare
    })
}

fn judge_signature(
    value: &[u8],
    digest: &[u8; 32],
    roots: &[Certificate],
    bare: &Signature,
    claimed: Option<i64>,
) -> Result<Signature> {
    let signed = cms::verify(value, digest)?;
    let stamp = signed
        .stamp
        .as_deref()
        .map(|token| judge_stamp(token, &signed, roots));
    let at = signed.at.or(claimed);
    // A time-stamp proves that the signature existed; a claim proves nothing.
    let moment = stamp.as_ref().filter(|s| s.trusted).map(|s| s.at).or(at);
    let trusted = moment.is_some_and(|at| signed.signer.trusted(&signed.certificates, roots, at));
    Ok(Signature {
        intact: true,
        trusted,
        signer: Some(signed.signer),
        certificates: signed.certificates,
        at,
        stamp,
        problem: (!trusted).then(|| "signer does not lead to a trusted root".into()),
        ..bare.clone()
    })
}

fn judge_stamp(token: &[u8], signed: &cms::Signed, roots: &[Certificate]) -> Stamped {
    let digest = cms::digest(&[&signed.value]);
    match tsp::verify(token, Hash::Sha256, &digest, &signed.certificates) {
        Ok(token) => {
            let trusted = token.trusted(&signed.certificates, roots);
            Stamped {
                at: token.at,
                authority: token.signer.subject_cn,
                trusted,
                problem: (!trusted).then(|| "authority does not lead to a trusted root".into()),
            }
        }
        Err(problem) => Stamped {
            at: 0,
            authority: String::new(),
            trusted: false,
            problem: Some(problem.to_string()),
        },
    }
}

fn judge_timestamp(
    value: &[u8],
    digest: &[u8; 32],
    roots: &[Certificate],
    bare: &Signature,
) -> Result<Signature> {
    let mut padded = crate::crypto::der::Reader::new(value);
    let token = padded.expect(crate::crypto::der::SEQUENCE)?.full;
    if padded.rest().iter().any(|&b| b != 0) {
        return Err(Error::Encoding("bytes after DER"));
    }
    let token = tsp::verify(token, Hash::Sha256, digest, &[])?;
    let trusted = token.trusted(&[], roots);
    Ok(Signature {
        intact: true,
        trusted,
        signer: Some(token.signer),
        certificates: token.certificates,
        at: Some(token.at),
        problem: (!trusted).then(|| "authority does not lead to a trusted root".into()),
        ..bare.clone()
    })
}
