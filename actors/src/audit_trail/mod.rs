//! What administrators did: who, when, what, to what, from where, and how it went. Rows are only ever added; the janitor takes away those
//! that are too old. Nothing of a request's body is in them.

use crate::refused::Refused;
use atelier_domain::time::{Clock, Millis};
use atelier_store::{Batch, Expect, Row, Scan, Store, Table};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// One thing that was done, or tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// Which one, later ones later.
    pub id: String,
    /// When.
    pub at: Millis,
    /// The administrator; none when nobody was logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Method and path, such as `POST /api/tokens/{id}/disable`.
    pub action: String,
    /// What stood in the path, such as `7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What else is worth knowing, such as which settings were changed; never a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The address that it came from.
    pub from: String,
    /// The status of the answer.
    pub status: u16,
    /// The request, for the log.
    pub request_id: String,
}

impl Row for Deed {
    const TABLE: Table = Table::Audit;
    const VERSION: u32 = 1;
}

/// A deed before it has its place in time.
#[derive(Debug, Clone)]
pub struct NewDeed {
    /// See [`Deed::who`].
    pub who: Option<String>,
    /// See [`Deed::action`].
    pub action: String,
    /// See [`Deed::target`].
    pub target: Option<String>,
    /// See [`Deed::note`].
    pub note: Option<String>,
    /// See [`Deed::from`].
    pub from: String,
    /// See [`Deed::status`].
    pub status: u16,
    /// See [`Deed::request_id`].
    pub request_id: String,
}

/// How the rest of Atelier speaks to the trail. Cheap to clone.
#[derive(Clone)]
pub struct AuditTrail {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl AuditTrail {
    /// The trail in this store.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Adds a deed.
    ///
    /// # Errors
    /// The store takes no more.
    pub async fn record(&self, new: NewDeed) -> Result<(), Refused> {
        let NewDeed { who, action, target, note, from, status, request_id } = new;
        let id = Uuid::now_v7();
        let at = self.clock.now();
        let deed =
            Deed { id: id.simple().to_string(), at, who, action, target, note, from, status, request_id };
        let mut batch = Batch::new();
        batch.put_row(id.as_bytes(), &deed, Expect::Absent).map_err(Refused::internal)?;
        self.store.submit(batch).await?;
        Ok(())
    }

    /// Deeds, latest first, before this one.
    ///
    /// # Errors
    /// A row cannot be read.
    pub fn list(&self, before: Option<Uuid>, limit: usize) -> Result<Vec<Deed>, Refused> {
        let mut scan = Scan::all().reverse().limit(limit);
        if let Some(before) = before {
            scan = scan.after(before.as_bytes());
        }
        Ok(self.store.rows::<Deed>(scan)?.into_iter().map(|(_, deed)| deed).collect())
    }
}
