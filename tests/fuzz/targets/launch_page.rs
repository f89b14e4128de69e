#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    understudy_fuzz::launch_page::check(input);
});
