//! Ids as Clerk writes them.

/// What follows the prefix of a subject: 27 word characters.
const LENGTH: usize = 27;

/// The id of a user with this name.
#[must_use]
pub fn user(name: &str) -> String {
    padded("user", name)
}

/// The id of an organisation with this name.
#[must_use]
pub fn organisation(name: &str) -> String {
    padded("org", name)
}

/// The id of a machine with this name.
#[must_use]
pub fn machine(name: &str) -> String {
    padded("mch", name)
}

fn padded(prefix: &str, name: &str) -> String {
    format!("{prefix}_{name:0<LENGTH$}")
}

/// Whether it is `<prefix>_` and 27 word characters, for one of these prefixes.
pub(super) fn is_subject(text: &str, prefixes: &[&str]) -> bool {
    let Some((prefix, rest)) = text.split_once('_') else { return false };
    prefixes.contains(&prefix)
        && rest.len() == LENGTH
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
