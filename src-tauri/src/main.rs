//! `understudy`: reads its arguments, then runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    understudy::main()
}
