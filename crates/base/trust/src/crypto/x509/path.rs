//! From a certificate to a root.

use super::*;

/// How many certificates a chain may hold above the signer.
const MAX_CHAIN: usize = 4;
/// How many candidate issuers are tried in all: certificates that came with a file can be made to fit one another
/// in many ways, and each try costs a signature check.
const MAX_TRIES: usize = 64;

impl Certificate {
    /// Checks that `issuer` is an authority of the right name whose key signed this certificate. Dates are
    /// not looked at.
    ///
    /// # Errors
    /// [`Error::Certificate`] or [`Error::Signature`] saying what does not fit.
    pub fn verify_issued_by(&self, issuer: &Self) -> Result<()> {
        if self.issuer != issuer.name {
            return Err(Error::Certificate("another issuer name"));
        }
        if let (Some(wanted), Some(held)) = (&self.authority_id, &issuer.key_id)
            && wanted != held
        {
            return Err(Error::Certificate("another issuer key"));
        }
        if !issuer.can_issue() {
            return Err(Error::Certificate("issuer may not issue"));
        }
        if self.algorithm != signature_algorithm(issuer.key.kind()) {
            return Err(Error::Certificate("unknown signature algorithm"));
        }
        issuer.key.verify(&self.tbs, &self.signature)
    }

    /// Whether this document signer leads to one of `roots` at the moment `at` (Unix milliseconds), over
    /// intermediate certificates from `pool` if need be. Revocation is the caller's.
    pub fn trusted(&self, pool: &[Self], roots: &[Self], at: i64) -> bool {
        self.may_sign() && self.path(pool, roots, at).is_some()
    }

    /// The certificates from this one to one of `roots`, both included, as they hold at the moment `at` (Unix
    /// milliseconds), over intermediate certificates from `pool` if need be. Checks names, signatures, dates,
    /// usage of the authorities and path lengths; what the certificate itself is for, and the revocation of
    /// each, are the caller's.
    pub fn path(&self, pool: &[Self], roots: &[Self], at: i64) -> Option<Vec<Self>> {
        let mut tries = MAX_TRIES;
        let mut found = self.climb(pool, roots, at, 0, &mut tries)?;
        found.reverse();
        Some(found)
    }

    /// The path with the root first.
    fn climb(
        &self,
        pool: &[Self],
        roots: &[Self],
        at: i64,
        below: usize,
        tries: &mut usize,
    ) -> Option<Vec<Self>> {
        if !self.valid_at(at) || self.strange {
            return None;
        }
        let mut fits = |above: &Self| {
            // Names are free to compare; only what they let through counts as a try.
            if self.issuer != above.name || *tries == 0 {
                return false;
            }
            *tries -= 1;
            above.path_length.is_none_or(|limit| below <= usize::from(limit))
                && above.valid_at(at)
                && !above.strange
                && self.verify_issued_by(above).is_ok()
        };
        if let Some(root) = roots.iter().find(|above| fits(above)) {
            return Some(vec![root.clone(), self.clone()]);
        }
        if below + 1 >= MAX_CHAIN {
            return None;
        }
        let fitting: Vec<&Self> = pool.iter().filter(|above| fits(above)).collect();
        fitting.into_iter().find_map(|above| {
            let mut found = above.climb(pool, roots, at, below + 1, tries)?;
            found.push(self.clone());
            Some(found)
        })
    }
}
