//! The atelier binary.

fn main() {}
