#![no_main]
//! See `keycap_fuzz::key_format`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| keycap_fuzz::key_format(input));
