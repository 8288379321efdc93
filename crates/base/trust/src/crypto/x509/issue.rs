//! Issuing certificates, each of the kind its holder needs.

use super::*;
use crate::crypto::{PrivateKey, Rng};

/// Where an authority publishes what those who verify its certificates need; each entry is a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Publication {
    /// Its revocation list (cRLDistributionPoints).
    pub crl: Vec<String>,
    /// Its OCSP responder (authorityInfoAccess).
    pub ocsp: Vec<String>,
    /// Its own certificate in DER (authorityInfoAccess, caIssuers).
    pub issuers: Vec<String>,
}

/// What a certificate is for; decides usage, extended usage and constraints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// A self-signed root with at most one authority below it; made by [`root_authority`].
    Root,
    /// An authority below the root that issues to end entities only.
    Issuing,
    /// The seal of an organisation: signs documents and seals.
    SealSigner,
    /// A person's or an official's signature on documents.
    PersonSigner,
    /// The key of a phone: proves the device, signs no documents.
    Device,
    /// Answers OCSP requests in its issuer's name. Give it a short life: nobody can ask whether it was revoked.
    OcspResponder,
    /// Signs time-stamp tokens and nothing else.
    TimestampAuthority,
    /// A server of the platform or a partner's, by DNS names and IP addresses.
    Node(Vec<String>),
}

impl Profile {
    fn usage(&self) -> u8 {
        match self {
            Self::Root | Self::Issuing => KEY_CERT_SIGN | CRL_SIGN,
            Self::SealSigner | Self::PersonSigner | Self::TimestampAuthority => {
                DIGITAL_SIGNATURE | NON_REPUDIATION
            }
            Self::Device | Self::OcspResponder | Self::Node(_) => DIGITAL_SIGNATURE,
        }
    }

    fn purposes(&self) -> &'static [Purpose] {
        match self {
            Self::Root | Self::Issuing => &[],
            Self::SealSigner | Self::PersonSigner => &[Purpose::Documents],
            Self::Device => &[Purpose::Client],
            Self::OcspResponder => &[Purpose::Ocsp],
            Self::TimestampAuthority => &[Purpose::Timestamps],
            Self::Node(_) => &[Purpose::Server, Purpose::Client],
        }
    }
}

/// An authority at work.
#[derive(Clone, Copy)]
pub struct Authority<'a> {
    /// Its own certificate.
    pub certificate: &'a Certificate,
    /// The key of that certificate.
    pub key: &'a PrivateKey,
    /// Written into what it issues.
    pub publication: &'a Publication,
}

impl Authority<'_> {
    /// Issues a certificate for `key`.
    ///
    /// # Errors
    /// [`Error::Certificate`] for bad terms, names or URLs, when this is no authority of that key, or when its
    /// path length does not allow another authority below.
    pub fn issue(
        &self,
        profile: &Profile,
        subject: &Subject,
        key: &PublicKey,
        terms: &Terms,
    ) -> Result<Certificate> {
        self.check()?;
        let full = self.certificate.path_length == Some(0);
        if *profile == Profile::Root || *profile == Profile::Issuing && full {
            return Err(Error::Certificate("no authority may stand below this one"));
        }
        let below = (*profile == Profile::Issuing).then_some(0);
        build(Some(self), self.key, profile, below, subject, key, terms)
    }

    /// Whether certificate and key belong together and may issue.
    pub(crate) fn check(&self) -> Result<()> {
        if self.certificate.can_issue() && self.certificate.key == self.key.public() {
            Ok(())
        } else {
            Err(Error::Certificate("issuer is not this authority"))
        }
    }
}

/// A self-signed root that may issue end-entity certificates only (path length 0).
///
/// # Errors
/// [`Error::Certificate`] for bad terms.
pub fn root(key: &PrivateKey, subject: &Subject, terms: &Terms) -> Result<Certificate> {
    build(None, key, &Profile::Root, Some(0), subject, &key.public(), terms)
}

/// A self-signed root with room for issuing authorities below it (path length 1).
///
/// # Errors
/// [`Error::Certificate`] for bad terms.
pub fn root_authority(key: &PrivateKey, subject: &Subject, terms: &Terms) -> Result<Certificate> {
    build(None, key, &Profile::Root, Some(1), subject, &key.public(), terms)
}

/// Issues a certificate for signing documents that names no place of publication.
///
/// # Errors
/// [`Error::Certificate`] for bad terms, or when `issuer` is no authority or `issuer_key` is not its key.
pub fn issue(
    issuer: &Certificate,
    issuer_key: &PrivateKey,
    subject: &Subject,
    key: &PublicKey,
    terms: &Terms,
) -> Result<Certificate> {
    Authority {
        certificate: issuer,
        key: issuer_key,
        publication: &Publication::default(),
    }
    .issue(&Profile::SealSigner, subject, key, terms)
}

/// A serial number of 128 random bits, big-endian (RFC 5280, 4.1.2.2, allows 20 bytes).
pub fn serial(rng: Rng<'_>) -> Vec<u8> {
    let mut bytes = [0u8; 16];
    rng(&mut bytes);
    // Zero is no serial number; its chance is nil unless the generator is broken.
    if bytes == [0; 16] {
        bytes[15] = 1;
    }
    bytes.to_vec()
}

fn build(
    issuer: Option<&Authority<'_>>,
    signer: &PrivateKey,
    profile: &Profile,
    below: Option<u8>,
    subject: &Subject,
    key: &PublicKey,
    terms: &Terms,
) -> Result<Certificate> {
    let serial = der::int(&terms.serial);
    if serial.len() > 22 || terms.serial.iter().all(|&b| b == 0) {
        return Err(Error::Certificate("serial number"));
    }
    if terms.not_after < terms.not_before {
        return Err(Error::Certificate("validity ends before it starts"));
    }
    let name = encode_name(subject)?;
    let issuer_name = issuer.map_or(name.as_slice(), |ca| ca.certificate.name());
    let algorithm = signature_algorithm(signer.kind());
    let tbs = der::seq(&[
        &der::tlv(der::context(0), &der::int(&[2])),
        &serial,
        &algorithm,
        issuer_name,
        &der::seq(&[&der::time(terms.not_before)?, &der::time(terms.not_after)?]),
        &name,
        &key.spki_der(),
        &der::tlv(
            der::context(3),
            &der::seq(&[&extend(issuer, profile, below, key)?]),
        ),
    ]);
    let signature = der::bits(&signer.sign(&tbs)?, 0);
    Certificate::from_der(&der::seq(&[&tbs, &algorithm, &signature]))
}

/// The extensions, one after another.
fn extend(
    issuer: Option<&Authority<'_>>,
    profile: &Profile,
    below: Option<u8>,
    key: &PublicKey,
) -> Result<Vec<u8>> {
    let constraints = below.map_or(Vec::new(), |limit| {
        [der::tlv(der::BOOLEAN, &[0xff]), der::int(&[limit])].concat()
    });
    let usage = profile.usage();
    let authority = issuer.map_or_else(
        || der::seq(&[&der::tlv(0x80, &key_id(key))]),
        |ca| ca.certificate.authority_key(),
    );
    let mut out = [
        extension(BASIC_CONSTRAINTS, true, &der::tlv(der::SEQUENCE, &constraints)),
        // DER cuts trailing zero bits off a named bit list.
        extension(
            KEY_USAGE,
            true,
            &der::bits(&[usage], usage.trailing_zeros() as u8),
        ),
        extension(SUBJECT_KEY, false, &der::tlv(der::OCTETS, &key_id(key))),
        extension(AUTHORITY_KEY, false, &authority),
    ]
    .concat();
    let purposes: Vec<Vec<u8>> = PURPOSES
        .iter()
        .filter(|(purpose, _)| profile.purposes().contains(purpose))
        .map(|(_, id)| der::oid(id))
        .collect();
    if !purposes.is_empty() {
        // RFC 3161, 2.3: a time-stamping certificate says so critically.
        let critical = *profile == Profile::TimestampAuthority;
        let list = der::tlv(der::SEQUENCE, &purposes.concat());
        out.extend(extension(EXTENDED_USAGE, critical, &list));
    }
    if let Profile::Node(names) = profile {
        let names = names
            .iter()
            .map(|name| node_name(name))
            .collect::<Result<Vec<_>>>()?;
        if names.is_empty() {
            return Err(Error::Certificate("a node needs a name"));
        }
        let list = der::tlv(der::SEQUENCE, &names.concat());
        out.extend(extension(SUBJECT_NAMES, false, &list));
    }
    match issuer {
        // Asking about the one who answers would go round in a circle.
        Some(_) if *profile == Profile::OcspResponder => {
            out.extend(extension(OCSP_NO_CHECK, false, &der::tlv(der::NULL, &[])));
        }
        Some(ca) => out.extend(publish(ca.publication)?),
        None => {}
    }
    Ok(out)
}

fn publish(publication: &Publication) -> Result<Vec<u8>> {
    let uri = |url: &String| {
        let sound = url.bytes().all(|b| b.is_ascii_graphic()) && url.contains("://");
        if sound {
            Ok(der::tlv(URI, url.as_bytes()))
        } else {
            Err(Error::Certificate("URL"))
        }
    };
    let mut out = Vec::new();
    // One distribution point for each URL, so that one that fails does not hide the next.
    let points = publication
        .crl
        .iter()
        .map(|url| {
            let full = der::tlv(der::context(0), &uri(url)?);
            Ok(der::seq(&[&der::tlv(der::context(0), &full)]))
        })
        .collect::<Result<Vec<_>>>()?;
    if !points.is_empty() {
        let list = der::tlv(der::SEQUENCE, &points.concat());
        out.extend(extension(CRL_POINTS, false, &list));
    }
    let access = [
        (OCSP_ACCESS, &publication.ocsp),
        (ISSUERS_ACCESS, &publication.issuers),
    ];
    let access = access
        .iter()
        .flat_map(|(id, urls)| urls.iter().map(move |url| (id, url)))
        .map(|(id, url)| Ok(der::seq(&[&der::oid(id), &uri(url)?])))
        .collect::<Result<Vec<_>>>()?;
    if !access.is_empty() {
        let list = der::tlv(der::SEQUENCE, &access.concat());
        out.extend(extension(AUTHORITY_ACCESS, false, &list));
    }
    Ok(out)
}

/// An IP address or a DNS name as GeneralName.
fn node_name(name: &str) -> Result<Vec<u8>> {
    if let Ok(address) = name.parse::<std::net::IpAddr>() {
        return Ok(match address {
            std::net::IpAddr::V4(v4) => der::tlv(IP_ADDRESS, &v4.octets()),
            std::net::IpAddr::V6(v6) => der::tlv(IP_ADDRESS, &v6.octets()),
        });
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let plain = name.strip_prefix("*.").unwrap_or(name);
    if name.len() > 253 || !plain.split('.').all(label) {
        return Err(Error::Certificate("DNS name"));
    }
    Ok(der::tlv(DNS_NAME, name.as_bytes()))
}

pub(super) fn encode_name(subject: &Subject) -> Result<Vec<u8>> {
    // 64 characters is the upper bound RFC 5280 puts on both attributes.
    if subject.cn.is_empty() || subject.cn.chars().count() > 64 || subject.o.chars().count() > 64 {
        return Err(Error::Certificate("subject name"));
    }
    let part = |id: &str, tag: u8, text: &str| {
        der::set(vec![der::seq(&[&der::oid(id), &der::tlv(tag, text.as_bytes())])])
    };
    let o = if subject.o.is_empty() {
        Vec::new()
    } else {
        part(ORGANISATION, der::UTF8, &subject.o)
    };
    Ok(der::seq(&[
        &part(COUNTRY, der::PRINTABLE, "CN"),
        &o,
        &part(COMMON_NAME, der::UTF8, &subject.cn),
    ]))
}
