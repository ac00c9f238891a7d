//! Numbered changes to the data directory, run in order at open. `VERSION` says which have been run.
//!
//! Rows are not rewritten here: they carry their own version and are upgraded when read (see `Row::upgrade`).

mod v0001;
mod v0002;

use crate::error::OpenError;
use crate::layout::Layout;
use crate::open::failed;
use crate::table::Table;
use crate::trees::Trees;

type Prepare = fn(&Layout, cache_bytes: u64) -> Result<(), sled::Error>;
type Run = fn(&Trees) -> Result<(), sled::Error>;

/// A change is made before the database is opened, after that, or both; each part may be run again if it was cut short.
struct Migration {
    number: u32,
    prepare: Option<Prepare>,
    run: Option<Run>,
}

const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, prepare: None, run: Some(v0001::run) },
    Migration { number: 2, prepare: Some(v0002::run), run: None },
];

/// The version that this program writes.
pub(crate) const CURRENT: u32 = MIGRATIONS[MIGRATIONS.len() - 1].number;

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

// A new table needs a new version: an older program cannot read a commit state with more tables than it knows, and must say so instead of
// taking it for damage.
const _: () = assert!(CURRENT == 2 && Table::COUNT == 27);

fn outstanding(version: u32) -> impl Iterator<Item = &'static Migration> {
    MIGRATIONS.iter().filter(move |migration| migration.number > version)
}

/// Does what cannot be done with the database open. sled may also panic here: see [`crate::open`].
pub(crate) fn prepare(layout: &Layout, cache_bytes: u64, version: u32) -> Result<(), OpenError> {
    for migration in outstanding(version) {
        if let Some(prepare) = migration.prepare {
            prepare(layout, cache_bytes).map_err(|error| failed("migrate", layout.root(), error))?;
        }
    }
    Ok(())
}

/// Brings the directory from `version` up to [`CURRENT`].
pub(crate) fn run(layout: &Layout, trees: &Trees, version: u32) -> Result<(), OpenError> {
    for Migration { number, run, .. } in outstanding(version) {
        if let Some(run) = run {
            run(trees)
                .and_then(|()| trees.make_durable())
                .map_err(|error| failed("migrate", layout.root(), error))?;
        }
        layout.set_version(*number).map_err(|source| OpenError::Io {
            action: "write",
            path: layout.version_file(),
            source,
        })?;
        // A new one was not migrated from anything.
        if version > 0 {
            tracing::info!(version = number, "data directory migrated");
        }
    }
    Ok(())
}
