#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    understudy_fuzz::team_file::check(input);
});
