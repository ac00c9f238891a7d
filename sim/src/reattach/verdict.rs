//! What is proved at the end, of every job from both ends: from the gateway what its owner reads, from the upstream what it
//! counted.

use super::{
    book::Book,
    scene::{self, MOST_UNDERWAY, Scene},
};
use crate::{
    client::Client,
    operator,
    upstream::{self, FilmTask, Op, Submits},
};
use serde_json::Value;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::{Duration, Instant},
};

/// How a job ends whose submit was cut off.
const UNKNOWN: &str = "submit_outcome_unknown";

/// Waits until no job is open.
pub(super) async fn rest(root: &Client, book: &Rc<RefCell<Book>>, patience: Duration) {
    let began = Instant::now();
    while began.elapsed() < patience {
        let health = root.get("/health").send().await.map(|answer| answer.json()).unwrap_or_default();
        if health["jobs_open"] == 0 {
            return;
        }
        actix_rt::time::sleep(Duration::from_millis(50)).await;
    }
    book.borrow_mut().violation(format!("jobs are still open after {patience:?} of peace"));
}

/// One job from both ends.
#[derive(Debug, Clone, Default)]
struct Case {
    prompt: String,
    /// `completed`, or the code of its failure.
    end: String,
    /// What the upstream counted.
    submits: Submits,
    /// The film that it ran as when the gateway was killed, by the upstream's id.
    ran_as: Option<String>,
    /// The upstream's films of this prompt that it told to be done.
    done_as: Vec<String>,
    /// Whether it was asked for after the last kill.
    in_peace: bool,
    price: i64,
    charged: i64,
    /// Its entries in the statement: how often it was held for and settled, and what is left of both.
    money: Money,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Money {
    holds: u32,
    settlements: u32,
    available: i64,
    held: i64,
}

impl Case {
    /// Whether it completed by the id that it ran as; none when it did not run at any kill.
    fn came_home(&self) -> Option<bool> {
        let ran_as = self.ran_as.as_ref()?;
        Some(self.end == "completed" && self.done_as == std::slice::from_ref(ran_as))
    }

    /// Everything that is wrong with it.
    fn faults(&self) -> Vec<String> {
        let Submits { arrived, accepted } = self.submits;
        let is_completed = self.end == "completed";
        let due = if is_completed { self.price } else { 0 };
        let ends_well = is_completed || (self.end == UNKNOWN && !self.in_peace);
        let came_home = self.came_home() != Some(false);
        let ways = (&self.ran_as, &self.end, &self.done_as);
        let rules = [
            (accepted <= 1, format!("was accepted {accepted} times: a double spend")),
            (arrived <= 1, format!("was submitted {arrived} times")),
            (!is_completed || accepted == 1, format!("is completed, and was accepted {accepted} times")),
            (ends_well, format!("ended as {:?}, which no kill explains", self.end)),
            (came_home, format!("did not come home as what it ran as: {ways:?}")),
            (
                is_completed || self.done_as.is_empty(),
                format!("ended as {:?}, and its film was told to be done", self.end),
            ),
            (self.price > 0 && self.charged == due, format!("owes {due} and was charged {}", self.charged)),
            (
                self.money == Money { holds: 1, settlements: 1, available: -due, held: 0 },
                format!("owes {due}, and was not held once and settled once: {:?}", self.money),
            ),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, fault)| fault).collect()
    }
}

/// Every job that any statement has, and every prompt that the upstream was told.
pub(super) async fn jobs(root: &Client, scene: &Scene, book: &Rc<RefCell<Book>>) {
    let (counted, films) = (scene.upstream.book(), scene.upstream.films());
    let mut prompts = BTreeSet::new();
    for number in 0..scene.keys.len() {
        match of_key(root, scene, number, (&counted, &films), book).await {
            Ok(found) => prompts.extend(found),
            Err(error) => book.borrow_mut().violation(format!("the jobs of key {number}: {error}")),
        }
    }
    let mut book = book.borrow_mut();
    let at_upstream = counted.accounts.values().flat_map(|account| account.prompts.keys());
    for prompt in at_upstream {
        book.check(prompts.contains(prompt), || format!("{prompt} was submitted, and no key has it"));
    }
    let kills = u64::from(book.killed_loaded + book.killed_starting);
    let unknown = book.unknown;
    book.check(unknown <= kills * MOST_UNDERWAY, || {
        format!("{unknown} submits were cut off by {kills} kills, and {MOST_UNDERWAY} can be under way")
    });
}

/// The jobs of one key; has their prompts.
async fn of_key(
    root: &Client,
    scene: &Scene,
    number: usize,
    (counted, films): (&upstream::Report, &[FilmTask]),
    book: &Rc<RefCell<Book>>,
) -> Result<Vec<String>, String> {
    let client = root.with_token(&scene.keys[number].secret);
    let jobs = statement_by_job(&operator::statement(&client).await?);
    let told: BTreeMap<String, bool> = {
        let book = book.borrow();
        let of_key = book.told.iter().filter(|told| told.key == number);
        of_key.map(|told| (told.job.clone(), told.in_peace)).collect()
    };
    for job in told.keys() {
        let is_there = jobs.contains_key(job);
        book.borrow_mut().check(is_there, || format!("{job} was acknowledged and is in no statement"));
    }
    let mut prompts = Vec::new();
    for (job, money) in jobs {
        let view = client.get(&format!("/v1/jobs/job_{job}")).send().await;
        let view = view.map_err(|error| error.to_string())?.json();
        let prompt = view["prompt_preview"].as_str().unwrap_or_default().to_owned();
        let done = films.iter().filter(|film| film.prompt == prompt && film.told);
        let case = Case {
            end: end_of(&view),
            submits: counted.prompt(&prompt),
            ran_as: book.borrow().running.get(&prompt).map(|running| running.id.clone()),
            done_as: done.map(|film| film.id.clone()).collect(),
            in_peace: told.get(&job) == Some(&true),
            price: view["price"].as_i64().unwrap_or_default(),
            charged: view["charged"].as_i64().unwrap_or_default(),
            money,
            prompt,
        };
        enter(&case, told.contains_key(&job), book);
        if view["kind"] == "video" && case.end == "completed" {
            watch(root, &case.prompt, &view, book).await;
        }
        prompts.push(case.prompt);
    }
    Ok(prompts)
}

fn enter(case: &Case, is_told: bool, book: &Rc<RefCell<Book>>) {
    let mut book = book.borrow_mut();
    let what = case.prompt.split(' ').next().unwrap_or_default();
    *book.ends.entry(format!("{what}s: {}", case.end)).or_default() += 1;
    book.unheard += u64::from(!is_told);
    book.submits += case.submits.arrived;
    book.most_submits = book.most_submits.max(case.submits.arrived);
    book.charged += case.charged;
    book.came_home += u64::from(case.came_home() == Some(true));
    if case.end == UNKNOWN {
        book.unknown += 1;
        book.unknown_accepted += u64::from(case.submits.accepted > 0);
    }
    book.checks += 1;
    for fault in case.faults() {
        book.violation(format!("{:?} {fault}", case.prompt));
    }
}

fn end_of(view: &Value) -> String {
    match view["status"].as_str() {
        Some("completed") => "completed".to_owned(),
        other => view["error"]["code"].as_str().or(other).unwrap_or("lost").to_owned(),
    }
}

fn statement_by_job(entries: &[Value]) -> BTreeMap<String, Money> {
    let mut jobs = BTreeMap::<String, Money>::new();
    for entry in entries {
        let Some((_, job)) = entry["job"].as_str().and_then(|job| job.split_once('_')) else { continue };
        let money = jobs.entry(job.to_owned()).or_default();
        match entry["kind"].as_str() {
            Some("hold") => money.holds += 1,
            _ => money.settlements += 1,
        }
        money.available += entry["amount"].as_i64().unwrap_or_default();
        money.held += entry["held"].as_i64().unwrap_or_default();
    }
    jobs
}

/// The film that the gateway has names the prompt that it was made for.
async fn watch(root: &Client, prompt: &str, view: &Value, book: &Rc<RefCell<Book>>) {
    let url = view["outputs"][0]["url"].as_str().unwrap_or_default();
    let film = root.get(url).send().await;
    let is_it = film.is_ok_and(|film| film.status == 200 && film.body.ends_with(prompt.as_bytes()));
    let mut book = book.borrow_mut();
    book.films_watched += 1;
    book.check(is_it, || format!("{prompt:?} is completed, and its film is another or none"));
}

/// Balances, and the proof of the running gateway.
pub(super) async fn money(root: &Client, scene: &Scene, book: &Rc<RefCell<Book>>) {
    for key in &scene.keys {
        let client = root.with_token(&key.secret);
        let entries = operator::statement(&client).await.unwrap_or_default();
        let sum: i64 = entries.iter().filter_map(|entry| entry["amount"].as_i64()).sum();
        let credits = client.get("/v1/credits").send().await.map(|answer| answer.json()).unwrap_or_default();
        let (balance, held) = (credits["balance"].as_i64(), credits["held"].as_i64());
        let mut book = book.borrow_mut();
        book.check((balance, held) == (Some(sum), Some(0)), || {
            format!("{} has {balance:?} and holds {held:?}, and its entries say {sum} and nothing", key.id)
        });
    }
    let books = match scene::admin(root).await {
        Ok(admin) => admin.get("/api/ledger/verify").send().await.map(|answer| answer.json()),
        Err(error) => return book.borrow_mut().violation(error),
    };
    let is_right = books.as_ref().is_ok_and(|books| books["ok"] == true);
    book.borrow_mut().check(is_right, || format!("the books do not add up: {books:?}"));
}

/// Accounts and what opens them outlived every kill: all are on, each served after the last, and nobody came with a wrong key.
pub(super) async fn accounts(
    root: &Client,
    scene: &Scene,
    before: &upstream::Report,
    book: &Rc<RefCell<Book>>,
) {
    let views = match scene::admin(root).await {
        Ok(admin) => admin.get("/api/tokens").send().await.map(|answer| answer.json()).unwrap_or_default(),
        Err(error) => return book.borrow_mut().violation(error),
    };
    let on = views.as_array().into_iter().flatten().filter(|view| view["is_active"] == true).count();
    let now = scene.upstream.book();
    let mut book = book.borrow_mut();
    let accounts = scene.accounts.len();
    book.check(on == accounts, || format!("{on} of {accounts} accounts are on: {views}"));
    book.check(now.strangers == 0, || format!("{} calls came without a good key", now.strangers));
    for name in &scene.accounts {
        let served = |report: &upstream::Report| {
            let account = report.account(name);
            account.accepted(Op::SubmitImage) + account.accepted(Op::SubmitVideo)
        };
        let (before, now) = (served(before), served(&now));
        book.check(now > before, || format!("an account made nothing after the last kill: {before} before"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right() -> Case {
        Case {
            prompt: "film number 1.".to_owned(),
            end: "completed".to_owned(),
            submits: Submits { arrived: 1, accepted: 1 },
            ran_as: Some("video_1".to_owned()),
            done_as: vec!["video_1".to_owned()],
            in_peace: false,
            price: 5,
            charged: 5,
            money: Money { holds: 1, settlements: 1, available: -5, held: 0 },
        }
    }

    fn cut_off() -> Case {
        let money = Money { available: 0, ..right().money };
        Case { end: UNKNOWN.to_owned(), ran_as: None, done_as: Vec::new(), charged: 0, money, ..right() }
    }

    #[test]
    fn a_film_that_came_home_and_a_submit_that_was_cut_off_are_right() {
        for case in [right(), cut_off()] {
            assert_eq!(case.faults(), Vec::<String>::new(), "{case:?}");
        }
    }

    #[test]
    fn every_way_to_lose_double_or_overpay_a_job_is_found() {
        let twice = Submits { arrived: 2, accepted: 2 };
        let again = Submits { arrived: 2, accepted: 1 };
        let money = right().money;
        let wrong = [
            Case { submits: twice, ..right() },
            Case { submits: again, ..right() },
            Case { submits: again, ..cut_off() },
            Case { submits: Submits::default(), ..right() },
            Case { end: "job_lost".to_owned(), ..cut_off() },
            Case { end: "in_progress".to_owned(), ..cut_off() },
            Case { in_peace: true, ..cut_off() },
            Case { ran_as: Some("video_1".to_owned()), ..cut_off() },
            Case { done_as: vec!["video_2".to_owned()], ..right() },
            Case { done_as: Vec::new(), ..right() },
            Case { done_as: vec!["video_1".to_owned()], ..cut_off() },
            Case { charged: 0, ..right() },
            Case { charged: 5, ..cut_off() },
            Case { money: Money { holds: 2, ..money }, ..right() },
            Case { money: Money { settlements: 0, ..money }, ..right() },
            Case { money: Money { held: 5, ..money }, ..right() },
            Case { money, ..cut_off() },
        ];
        for case in wrong {
            assert!(!case.faults().is_empty(), "{case:?}");
        }
    }
}
