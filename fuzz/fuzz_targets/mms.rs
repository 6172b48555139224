#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wap_wire::check::check_mms(data));
