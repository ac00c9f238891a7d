//! The clients of a marathon: each asks for one thing after another, in every manner, and remembers what it was told.

use super::{
    MarathonError, Plan,
    cast::{Cast, SOLO_MODEL},
    wire::Wire,
};
use crate::{client::Client, operator, upstream::Upstream};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

/// Credit of each key: more than a run can cost.
const CREDITS: i64 = 1_000_000;

/// One API key of the marathon.
#[derive(Clone)]
pub(super) struct Key {
    pub id: String,
    pub client: Client,
}

/// How one job ended, as its client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// The key that asked, by index.
    pub key: usize,
    /// The prompt, which no two jobs share.
    pub prompt: String,
    /// In which manner it was asked for.
    pub manner: &'static str,
    /// Whether it asked for the model that one account alone has.
    pub solo: bool,
    /// The job, if one was made.
    pub job: Option<String>,
    /// `completed`, or the code of its failure.
    pub end: String,
}

impl Told {
    /// What finds it in the logs of both sides.
    pub fn name(&self) -> String {
        format!("{:?} ({})", self.prompt, self.job.as_deref().unwrap_or("no job"))
    }
}

/// Everybody who asks.
pub(super) struct Crowd {
    pub keys: Vec<Key>,
    pub told: Rc<RefCell<Vec<Told>>>,
}

/// In which manner a job is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Image,
    Background,
    Stream,
    Solo,
    Video,
}

impl Manner {
    const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Background => "image in the background",
            Self::Stream => "streamed image",
            Self::Solo => "image of one account",
            Self::Video => "video",
        }
    }
}

impl Crowd {
    /// Makes the keys.
    pub async fn gather(root: &Client, admin: &Client, seed: u64) -> Result<Self, MarathonError> {
        let mut keys = Vec::new();
        for number in 0..4 {
            let name = format!("marathon {number} of {seed}");
            let key = operator::key(admin, &name, CREDITS).await.map_err(MarathonError::Unfit)?;
            keys.push(Key { id: key.id, client: root.with_token(&key.secret) });
        }
        Ok(Self { keys, told: Rc::default() })
    }

    /// Hands in all jobs. Twice the accounts that can have new access tokens lose theirs, the only one of a model among them.
    pub async fn work(&mut self, plan: &Plan, upstream: &Upstream, cast: &Cast) {
        let next = Rc::new(RefCell::new(0));
        let revoke_at = [plan.jobs / 3, plan.jobs * 2 / 3];
        let renewing = cast.actors.iter().filter(|actor| actor.wire.renews(actor.part));
        let revoked: Vec<_> = renewing.map(|actor| upstream.account(&actor.key)).collect();
        let menu = Menu::of(plan);
        let clients = (0..plan.clients).map(|number| {
            let (keys, told, next) = (self.keys.clone(), self.told.clone(), next.clone());
            let (jobs, revoked, menu) = (plan.jobs, revoked.clone(), menu.clone());
            let mut rng = StdRng::seed_from_u64(plan.seed ^ (number as u64) << 32);
            actix_rt::spawn(async move {
                loop {
                    let job = next.replace_with(|next| *next + 1);
                    if job >= jobs {
                        return;
                    }
                    if revoke_at.contains(&job) {
                        for account in &revoked {
                            account.revoke();
                        }
                    }
                    let key = job % keys.len();
                    let order = menu.order(&mut rng, job);
                    let one = ask(&keys[key].client, key, order).await;
                    told.borrow_mut().push(one);
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            let _ = client.await;
        }
    }

    /// Waits until no job is open, and asks what became of those that were not waited for.
    pub async fn rest(&mut self, root: &Client, patience: Duration) -> Result<(), String> {
        let began = std::time::Instant::now();
        loop {
            let open = root.get("/health").send().await.map(|answer| answer.json()["jobs_open"].clone());
            match open {
                Ok(open) if open == 0 => break,
                other if began.elapsed() > patience => return Err(format!("jobs are left open: {other:?}")),
                _ => actix_rt::time::sleep(Duration::from_millis(50)).await,
            }
        }
        let unsure: Vec<(usize, Told)> = {
            let told = self.told.borrow();
            let open = told.iter().enumerate().filter(|(_, one)| one.end.is_empty());
            open.map(|(at, one)| (at, one.clone())).collect()
        };
        for (at, one) in unsure {
            let end = self.end_of(&one).await;
            self.told.borrow_mut()[at].end = end;
        }
        Ok(())
    }

    async fn end_of(&self, one: &Told) -> String {
        let Some(job) = &one.job else { return "nothing was answered".to_owned() };
        let path = match job.strip_prefix("video_") {
            Some(_) => format!("/v1/videos/{job}"),
            None => format!("/v1/images/jobs/{job}"),
        };
        match self.keys[one.key].client.get(&path).send().await {
            Ok(answer) if answer.status == 200 => ended(&answer.json()),
            Ok(answer) => format!("unknown: {}", answer.text()),
            Err(error) => format!("unknown: {error}"),
        }
    }

    /// How many jobs ended in each way.
    pub fn ends(&self) -> BTreeMap<String, usize> {
        let mut ends = BTreeMap::new();
        for one in self.told.borrow().iter() {
            *ends.entry(one.end.clone()).or_default() += 1;
        }
        ends
    }
}

/// One thing to ask for.
struct Order {
    prompt: String,
    manner: Manner,
    model: &'static str,
    seconds: &'static str,
}

/// What can be asked for: as much of each wire as it has accounts.
#[derive(Clone)]
struct Menu(Vec<Wire>);

impl Menu {
    fn of(plan: &Plan) -> Self {
        let wires = Wire::ALL.into_iter().zip(plan.accounts);
        Self(wires.flat_map(|(wire, accounts)| std::iter::repeat_n(wire, accounts)).collect())
    }

    fn order(&self, rng: &mut StdRng, number: usize) -> Order {
        let manner = match rng.random_range(0..100) {
            0..50 => Manner::Image,
            50..62 => Manner::Background,
            62..70 => Manner::Stream,
            70..76 if self.0.contains(&Wire::Openai) => Manner::Solo,
            _ => Manner::Video,
        };
        let wire = self.0[rng.random_range(0..self.0.len())];
        let model = match manner {
            Manner::Solo => SOLO_MODEL,
            Manner::Video => "sora-2",
            Manner::Image | Manner::Background | Manner::Stream => wire.picture(rng),
        };
        Order { prompt: format!("marathon job {number:06}"), manner, model, seconds: wire.seconds() }
    }
}

/// What a job object says about its end.
fn ended(view: &Value) -> String {
    match view["status"].as_str().unwrap_or_default() {
        "completed" | "succeeded" => "completed".to_owned(),
        _ => view["error"]["code"].as_str().unwrap_or("not ended").to_owned(),
    }
}

async fn ask(client: &Client, key: usize, order: Order) -> Told {
    let Order { prompt, manner, model, seconds } = order;
    let mut body = json!({ "model": model, "prompt": prompt, "size": "1024x1024" });
    let path = match manner {
        Manner::Video => {
            body = json!({ "model": model, "prompt": prompt, "size": "1280x720", "seconds": seconds });
            "/v1/videos"
        }
        Manner::Background => {
            body["background"] = Value::from(true);
            "/v1/images/generations"
        }
        Manner::Stream => {
            body["stream"] = Value::from(true);
            body["partial_images"] = Value::from(1);
            "/v1/images/generations"
        }
        Manner::Image | Manner::Solo => "/v1/images/generations",
    };
    let (name, solo) = (manner.name(), manner == Manner::Solo);
    let mut told = Told { key, prompt, manner: name, solo, job: None, end: String::new() };
    let Ok(answer) = client.post(path, &body).send().await else { return told };
    told.job = answer.header("x-job-id").map(str::to_owned);
    if manner == Manner::Video {
        told.job = answer.json()["id"].as_str().map(str::to_owned);
    }
    told.end = match (manner, answer.status) {
        (Manner::Video | Manner::Background, 200..=202) => String::new(),
        (Manner::Stream, 200) if answer.text().contains("image_generation.completed") => "completed".into(),
        // How a stream ended is asked later: its error event is for people.
        (Manner::Stream, 200) => String::new(),
        (_, 200) => "completed".to_owned(),
        _ => answer.code(),
    };
    told
}
