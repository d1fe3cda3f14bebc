//! Reading the hops out of a forwarding header.

use std::net::{IpAddr, Ipv6Addr};

use super::ForwardingHeader;
use crate::credential::is_token_byte;

impl ForwardingHeader {
    /// The header's name, in lower case.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }

    /// The hops in one line of the header, in order; a hop that cannot be read is `None`, and so is
    /// a line in which hops cannot be told apart. Empty list elements are skipped (RFC 9110 §5.6.1).
    pub(super) fn hops(self, line: &[u8]) -> Option<Vec<Option<IpAddr>>> {
        let line = std::str::from_utf8(line).ok()?;
        match self {
            Self::XForwardedFor => {
                let elements = line.split(',').map(trim).filter(|element| !element.is_empty());
                Some(elements.map(address).collect())
            }
            Self::Forwarded => elements(line),
        }
    }
}

/// An address, with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`.
fn address(node: &str) -> Option<IpAddr> {
    let address = match node.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let bare = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            bare.then(|| address.parse::<Ipv6Addr>()).and_then(Result::ok).map(IpAddr::V6)
        }
        None => node.parse().ok().or_else(|| {
            let (address, port) = node.split_once(':')?;
            is_port(port).then(|| address.parse().ok()).flatten().map(IpAddr::V4)
        }),
    };
    address.map(|address| address.to_canonical())
}

/// A port, or a made-up name for one (RFC 7239 §6).
fn is_port(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(is_name),
        None => text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}

/// The `for` of every `forwarded-element` (RFC 7239 §4); none where the line breaks the grammar.
fn elements(line: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    let mut rest = trim(line);
    while !rest.is_empty() {
        let (element, after) = element(rest)?;
        hops.extend(element);
        rest = after;
    }
    Some(hops)
}

/// The first element, if it is not empty, and what follows its comma.
fn element(text: &str) -> Option<(Option<Option<IpAddr>>, &str)> {
    let (mut sender, mut pairs, mut rest) = (None, 0, text);
    loop {
        if !rest.starts_with([',', ';']) && !rest.is_empty() {
            let (name, value, after) = pair(rest)?;
            pairs += 1;
            if name.eq_ignore_ascii_case("for") && sender.replace(address(&value)).is_some() {
                return None;
            }
            rest = after;
        }
        match (rest.strip_prefix(';'), rest.strip_prefix(',')) {
            (Some(more), _) => rest = trim(more),
            (None, Some(next)) => return Some((hop(pairs, sender), trim(next))),
            (None, None) if rest.is_empty() => return Some((hop(pairs, sender), rest)),
            (None, None) => return None,
        }
    }
}

/// An element with parameters is a hop, unknown if none of them says `for` whom.
fn hop(pairs: usize, sender: Option<Option<IpAddr>>) -> Option<Option<IpAddr>> {
    (pairs > 0).then(|| sender.flatten())
}

/// The first parameter: its name, its value without quotes, and the trimmed rest.
fn pair(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = text.split_once('=')?;
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return None;
    }
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => {
            let end = rest.bytes().take_while(|byte| is_value_byte(*byte)).count();
            let (value, rest) = rest.split_at_checked(end)?;
            (value.to_owned(), rest)
        }
    };
    Some((name, value, trim(rest)))
}

/// A byte of an unquoted value. Addresses with a port belong in quotes; some proxies forget them.
fn is_value_byte(byte: u8) -> bool {
    is_token_byte(byte) || b":[]".contains(&byte)
}

/// The text up to the closing quote (RFC 9110 §5.6.4), and what follows it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(characters.next()?),
            other => value.push(other),
        }
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
