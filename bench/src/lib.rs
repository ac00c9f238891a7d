//! What the measuring programs in `src/bin` share. Linux only: memory and CPU time are read from `/proc`.
//!
//! Every program puts its figure beside a baseline measured in the same run, since absolute figures say little about a
//! machine that does other things too. See `README.md` for what each measures and what came out.

pub mod gateway;

pub mod baseline;

pub mod client;

pub mod figures;

pub mod process;

/// A worker per core, which is the default of every program.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs a program, or the bare server that it was started as.
///
/// # Errors
/// Those of `run`.
pub fn launch<A: clap::Parser>(run: impl AsyncFnOnce(&A) -> Outcome<()>) -> Outcome<()> {
    if let Some(served) = baseline::serve_if_asked() {
        return served;
    }
    let arguments = A::parse();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&arguments))
}

/// What a measurement ends with: any failure ends it.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
