#![no_main]
//! See `keycap_fuzz::jwks`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| keycap_fuzz::jwks(input));
