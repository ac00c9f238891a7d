//! Text requests that are passed through: no job, no file, no state of ours. An account is lent to each like to any attempt, so
//! that limits, rests and the waiting line hold for them, too.

mod ask;
mod room;

pub use ask::ShotPrompt;

use crate::{
    account_pool::{Lease, Need, Outcome, Pool, Wants},
    refused::Refused,
};
use atelier_domain::{
    code::Code,
    engine::{Engine, RelayCall, Relayed},
    fault::{Fault, FaultClass},
    fetch::{ChunkFuture, FetchBody},
    ids::{AccountId, KeyId},
    job::Route,
    time::Clock,
};
use bytes::Bytes;
use room::Room;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

/// Accounts that one request is tried on.
const ATTEMPTS: usize = 3;

/// A text request.
#[derive(Debug, Clone)]
pub struct TextRequest {
    /// Whose it is.
    pub key: KeyId,
    /// The model as the client named it.
    pub model: String,
    /// Below the API's base, such as `/chat/completions`.
    pub path: &'static str,
    /// The body as it came.
    pub body: Map<String, Value>,
    /// How long it may take to be answered.
    pub timeout: Duration,
}

/// Passes text requests through.
#[derive(Clone)]
pub struct Relay {
    pool: Pool,
    engines: Arc<HashMap<String, Arc<dyn Engine>>>,
    clock: Arc<dyn Clock>,
    room: Room,
}

impl Relay {
    /// A relay over these accounts and engines.
    pub fn new(pool: Pool, engines: HashMap<String, Arc<dyn Engine>>, clock: Arc<dyn Clock>) -> Self {
        Self { pool, engines: Arc::new(engines), clock, room: Room::default() }
    }

    /// Whether some account here is meant for text of this model.
    pub fn has(&self, model: &str) -> bool {
        !self.routes(model).is_empty()
    }

    /// The text models that accounts list by name.
    pub fn models(&self) -> BTreeSet<String> {
        let roster = self.pool.accounts();
        let relaying = roster.iter().filter(|(_, can)| can.relays).flat_map(|(account, _)| &account.models);
        relaying.filter(|own| own.kind.is_none()).map(|own| own.name.clone()).collect()
    }

    fn routes(&self, model: &str) -> Vec<Route> {
        let roster = self.pool.accounts();
        let able = roster.iter().filter(|(account, can)| can.relays && account.serves(model, None));
        let engines: BTreeSet<&str> = able.map(|(account, _)| account.engine.as_str()).collect();
        engines.into_iter().map(|engine| Route::new(engine, model)).collect()
    }

    /// Sends the request to an account that takes it; the body of the answer keeps that account lent until it has ended. Another
    /// account is tried where nothing can have been billed.
    ///
    /// # Errors
    /// `model_not_found` when nobody here has the model, `queue_full` when too much waits already; the code of the last fault otherwise.
    pub async fn send(&self, request: TextRequest) -> Result<Relayed, Refused> {
        let routes = self.routes(&request.model);
        if routes.is_empty() {
            let message = "there is no model of this name: GET /v1/models lists them";
            return Err(Refused::new(Code::ModelNotFound, message));
        }
        let _room = self.room.enter(&request.body)?;
        let mut need = Need {
            key: request.key,
            kind: None,
            routes,
            wants: Wants::default(),
            avoid: Vec::new(),
            deadline: self.clock.now() + request.timeout,
        };
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let lease = tokio::select! {
                lease = self.pool.acquire(need.clone()) => lease,
                () = self.clock.sleep_until(need.deadline) => Err(late()),
            };
            let lease = match (lease, last.take()) {
                (Ok(lease), _) => lease,
                (Err(_), Some(fault)) => return Err(refusal(fault)),
                (Err(refused), None) => return Err(refused),
            };
            let account = lease.account.id;
            match self.attempt(lease, &request).await {
                Ok(relayed) => return Ok(relayed),
                Err(fault) if fault.class.fails_over() => {
                    need.avoid.push(account);
                    last = Some(fault);
                }
                Err(fault) => return Err(refusal(fault)),
            }
        }
        Err(last.map_or_else(late, refusal))
    }

    async fn attempt(&self, mut lease: Lease, request: &TextRequest) -> Result<Relayed, Fault> {
        let credential = match self.pool.steward().credential(lease.account.clone()).await {
            Ok(credential) => credential,
            Err(fault) => return Err(given_back(lease, fault)),
        };
        lease.opened_with = Some(credential.clone());
        let engine = self.engines.get(&lease.account.engine).cloned();
        let Some(engine) = engine else {
            let fault = Fault::new(FaultClass::Internal, "the engine is not here");
            return Err(given_back(lease, fault));
        };
        let mut body = request.body.clone();
        body.insert("model".into(), lease.account.upstream_name(&request.model).into());
        let body = Bytes::from(Value::Object(body).to_string());
        match engine.relay(RelayCall { credential, path: request.path, body }).await {
            Ok(relayed) => {
                let body = Box::new(LentBody { body: relayed.body, lease: Some(lease) });
                Ok(Relayed { body, ..relayed })
            }
            Err(fault) => Err(given_back(lease, fault)),
        }
    }
}

fn given_back(lease: Lease, fault: Fault) -> Fault {
    let account: AccountId = lease.account.id;
    tracing::warn!(%account, class = fault.class.name(), context = %fault.context, "a relayed request failed");
    lease.finish(Outcome::Fault(fault.clone()));
    fault
}

fn refusal(fault: Fault) -> Refused {
    Refused::new(fault.public_code(), fault.message)
}

fn late() -> Refused {
    Refused::new(Code::Timeout, "no account became free in time; nothing was sent")
}

/// A body that keeps its account lent until its end. One that is dropped before says nothing about the account.
struct LentBody {
    body: Box<dyn FetchBody>,
    lease: Option<Lease>,
}

impl FetchBody for LentBody {
    fn chunk(&mut self) -> ChunkFuture<'_> {
        Box::pin(async move {
            let chunk = self.body.chunk().await;
            if matches!(chunk, Ok(None))
                && let Some(lease) = self.lease.take()
            {
                lease.finish(Outcome::Success);
            }
            chunk
        })
    }
}
