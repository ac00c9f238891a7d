//! Opens the store after a cut and judges what is there.

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use atelier_store::{OnFatal, OpenError, OpenOptions, ReadError, Source, Store, Table, restore};

use crate::disk::Model;
use crate::workload::{Kind, Rows, Transaction};

pub enum Verdict {
    Fine,
    /// Acknowledged transactions or media are not there.
    Lost(String),
    /// The tables do not hold what the log says.
    Torn(String),
    NotOpened(String),
    /// After the loss of the database, export and change log did not bring back the same.
    NotRestored(String),
}

/// All rows by their tables, the log among them.
type Everything = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

impl Verdict {
    pub fn of(dir: &Path, acknowledged: &HashSet<u64>, and_restore: bool) -> Verdict {
        catch_unwind(AssertUnwindSafe(|| judge(dir, acknowledged, and_restore)))
            .unwrap_or_else(|_| Err(Verdict::NotOpened("panicked".into())))
            .err()
            .unwrap_or(Verdict::Fine)
    }

    pub fn failure(&self) -> Option<String> {
        match self {
            Verdict::Fine => None,
            Verdict::Lost(why) => Some(format!("lost: {why}")),
            Verdict::Torn(why) => Some(format!("torn: {why}")),
            Verdict::NotOpened(why) => Some(format!("does not open: {why}")),
            Verdict::NotRestored(why) => Some(format!("does not come back: {why}")),
        }
    }
}

fn open(dir: &Path) -> Result<Store, OpenError> {
    Store::open(OpenOptions { cache_bytes: 4 << 20, on_fatal: OnFatal::new(|_| {}), ..OpenOptions::new(dir) })
}

fn judge(dir: &Path, acknowledged: &HashSet<u64>, and_restore: bool) -> Result<(), Verdict> {
    let store = open(dir).map_err(|error| Verdict::NotOpened(error.to_string()))?;
    let everything = check(&store, acknowledged)?;
    drop(store);
    if and_restore {
        let not_restored = |why: String| Verdict::NotRestored(why);
        std::fs::remove_dir_all(dir.join("sled")).map_err(|error| not_restored(error.to_string()))?;
        if everything.is_empty() {
            // Nothing was committed, so there is nothing to come back.
            return Ok(());
        }
        restore(dir, Source::Latest).map_err(|error| not_restored(error.to_string()))?;
        let store = open(dir).map_err(|error| not_restored(error.to_string()))?;
        if check(&store, acknowledged)? != everything {
            return Err(not_restored("other rows".into()));
        }
    }
    Ok(())
}

fn check(store: &Store, acknowledged: &HashSet<u64>) -> Result<Everything, Verdict> {
    let (mut rows, mut sums, mut present) = (Rows::new(), BTreeMap::new(), HashSet::new());
    let mut media = Vec::new();
    store
        .walk_log(Table::Entries, |entry| -> Result<(), ReadError> {
            let transaction: Transaction = serde_json::from_slice(&entry.row).unwrap();
            transaction.apply(&mut rows, &mut sums);
            present.insert(transaction.id);
            let place = [b"owner".as_slice(), &entry.seq.to_be_bytes()].concat();
            rows.insert((Table::EntryIndex, place), Vec::new());
            if transaction.kind == Kind::Media {
                media.push(transaction);
            }
            Ok(())
        })
        .map_err(|error| Verdict::Torn(error.to_string()))?;
    let lost = acknowledged.difference(&present).count();
    if lost > 0 {
        return Err(Verdict::Lost(format!("{lost} of {} transactions", acknowledged.len())));
    }
    for transaction in media {
        if store.media().read(&transaction.media_id()).ok() != Some(transaction.media_bytes()) {
            return Err(Verdict::Lost(transaction.media_id()));
        }
    }
    for (name, sum) in sums {
        let row = format!(r#"{{"v":1,"n":{sum}}}"#).into_bytes();
        rows.insert((Table::Balances, name.into()), row);
    }
    let everything = everything(store)?;
    let besides_log = everything.iter().filter(|((table, _), _)| !table.is_log());
    if !besides_log.eq(rows.iter()) {
        return Err(Verdict::Torn("the tables are not what the log amounts to".into()));
    }
    Ok(everything)
}

fn everything(store: &Store) -> Result<Everything, Verdict> {
    let mut everything = Everything::new();
    for table in Table::ALL {
        store
            .for_each(table, |key, value| -> Result<(), ReadError> {
                everything.insert((table, key.to_vec()), value.to_vec());
                Ok(())
            })
            .map_err(|error| Verdict::Torn(error.to_string()))?;
    }
    Ok(everything)
}

/// Prints the head of the result.
pub fn print_head() {
    println!("| scenario | model | acks | cuts | ok | lost | torn | not opened | not restored |");
    println!("|---|---|---|---|---|---|---|---|---|");
}

/// Prints the line of a scenario and model; true if there was no failure.
pub fn print_row(scenario: &str, model: Model, acknowledged: usize, verdicts: &[Verdict]) -> bool {
    let count = |matches: fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| matches(verdict)).count();
    let fine = count(|verdict| matches!(verdict, Verdict::Fine));
    println!(
        "| {scenario} | {model:?} | {acknowledged} | {} | {fine} | {} | {} | {} | {} |",
        verdicts.len(),
        count(|verdict| matches!(verdict, Verdict::Lost(_))),
        count(|verdict| matches!(verdict, Verdict::Torn(_))),
        count(|verdict| matches!(verdict, Verdict::NotOpened(_))),
        count(|verdict| matches!(verdict, Verdict::NotRestored(_))),
    );
    fine == verdicts.len()
}
