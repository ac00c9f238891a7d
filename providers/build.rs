//! Tells what the H.264 encoder's own build keeps to itself: without nasm it silently falls back to plain C++, which takes
//! twice the time.

use std::{env, process::Command};

#[allow(clippy::print_stdout, reason = "this is how a build script speaks to Cargo")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PATH");
    println!("cargo:rerun-if-env-changed=OPENH264_NO_ASM");
    // The other architectures have their assembly in a form that the C compiler reads.
    let wants_nasm = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64" || arch == "x86");
    let given_up = env::var_os("OPENH264_NO_ASM").is_some();
    let has_nasm = || Command::new("nasm").arg("-v").output().is_ok_and(|output| output.status.success());
    if wants_nasm && !given_up && !has_nasm() {
        println!(
            "cargo:warning=nasm was not found: videos will take twice the time to encode. Install it (apt-get install \
             nasm), then: cargo clean -p openh264-sys2. To build without it on purpose, set OPENH264_NO_ASM=1."
        );
    }
}
