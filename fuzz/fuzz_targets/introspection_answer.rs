#![no_main]
//! See `keycap_fuzz::introspection_answer`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| keycap_fuzz::introspection_answer(input));
