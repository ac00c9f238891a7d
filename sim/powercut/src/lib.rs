//! A library to preload (`LD_PRELOAD`) that records every change a process makes under one directory: writes with their bytes,
//! truncations, creations, renames, removals and syncs, in their order. Linux only.
//!
//! `POWERCUT_ROOT` is the directory, `POWERCUT_TRACE` the file to record to, `POWERCUT_ACKS` a file outside the directory: what
//! is written to it is recorded as an acknowledgement, in order with the rest. Without these the library does nothing.
//!
//! The reader of the trace is the example `powercut` of `atelier-store`, which also runs this library:
//!
//! ```text
//! cargo build -p atelier-powercut && cargo run -p atelier-store --example powercut -- --cuts 40
//! ```
//!
//! A record is kind (1 byte), file descriptor, number, length (8 bytes each, little-endian), then as many bytes:
//!
//! | kind | descriptor | number | bytes |
//! |---|---|---|---|
//! | `O` opened | the new one | flags | path |
//! | `C` closed | | | |
//! | `W` written | | offset | data |
//! | `T` truncated | | new length | |
//! | `S` fsync, `D` fdatasync, `F` sync_file_range | | | |
//! | `R` renamed | | | from, a zero byte, to |
//! | `U` removed, `M` directory made | | | path |
//! | `A` acknowledged | | | data |
//! | `X` not understood: the trace is void | | | what |
#![allow(unsafe_code, reason = "takes the place of C functions; every block says why it is sound")]
#![allow(clippy::missing_safety_doc, reason = "each function has the contract of the C function of its name")]
#![cfg(target_os = "linux")]

mod functions;
mod recorder;
