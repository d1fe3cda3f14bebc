#![no_main]
//! See `keycap_fuzz::credential`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| keycap_fuzz::credential(input));
