//! What the authenticator says: authenticator data (WebAuthn § 6.1).

use crate::cbor::{self, Map};
use crate::{Refused, RelyingParty, digest};
use subtle::ConstantTimeEq;

pub(crate) const UP: u8 = 0x01;
pub(crate) const UV: u8 = 0x04;
pub(crate) const BE: u8 = 0x08;
pub(crate) const BS: u8 = 0x10;
pub(crate) const AT: u8 = 0x40;
pub(crate) const ED: u8 = 0x80;

/// A credential id must hold 16 bytes or more (§ 4, Credential ID) and at most 1023 (§ 7.1).
const ID: std::ops::RangeInclusive<usize> = 16..=1023;

/// A new credential.
#[derive(Clone, Debug)]
pub(crate) struct Attested {
    pub aaguid: [u8; 16],
    pub id: Vec<u8>,
    /// COSE_Key, as it came.
    pub key: Vec<u8>,
}

/// Authenticator data that was read.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    party: [u8; 32],
    flags: u8,
    pub count: u32,
    pub attested: Option<Attested>,
}

fn take<'b, const N: usize>(bytes: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(head)
}

impl Data {
    pub(crate) fn read(bytes: &[u8]) -> Result<Data, Refused> {
        Data::parse(bytes).ok_or(Refused::AuthenticatorData)
    }

    fn parse(bytes: &[u8]) -> Option<Data> {
        let mut rest = bytes;
        let party = *take::<32>(&mut rest)?;
        let [flags] = *take::<1>(&mut rest)?;
        let count = u32::from_be_bytes(*take::<4>(&mut rest)?);
        let attested = if flags & AT != 0 {
            let aaguid = *take::<16>(&mut rest)?;
            let length = usize::from(u16::from_be_bytes(*take::<2>(&mut rest)?));
            let (id, after) = rest.split_at_checked(length)?;
            let (_, left) = cbor::first(after)?;
            let key = after[..after.len() - left.len()].to_vec();
            rest = left;
            ID.contains(&length).then_some(())?;
            Some(Attested {
                aaguid,
                id: id.to_vec(),
                key,
            })
        } else {
            None
        };
        if flags & ED != 0 {
            let (extensions, left) = cbor::first(rest)?;
            Map::of(extensions)?;
            rest = left;
        }
        rest.is_empty().then_some(Data {
            party,
            flags,
            count,
            attested,
        })
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The checks that both ceremonies share; the user is always verified.
    pub(crate) fn check(&self, party: &RelyingParty) -> Result<(), Refused> {
        if !bool::from(self.party.ct_eq(&digest(party.id.as_bytes()))) {
            return Err(Refused::RelyingParty);
        }
        if !self.has(UP) {
            return Err(Refused::Presence);
        }
        if !self.has(UV) {
            return Err(Refused::Verification);
        }
        if self.has(BS) && !self.has(BE) {
            return Err(Refused::Backup);
        }
        Ok(())
    }
}
