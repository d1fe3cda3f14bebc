#![no_main]
//! See `keycap_fuzz::unkey_answer`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| keycap_fuzz::unkey_answer(input));
