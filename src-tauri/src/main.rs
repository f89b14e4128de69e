//! The executable `understudy`.

use std::process::ExitCode;

fn main() -> ExitCode {
    understudy::main()
}
