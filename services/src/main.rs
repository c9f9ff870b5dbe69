//! The `ottla` command.

/// Where the linker's own allocator is zig's, memory grows by the hour under load: what one thread frees another does not
/// find (docs/adr/0010).
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> std::process::ExitCode {
    ottla_services::cli::main()
}
