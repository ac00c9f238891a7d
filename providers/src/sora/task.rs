//! What is kept of a task that was begun, and how its absence from all lists is counted.

use atelier_domain::{
    engine::UpstreamHandle,
    fault::{Fault, FaultClass},
    ids::AccountId,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The longest id of an upstream, in bytes.
const LONGEST_ID: usize = 256;
/// Tasks whose absences are counted at the same time.
const MOST_COUNTED: usize = 10_000;

/// What a look needs: an id that means something to the account that it was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Handle {
    /// The task.
    pub task: String,
    /// The post that was made for it, which goes when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
}

impl Handle {
    /// Reads what was kept.
    ///
    /// # Errors
    /// `job-lost` when it is something else.
    pub fn read(handle: &UpstreamHandle) -> Result<Self, Fault> {
        Self::deserialize(handle).map_err(|error| {
            let message = "the engine does not know this job any more";
            Fault::new(FaultClass::JobLost, message).with_context(format!("a handle that is none: {error}"))
        })
    }
}

/// An id as it may stand in a path. It is an upstream's word, and must not lead to another call.
pub(super) fn plain(id: &str) -> Option<&str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (!id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(fits)).then_some(id)
}

/// How often in a row each task was found in no list. A restart begins to count anew.
#[derive(Debug, Default)]
pub(super) struct Absences(Mutex<HashMap<(AccountId, String), u32>>);

impl Absences {
    /// It was looked for and is nowhere; how often that was so in a row.
    pub fn missed(&self, account: AccountId, task: &str) -> u32 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account, task.to_owned());
        // Whose count is lost waits longer, and nothing worse.
        if counts.len() >= MOST_COUNTED && !counts.contains_key(&key) {
            counts.clear();
        }
        let count = counts.entry(key).or_default();
        *count += 1;
        *count
    }

    /// It is there, or nobody looks for it any more.
    pub fn forget(&self, account: AccountId, task: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.remove(&(account, task.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_absences_in_a_row_count_and_their_number_is_bounded() {
        let absences = Absences::default();
        let account = AccountId::from_uuid(Uuid::from_u128(1));
        assert_eq!((absences.missed(account, "a"), absences.missed(account, "a")), (1, 2));
        absences.forget(account, "a");
        assert_eq!(absences.missed(account, "a"), 1);
        for number in 0..MOST_COUNTED + 5 {
            absences.missed(account, &number.to_string());
        }
        assert!(absences.0.lock().is_ok_and(|counts| counts.len() <= MOST_COUNTED));
    }

    #[test]
    fn an_id_that_leads_elsewhere_is_none() {
        assert_eq!(plain("gen_01ABC-x"), Some("gen_01ABC-x"));
        for id in ["", "..", "a/b", "a?b", "a b", "a%2fb", "ü", &"a".repeat(257)] {
            assert_eq!(plain(id), None, "{id}");
        }
    }
}
