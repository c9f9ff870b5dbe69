//! The `ottla` command.

fn main() -> std::process::ExitCode {
    ottla_services::cli::main()
}
