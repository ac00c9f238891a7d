//! Atelier.

pub mod cli;

pub mod config;
