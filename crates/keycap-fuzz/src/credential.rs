//! The reader of credentials: lines of `name: value`, of any bytes.

use std::net::IpAddr;

use keycap_gate::{Credential, CredentialPlaces, Place, RequestView};
use keycap_verify::MAX_SECRET_BYTES;
use smallvec::SmallVec;

struct Sent<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Sent<'a> {
    fn read(input: &'a [u8]) -> Self {
        Self(input.split(|byte| *byte == b'\n').filter_map(header).collect())
    }
}

fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let value = &line[colon + 1..];
    Some((&line[..colon], value.strip_prefix(b" ").unwrap_or(value)))
}

impl RequestView for Sent<'_> {
    fn method(&self) -> &'static str {
        "POST"
    }

    fn path(&self) -> &'static str {
        "/"
    }

    fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
        let named = |(sent, _): &&(&[u8], &[u8])| sent.eq_ignore_ascii_case(name.as_bytes());
        self.0.iter().filter(named).map(|(_, value)| *value).collect()
    }

    fn peer(&self) -> Option<IpAddr> {
        None
    }
}

/// What is found is a secret that is found again, only what was sent, and never shown.
pub fn credential(input: &[u8]) {
    let header = Place::header("X-API-Key").expect("a header's name");
    let both = CredentialPlaces::new([Place::bearer(), header]).expect("two places");
    let sent = Sent::read(input);
    for places in [CredentialPlaces::default(), both] {
        let found = places.read(&sent);
        let shown = format!("{found:?}");
        match found {
            Credential::Found(secret) => {
                let text = secret.expose();
                assert!((1..=MAX_SECRET_BYTES).contains(&text.len()), "{} bytes", text.len());
                let is_sent =
                    |(_, value): &(&[u8], &[u8])| value.trim_ascii_end().ends_with(text.as_bytes());
                assert!(sent.0.iter().any(is_sent), "nobody sent what was found");
                assert_eq!(shown, "Found(Secret(..))");
                again(&places, text);
            }
            // Each of these says what it is in words of our own, from a short list.
            Credential::Missing | Credential::Malformed(_) | Credential::Ambiguous => {
                assert!(shown.len() < 24, "{shown}");
            }
        }
    }
}

fn again(places: &CredentialPlaces, text: &str) {
    let line = format!("Authorization: Bearer {text}");
    match places.read(&Sent::read(line.as_bytes())) {
        Credential::Found(secret) => assert_eq!(secret.expose(), text),
        other => panic!("a secret that was found is now {other:?}"),
    }
}
