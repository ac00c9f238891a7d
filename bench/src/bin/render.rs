//! `cargo build --release -p atelier-bench --bin render && target/release/render` measures what the embedded engine takes for
//! one clip: seconds of CPU on one thread, and what they are spent on. Baseline: the H.264 encoder alone, in the same run.
#![allow(clippy::print_stdout, reason = "prints its table")]

use atelier_bench::{
    Outcome,
    figures::{median, ms, verdict},
    process::own_cpu,
};
use atelier_providers::studio::{
    FontBook,
    film::{Basis, Film, Reel, Step, shoot},
};
use clap::Parser;
use std::{
    cell::RefCell,
    ops::ControlFlow,
    time::{Duration, Instant},
};

/// What one clip takes.
#[derive(Parser)]
struct Arguments {
    /// Runs of each kind of picture; the medians are shown.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Width in pixels.
    #[arg(long, default_value_t = 1280)]
    width: u32,
    /// Height in pixels.
    #[arg(long, default_value_t = 720)]
    height: u32,
    /// Seconds of the clip.
    #[arg(long, default_value_t = 4)]
    seconds: u32,
}

/// One prompt for each kind of composition, as each costs something else.
const PROMPTS: [&str; 6] =
    ["dunes", "mountains at night", "a planet", "silk in the wind", "a mosaic", "a flower"];

/// What the time goes to, in the order of the columns.
const PARTS: [&str; 5] = ["frames", "encode", "sound", "file", "stills"];

/// One run: seconds of CPU, and milliseconds of each part.
struct Run {
    cpu: f64,
    parts: [f64; 5],
    bytes: usize,
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let fonts = FontBook::new(Vec::new())?;
    let Arguments { width, height, seconds, runs } = arguments;
    println!("{seconds} s of {width}x{height}, one thread, medians of {runs}");
    let heads: String = PARTS.iter().map(|part| format!(" {:>9}", format!("{part} ms"))).collect();
    println!("{:<20} {:>8}{heads} {:>8} {:>9}", "prompt", "CPU s", "MB", ": encode");
    for prompt in PROMPTS {
        let film = film(prompt, &arguments);
        let runs = (0..runs).map(|_| measure(&film, &fonts)).collect::<Outcome<Vec<_>>>()?;
        let of = |figure: &dyn Fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let cpu = of(&|run| run.cpu);
        let parts: String = (0..5).map(|part| format!(" {:>9.1}", of(&|run| run.parts[part]))).collect();
        let ratio = of(&|run| run.parts.iter().sum::<f64>() / run.parts[1]);
        let size = of(&|run| run.bytes as f64 / 1e6);
        print!("{prompt:<20} {cpu:>8.2}{parts} {size:>8.2} {ratio:>9.2}");
        // The aim is told for the clip that it is about.
        if (width, height, seconds) == (1280, 720, 4) {
            print!("   < 1.6 s: {}", verdict(cpu < 1.6));
        }
        println!();
    }
    Ok(())
}

fn film(prompt: &str, arguments: &Arguments) -> Film {
    Film {
        prompt: prompt.into(),
        negative_prompt: None,
        model: "sora-2".into(),
        style: None,
        seed: Some(1),
        width: arguments.width,
        height: arguments.height,
        seconds: arguments.seconds,
        shots: Vec::new(),
        basis: Basis::Words,
        cast: Vec::new(),
    }
}

fn measure(film: &Film, fonts: &FontBook) -> Outcome<Run> {
    let before = own_cpu()?;
    let clock = RefCell::new((Instant::now(), None::<usize>, [Duration::ZERO; 5]));
    let watch = |step: Step| {
        let (since, part, spent) = &mut *clock.borrow_mut();
        let now = Instant::now();
        if let Some(part) = *part {
            spent[part] += now - *since;
        }
        *part = Some(match step {
            Step::Begin | Step::Frame { .. } => 0,
            Step::Encode { .. } => 1,
            Step::Sound => 2,
            Step::File => 3,
            Step::Stills => 4,
        });
        *since = now;
        ControlFlow::Continue(())
    };
    let Reel { mp4, .. } = shoot(film, fonts, &watch)?;
    let (since, _, mut spent) = clock.into_inner();
    spent[4] += since.elapsed();
    let cpu = own_cpu()?.saturating_sub(before).as_secs_f64();
    Ok(Run { cpu, parts: spent.map(ms), bytes: mp4.len() })
}
