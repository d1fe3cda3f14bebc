//! The format of issued keys: a line with a prefix, and the text that may be a key.

use keycap_verify::{FormatCheck, KeyFormat, MAX_PREFIX_BYTES, Secret};

/// The check characters: a change of one byte anywhere is noticed.
const RANDOM_AND_CHECK: usize = 36;

/// What is sound is a secret of the format's shape, and nothing next to it is sound.
pub fn key_format(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (prefix, key) = text.split_once('\n').unwrap_or(("acme_live", &text));
    let format = match KeyFormat::new(prefix) {
        Ok(format) => format,
        Err(error) => return assert!(error.to_string().len() < 400, "{error}"),
    };
    assert!(format.prefix() == prefix && prefix.len() <= MAX_PREFIX_BYTES);
    if format.check(key) == FormatCheck::Sound {
        let body = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
        assert_eq!(body.map(str::len), Some(RANDOM_AND_CHECK));
        assert!(Secret::parse(key).is_ok());
        neighbours(&format, key);
    }
    let minted = format.mint().expect("the system has random bytes");
    assert_eq!(format.check(minted.expose()), FormatCheck::Sound);
}

fn neighbours(format: &KeyFormat, key: &str) {
    for place in 0..key.len() {
        let mut other = key.as_bytes().to_vec();
        other[place] = if other[place] == b'x' { b'y' } else { b'x' };
        let other = String::from_utf8(other).expect("ASCII");
        assert_ne!(format.check(&other), FormatCheck::Sound, "byte {place}");
    }
    for longer in [format!("{key}0"), format!("0{key}"), key[1..].to_owned()] {
        assert_ne!(format.check(&longer), FormatCheck::Sound);
    }
}
