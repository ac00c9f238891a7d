//! Refusals row for row, and bodies as they are known to be taken.
#![allow(clippy::unwrap_used)]
