//! A vendor of access tokens as it really behaves: a refresh token serves once, and the next one is the only one. It answers as the test says.

use super::ManualClock;
use atelier_domain::{
    engine::LocalFuture,
    fault::{Fault, FaultClass},
    renewal::{Grant, Renewal, RenewalOrder, Renewer},
    secret::Secret,
    time::{Clock, Millis},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// How the session tokens begin that the vendor knows.
pub const SESSION: &str = "st-planted-session-token";

/// How the vendor takes an order. Without one it is honest.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// A token of this life, if the grant is right.
    Life(Duration),
    /// The token that it gave last.
    SameAgain,
    Refuse,
    /// Fails before anything was done.
    Fail(FaultClass),
    /// Does it, and the answer is lost.
    Lost,
    /// Does it, and never answers.
    Hang,
    Panic,
    /// Waits at the gate, then is honest.
    Gate,
}

type Hook = Box<dyn FnOnce() + Send>;

struct State {
    refresh: String,
    last: Option<Secret>,
    given: u64,
    script: VecDeque<Answer>,
    /// Called when all is done at the vendor's and the answer leaves.
    hook: Option<Hook>,
}

/// The vendor.
pub struct Vendor {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
    orders: watch::Sender<Vec<RenewalOrder>>,
    pub gate: Notify,
}

/// How long its tokens live.
pub const LIFE: Duration = Duration::from_secs(10 * 24 * 3600);

/// An access token that lives from `from` on.
pub fn access_token(number: u64, from: Millis, life: Duration) -> Secret {
    let (iat, exp) = (from.seconds(), (from + life).seconds());
    let payload = format!(r#"{{"iat":{iat},"exp":{exp},"jti":"planted-{number}","email":"a@b.c"}}"#);
    Secret::new(format!("eyJhbGciOiJSUzI1NiJ9.{}.planted-signature", URL_SAFE_NO_PAD.encode(payload)))
}

/// The refresh token with this number.
pub fn refresh_token(number: u64) -> Secret {
    Secret::new(format!("rt-planted-{number}"))
}

impl Vendor {
    pub fn new(clock: Arc<ManualClock>) -> Self {
        let refresh = refresh_token(0).expose().to_owned();
        let state = State { refresh, last: None, given: 0, script: VecDeque::new(), hook: None };
        Self { clock, state: Mutex::new(state), orders: watch::Sender::new(vec![]), gate: Notify::new() }
    }

    /// What it does with the next orders.
    pub fn will(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.lock().unwrap().script.extend(answers);
    }

    /// Done once, right before the next answer leaves.
    pub fn before_it_answers(&self, hook: impl FnOnce() + Send + 'static) {
        self.state.lock().unwrap().hook = Some(Box::new(hook));
    }

    /// The one refresh token that it takes now.
    pub fn refresh(&self) -> Secret {
        Secret::new(self.state.lock().unwrap().refresh.clone())
    }

    pub fn orders(&self) -> Vec<RenewalOrder> {
        self.orders.borrow().clone()
    }

    /// Waits until it was asked so often.
    pub async fn asked(&self, times: usize) {
        self.orders.subscribe().wait_for(|orders| orders.len() >= times).await.unwrap();
    }

    fn honestly(&self, grant: &Grant, life: Duration) -> Result<Renewal, Fault> {
        let mut state = self.state.lock().unwrap();
        let is_right = match grant {
            Grant::Session(token) => token.expose().starts_with(SESSION),
            Grant::Refresh { token, .. } => token.expose() == state.refresh,
            Grant::Client { secret, .. } => secret.expose() == "client-secret",
            Grant::Cookie(_) => false,
        };
        if !is_right {
            return Err(Fault::new(FaultClass::Auth, "the vendor refuses the token"));
        }
        state.given += 1;
        let number = state.given;
        let token = access_token(number, self.clock.now(), life);
        state.last = Some(token.clone());
        let rotates = matches!(grant, Grant::Refresh { .. });
        let refresh_token = rotates.then(|| refresh_token(number));
        if let Some(next) = &refresh_token {
            state.refresh = next.expose().to_owned();
        }
        Ok(Renewal { token, refresh_token, expires_at: None, email: None })
    }

    async fn answer(&self, order: RenewalOrder) -> Result<Renewal, Fault> {
        let answer = self.state.lock().unwrap().script.pop_front().unwrap_or(Answer::Life(LIFE));
        if let Answer::Gate = answer {
            self.gate.notified().await;
        }
        let given = match answer {
            Answer::Life(life) => self.honestly(&order.grant, life),
            Answer::Gate => self.honestly(&order.grant, LIFE),
            Answer::SameAgain => {
                let token = self.state.lock().unwrap().last.clone().unwrap();
                Ok(Renewal { token, refresh_token: None, expires_at: None, email: None })
            }
            Answer::Refuse => Err(Fault::new(FaultClass::Auth, "scripted refusal")),
            Answer::Fail(class) => Err(Fault::new(class, "scripted failure")),
            Answer::Lost | Answer::Hang | Answer::Panic => {
                drop(self.honestly(&order.grant, LIFE));
                Err(Fault::new(FaultClass::UnknownOutcome, "scripted loss"))
            }
        };
        let hook = self.state.lock().unwrap().hook.take();
        if let Some(hook) = hook {
            hook();
        }
        match answer {
            Answer::Panic => panic!("scripted panic in renew"),
            Answer::Hang => std::future::pending().await,
            _ => given,
        }
    }
}

impl Renewer for Vendor {
    fn renew(self: Arc<Self>, order: RenewalOrder) -> LocalFuture<Result<Renewal, Fault>> {
        Box::pin(async move {
            self.orders.send_modify(|orders| orders.push(order.clone()));
            self.answer(order).await
        })
    }
}
