//! Whom a machine talks to: public addresses are kept to their network, names of hosts to the registered domain.
//!
//! Invariants:
//! - Addresses that mean nothing outside of a machine or a site stay: private, loopback, link-local, documentation.
//! - Of a name remains what was registered (public suffix list); where nothing was, [`HIDDEN`].

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What stands for a name of which nothing may remain.
pub const HIDDEN: &[u8] = b"*";

/// The registered domain of a host's name, or the network of an address. A port behind it stays.
pub fn host(host: &[u8]) -> Cow<'_, [u8]> {
    if host.is_empty() {
        return Cow::Borrowed(host);
    }
    if let Some(kept) = literal(host) {
        return kept;
    }
    let (name, port) = split_port(host);
    match kept_from(name) {
        _ if std::str::from_utf8(name).is_ok_and(|n| n.parse::<Ipv4Addr>().is_ok()) => {
            let kept = literal(name).unwrap_or(Cow::Borrowed(HIDDEN));
            Cow::Owned([&*kept, port].concat())
        }
        Some(from) => Cow::Borrowed(&host[from..]),
        None if port.is_empty() => Cow::Owned(HIDDEN.to_vec()),
        None => Cow::Owned([HIDDEN, port].concat()),
    }
}

/// An address in one of its usual forms.
fn literal(host: &[u8]) -> Option<Cow<'_, [u8]>> {
    let text = std::str::from_utf8(host).ok()?;
    let (inner, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some(parts) => parts,
        None => (text, ""),
    };
    let before: IpAddr = inner.parse().ok()?;
    let after = ip(before);
    if before == after {
        return Some(Cow::Borrowed(host));
    }
    let shown = if text.starts_with('[') { format!("[{after}]{port}") } else { after.to_string() };
    Some(Cow::Owned(shown.into_bytes()))
}

/// `:443` behind a name.
fn split_port(host: &[u8]) -> (&[u8], &[u8]) {
    match host.iter().rposition(|&b| b == b':') {
        Some(at) if host[at + 1..].iter().all(u8::is_ascii_digit) && !host[..at].contains(&b':') => {
            host.split_at(at)
        }
        _ => (host, b""),
    }
}

/// Where in a name begins what may be kept of it; `None`: nothing may.
pub fn kept_from(name: &[u8]) -> Option<usize> {
    let lower = name.to_ascii_lowercase();
    let bare = lower.strip_suffix(b".").unwrap_or(&lower);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*') || *b >= 0x80;
    if bare.is_empty() || !bare.iter().all(plain) || bare.split(|&b| b == b'.').any(<[u8]>::is_empty) {
        return None;
    }
    if bare == b"localhost" || bare.ends_with(b".localhost") {
        return Some(bare.len() - b"localhost".len());
    }
    if let Some(domain) = psl::domain(bare) {
        return bare.len().checked_sub(domain.as_bytes().len());
    }
    // A public suffix itself names nobody.
    psl::suffix(bare).filter(|suffix| suffix.is_known() && suffix.as_bytes() == bare).map(|_| 0)
}

/// The network of a public address (/24 of IPv4, /48 of IPv6); others as they are.
pub fn address(address: [u8; 16]) -> [u8; 16] {
    let before = Ipv6Addr::from(address);
    let after = match before.to_ipv4_mapped() {
        Some(v4) => v4_network(v4).to_ipv6_mapped(),
        None => v6_network(before),
    };
    after.octets()
}

fn ip(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4(v4_network(v4)),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V6(v4_network(v4).to_ipv6_mapped()),
            None => IpAddr::V6(v6_network(v6)),
        },
    }
}

fn v4_network(address: Ipv4Addr) -> Ipv4Addr {
    let [a, b, c, _] = address.octets();
    let carrier_grade = a == 100 && b & 0xc0 == 64;
    let benchmark = a == 198 && b & 0xfe == 18;
    let stays = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || address.is_broadcast()
        || a == 0
        || carrier_grade
        || benchmark;
    if stays { address } else { Ipv4Addr::new(a, b, c, 0) }
}

fn v6_network(address: Ipv6Addr) -> Ipv6Addr {
    let s = address.segments();
    let documentation = (s[0] == 0x2001 && s[1] == 0xdb8) || s[0] & 0xfff0 == 0x3ff0;
    let stays = address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || documentation;
    if stays {
        return address;
    }
    // 6to4 has an IPv4 address in the bits 16 to 48.
    let third = if s[0] == 0x2002 { s[2] & 0xff00 } else { s[2] };
    Ipv6Addr::new(s[0], s[1], third, 0, 0, 0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(name: &str) -> String {
        String::from_utf8(host(name.as_bytes()).into_owned()).expect("UTF-8")
    }

    #[test]
    fn names_are_kept_to_the_registered_domain() {
        for (name, want) in [
            ("www.example.com", "example.com"),
            ("example.com", "example.com"),
            ("a.b.c.example.co.uk", "example.co.uk"),
            ("WWW.Example.COM", "Example.COM"),
            ("www.example.com.", "example.com."),
            ("alice.github.io", "alice.github.io"),
            ("x.alice.github.io", "alice.github.io"),
            ("github.io", "github.io"),
            ("com", "com"),
            ("*.example.com", "example.com"),
            ("www.example.com:8443", "example.com:8443"),
            ("db.corp.internal", "corp.internal"),
            ("localhost", "localhost"),
            ("x.localhost", "localhost"),
            ("payroll", "*"),
            ("payroll:443", "*:443"),
            ("token with blanks.example.com", "*"),
            ("a..example.com", "*"),
            ("", ""),
        ] {
            assert_eq!(shown(name), want, "{name}");
        }
    }

    #[test]
    fn addresses_are_kept_to_their_network() {
        for (name, want) in [
            ("8.8.4.4", "8.8.4.0"),
            ("8.8.4.4:853", "8.8.4.0:853"),
            ("192.168.1.7", "192.168.1.7"),
            ("172.32.0.9", "172.32.0.0"),
            ("203.0.113.9", "203.0.113.9"),
            ("2606:4700:4700::1111", "2606:4700:4700::"),
            ("[2606:4700:4700::1111]:443", "[2606:4700:4700::]:443"),
            ("::ffff:8.8.4.4", "::ffff:8.8.4.0"),
            ("2002:0808:0404::1", "2002:808:400::"),
            ("fe80::1", "fe80::1"),
            ("fd00::5", "fd00::5"),
            ("2001:db8::5", "2001:db8::5"),
            ("::1", "::1"),
        ] {
            assert_eq!(shown(name), want, "{name}");
        }
        let mapped = |a: Ipv4Addr| a.to_ipv6_mapped().octets();
        assert_eq!(address(mapped(Ipv4Addr::new(9, 9, 9, 9))), mapped(Ipv4Addr::new(9, 9, 9, 0)));
        assert_eq!(address(mapped(Ipv4Addr::LOCALHOST)), mapped(Ipv4Addr::LOCALHOST));
    }

    proptest! {
        #[test]
        fn once_is_enough(name in prop::collection::vec(any::<u8>(), 0..40)) {
            let once = host(&name).into_owned();
            prop_assert_eq!(&*host(&once), &*once);
        }

        #[test]
        fn once_is_enough_for_names(name in "([a-c*]{0,2}[.:]){0,4}(com|co\\.uk|[0-9]{1,3})?") {
            let once = host(name.as_bytes()).into_owned();
            prop_assert_eq!(&*host(&once), &*once);
        }

        #[test]
        fn once_is_enough_for_addresses(a in any::<[u8; 16]>(), v4 in any::<[u8; 4]>()) {
            prop_assert_eq!(address(address(a)), address(a));
            let mapped = Ipv4Addr::from(v4).to_ipv6_mapped().octets();
            prop_assert_eq!(address(address(mapped)), address(mapped));
        }
    }
}
