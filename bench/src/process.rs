//! Server processes: started, found by the address that they print, looked at through `/proc`, and killed at the end.

use crate::Outcome;
use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

/// Ticks of `/proc/*/stat` in a second: the same on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// A server in a process of its own. Killed with SIGKILL when dropped.
pub struct Process {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it printed up to and with its address.
    pub banner: String,
    /// From the spawn until the address was printed.
    pub printed_after: Duration,
    /// When it was spawned.
    pub spawned: Instant,
    child: Child,
    /// Kept open: what the server prints later must not meet a closed pipe.
    _stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a server and waits until it prints a line with `http://<address>`.
    pub fn start(mut command: Command) -> Outcome<Self> {
        let spawned = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no standard output")?;
        let mut stdout = BufReader::new(stdout);
        let mut banner = String::new();
        let address = loop {
            let begun = banner.len();
            if stdout.read_line(&mut banner)? == 0 {
                let status = child.wait()?;
                return Err(format!("the server ended before it listened: {status}\n{banner}").into());
            }
            if let Some(address) = address_in(&banner[begun..]) {
                break address;
            }
        };
        Ok(Self { address, banner, printed_after: spawned.elapsed(), spawned, child, _stdout: stdout })
    }

    /// Memory in use: resident set size, in bytes.
    pub fn rss(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }

    /// CPU time of all threads so far, user and system.
    pub fn cpu(&self) -> Outcome<Duration> {
        cpu_of(&self.child.id().to_string())
    }
}

/// CPU time of this process so far.
pub fn own_cpu() -> Outcome<Duration> {
    cpu_of("self")
}

fn cpu_of(pid: &str) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program is in brackets and may hold anything; utime and stime are fields 14 and 15 of the line.
    let (_, rest) = stat.rsplit_once(')').ok_or("no name in stat")?;
    let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(Duration::from_secs_f64(ticks / TICKS))
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let rest = line.split_once("http://")?.1.trim_end();
    rest.split('/').next()?.parse().ok()
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
