#![no_main]
//! See `keycap_fuzz::jwt_header`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| keycap_fuzz::jwt_header(input));
