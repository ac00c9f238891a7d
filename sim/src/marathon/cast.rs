//! The accounts of a marathon, and what each is there to do.

use super::{MarathonError, wire::Wire};
use crate::{
    client::Client,
    operator,
    upstream::{
        AccountHandle, Behaviour, Chance, Course, Framing, Mix, Op, Outcome, Reason, Refusal, Upstream,
    },
};

/// The model that one account alone has, whose key is taken away in the middle.
pub(super) const SOLO_MODEL: &str = "solo-image";

/// Images that the account with little quota has; then it is enough for today.
pub(super) const LITTLE: usize = 5;

/// Part of an account in the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Does everything that goes wrong now and then.
    Moody,
    /// Is healthy, and refuses content: it must stay in use.
    Strict,
    /// Runs out of images and goes on with videos.
    Thrifty,
    /// Its key was never good.
    Dead,
    /// Has no money from the start.
    Broke,
    /// May not make images at all.
    Unentitled,
    /// The only one of its model: its access token is taken away in the middle, and it has a refresh token.
    Solo,
    /// Healthy, and opened by a client's own credentials.
    Machine,
}

/// One account.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    /// Its key, which is also its name upstream.
    pub key: String,
    /// Its number at the gateway.
    pub number: u64,
    /// What it is there for.
    pub part: Part,
    /// What it is spoken to in.
    pub wire: Wire,
}

/// Everybody.
pub(super) struct Cast {
    pub actors: Vec<Actor>,
}

impl Cast {
    /// Sets the accounts up at the upstream and adds them to the gateway.
    pub async fn engage(
        upstream: &Upstream,
        admin: &Client,
        accounts: [usize; 3],
        seed: u64,
    ) -> Result<Self, MarathonError> {
        let mut actors = Vec::new();
        for (wire, accounts) in Wire::ALL.into_iter().zip(accounts) {
            for index in 0..accounts {
                let part = part(wire, index);
                let key = format!("sk-upstream-{}-{index:03}-{seed:016x}", wire.engine());
                if part != Part::Dead {
                    let account = upstream.put(&key, wire.setup(part, &key));
                    perform(&account, (part, wire), seed.wrapping_add(actors.len() as u64));
                }
                let account = wire.account(part, &key, &upstream.origin());
                let number = operator::account(admin, &account).await.map_err(MarathonError::Unfit)?;
                actors.push(Actor { key, number, part, wire });
            }
        }
        Ok(Self { actors })
    }
}

fn part(wire: Wire, index: usize) -> Part {
    match (index, wire) {
        (0 | 1, _) => Part::Strict,
        (2, _) => Part::Thrifty,
        (3, _) => Part::Dead,
        (4, _) => Part::Broke,
        (5, _) => Part::Unentitled,
        (6, Wire::Openai) => Part::Solo,
        (6..10, Wire::Firefly) => Part::Machine,
        _ => Part::Moody,
    }
}

fn perform(account: &AccountHandle, (part, wire): (Part, Wire), seed: u64) {
    match part {
        Part::Strict => {
            let refuse = || Behaviour::Refuse(Refusal::new(Reason::ModerationBlocked));
            account.mix(Op::SubmitImage, Mix { seed, of: vec![Chance { p: 0.3, act: refuse() }] });
            account.mix(Op::SubmitVideo, Mix { seed, of: vec![Chance { p: 0.3, act: refuse() }] });
        }
        Part::Moody => {
            let pictures = if wire.polls_pictures() { films() } else { submits() };
            account.mix(Op::SubmitImage, Mix { seed, of: pictures });
            account.mix(Op::SubmitVideo, Mix { seed, of: films() });
            account.mix(Op::Poll, Mix { seed, of: looks() });
            account.mix(Op::Content, Mix { seed, of: contents() });
        }
        Part::Thrifty => {
            account.script(Op::SubmitImage, std::iter::repeat_n(Behaviour::Ok, LITTLE));
            account.usually(Op::SubmitImage, refuse(Reason::DailyLimit));
        }
        _ => {}
    }
}

fn chances(of: impl IntoIterator<Item = (f64, Behaviour)>) -> Vec<Chance> {
    of.into_iter().map(|(p, act)| Chance { p, act }).collect()
}

fn refuse(reason: Reason) -> Behaviour {
    Behaviour::Refuse(Refusal::new(reason))
}

/// What goes wrong with any submit.
fn faults() -> Vec<(f64, Behaviour)> {
    let hinted = Refusal { retry_after_ms: Some(200), ..Refusal::new(Reason::RateLimited) };
    vec![
        (0.15, Behaviour::Ok.after_ms(40)),
        (0.02, Behaviour::Refuse(hinted)),
        (0.01, Behaviour::Refuse(Refusal::new(Reason::RateLimited).retry_after(1))),
        (0.01, refuse(Reason::RateLimited)),
        (0.005, refuse(Reason::SlowDown)),
        (0.01, refuse(Reason::Concurrency)),
        (0.01, refuse(Reason::Overloaded)),
        (0.005, refuse(Reason::Overloaded529)),
        (0.005, refuse(Reason::ServerError)),
        (0.005, refuse(Reason::BadGateway)),
        (0.005, refuse(Reason::GatewayTimeout)),
        (0.005, refuse(Reason::Timeout)),
        (0.01, refuse(Reason::ModerationBlocked)),
        (0.005, refuse(Reason::Invalid)),
        (0.005, refuse(Reason::Illegal)),
        (0.005, Behaviour::ResetBeforeBody),
        (0.005, Behaviour::ResetAfterBody),
        (0.005, Behaviour::CloseAfterBody),
        (0.01, Behaviour::AcceptThenReset),
        (0.005, Behaviour::Cut { how: Framing::Length, percent: 50 }),
        (0.005, Behaviour::Cut { how: Framing::Chunked, percent: 50 }),
        (0.005, Behaviour::Html { status: 200 }),
        (0.002, Behaviour::Html { status: 502 }),
    ]
}

fn submits() -> Vec<Chance> {
    let mut all = faults();
    all.extend([
        (0.001, refuse(Reason::ImagesPerMinute)),
        (0.01, Behaviour::ContentType("text/html".to_owned())),
        (0.01, Behaviour::WrongSize { size: (640, 480) }),
        (0.005, Behaviour::NotAnImage),
    ]);
    chances(all)
}

fn films() -> Vec<Chance> {
    let course = |end, status| Behaviour::Job(Course { end, status, ..Course::default() });
    let mut all = faults();
    all.extend([
        (0.02, course(Outcome::Failed, None)),
        (0.01, course(Outcome::Failed, Some(422))),
        (0.01, course(Outcome::Forgotten, None)),
        (0.003, course(Outcome::Never, None)),
    ]);
    chances(all)
}

fn looks() -> Vec<Chance> {
    chances([
        (0.02, refuse(Reason::Overloaded)),
        (0.01, refuse(Reason::BadGateway)),
        (0.01, refuse(Reason::RateLimited)),
        (0.01, Behaviour::ResetAfterBody),
        (0.01, Behaviour::Cut { how: Framing::Length, percent: 30 }),
        (0.005, Behaviour::Html { status: 200 }),
    ])
}

fn contents() -> Vec<Chance> {
    chances([
        (0.02, refuse(Reason::Overloaded)),
        (0.02, Behaviour::Cut { how: Framing::Length, percent: 70 }),
        (0.01, Behaviour::ResetAfterBody),
    ])
}
