//! The tables of the store: their names and their numbers on disk.

/// A named set of rows, ordered by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Table {
    /// Single facts about this installation.
    Meta = 0,
    /// API keys of callers.
    Keys = 1,
    /// Jobs, live and ended.
    Jobs = 2,
    /// Credit reserved for live jobs.
    Holds = 3,
    /// Integer sums: credit available and held, per owner.
    Balances = 4,
    /// The ledger's postings: a hash-chained log, append only.
    Entries = 5,
    /// What each media file is and whose.
    Media = 6,
    /// First answers, by idempotency key.
    Idempotency = 7,
    /// Upstream accounts, without their secrets.
    Accounts = 8,
    /// Sessions of the console.
    Sessions = 9,
    /// Settings changed at run time.
    Settings = 10,
    /// Where entries are found by owner: the owner's key and the entry's number. Written with the entry, never by itself.
    EntryIndex = 11,
    /// Bytes of uploads per API key, counted below zero so that a budget is a floor.
    Disk = 12,
    /// Files that callers uploaded to use them by id: under owner and file.
    Files = 13,
    /// Which jobs of a key make videos: under owner and job, so that a key's videos are listed without reading all jobs.
    Videos = 14,
    /// Events that are still to be told to the keys' own servers, and those that never could be.
    Outbox = 15,
    /// Secrets of accounts and settings, sealed.
    Secrets = 16,
    /// When each account's access token was last renewed, and what is open about it.
    Renewals = 17,
    /// Characters.
    Characters = 18,
    /// Who bears a username: under the name.
    Usernames = 19,
    /// What was published.
    Posts = 20,
    /// Where characters and posts are found besides under their ids, and who saw and liked what.
    Social = 21,
    /// The log of requests: one row per ended job, under its id.
    Requests = 22,
    /// Integer counts of what was made: altogether, by day, by account.
    Figures = 23,
    /// What administrators did.
    Audit = 24,
    /// Codes that give credit, under the hash of each.
    RedeemCodes = 25,
    /// Which jobs a key has: under owner and job, as for videos.
    KeyJobs = 26,
}

impl Table {
    /// How many tables there are.
    pub const COUNT: usize = 27;

    /// Every table, in the order of their numbers.
    pub const ALL: [Table; Table::COUNT] = [
        Table::Meta,
        Table::Keys,
        Table::Jobs,
        Table::Holds,
        Table::Balances,
        Table::Entries,
        Table::Media,
        Table::Idempotency,
        Table::Accounts,
        Table::Sessions,
        Table::Settings,
        Table::EntryIndex,
        Table::Disk,
        Table::Files,
        Table::Videos,
        Table::Outbox,
        Table::Secrets,
        Table::Renewals,
        Table::Characters,
        Table::Usernames,
        Table::Posts,
        Table::Social,
        Table::Requests,
        Table::Figures,
        Table::Audit,
        Table::RedeemCodes,
        Table::KeyJobs,
    ];

    /// The name of the table: in the database, in reports and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Keys => "keys",
            Table::Jobs => "jobs",
            Table::Holds => "holds",
            Table::Balances => "balances",
            Table::Entries => "entries",
            Table::Media => "media",
            Table::Idempotency => "idempotency",
            Table::Accounts => "accounts",
            Table::Sessions => "sessions",
            Table::Settings => "settings",
            Table::EntryIndex => "entry_index",
            Table::Disk => "disk",
            Table::Files => "files",
            Table::Videos => "videos",
            Table::Outbox => "outbox",
            Table::Secrets => "secrets",
            Table::Renewals => "renewals",
            Table::Characters => "characters",
            Table::Usernames => "usernames",
            Table::Posts => "posts",
            Table::Social => "social",
            Table::Requests => "requests",
            Table::Figures => "figures",
            Table::Audit => "audit",
            Table::RedeemCodes => "redeem_codes",
            Table::KeyJobs => "key_jobs",
        }
    }

    /// Whether the table is a hash-chained log, which is only ever appended to.
    pub const fn is_log(self) -> bool {
        matches!(self, Table::Entries)
    }

    /// Whether rows of the table are only ever written along with an entry of a log.
    pub const fn is_index(self) -> bool {
        matches!(self, Table::EntryIndex)
    }

    /// The number that stands for the table in change logs and exports. Never reused for another table.
    pub(crate) const fn id(self) -> u8 {
        self as u8
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn from_id(id: u8) -> Option<Table> {
        Table::ALL.get(usize::from(id)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_found_under_the_number_it_was_written_with() {
        for (index, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(table.index(), index);
            assert_eq!(Table::from_id(table.id()), Some(table));
        }
        assert_eq!(Table::from_id(27), None);
    }
}
