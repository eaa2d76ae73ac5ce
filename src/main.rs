//! The `tripline` binary. Everything is in the library.

fn main() -> std::process::ExitCode {
    tripline::cli::main()
}
