//! The proof of the books: everything that the ledger claims is worked out again from its entries alone.

use atelier_domain::credit::{Credits, Entry, EntryKind, LedgerAccount};
use atelier_store::{LogEntry, ReadError, Scan, Store, Table};
use std::collections::BTreeMap;

/// The outcome of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many entries were read.
    pub entries: u64,
    /// How many accounts have a balance.
    pub accounts: u64,
    /// Where the kept balances differ from the entries.
    pub drift: Vec<Drift>,
    /// What else is wrong, in words.
    pub problems: Vec<String>,
    /// The hash of the last entry, in hex: the same books have the same head.
    pub head: String,
}

/// One account whose kept balance is not the sum of its postings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The account, as the books write it.
    pub account: String,
    /// What the row says.
    pub kept: Credits,
    /// What the entries say.
    pub computed: Credits,
}

impl Verdict {
    /// Whether nothing at all is wrong.
    pub fn is_ok(&self) -> bool {
        self.drift.is_empty() && self.problems.is_empty()
    }
}

/// What the entries add up to, as far as they were read.
#[derive(Default)]
pub(super) struct Books {
    sums: BTreeMap<String, Credits>,
    open: BTreeMap<String, Credits>,
    entries: u64,
    /// The last entry read, and its hash.
    last: (u64, [u8; 32]),
    /// The chain is broken: what comes after it proves nothing.
    broken: bool,
    problems: Vec<String>,
}

/// Entries read at once after the first pass.
const PAGE: usize = 1_000;

impl Books {
    fn read_one(&mut self, kept: &LogEntry) {
        self.last = (kept.seq, kept.hash);
        match serde_json::from_slice::<Entry>(&kept.row) {
            Ok(entry) => self.enter(kept.seq, &entry),
            Err(_) => self.problems.push(format!("entry {}: unreadable", kept.seq)),
        }
    }

    fn enter(&mut self, seq: u64, entry: &Entry) {
        self.entries += 1;
        if !entry.balances() {
            self.problems.push(format!("entry {seq}: the postings do not sum to zero"));
        }
        for posting in &entry.postings {
            let sum = self.sums.entry(posting.account.to_string()).or_default();
            *sum += posting.amount;
            if posting.account.floor().is_some_and(|floor| *sum < floor) {
                self.problems.push(format!("entry {seq}: {} falls below zero", posting.account));
            }
        }
        self.follow_hold(seq, entry);
    }

    /// Each hold settles once and whole.
    fn follow_hold(&mut self, seq: u64, entry: &Entry) {
        let (Some(job), Some(number)) = (entry.job, entry.hold) else { return };
        let name = format!("{job}/{number}");
        let held: Credits = entry
            .postings
            .iter()
            .filter(|p| p.account == LedgerAccount::Held(entry.key))
            .map(|p| p.amount)
            .sum();
        match entry.kind {
            EntryKind::Hold => {
                if self.open.insert(name, held).is_some() {
                    self.problems.push(format!("entry {seq}: hold {job}/{number} was taken twice"));
                }
            }
            _ => match self.open.remove(&name) {
                Some(amount) if amount == -held => {}
                Some(_) => {
                    self.problems.push(format!("entry {seq}: hold {job}/{number} did not come back whole"))
                }
                None => {
                    self.problems.push(format!("entry {seq}: hold {job}/{number} settled without being open"))
                }
            },
        }
    }
}

/// Reads all entries, however long that takes; more may be written meanwhile.
pub(super) fn read(store: &Store) -> Result<Books, ReadError> {
    let mut books = Books::default();
    let chain = store.walk_log(Table::Entries, |kept| -> Result<(), ReadError> {
        books.read_one(&kept);
        Ok(())
    });
    match chain {
        Ok(()) => {}
        Err(ReadError::Chain(broken)) => {
            books.broken = true;
            books.problems.push(broken.to_string());
        }
        Err(other) => return Err(other),
    }
    Ok(books)
}

/// Reads the entries that came meanwhile and compares. Nothing may be written until this returns.
pub(super) fn conclude(store: &Store, mut books: Books) -> Result<Verdict, ReadError> {
    catch_up(store, &mut books)?;
    check_holds(store, &mut books)?;
    let drift = drift(store, &books.sums)?;
    let total: Credits = books.sums.values().sum();
    if total != 0 {
        books.problems.push(format!("all balances together are {total}, not 0"));
    }
    let head = store.head().1.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Verdict {
        entries: books.entries,
        accounts: books.sums.len() as u64,
        drift,
        problems: books.problems,
        head,
    })
}

fn catch_up(store: &Store, books: &mut Books) -> Result<(), ReadError> {
    while !books.broken && books.last.0 < store.head().0 {
        let after = Scan::all().after(books.last.0.to_be_bytes()).limit(PAGE);
        let page = store.scan(Table::Entries, after)?;
        if page.is_empty() {
            books.problems.push(format!("entry {}: missing", books.last.0 + 1));
            return Ok(());
        }
        for (_, bytes) in page {
            let kept = LogEntry::decode(&bytes)?;
            if (kept.seq, kept.prev) != (books.last.0 + 1, books.last.1) {
                books.problems.push(format!("entry {}: does not follow the entry before", kept.seq));
                books.broken = true;
            }
            books.read_one(&kept);
        }
    }
    Ok(())
}

/// The rows of open holds and the entries say the same.
fn check_holds(store: &Store, books: &mut Books) -> Result<(), ReadError> {
    let mut open = std::mem::take(&mut books.open);
    let problems = &mut books.problems;
    store.for_each_row::<atelier_domain::credit::Hold>(|_, hold| {
        let name = format!("{}/{}", hold.job, hold.number);
        if hold.amount > 0 && open.remove(&name) != Some(hold.amount) {
            problems.push(format!("hold {name}: its row is not what its entry says"));
        }
        Ok(())
    })?;
    problems.extend(
        open.into_keys().map(|name| format!("hold {name}: open in the entries, but its row is gone")),
    );
    Ok(())
}

fn drift(store: &Store, computed: &BTreeMap<String, Credits>) -> Result<Vec<Drift>, ReadError> {
    let mut missing = computed.clone();
    let mut drift = Vec::new();
    store.for_each(Table::Balances, |key, _| -> Result<(), ReadError> {
        let account = String::from_utf8_lossy(key).into_owned();
        let (kept, computed) = (store.sum(Table::Balances, key)?, missing.remove(&account).unwrap_or(0));
        if kept != computed {
            drift.push(Drift { account, kept, computed });
        }
        Ok(())
    })?;
    let lost = missing.into_iter().filter(|(_, computed)| *computed != 0);
    drift.extend(lost.map(|(account, computed)| Drift { account, kept: 0, computed }));
    Ok(drift)
}
