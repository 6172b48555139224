#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| push_ota::check::check_rewritten(data));
