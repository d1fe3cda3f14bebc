//! The client's address is the connection's, or what trusted proxies say of it; never the caller's
//! own claim.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

mod sent;

use keycap_base::{MAX_NETWORKS, NetworkError};
use keycap_gate::{ClientAddress, ForwardingHeader, MAX_HOPS, TrustedProxies, TrustedProxiesError};
use proptest::prelude::*;
use proptest::test_runner::Config;
use sent::Sent;

const X_FORWARDED_FOR: &str = "X-Forwarded-For";
const FORWARDED: &str = "Forwarded";
const PROXY: &str = "10.0.0.1";

fn proxies(header: ForwardingHeader) -> ClientAddress {
    let networks = ["10.0.0.0/8", "2001:db8:aaaa::/48"];
    ClientAddress::behind(TrustedProxies::new(header, networks).unwrap())
}

fn address(rule: &ClientAddress, sent: &Sent) -> Option<String> {
    rule.read(sent).map(|address| address.to_string())
}

/// Each row: the lines of the header, in order, and the address they yield behind a trusted proxy.
fn check(header: ForwardingHeader, name: &str, rows: &[(&[&str], Option<&str>)]) {
    for (lines, expected) in rows {
        let sent = lines.iter().fold(Sent::default().from(PROXY), |sent, v| sent.and(name, v));
        assert_eq!(address(&proxies(header), &sent).as_deref(), *expected, "{lines:?}");
    }
}

#[test]
fn the_rightmost_untrusted_hop_of_x_forwarded_for_counts() {
    check(
        ForwardingHeader::XForwardedFor,
        X_FORWARDED_FOR,
        &[
            (&["203.0.113.7"], Some("203.0.113.7")),
            (&["203.0.113.7, 10.1.1.1"], Some("203.0.113.7")),
            // What stands left of it is what the caller claims.
            (&["198.51.100.1, 203.0.113.7, 10.1.1.1"], Some("203.0.113.7")),
            (&["127.0.0.1", "203.0.113.7"], Some("203.0.113.7")),
            (&["203.0.113.7", "10.1.1.1"], Some("203.0.113.7")),
            (&["garbage, 203.0.113.7"], Some("203.0.113.7")),
            (&["\u{e9}", "203.0.113.7"], Some("203.0.113.7")),
            // Ports, white space, empty elements.
            (&["203.0.113.7:4711"], Some("203.0.113.7")),
            (&[" \t203.0.113.7 ,, 10.1.1.1:80,"], Some("203.0.113.7")),
            (&["2001:db8::7"], Some("2001:db8::7")),
            (&["[2001:db8::7]"], Some("2001:db8::7")),
            (&["[2001:DB8:0::7]:4711"], Some("2001:db8::7")),
            (&["203.0.113.7, 2001:db8:aaaa::1"], Some("203.0.113.7")),
            (&["::ffff:203.0.113.7"], Some("203.0.113.7")),
            (&["203.0.113.7, ::ffff:10.1.1.1"], Some("203.0.113.7")),
            // All hops are ours, or there are none: the furthest that is known.
            (&["10.2.2.2, 10.1.1.1"], Some("10.2.2.2")),
            (&[], Some(PROXY)),
            (&["", " , "], Some(PROXY)),
            // Garbage where a hop must be read.
            (&["203.0.113.7, unknown"], None),
            (&["203.0.113.7, unknown, 10.1.1.1"], None),
            (&["203.0.113.7, example.com"], None),
            (&["203.0.113.07"], None),
            (&["203.0.113.7:"], None),
            (&["203.0.113.7:65536"], None),
            (&["203.0.113.7:+80"], None),
            (&["203.0.113.7 10.1.1.1"], None),
            (&["[203.0.113.7]"], None),
            (&["[2001:db8::7"], None),
            (&["[2001:db8::7]80"], None),
            (&["fe80::1%eth0"], None),
            (&["\"203.0.113.7\""], None),
            (&["203.0.113.7\u{e9}"], None),
        ],
    );
}

#[test]
fn the_rightmost_untrusted_hop_of_forwarded_counts() {
    check(
        ForwardingHeader::Forwarded,
        FORWARDED,
        &[
            (&["for=203.0.113.7"], Some("203.0.113.7")),
            (&["For=203.0.113.7;proto=https;by=10.0.0.1"], Some("203.0.113.7")),
            (&["proto=https; FOR=203.0.113.7 ;host=\"a,b;c\""], Some("203.0.113.7")),
            (&["for=198.51.100.1, for=203.0.113.7, for=10.1.1.1"], Some("203.0.113.7")),
            (&["for=198.51.100.1, for=203.0.113.7", "for=10.1.1.1"], Some("203.0.113.7")),
            (&["for=\"203.0.113.7:4711\""], Some("203.0.113.7")),
            (&["for=203.0.113.7:4711"], Some("203.0.113.7")),
            (&["for=\"203.0.113.7:_edge-1\""], Some("203.0.113.7")),
            (&["for=\"[2001:db8::7]\""], Some("2001:db8::7")),
            (&["for=\"[2001:db8::7]:4711\";proto=http"], Some("2001:db8::7")),
            (&["for=\"\\203.0.113.7\""], Some("203.0.113.7")),
            (&["for=\"[::ffff:203.0.113.7]\", for=\"[::ffff:10.1.1.1]\""], Some("203.0.113.7")),
            (&[",for=203.0.113.7;, ,"], Some("203.0.113.7")),
            // Another line's garbage is another line's.
            (&["for=\"198.51.100.1", "for=203.0.113.7"], Some("203.0.113.7")),
            (&["for=10.2.2.2, for=10.1.1.1"], Some("10.2.2.2")),
            (&[], Some(PROXY)),
            (&["", " ; , "], Some(PROXY)),
            (&["for=203.0.113.7, for=unknown"], None),
            (&["for=203.0.113.7, for=_hidden, for=10.1.1.1"], None),
            (&["for=203.0.113.7, proto=https"], None),
            (&["for=203.0.113.7;for=198.51.100.1"], None),
            (&["203.0.113.7"], None),
            (&["for 203.0.113.7"], None),
            (&["for=\"203.0.113.7"], None),
            (&["for=\"203.0.113.7\\"], None),
            (&["for=\"203.0.113.7\"x"], None),
            (&["for=\"\""], None),
            (&["for="], None),
            (&["=203.0.113.7"], None),
            (&["for = 203.0.113.7"], None),
            // A caller's open quote, to which the proxy added its own word.
            (&["for=192.0.2.1;x=\", for=203.0.113.7"], None),
            (&["for=192.0.2.1;x=\", for=\"[2001:db8::7]\""], None),
        ],
    );
}

#[test]
fn a_header_counts_only_from_a_trusted_proxy() {
    let claim = |peer: &str| Sent::with(&[(X_FORWARDED_FOR, "192.0.2.1")]).from(peer);
    let rule = proxies(ForwardingHeader::XForwardedFor);
    for (peer, expected) in [
        ("203.0.113.7", Some("203.0.113.7")),
        ("::ffff:203.0.113.7", Some("203.0.113.7")),
        (PROXY, Some("192.0.2.1")),
        ("::ffff:10.0.0.1", Some("192.0.2.1")),
        ("2001:db8:aaaa::9", Some("192.0.2.1")),
        ("2001:db8:aaab::9", Some("2001:db8:aaab::9")),
        ("no address", None),
    ] {
        assert_eq!(address(&rule, &claim(peer)).as_deref(), expected, "{peer}");
    }
    let by_connection = address(&ClientAddress::default(), &claim(PROXY));
    assert_eq!(by_connection.as_deref(), Some(PROXY));
    assert_eq!(ClientAddress::default(), ClientAddress::of_connection());
}

#[test]
fn only_the_configured_header_is_read() {
    let sent = Sent::with(&[(X_FORWARDED_FOR, "192.0.2.1"), (FORWARDED, "for=203.0.113.7")]);
    let sent = sent.from(PROXY);
    for (header, expected) in [
        (ForwardingHeader::XForwardedFor, "192.0.2.1"),
        (ForwardingHeader::Forwarded, "203.0.113.7"),
    ] {
        assert_eq!(address(&proxies(header), &sent).as_deref(), Some(expected));
    }
}

#[test]
fn the_walk_is_bounded() {
    let behind = |hops: usize| {
        let ours = std::iter::repeat_n("10.1.1.1", hops - 1);
        let line: Vec<_> = std::iter::once("203.0.113.7").chain(ours).collect();
        let sent = Sent::default().and(X_FORWARDED_FOR, line.join(",")).from(PROXY);
        address(&proxies(ForwardingHeader::XForwardedFor), &sent)
    };
    assert_eq!(behind(MAX_HOPS).as_deref(), Some("203.0.113.7"));
    assert_eq!(behind(MAX_HOPS + 1), None);
}

#[test]
fn proxies_are_checked_when_built() {
    let build = |networks: &[&str]| TrustedProxies::new(ForwardingHeader::Forwarded, networks);
    assert_eq!(build(&[]), Err(TrustedProxiesError::None));
    assert!(matches!(build(&["proxy"]), Err(TrustedProxiesError::Network(_))));
    for everybody in ["0.0.0.0/0", "::/0"] {
        let error = build(&["10.0.0.0/8", everybody]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("`{everybody}` trusts everybody")));
    }
    let numbered: Vec<_> = (0..=MAX_NETWORKS).map(|n| format!("10.0.0.{n}")).collect();
    let numbered: Vec<_> = numbered.iter().map(String::as_str).collect();
    assert!(build(&numbered[..MAX_NETWORKS]).is_ok());
    assert_eq!(build(&numbered), Err(TrustedProxiesError::Network(NetworkError::TooMany)));
}

/// Pieces of which hops are made.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let pieces =
        vec!["for=", "\"", "[", "]", "::1", "10.0.0.1", "1.2.3.4", ":80", ",", ";", "\\", " "];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..48),
        prop::collection::vec(prop::sample::select(pieces), 0..12)
            .prop_map(|parts| parts.concat().into_bytes()),
    ]
}

/// Quick by default; as many as `PROPTEST_CASES` says when it is set.
fn cases() -> Config {
    let default = Config { failure_persistence: None, ..Config::default() };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => default,
        None => Config { cases: 128, ..default },
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_claim_changes_what_the_proxy_adds(claims in prop::collection::vec(line(), 0..4)) {
        for (header, name, added) in [
            (ForwardingHeader::XForwardedFor, X_FORWARDED_FOR, "203.0.113.7"),
            (ForwardingHeader::Forwarded, FORWARDED, "for=203.0.113.7;proto=https"),
        ] {
            let own_line = claims.iter().fold(Sent::default().from(PROXY), |s, v| s.and(name, v));
            let found = address(&proxies(header), &own_line.and(name, added));
            prop_assert_eq!(found.as_deref(), Some("203.0.113.7"));

            let mut joined = claims.join(&b", "[..]);
            joined.extend([b", ", added.as_bytes()].concat());
            let same_line = Sent::default().and(name, joined).from(PROXY);
            let found = address(&proxies(header), &same_line);
            prop_assert!(found.as_deref().is_none_or(|found| found == "203.0.113.7"), "{found:?}");
        }
    }
}
