//! Simulated power cuts: records everything a store asks of the file system during a workload, cuts the record at random
//! places, rebuilds what a disk may hold after each cut, opens the store there and checks it.
//!
//! ```text
//! cargo build -p atelier-powercut
//! cargo run -p atelier-store --example powercut -- --cuts 40
//! ```
//!
//! `--cuts` is per scenario and model (300 for a full run), `--seed` chooses them, `--scenario` names one. With `TMPDIR` in memory it is many times
//! faster and tests the same. `--distrust-fdatasync` treats the store's own
//! sync of its database as doing nothing: the simulation must then find losses, or it could never find any.
//!
//! After a cut, what was synced is there. Of the rest:
//! - `nothing`: nothing is there;
//! - `prefix`: everything up to some moment is there;
//! - `pages`: any pages of any writes are there, of 4 KiB or of 512 bytes; names up to some moment.
//!
//! An `fsync` makes a file's content last, and its name and all changes of names before, as in ext4's ordered journal; that of a
//! directory, the changes of names in it and all before; `fdatasync` a file's content alone; `sync_file_range` nothing.
#![allow(clippy::print_stdout, reason = "prints its result")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure ends the run")]

mod disk;
mod trace;
mod verdict;
mod workload;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use disk::{Disk, Model};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use trace::Trace;
use verdict::Verdict;
use workload::{SCENARIOS, Scenario};

struct Arguments {
    cuts: usize,
    seed: u64,
    scenario: Option<String>,
    keep: Option<PathBuf>,
    distrust_fdatasync: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, scenario, root, acks] = arguments.as_slice()
        && command == "write"
    {
        workload::run(&SCENARIOS[scenario.parse::<usize>().unwrap()], Path::new(root), Path::new(acks));
        return ExitCode::SUCCESS;
    }
    let arguments = parse(&arguments);
    let mut clean = true;
    verdict::print_head();
    let chosen = |scenario: &Scenario| arguments.scenario.as_deref().is_none_or(|name| name == scenario.name);
    for (index, scenario) in SCENARIOS.iter().enumerate().filter(|(_, scenario)| chosen(scenario)) {
        let scratch = tempfile::tempdir().unwrap();
        let trace = record(index, scratch.path());
        if trace.has_blobs() {
            println!("{}: a page got a file of its own", scenario.name);
            clean = false;
        }
        for model in Model::ALL {
            clean &= judge(&arguments, scenario, model, &trace, scratch.path());
        }
    }
    if clean == arguments.distrust_fdatasync { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn parse(arguments: &[String]) -> Arguments {
    let mut parsed = Arguments { cuts: 40, seed: 1, scenario: None, keep: None, distrust_fdatasync: false };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--cuts" => parsed.cuts = rest.next().unwrap().parse().unwrap(),
            "--seed" => parsed.seed = rest.next().unwrap().parse().unwrap(),
            "--keep" => parsed.keep = rest.next().map(PathBuf::from),
            "--scenario" => parsed.scenario = rest.next().cloned(),
            "--distrust-fdatasync" => parsed.distrust_fdatasync = true,
            unknown => panic!("unknown argument {unknown}"),
        }
    }
    parsed
}

/// Runs the workload in a process of its own with the recorder preloaded.
fn record(scenario: usize, scratch: &Path) -> Trace {
    let (root, trace, acks) = (scratch.join("data"), scratch.join("trace"), scratch.join("acks"));
    std::fs::create_dir(&root).unwrap();
    let program = std::env::current_exe().unwrap();
    let library = program.parent().unwrap().parent().unwrap().join("libatelier_powercut.so");
    assert!(library.exists(), "build it first: cargo build -p atelier-powercut");
    let status = Command::new(program)
        .args(["write", &scenario.to_string()])
        .args([&root, &acks])
        .env("LD_PRELOAD", library)
        .env("POWERCUT_ROOT", &root)
        .env("POWERCUT_TRACE", &trace)
        .env("POWERCUT_ACKS", &acks)
        .status()
        .unwrap();
    assert!(status.success(), "the workload failed");
    Trace::load(&trace, &root)
}

fn judge(arguments: &Arguments, scenario: &Scenario, model: Model, trace: &Trace, scratch: &Path) -> bool {
    let mut random = SmallRng::seed_from_u64(arguments.seed);
    let mut cuts: Vec<usize> = (0..arguments.cuts).map(|_| random.random_range(0..=trace.len())).collect();
    cuts.sort_unstable();
    let mut disk = Disk::new(trace.root(), arguments.distrust_fdatasync);
    let mut verdicts = Vec::new();
    let mut replayed = 0;
    for (number, cut) in cuts.into_iter().enumerate() {
        while replayed < cut {
            disk.replay(replayed, trace.event(replayed));
            replayed += 1;
        }
        let dir = scratch.join("after");
        disk.after_cut(model, &mut random, &dir);
        // Every fourth cut is followed by the loss of the database, which export and change log must make good.
        let verdict = Verdict::of(&dir, disk.acknowledged(), number % 4 == 0);
        if let Some(why) = verdict.failure() {
            println!("{}, {model:?}, cut at event {cut} of {}: {why}", scenario.name, trace.len());
            print!("{}", trace.before(cut));
            if let Some(keep) = &arguments.keep {
                disk.after_cut(Model::Nothing, &mut random, &keep.join(format!("{model:?}-{cut}")));
            }
        }
        verdicts.push(verdict);
        std::fs::remove_dir_all(&dir).unwrap();
    }
    verdict::print_row(scenario.name, model, disk.acknowledged().len(), &verdicts)
}
