//! The little of DER (ITU-T X.690) and PEM (RFC 7468) that certificates and CMS need: writers, and a strict
//! reader.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Error, Result};

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8: u8 = 0x0c;
pub(crate) const PRINTABLE: u8 = 0x13;
pub(crate) const IA5: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

pub(crate) const EC_KEY: &str = "1.2.840.10045.2.1";
pub(crate) const P256_CURVE: &str = "1.2.840.10045.3.1.7";
pub(crate) const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
pub(crate) const SM2_CURVE: &str = "1.2.156.10197.1.301";
pub(crate) const SM2_SM3: &str = "1.2.156.10197.1.501";
pub(crate) const ED25519: &str = "1.3.101.112";
pub(crate) const SHA256: &str = "2.16.840.1.101.3.4.2.1";
pub(crate) const SM3: &str = "1.2.156.10197.1.401";

/// Tag of context-specific constructed element `n`.
pub(crate) const fn context(n: u8) -> u8 {
    0xa0 | n
}

/// One element.
pub(crate) fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    if body.len() < 0x80 {
        out.push(body.len() as u8);
    } else {
        let length = body.len().to_be_bytes();
        let from = length.iter().position(|&b| b != 0).unwrap_or(0);
        out.push(0x80 | (length.len() - from) as u8);
        out.extend_from_slice(&length[from..]);
    }
    out.extend_from_slice(body);
    out
}

/// SEQUENCE of already encoded parts.
pub(crate) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

/// SET OF: DER sorts the encodings.
pub(crate) fn set(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    tlv(SET, &parts.concat())
}

/// Non-negative INTEGER from big-endian bytes.
pub(crate) fn int(bytes: &[u8]) -> Vec<u8> {
    let from = bytes.iter().position(|&b| b != 0).unwrap_or(bytes.len());
    let mut body = bytes[from..].to_vec();
    if body.first().is_none_or(|&b| b >= 0x80) {
        body.insert(0, 0);
    }
    tlv(INTEGER, &body)
}

/// OBJECT IDENTIFIER from dotted text; only called with the constants of this module's users.
pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let mut arcs = dotted.split('.').filter_map(|arc| arc.parse::<u64>().ok());
    let first = arcs.next().unwrap_or(0) * 40 + arcs.next().unwrap_or(0);
    let mut body = Vec::new();
    for arc in std::iter::once(first).chain(arcs) {
        let groups = (64 - arc.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let more = if group > 0 { 0x80 } else { 0 };
            body.push((arc >> (7 * group)) as u8 & 0x7f | more);
        }
    }
    tlv(OID, &body)
}

/// Whether `dotted` is an object identifier [`oid`] can write: at least two arcs in range, each below 2^32.
pub(crate) fn is_oid(dotted: &str) -> bool {
    let arcs: Option<Vec<u32>> = dotted.split('.').map(|arc| arc.parse().ok()).collect();
    arcs.is_some_and(|arcs| match arcs.as_slice() {
        [0 | 1, second, ..] => *second < 40,
        [2, _, ..] => true,
        _ => false,
    })
}

/// The dotted text of an OBJECT IDENTIFIER's content.
pub(crate) fn dotted(body: &[u8]) -> Result<String> {
    let bad = Error::Encoding("not an object identifier");
    let (mut arcs, mut arc, mut open) = (Vec::new(), 0u64, true);
    for &byte in body {
        if arc >= 1 << 56 || (open && byte == 0x80) {
            return Err(bad);
        }
        arc = arc << 7 | u64::from(byte & 0x7f);
        open = byte < 0x80;
        if open {
            arcs.push(std::mem::take(&mut arc));
        }
    }
    let (&first, rest) = arcs.split_first().ok_or(bad.clone())?;
    if !open {
        return Err(bad);
    }
    let top = (first / 40).min(2);
    let all = [top, first - 40 * top];
    let text: Vec<String> = all.iter().chain(rest).map(u64::to_string).collect();
    Ok(text.join("."))
}

/// GeneralizedTime of a Unix time in milliseconds, written to the second.
pub(crate) fn general_time(unix_ms: i64) -> Result<Vec<u8>> {
    Ok(tlv(TIME, stamp(unix_ms)?.as_bytes()))
}

/// BIT STRING with `unused` bits at the end.
pub(crate) fn bits(bytes: &[u8], unused: u8) -> Vec<u8> {
    tlv(BIT_STRING, &[&[unused], bytes].concat())
}

/// X.509 Time of a Unix time in milliseconds: UTCTime until 2049, GeneralizedTime after (RFC 5280, 4.1.2.5).
pub(crate) fn time(unix_ms: i64) -> Result<Vec<u8>> {
    let text = stamp(unix_ms)?;
    Ok(
        match text.strip_prefix("19").or_else(|| text.strip_prefix("20")) {
            Some(short) if text.as_str() >= "1950" && text.as_str() < "2050" => {
                tlv(UTC_TIME, short.as_bytes())
            }
            _ => tlv(TIME, text.as_bytes()),
        },
    )
}

/// "YYYYMMDDhhmmssZ" of a Unix time in milliseconds; years 0 to 9999.
pub(crate) fn stamp(unix_ms: i64) -> Result<String> {
    let at = jiff::Timestamp::from_millisecond(unix_ms).map_err(|_| Error::Encoding("time out of range"))?;
    let text = at.strftime("%Y%m%d%H%M%SZ").to_string();
    if text.len() == 15 {
        Ok(text)
    } else {
        Err(Error::Encoding("time out of range"))
    }
}

/// Unix milliseconds of fourteen digits "YYYYMMDDhhmmss" in UTC.
pub(crate) fn unstamp(digits: &[u8]) -> Result<i64> {
    let bad = Error::Encoding("not a time");
    if digits.len() != 14 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(bad);
    }
    let n = |from: usize, to: usize| {
        digits[from..to]
            .iter()
            .fold(0i16, |n, d| n * 10 + i16::from(d - b'0'))
    };
    let part = |from: usize| n(from, from + 2) as i8;
    jiff::civil::DateTime::new(n(0, 4), part(4), part(6), part(8), part(10), part(12), 0)
        .and_then(|at| jiff::tz::Offset::UTC.to_timestamp(at))
        .map(|at| at.as_millisecond())
        .map_err(|_| bad)
}

/// A PEM block with 64-character lines.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().map(|&b| char::from(b)));
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}

/// The bytes of the first PEM block with this label.
pub(crate) fn unpem(label: &str, text: &str) -> Result<Vec<u8>> {
    let inner = text
        .split_once(&format!("-----BEGIN {label}-----"))
        .and_then(|(_, rest)| rest.split_once(&format!("-----END {label}-----")))
        .ok_or(Error::Encoding("PEM block missing"))?
        .0;
    let packed: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD
        .decode(packed)
        .map_err(|_| Error::Encoding("PEM is not base64"))
}

/// One element as read: its tag, its content and its whole encoding.
#[derive(Clone, Copy)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    pub(crate) body: &'a [u8],
    pub(crate) full: &'a [u8],
}

/// Reads elements one after another; refuses long tags, indefinite and non-minimal lengths.
#[derive(Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left unread.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn next(&mut self) -> Result<Tlv<'a>> {
        let bad = Error::Encoding("not DER");
        let all = self.0;
        let (&[tag, first], mut tail) = all.split_first_chunk::<2>().ok_or(bad.clone())?;
        let mut length = usize::from(first);
        if tag & 0x1f == 0x1f || first == 0x80 || first > 0x84 {
            return Err(bad);
        }
        if first > 0x80 {
            let (digits, after) = tail
                .split_at_checked(usize::from(first & 0x7f))
                .ok_or(bad.clone())?;
            length = digits.iter().fold(0, |n, &d| n << 8 | usize::from(d));
            if length < 0x80 || digits.first() == Some(&0) {
                return Err(bad);
            }
            tail = after;
        }
        let (body, rest) = tail.split_at_checked(length).ok_or(bad)?;
        self.0 = rest;
        Ok(Tlv {
            tag,
            body,
            full: &all[..all.len() - rest.len()],
        })
    }

    pub(crate) fn expect(&mut self, tag: u8) -> Result<Tlv<'a>> {
        self.optional(tag)?
            .ok_or(Error::Encoding("unexpected DER element"))
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Tlv<'a>>> {
        if self.0.first() == Some(&tag) {
            self.next().map(Some)
        } else {
            Ok(None)
        }
    }

    /// The inside of the next element, which must have this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Result<Self> {
        Ok(Self(self.expect(tag)?.body))
    }

    pub(crate) fn end(&self) -> Result<()> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Error::Encoding("bytes after DER"))
        }
    }

    /// A BIT STRING of whole bytes.
    pub(crate) fn bit_string(&mut self) -> Result<&'a [u8]> {
        match self.expect(BIT_STRING)?.body.split_first() {
            Some((0, bytes)) => Ok(bytes),
            _ => Err(Error::Encoding("not whole bytes")),
        }
    }

    /// The bytes of a positive INTEGER without leading zero.
    pub(crate) fn positive(&mut self) -> Result<&'a [u8]> {
        match self.expect(INTEGER)?.body {
            [0, rest @ ..] if rest.first().is_some_and(|&b| b >= 0x80) => Ok(rest),
            body if body.first().is_some_and(|&b| b < 0x80 && b > 0) => Ok(body),
            _ => Err(Error::Encoding("not a positive integer")),
        }
    }

    /// The content of an INTEGER in its shortest form, of either sign.
    pub(crate) fn integer(&mut self) -> Result<&'a [u8]> {
        match self.expect(INTEGER)?.body {
            [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err(Error::Encoding("not an integer")),
            body => Ok(body),
        }
    }

    /// A non-negative INTEGER of up to 63 bits.
    pub(crate) fn small(&mut self) -> Result<u64> {
        match self.integer()? {
            body if body.len() <= 8 && body[0] < 0x80 => {
                Ok(body.iter().fold(0, |n, &b| n << 8 | u64::from(b)))
            }
            _ => Err(Error::Encoding("integer out of range")),
        }
    }

    /// BOOLEAN DEFAULT FALSE.
    pub(crate) fn flag(&mut self) -> Result<bool> {
        match self.optional(BOOLEAN)?.map(|read| read.body) {
            None => Ok(false),
            Some([0xff]) => Ok(true),
            // DER writes no default value, but readers meet it.
            Some([0]) => Ok(false),
            Some(_) => Err(Error::Encoding("not a boolean")),
        }
    }

    /// An OBJECT IDENTIFIER as a whole encoding, to be compared with [`oid`].
    pub(crate) fn oid(&mut self) -> Result<&'a [u8]> {
        Ok(self.expect(OID)?.full)
    }

    /// UTF-8 text of one of the string types that are subsets of it.
    pub(crate) fn text(&mut self, tag: u8) -> Result<String> {
        let body = self.expect(tag)?.body;
        if tag != UTF8 && !body.is_ascii() {
            return Err(Error::Encoding("text outside ASCII"));
        }
        String::from_utf8(body.to_vec()).map_err(|_| Error::Encoding("text is not UTF-8"))
    }

    /// UTCTime or GeneralizedTime in Unix milliseconds.
    pub(crate) fn time(&mut self) -> Result<i64> {
        let read = self.next()?;
        let digits = read
            .body
            .strip_suffix(b"Z")
            .ok_or(Error::Encoding("not a time"))?;
        match read.tag {
            UTC_TIME => {
                let century: &[u8] = if digits.first().is_some_and(|&d| d < b'5') {
                    b"20"
                } else {
                    b"19"
                };
                unstamp(&[century, digits].concat())
            }
            TIME => unstamp(digits),
            _ => Err(Error::Encoding("not a time")),
        }
    }
}
