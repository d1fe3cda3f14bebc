//! Secrets that must not be seen, in every form in which they might be.
//!
//! A secret is written down once, under a name to report it by, and then looked for in whatever a
//! process shows or keeps. A search that finds nothing proves something only if it would have found
//! it: the tests that search also plant.

use std::fmt::{self, Debug, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Secrets, each with its name.
#[derive(Clone, Default)]
#[must_use]
pub struct Sought(Vec<Secret>);

#[derive(Clone)]
struct Secret {
    name: String,
    text: String,
    /// Every text that gives it away.
    forms: Vec<String>,
    /// Every byte string that does and is no text.
    raw: Vec<Vec<u8>>,
}

/// A secret that shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// Whose it is.
    pub name: String,
    /// The form in which it shows.
    pub form: String,
    /// The line that shows it.
    pub line: String,
}

impl Sought {
    /// Looks for this too.
    pub fn and(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.add(name, text);
        self
    }

    /// Looks for this too.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) {
        let (name, text) = (name.into(), text.into());
        let mut forms = forms(text.as_bytes());
        forms.push(text.clone());
        forms.push(form_urlencoded::byte_serialize(text.as_bytes()).collect());
        // What no caller can present is never digested.
        let digest = keycap::Secret::parse(&text).ok().map(|secret| secret.digest());
        let raw: Vec<_> = digest.iter().map(|digest| digest.as_bytes().to_vec()).collect();
        forms.extend(raw.iter().flat_map(|digest| self::forms(digest)));
        self.0.push(Secret { name, text, forms, raw });
    }

    /// Looks for a token too, and for each part of it.
    pub fn token(mut self, name: &str, token: &str) -> Self {
        self.add(name, token);
        for (part, text) in ["header", "payload", "signature"].iter().zip(token.split('.')) {
            self.add(format!("{name}'s {part}"), text);
        }
        self
    }

    /// Looks for a private key in PEM too: the text, each of its lines, and what it encodes.
    pub fn pem(mut self, name: &str, pem: &str) -> Self {
        self.add(name, pem);
        let lines: Vec<_> = pem.lines().filter(|line| !line.starts_with('-')).collect();
        for line in &lines {
            self.add(format!("a line of {name}"), *line);
        }
        let der = base64::engine::general_purpose::STANDARD.decode(lines.concat()).unwrap();
        // A key's own bytes come after what says of what kind it is.
        let tail = der[der.len() / 2..].to_vec();
        let (name, text) = (format!("the bytes of {name}"), lines.concat());
        self.0.push(Secret { name, text, forms: forms(&tail), raw: vec![tail] });
        self
    }

    /// With everything that another looks for.
    pub fn with(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    /// The secrets themselves.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|secret| secret.text.as_str())
    }

    /// The first secret that shows in a text.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Found> {
        let shown = |(secret, form): (&Secret, &String)| {
            let at = text.find(form.as_str())?;
            let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
            let line = text[start..].lines().next().unwrap_or_default();
            let line = line.chars().take(600).collect();
            Some(Found { name: secret.name.clone(), form: form.clone(), line })
        };
        let all = self.0.iter().flat_map(|secret| secret.forms.iter().map(move |f| (secret, f)));
        all.into_iter().find_map(shown)
    }

    /// The first secret that shows in bytes, such as those of a file.
    #[must_use]
    pub fn find_in_bytes(&self, bytes: &[u8]) -> Option<Found> {
        let shown = |secret: &Secret| {
            let has = |raw: &Vec<u8>| bytes.windows(raw.len()).any(|window| window == raw);
            let raw = secret.raw.iter().find(|raw| has(raw))?;
            let (form, line) = (format!("raw {raw:02x?}"), String::new());
            Some(Found { name: secret.name.clone(), form, line })
        };
        let in_text = self.find(&String::from_utf8_lossy(bytes));
        in_text.or_else(|| self.0.iter().find_map(shown))
    }

    /// Holds that none of them shows.
    ///
    /// # Panics
    /// If one does.
    #[track_caller]
    pub fn assert_hidden(&self, place: &str, text: &str) {
        if let Some(found) = self.find(text) {
            panic!("{place} shows {found:?}");
        }
    }

    /// Holds that none of them shows in the `Debug` of something, in either of its layouts.
    ///
    /// # Panics
    /// If one does.
    #[track_caller]
    pub fn assert_not_in_debug(&self, place: &str, shown: &dyn Debug) {
        let pretty = format!("{shown:#?}");
        let words: Vec<_> = pretty.split_whitespace().collect();
        self.assert_hidden(place, &format!("{shown:?}\n{pretty}\n{}", words.join(" ")));
    }
}

/// An error and all that it carries, in `Display` and in `Debug`.
#[must_use]
pub fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let _ = writeln!(text, "{error}\n{error:?}\n{error:#?}");
        next = error.source();
    }
    text
}

/// The ways to write bytes down.
fn forms(bytes: &[u8]) -> Vec<String> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let listed = |list: String| list.trim_matches(['[', ']']).to_owned();
    vec![
        hex.to_uppercase(),
        hex,
        listed(format!("{bytes:?}")),
        listed(format!("{bytes:02x?}")),
        bytes.iter().map(|byte| format!("%{byte:02X}")).collect(),
        STANDARD_NO_PAD.encode(bytes),
        URL_SAFE_NO_PAD.encode(bytes),
    ]
}

impl Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, as {}, in: {}", self.name, self.form, self.line)
    }
}
