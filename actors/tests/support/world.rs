//! Everything wired as at start.

use super::{ENGINE, ManualClock, Puppet, copy_tree};
use atelier_actors::{
    JobsConfig, Units,
    account_pool::{Pool, PoolConfig, PoolParts, Steward, Unattended},
    credit_ledger::Ledger,
    job_supervisor::{Jobs, NewJob, Parts, Submitted, Watch},
    key_ring::{KeyRing, KeySettings},
    media_library::{Budget, MediaLibrary},
};
use atelier_domain::{
    account::Account,
    credit::Credits,
    engine::Engine,
    ids::{AccountId, JobId},
    job::{ImageJob, Job, JobState, Route, Work},
    key::ApiKey,
    media::Media,
    price::{Per, Price},
    size::Size,
    time::{Clock, Millis},
};
use atelier_store::{Batch, Expect, OpenOptions, Store};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tempfile::TempDir;
use uuid::Uuid;

/// The time at which tests begin.
const START: i64 = 1_000_000_000;

/// What a key may keep in these tests: files of 1 MB, 2 MB together.
pub const BUDGET: Budget = Budget { file: 1_000_000, key: 2_000_000 };

/// What may differ from test to test.
pub struct Setup {
    pub accounts: Vec<Account>,
    pub max_open: usize,
    pub ban_after: u32,
    pub steward: Arc<dyn Steward>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            accounts: vec![account(1, 4), account(2, 4)],
            max_open: 10_000,
            ban_after: 100,
            steward: Arc::new(Unattended),
        }
    }
}

/// The gateway.
pub struct World {
    pub dir: TempDir,
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub engine: Arc<Puppet>,
    pub ledger: Ledger,
    pub pool: Pool,
    pub jobs: Jobs,
    pub keys: KeyRing,
    pub library: MediaLibrary,
}

pub fn account_id(number: u128) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(number))
}

pub fn account(number: u128, slots: i32) -> Account {
    let id = AccountId::from_uuid(Uuid::from_u128(number));
    let mut account = Account::new(id, number as u64, ENGINE, &format!("{ENGINE}-{number}"), Millis(0));
    account.images.slots = slots;
    account.videos.slots = slots;
    account
}

impl World {
    /// A gateway over a fresh store, open for jobs.
    pub async fn start(setup: Setup) -> Self {
        let world = Self::over(TempDir::new().unwrap(), setup, START);
        assert_eq!(world.jobs.resume().await.unwrap(), 0);
        world
    }

    /// A gateway over this directory, not yet open.
    pub fn over(dir: TempDir, setup: Setup, now: i64) -> Self {
        let store = Store::open(OpenOptions::new(dir.path())).unwrap();
        let (clock, engine) = (Arc::new(ManualClock::at(now)), Arc::new(Puppet::default()));
        let units = Units::start(1);
        let ledger = Ledger::start(store.clone(), clock.clone(), units.core());
        let pool_config = PoolConfig {
            error_ban_threshold: setup.ban_after,
            rate_limited_cooldown: Duration::from_secs(60),
            overloaded_cooldown: Duration::from_secs(5),
            quota_cooldown: Duration::from_secs(3600),
        };
        let engines = HashMap::from([(ENGINE.to_owned(), engine.clone() as Arc<dyn Engine>)]);
        let parts = PoolParts {
            accounts: setup.accounts,
            config: pool_config,
            engines: engines.clone(),
            steward: setup.steward,
            clock: clock.clone(),
        };
        let pool = Pool::start(parts, units.core());
        let keys = KeyRing::open(store.clone(), ledger.clone(), clock.clone()).unwrap();
        let jobs = Jobs::start(Parts {
            store: store.clone(),
            clock: clock.clone(),
            engines,
            pool: pool.clone(),
            ledger: ledger.clone(),
            config: JobsConfig {
                max_open: setup.max_open,
                max_attempts: 3,
                retention: Duration::from_secs(3600),
                link_lifetime: Duration::ZERO,
                idempotency: Duration::from_secs(86_400),
            },
            budget: BUDGET,
            units,
        });
        let library = MediaLibrary::open(store.clone(), clock.clone(), BUDGET);
        Self { dir, store, clock, engine, ledger, pool, jobs, keys, library }
    }

    /// What a start after a `kill -9` at this moment would find. Only while nothing is being written.
    pub fn killed(&self, setup: Setup) -> Self {
        let copy = TempDir::new().unwrap();
        copy_tree(self.dir.path(), copy.path());
        Self::over(copy, setup, self.clock.now().0)
    }

    pub async fn metered_key(&self, credits: Credits) -> Arc<ApiKey> {
        self.keys.create(KeySettings::default(), credits).await.unwrap().0
    }

    pub async fn submit(&self, new: NewJob) -> Submitted {
        self.jobs.submit(new).await.unwrap()
    }

    /// Follows a job to its end, skipping the waits between tries and polls.
    pub async fn end(&self, watch: &mut Watch) -> Arc<Job> {
        loop {
            tokio::select! {
                biased;
                job = watch.end() => return job.unwrap(),
                () = self.clock.skip_short_sleep() => {}
            }
        }
    }

    /// Hands in a job and follows it to its end.
    pub async fn run(&self, new: NewJob) -> Arc<Job> {
        let mut submitted = self.submit(new).await;
        self.end(&mut submitted.watch).await
    }

    /// Follows every job of this key to its end.
    pub async fn end_of(&self, key: &ApiKey, id: JobId) -> Arc<Job> {
        let mut watch = self.jobs.watch(key.id, id).unwrap().unwrap();
        self.end(&mut watch).await
    }

    /// Keeps an ended job and its files until then.
    pub async fn keep(&self, job: &Job, until: Millis) {
        let mut batch = Batch::new();
        let kept = Job { keep_until: Some(until), ..job.clone() };
        batch.put_row(job.id.uuid().as_bytes(), &kept, Expect::Present).unwrap();
        for output in &job.outputs {
            let place = output.media.uuid();
            let media = self.store.load::<Media>(place.as_bytes()).unwrap().unwrap();
            batch
                .put_row(place.as_bytes(), &Media { expires_at: Some(until), ..media }, Expect::Present)
                .unwrap();
        }
        self.store.submit(batch).await.unwrap();
    }

    /// Checks that the books are right, that no hold is left, and that the key has exactly this.
    pub async fn assert_books(&self, key: &ApiKey, available: Credits) {
        let verdict = self.ledger.verify().await.unwrap();
        assert!(verdict.is_ok(), "{verdict:?}");
        let balance = self.ledger.balance(key.id).unwrap();
        assert_eq!((balance.available, balance.held), (available, 0));
    }

    /// Waits until no slot is lent out any more.
    pub async fn assert_all_leases_returned(&self) {
        for account in self.pool.state().await.unwrap().accounts {
            assert_eq!(account.in_flight, 0, "{}", account.account.name);
        }
    }
}

/// A request for `n` pictures at 1 credit each.
pub fn new_job(key: &Arc<ApiKey>, n: u32) -> NewJob {
    NewJob {
        key: key.clone(),
        endpoint: "/v1/images/generations".into(),
        model: "model".into(),
        routes: vec![Route::new(ENGINE, "model")],
        work: Work::Image(ImageJob { n, ..ImageJob::new("a lighthouse", Size::new(1024, 1024)) }),
        uploads: Vec::new(),
        price: Price { total: i64::from(n), unit: 1, per: Per::Output, rule: "image".into() },
        timeout: Duration::from_secs(300),
        awaited: false,
        body_hash: "hash".into(),
        idempotency_key: None,
        is_retry: false,
        request_id: "req_test".into(),
        echo: None,
    }
}

/// The row of a job as it is accepted.
pub fn queued_job(key: &ApiKey, number: u128, price: Credits) -> Job {
    let new = new_job(&Arc::new(key.clone()), 1);
    Job {
        id: JobId::from_uuid(Uuid::from_u128(number)),
        key: key.id,
        endpoint: new.endpoint,
        model: new.model,
        work: new.work,
        routes: new.routes,
        state: JobState::Queued,
        progress: 0,
        created_at: Millis(START),
        updated_at: Millis(START),
        ended_at: None,
        deadline: Millis(START + 300_000),
        keep_until: None,
        attempt: 0,
        route: 0,
        account: None,
        handle: None,
        outputs: vec![],
        price: Price { total: price, unit: price, per: Per::Output, rule: "image".into() },
        metered: key.metered,
        charged: 0,
        error: None,
        body_hash: new.body_hash,
        idempotency_key: None,
        request_id: new.request_id,
        echo: None,
        forgotten: false,
    }
}
