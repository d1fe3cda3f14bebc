//! Answers of those who verify keys: three digits of a status, a line break, and a body.

use keycap_remote::fuzzing;

/// What Clerk says.
pub fn clerk_answer(input: &[u8]) {
    let (status, body) = answer(input);
    fuzzing::clerk_answer(status, body);
}

/// What an introspection endpoint says.
pub fn introspection_answer(input: &[u8]) {
    let (status, body) = answer(input);
    fuzzing::introspection_answer(status, body);
}

/// What Unkey says.
pub fn unkey_answer(input: &[u8]) {
    let (status, body) = answer(input);
    fuzzing::unkey_answer(status, body);
}

/// Without a status, the whole is a body of 200.
fn answer(input: &[u8]) -> (u16, &[u8]) {
    let status = input.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
    match (status.and_then(|digits| digits.parse().ok()), input.get(3..4)) {
        (Some(status @ 100..600), Some(b"\n")) => (status, &input[4..]),
        _ => (200, input),
    }
}
