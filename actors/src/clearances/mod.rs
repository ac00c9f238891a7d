//! The clearance of an operator's own service: had when the operator asks for it, kept in memory for ten minutes, and handed to nobody:
//! no engine here passes for the browser that it was given to. Off unless the operator names such a service.

use crate::{refused::Refused, settings::Settings};
use atelier_domain::{
    clearance::{Clearance, Solver},
    code::Code,
    time::{Clock, Millis},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long a clearance is good (`upstreams/sora.md` 5.2).
const LIFE: Duration = Duration::from_secs(600);

/// Characters of the user agent that are shown.
const SHOWN: usize = 50;

/// What there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClearanceState {
    /// Whether it is still good.
    pub is_valid: bool,
    /// Whether there is one at all.
    pub has_credentials: bool,
    /// When it was had.
    pub last_updated: Option<Millis>,
    /// When it ends.
    pub expires_at: Option<Millis>,
    /// Seconds until then.
    pub remaining_seconds: u64,
    /// How many cookies it has.
    pub cookies_count: usize,
    /// The beginning of its user agent.
    pub user_agent: Option<String>,
}

/// How the rest of Atelier speaks of clearances.
#[derive(Clone)]
pub struct Clearances {
    inner: Arc<Inner>,
}

struct Inner {
    solver: Arc<dyn Solver>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<(Millis, Clearance)>>,
    /// One is had at a time: whoever asks meanwhile gets the same.
    asking: tokio::sync::Mutex<()>,
}

impl Clearances {
    /// None yet; the settings say which service is asked, if any.
    pub fn new(solver: Arc<dyn Solver>, settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let (kept, asking) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { solver, settings, clock, kept, asking }) }
    }

    /// What there is now.
    pub fn state(&self) -> ClearanceState {
        let kept = self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((had_at, clearance)) = &*kept else { return ClearanceState::default() };
        let (now, ends) = (self.inner.clock.now(), *had_at + LIFE);
        ClearanceState {
            is_valid: now < ends,
            has_credentials: true,
            last_updated: Some(*had_at),
            expires_at: Some(ends),
            remaining_seconds: ends.since(now).as_secs(),
            cookies_count: clearance.cookies.len(),
            user_agent: Some(clearance.user_agent.chars().take(SHOWN).collect()),
        }
    }

    /// Has a new one from the service.
    ///
    /// # Errors
    /// `clearance_off` when no service is named or it is switched off; `clearance_failed` when it gives none.
    pub async fn refresh(&self) -> Result<ClearanceState, Refused> {
        let values = self.inner.settings.values();
        if !values.clearance || values.clearance_url.is_empty() {
            let message = "the clearance service is switched off, or has no address: set solver_enabled and solver_api_url";
            return Err(Refused::new(Code::ClearanceOff, message));
        }
        let before = self.state().last_updated;
        let _turn = self.inner.asking.lock().await;
        if self.state().last_updated != before {
            return Ok(self.state());
        }
        let solved = self.inner.solver.clone().solve(values.clearance_url.clone(), true).await;
        let clearance = solved.map_err(|fault| {
            tracing::warn!(context = %fault.context, "no clearance was had");
            Refused::new(Code::ClearanceFailed, fault.message)
        })?;
        let had = (self.inner.clock.now(), clearance);
        *self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(had);
        Ok(self.state())
    }

    /// Forgets what there is.
    pub fn clear(&self) -> ClearanceState {
        *self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.state()
    }
}
