#![no_main]
//! See `keycap_fuzz::clerk_answer`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| keycap_fuzz::clerk_answer(input));
