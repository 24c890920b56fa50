//! Parse, run, exit code: all of it is in the library, so that a workspace can have an `xtask` package of three lines.

fn main() -> std::process::ExitCode {
    xtask::main()
}
