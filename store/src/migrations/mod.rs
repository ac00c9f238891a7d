//! Numbered changes to the data directory, run in order at open. `VERSION` says which have been run.
//!
//! Rows are not rewritten here: they carry their own version and are upgraded when read (see `Row::upgrade`).

mod v0001;

use crate::error::OpenError;
use crate::layout::Layout;
use crate::trees::Trees;

type Migration = fn(&Trees) -> Result<(), sled::Error>;

/// Each may be run again if it was cut short.
const MIGRATIONS: &[(u32, Migration)] = &[(1, v0001::run)];

/// The version that this program writes.
pub(crate) const CURRENT: u32 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// The directory's version, 0 if it was never set up.
pub(crate) fn version(layout: &Layout) -> Result<u32, OpenError> {
    let text = layout.version().map_err(|source| OpenError::Io {
        action: "read",
        path: layout.version_file(),
        source,
    })?;
    let Some(found) = text else { return Ok(0) };
    match found.parse() {
        Ok(version) if (1..=CURRENT).contains(&version) => Ok(version),
        _ => Err(OpenError::WrongVersion { found, known: CURRENT }),
    }
}

/// Brings the directory from `version` up to [`CURRENT`].
pub(crate) fn run(layout: &Layout, trees: &Trees, version: u32) -> Result<(), OpenError> {
    for (number, migration) in MIGRATIONS.iter().filter(|(number, _)| *number > version) {
        migration(trees)
            .and_then(|()| trees.make_durable())
            .map_err(|error| OpenError::Broken { detail: format!("migration {number} failed: {error}") })?;
        layout.set_version(*number).map_err(|source| OpenError::Io {
            action: "write",
            path: layout.version_file(),
            source,
        })?;
        tracing::info!(version = number, "data directory migrated");
    }
    Ok(())
}
