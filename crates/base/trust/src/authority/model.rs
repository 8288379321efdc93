//! Pure rules of the register and of requests.

use crate::crypto::Kind;
use crate::crypto::crl::{Reason, Revoked, Status};
use crate::crypto::x509::Profile;
use kernel::Refusal;

pub(crate) const DAY: i64 = 86_400_000;
/// Lives of the authorities' own certificates, in days.
pub(crate) const ROOT_DAYS: i64 = 20 * 365;
pub(crate) const ISSUING_DAYS: i64 = 10 * 365;
/// Nobody can ask whether a responder was revoked, so it lives short.
pub(crate) const RESPONDER_DAYS: i64 = 30;
pub(crate) const STAMPER_DAYS: i64 = 5 * 365;
/// A certificate that ends within this many days is renewed where that goes by itself, and shown as ending.
pub(crate) const ENDING_DAYS: i64 = 30;
/// How long a revocation list holds, and an answer of OCSP, in milliseconds. A list is made anew after half its life.
pub(crate) const LIST_LIFE: i64 = DAY;
pub(crate) const ANSWER_LIFE: i64 = 3_600_000;

/// What a certificate of the register is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Root,
    Issuing,
    /// The seal of an organisation.
    Seal,
    /// A person's or an official's signature on documents.
    Person,
    /// A server of the platform or a partner's.
    Node,
    Responder,
    Stamper,
}

impl Use {
    pub(crate) const ALL: [Use; 7] = [
        Use::Root,
        Use::Issuing,
        Use::Seal,
        Use::Person,
        Use::Node,
        Use::Responder,
        Use::Stamper,
    ];
    /// Those that somebody may ask for with a key of their own.
    pub(crate) const ASKED: [Use; 3] = [Use::Node, Use::Person, Use::Seal];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Use::Root => "root",
            Use::Issuing => "issuing",
            Use::Seal => "seal",
            Use::Person => "person",
            Use::Node => "node",
            Use::Responder => "responder",
            Use::Stamper => "stamper",
        }
    }
    pub(crate) fn of(name: &str) -> Option<Use> {
        Use::ALL.into_iter().find(|u| u.name() == name)
    }
    /// Days that one issued on request lives.
    pub(crate) fn days(self) -> i64 {
        match self {
            Use::Root => ROOT_DAYS,
            Use::Issuing => ISSUING_DAYS,
            Use::Seal | Use::Person => 3 * 365,
            Use::Node => 397,
            Use::Responder => RESPONDER_DAYS,
            Use::Stamper => STAMPER_DAYS,
        }
    }
    pub(crate) fn profile(self, names: &[String]) -> Profile {
        match self {
            Use::Root => Profile::Root,
            Use::Issuing => Profile::Issuing,
            Use::Seal => Profile::SealSigner,
            Use::Person => Profile::PersonSigner,
            Use::Node => Profile::Node(names.to_vec()),
            Use::Responder => Profile::OcspResponder,
            Use::Stamper => Profile::TimestampAuthority,
        }
    }
}

/// One row of the register.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Hex, lower case.
    pub serial: String,
    pub algorithm: String,
    /// `root`, `issuing`, or empty for what signed itself.
    pub issuer: String,
    pub used_for: Use,
    pub cn: String,
    pub o: String,
    /// Id of the organisation or person it is for; empty for nodes and the authority's own.
    pub holder: String,
    pub key_hash: String,
    pub der: Vec<u8>,
    pub not_before: i64,
    pub not_after: i64,
    /// RFC 5280 code and time of a revocation.
    pub revoked: Option<(u8, i64)>,
    pub request: Option<String>,
    pub replaces: Option<String>,
    pub version: i64,
    pub issued_at: i64,
}

impl Entry {
    /// As revocation lists and OCSP say it.
    pub(crate) fn status(&self) -> Status {
        match self.revoked {
            None => Status::Good,
            Some((code, at)) => Status::Revoked(Revoked {
                at,
                reason: Reason::from_code(code).unwrap_or(Reason::Unspecified),
            }),
        }
    }
    /// `good`, `ending`, `ended`, `held`, `revoked`.
    pub(crate) fn state(&self, now: i64) -> &'static str {
        match self.revoked {
            Some((code, _)) if code == Reason::CertificateHold.code() => "held",
            Some(_) => "revoked",
            None if self.not_after < now => "ended",
            None if self.not_after < now + ENDING_DAYS * DAY => "ending",
            None => "good",
        }
    }
}

/// What an official may do to a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Revoke(Reason),
    /// 冻结: may be released.
    Hold,
    Release,
}

/// The revocation that a certificate bears after a step. What is revoked stays so; only a hold can be released.
pub(crate) fn after(entry: &Entry, step: Step, now: i64) -> Result<Option<(u8, i64)>, Refusal> {
    let held = entry
        .revoked
        .is_some_and(|(code, _)| code == Reason::CertificateHold.code());
    if entry.used_for == Use::Root {
        return Err(Refusal::new("trust-root-stays").status(409));
    }
    match step {
        Step::Release if held => Ok(None),
        Step::Release => Err(Refusal::new("trust-not-held").status(409)),
        _ if entry.revoked.is_some() && !held => Err(Refusal::new("trust-revoked-already").status(409)),
        Step::Hold if held => Err(Refusal::new("trust-revoked-already").status(409)),
        Step::Hold => Ok(Some((Reason::CertificateHold.code(), now))),
        Step::Revoke(reason) => match reason {
            Reason::CertificateHold | Reason::RemoveFromCrl => {
                Err(Refusal::new("trust-reason-unknown").status(422))
            }
            // Revoked for good from when it was suspended on: nothing good was signed meanwhile.
            reason => Ok(Some((reason.code(), entry.revoked.map_or(now, |(_, at)| at)))),
        },
    }
}

/// Reasons that an official may give.
pub(crate) const REASONS: [(Reason, &str); 6] = [
    (Reason::KeyCompromise, "key-compromise"),
    (Reason::AffiliationChanged, "affiliation"),
    (Reason::Superseded, "superseded"),
    (Reason::CessationOfOperation, "cessation"),
    (Reason::PrivilegeWithdrawn, "withdrawn"),
    (Reason::Unspecified, "unspecified"),
];

/// A request, as it lies in the queue.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub id: String,
    pub used_for: Use,
    pub algorithm: String,
    pub cn: String,
    pub o: String,
    pub names: Vec<String>,
    pub reason: String,
    pub key_hash: String,
    pub der: Vec<u8>,
    /// `asked`, `issued`, `refused`.
    pub state: String,
    pub asked_by: String,
    pub opinion: Option<String>,
    pub serial: Option<String>,
    pub replaces: Option<String>,
    pub version: i64,
    pub created_at: i64,
    pub decided_at: Option<i64>,
}

/// The algorithm of this name.
pub(crate) fn kind(name: &str) -> Option<Kind> {
    match name {
        "p256" => Some(Kind::P256),
        "sm2" => Some(Kind::Sm2),
        _ => None,
    }
}

/// A DNS name or IP address that a node's certificate may name.
pub(crate) fn is_name(name: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    name.parse::<std::net::IpAddr>().is_ok() || name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(revoked: Option<(u8, i64)>) -> Entry {
        Entry {
            serial: "01".into(),
            algorithm: "p256".into(),
            issuer: "issuing".into(),
            used_for: Use::Node,
            cn: "n".into(),
            o: String::new(),
            holder: String::new(),
            key_hash: String::new(),
            der: Vec::new(),
            not_before: 0,
            not_after: 100 * DAY,
            revoked,
            request: None,
            replaces: None,
            version: 1,
            issued_at: 0,
        }
    }

    #[test]
    fn what_is_revoked_stays_revoked() {
        let revoke = Step::Revoke(Reason::Superseded);
        assert_eq!(after(&entry(None), revoke, 5).unwrap(), Some((4, 5)));
        assert_eq!(after(&entry(None), Step::Hold, 5).unwrap(), Some((6, 5)));
        let held = entry(Some((6, 3)));
        assert_eq!(after(&held, Step::Release, 9).unwrap(), None);
        assert_eq!(after(&held, revoke, 9).unwrap(), Some((4, 3)), "from the hold on");
        for step in [revoke, Step::Hold, Step::Release] {
            assert!(after(&entry(Some((4, 3))), step, 9).is_err());
        }
        assert!(after(&entry(None), Step::Release, 9).is_err());
        assert!(after(&entry(None), Step::Revoke(Reason::CertificateHold), 9).is_err());
        let mut root = entry(None);
        root.used_for = Use::Root;
        assert!(after(&root, revoke, 9).is_err());
    }

    #[test]
    fn names_of_nodes() {
        for good in ["node.example", "a-b.example", "10.0.0.1", "::1", "localhost"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a b", "-a.example", "a..b", "http://a", "*.example", "节点"] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn states_follow_the_calendar() {
        assert_eq!(entry(None).state(0), "good");
        assert_eq!(entry(None).state(80 * DAY), "ending");
        assert_eq!(entry(None).state(101 * DAY), "ended");
        assert_eq!(entry(Some((6, 1))).state(0), "held");
        assert_eq!(entry(Some((1, 1))).state(101 * DAY), "revoked");
    }
}
