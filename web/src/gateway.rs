//! What every handler works with: handles to the actors, and the few settings that the façade needs.

use crate::links::Links;
use atelier_actors::{
    Refused,
    account_book::{AccountBook, Checkups},
    account_pool::Pool,
    admin_desk::AdminDesk,
    audit_trail::AuditTrail,
    bulletin::Bulletin,
    characters::Characters,
    clearances::Clearances,
    credential_keeper::Keeper,
    credit_ledger::Ledger,
    gallery::Gallery,
    job_supervisor::Jobs,
    key_ring::KeyRing,
    media_library::MediaLibrary,
    profiles::Profiles,
    redemption::Redemption,
    relay::Relay,
    request_log::RequestLog,
    settings::Settings,
    webhook_courier::Webhooks,
};
use atelier_domain::{
    catalogue::{Catalogue, Model},
    fetch::Fetcher,
    job::{Job, JobKind},
    key::Profile,
    price::PriceTable,
    time::{Clock, Millis},
    video::VideoInspector,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::watch;

/// What one request may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest JSON body, in bytes.
    pub json_body: usize,
    /// The longest multipart body, in bytes.
    pub multipart_body: usize,
    /// The longest prompt, in characters.
    pub prompt_chars: usize,
    /// Whether a mask is left out, rather than refused, when no engine for the model takes one.
    pub ignore_unsupported_mask: bool,
    /// The dialect of keys that have none of their own.
    pub profile: Profile,
    /// How long an ended image job can be asked for.
    pub retention: Duration,
}

/// Renders the metrics of the process in Prometheus' text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Everything that handlers need. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    /// Jobs.
    pub jobs: Jobs,
    /// Credit.
    pub ledger: Ledger,
    /// API keys.
    pub keys: KeyRing,
    /// The admin's login.
    pub desk: AdminDesk,
    /// Who lends accounts.
    pub pool: Pool,
    /// Accounts as they are kept.
    pub accounts: AccountBook,
    /// Whether accounts work.
    pub checkups: Checkups,
    /// Who keeps their credentials good.
    pub keeper: Keeper,
    /// What the operator's clearance service gave.
    pub clearances: Clearances,
    /// What can be changed at run time.
    pub settings: Settings,
    /// The log of requests, and the figures.
    pub requests: RequestLog,
    /// What administrators did.
    pub audit: AuditTrail,
    /// Codes that give credit.
    pub codes: Redemption,
    /// What changes, for whoever watches.
    pub bulletin: Bulletin,
    /// Kept files.
    pub library: MediaLibrary,
    /// Whom prompts speak of.
    pub characters: Characters,
    /// What was published.
    pub gallery: Gallery,
    /// Who published it.
    pub profiles: Profiles,
    /// Events that are told to the keys' servers.
    pub webhooks: Webhooks,
    /// Text requests that are passed through.
    pub relay: Relay,
    /// Looks at videos that clients send.
    pub videos: Arc<dyn VideoInspector>,
    /// Files behind URLs that clients name.
    pub fetcher: Arc<dyn Fetcher>,
    /// Models.
    pub catalogue: Arc<Catalogue>,
    /// Prices.
    pub prices: Arc<PriceTable>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Signed links to files.
    pub links: Links,
    /// Bounds.
    pub limits: Limits,
    /// Origins that browsers may call from; `*` means any.
    pub cors_origins: Arc<[String]>,
    /// Figures; none when they are switched off.
    pub metrics: Option<RenderMetrics>,
    /// The bearer token that `/metrics` asks for; none leaves it open.
    pub metrics_token: Option<Arc<str>>,
    /// When the process started.
    pub started_at: Millis,
    /// Turns true when those who wait for results are to be sent home, because the process ends.
    pub closing: watch::Receiver<bool>,
}

impl Gateway {
    /// How long a job of this kind may take that is accepted now.
    pub fn timeout(&self, kind: JobKind) -> Duration {
        let values = self.settings.values();
        Duration::from_secs(match kind {
            JobKind::Image => values.image_timeout_s,
            JobKind::Video => values.video_timeout_s,
        })
    }

    /// How long a job that is handed in now should expect to wait for an account.
    pub fn expected_wait(&self) -> Duration {
        Duration::from_secs(self.pool.estimate_s())
    }

    /// The model that a client means by `name`: one of the catalogue, or one that an account lists by exactly this name.
    pub fn model(&self, name: &str) -> Option<Arc<Model>> {
        if let Some(known) = self.catalogue.get(name) {
            return Some(known.clone());
        }
        let roster = self.pool.accounts();
        let mut listed = roster.iter().filter_map(|(account, _)| {
            let own = account.models.iter().find(|own| own.name == name)?;
            Some((account.engine.as_str(), own.kind?))
        });
        let (first, kind) = listed.next()?;
        let others = listed.filter(|(_, other)| *other == kind).map(|(engine, _)| engine);
        let engines: BTreeSet<&str> = std::iter::once(first).chain(others).collect();
        self.catalogue.exact(name, kind, &Vec::from_iter(engines)).map(Arc::new)
    }

    /// Every model: those of the catalogue, then the exact names that accounts list, each once.
    pub fn models(&self) -> Vec<Arc<Model>> {
        let mut models = self.catalogue.models().to_vec();
        let roster = self.pool.accounts();
        let listed = roster.iter().flat_map(|(account, _)| &account.models);
        let exact: BTreeSet<&str> = listed
            .filter(|own| own.kind.is_some() && self.catalogue.get(&own.name).is_none())
            .map(|own| own.name.as_str())
            .collect();
        models.extend(exact.into_iter().filter_map(|name| self.model(name)));
        models
    }

    /// Whether a job is still shown. One that is kept longer for its Idempotency-Key is not.
    pub fn shows(&self, job: &Job) -> bool {
        job.ended_at.is_none_or(|ended| self.clock.now() < ended + self.limits.retention)
    }

    /// Cancels a job if it is open; the answer is the job as it ended.
    ///
    /// # Errors
    /// When the gateway is stopping or its store is full.
    pub async fn cancel(&self, job: Arc<Job>) -> Result<Arc<Job>, Refused> {
        if job.state.is_terminal() {
            return Ok(job);
        }
        Ok(self.jobs.cancel(job.key, job.id).await?.unwrap_or(job))
    }
}
