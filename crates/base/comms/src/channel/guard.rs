//! Which addresses a webhook may reach. The name is resolved here and the connection goes to the very addresses that were
//! checked, so that a name cannot point elsewhere a moment later.

use super::http::Target;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Why a host is not reached.
#[derive(Debug, PartialEq)]
pub(crate) enum Barred {
    /// It lies in a private network.
    Private,
    Unknown(String),
}

/// The addresses of the target, all of them public, unless the operator allows this host to be private.
pub(crate) async fn resolve(target: &Target, allow_private: &[String]) -> Result<Vec<SocketAddr>, Barred> {
    let all: Vec<SocketAddr> = tokio::net::lookup_host((target.name(), target.port))
        .await
        .map_err(|e| Barred::Unknown(e.to_string()))?
        .collect();
    if all.is_empty() {
        return Err(Barred::Unknown("the name has no address".into()));
    }
    let allowed = allow_private.iter().any(|h| h == target.name());
    if !allowed && !all.iter().all(|a| public(a.ip())) {
        return Err(Barred::Private);
    }
    Ok(all)
}

/// Reachable from everywhere: not this machine, not the local network, no special use (RFC 6890).
pub(crate) fn public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(a) => public_v4(a),
        IpAddr::V6(a) => match embedded(a) {
            Some(v4) => public_v4(v4),
            // Global unicast is 2000::/3; of it, documentation and ORCHID are set apart.
            None => {
                a.segments()[0] & 0xe000 == 0x2000
                    && !matches!(a.segments(), [0x2001, 0x0db8 | 0..=0x01ff, ..])
            }
        },
    }
}

/// The IPv4 address inside a mapped, 6to4 or NAT64 one.
fn embedded(a: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = a.segments();
    let v4 = |hi: u16, lo: u16| Ipv4Addr::from(u32::from(hi) << 16 | u32::from(lo));
    match s {
        [0x2002, hi, lo, ..] => Some(v4(hi, lo)),
        [0x64, 0xff9b, 0, 0, 0, 0, hi, lo] => Some(v4(hi, lo)),
        _ => a.to_ipv4_mapped(),
    }
}

fn public_v4(a: Ipv4Addr) -> bool {
    let [x, y, z, _] = a.octets();
    let special = a.is_private()
        || a.is_loopback()
        || a.is_link_local()
        || a.is_broadcast()
        || a.is_documentation()
        || a.is_multicast()
        || x == 0
        || x >= 240
        || (x == 100 && (64..128).contains(&y))
        || (x == 192 && y == 0 && z == 0)
        || (x == 198 && (y == 18 || y == 19));
    !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass() {
        for ip in ["8.8.8.8", "223.5.5.5", "2400:3200::1", "::ffff:8.8.8.8"] {
            assert!(public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "2002:7f00:1::",
            "64:ff9b::a00:1",
            "2001:db8::1",
        ] {
            assert!(!public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[tokio::test]
    async fn this_machine_is_barred_unless_allowed() {
        let t = Target::parse("http://127.0.0.1:9/").unwrap();
        assert_eq!(resolve(&t, &[]).await, Err(Barred::Private));
        assert_eq!(resolve(&t, &["127.0.0.1".into()]).await.unwrap().len(), 1);
        assert_eq!(
            resolve(&Target::parse("http://localhost:9/").unwrap(), &[]).await,
            Err(Barred::Private)
        );
    }
}
