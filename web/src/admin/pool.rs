//! The pool as the operator sees it: who works, who rests and why, and who would be picked.

use crate::{
    auth::Admin,
    gateway::Gateway,
    openai::choice,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use atelier_actors::account_pool::{Candidate, Reason, Standing, Wants};
use atelier_domain::{code::Code, time::Millis};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The pool.
#[derive(Serialize, ToSchema)]
pub struct PoolView {
    /// Every account.
    accounts: Vec<AccountView>,
    /// Attempts that wait for an account.
    waiting: usize,
    /// How long a newcomer should expect to wait, in seconds.
    estimated_wait_s: u64,
    /// How long an attempt takes on average, in milliseconds.
    mean_attempt_ms: u64,
}

/// One account.
#[derive(Serialize, ToSchema)]
pub struct AccountView {
    /// Which account.
    id: String,
    /// The operator's name for it.
    name: String,
    /// Its engine.
    engine: String,
    /// Whether the operator has it switched on.
    enabled: bool,
    /// `ok`, `resting` or `off`.
    health: &'static str,
    /// Attempts it does now.
    in_flight: u32,
    /// Its slots; −1 means no limit.
    slots: i32,
    /// Real faults in a row.
    faults_in_a_row: u32,
    /// The class of the fault that switched it off.
    switched_off_by: Option<&'static str>,
    /// What rests.
    resting: Vec<RestView>,
}

/// A rest.
#[derive(Serialize, ToSchema)]
pub struct RestView {
    /// The model that rests; null means all.
    model: Option<String>,
    /// Until when, in seconds since the epoch.
    until: i64,
    /// The class of the fault that caused it.
    because: &'static str,
}

fn account(standing: &Standing) -> AccountView {
    let off = !standing.account.enabled || standing.banned.is_some();
    let rest = |(model, until, class): &(String, Millis, atelier_domain::fault::FaultClass)| RestView {
        model: Some(model.clone()).filter(|model| !model.is_empty()),
        until: until.seconds(),
        because: class.name(),
    };
    AccountView {
        id: standing.account.id.to_string(),
        name: standing.account.name.clone(),
        engine: standing.account.engine.clone(),
        enabled: standing.account.enabled,
        health: if off {
            "off"
        } else if standing.resting.is_empty() {
            "ok"
        } else {
            "resting"
        },
        in_flight: standing.in_flight,
        slots: standing.account.images.slots,
        faults_in_a_row: standing.faults_in_a_row,
        switched_off_by: standing.banned.map(|class| class.name()),
        resting: standing.resting.iter().map(rest).collect(),
    }
}

/// The state of the pool.
#[utoipa::path(get, path = "/api/pool", tag = "admin: pool", responses((status = 200, description = "The pool", body = PoolView)))]
pub async fn state(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let state = gateway.pool.state().await?;
    Ok(HttpResponse::Ok().json(PoolView {
        accounts: state.accounts.iter().map(account).collect(),
        waiting: state.waiting,
        estimated_wait_s: gateway.pool.estimate_s(),
        mean_attempt_ms: state.mean_ms,
    }))
}

/// Which model to explain.
#[derive(Deserialize, IntoParams)]
pub struct Question {
    /// A model name.
    #[serde(default)]
    model: String,
}

/// Who would get a job for a model now, and why nobody else.
#[derive(Serialize, ToSchema)]
pub struct Explanation {
    /// The model's own name.
    model: String,
    /// The engines that serve it, in order of preference.
    engines: Vec<String>,
    /// The account that would be picked.
    picked: Option<String>,
    /// Every account with its answer.
    candidates: Vec<CandidateView>,
}

/// One account's answer.
#[derive(Serialize, ToSchema)]
pub struct CandidateView {
    /// Which account.
    account: String,
    /// The operator's name for it.
    name: String,
    /// Its engine.
    engine: String,
    /// Attempts it does now.
    in_flight: u32,
    /// Its slots; −1 means no limit.
    slots: i32,
    /// `picked`, `eligible`, `busy`, `resting`, `paced`, `renewing`, `upstream_down`, `model_gone`, `unfit`, `plan_missing`, `lane_closed`,
    /// `wrong_model`, `wrong_engine`, `switched_off` or `disabled`.
    answer: &'static str,
    /// The same for people.
    reason: String,
}

fn candidate(candidate: &Candidate) -> CandidateView {
    let (answer, reason) = match &candidate.reason {
        Reason::Picked => ("picked", "it would get the job: fewest attempts, then longest unused".to_owned()),
        Reason::Eligible => {
            ("eligible", "it could serve; another has fewer attempts or was unused for longer".to_owned())
        }
        Reason::Disabled(off) => ("disabled", format!("it is switched off: {}", off.word())),
        Reason::Banned(class) => {
            ("switched_off", format!("faults switched it off, the last one: {}", class.name()))
        }
        Reason::WrongEngine => ("wrong_engine", "no route of the model leads to its engine".to_owned()),
        Reason::Resting { until, class } => {
            ("resting", format!("it rests until {} after: {}", until.seconds(), class.name()))
        }
        Reason::WrongModel => ("wrong_model", "its list of models has another".to_owned()),
        Reason::LaneClosed => ("lane_closed", "the operator wants no such work done by it".to_owned()),
        Reason::PlanMissing => ("plan_missing", "the model needs a plan that it does not have".to_owned()),
        Reason::Unfit(why) => ("unfit", (*why).to_owned()),
        Reason::ModelGone(until) => (
            "model_gone",
            format!("its upstream no longer has the model; asked again after {}", until.seconds()),
        ),
        Reason::Paced(until) => {
            ("paced", format!("it was asked as often a minute as it may be, until {}", until.seconds()))
        }
        Reason::UpstreamDown(until) => {
            let until = until.seconds();
            ("upstream_down", format!("its upstream fails everybody: one attempt looks at {until} or before"))
        }
        Reason::Renewing => ("renewing", "its credential was refused and is being renewed".to_owned()),
        Reason::Busy => ("busy", "all its slots are taken".to_owned()),
    };
    CandidateView {
        account: candidate.account.id.to_string(),
        name: candidate.account.name.clone(),
        engine: candidate.account.engine.clone(),
        in_flight: candidate.in_flight,
        slots: candidate.slots.map_or(-1, |slots| i32::try_from(slots).unwrap_or(i32::MAX)),
        answer,
        reason,
    }
}

/// Explain a decision: for each account, whether a job for this model could use it now, and why not.
#[utoipa::path(get, path = "/api/pool/explain", tag = "admin: pool", params(Question),
    responses((status = 200, description = "The explanation", body = Explanation), (status = 404, description = "`model_not_found`", body = ErrorBody)))]
pub async fn explain(
    _: Admin,
    gateway: Data<Gateway>,
    question: Query<Question>,
) -> Result<HttpResponse, Problem> {
    let unknown = || {
        Problem::new(Code::ModelNotFound, "name a model: /api/pool/explain?model=gpt-image-2").param("model")
    };
    let model = gateway.model(&question.model).ok_or_else(unknown)?;
    let routes = choice::offers(&gateway, &model)?.able(&Wants::default());
    let engines = routes.iter().map(|route| route.engine.clone()).collect();
    let candidates = gateway.pool.explain(Some(model.kind), routes, Wants::default()).await?;
    let picked = candidates.iter().find(|c| c.reason == Reason::Picked).map(|c| c.account.id.to_string());
    Ok(HttpResponse::Ok().json(Explanation {
        model: model.canonical.clone(),
        engines,
        picked,
        candidates: candidates.iter().map(candidate).collect(),
    }))
}
