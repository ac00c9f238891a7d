//! Boot: opens the store, starts the actors, hands them the engines, and builds the façade over them.

use crate::{
    config::{Config, CorsOrigins},
    live,
    master_key::{self, MasterKey},
    telemetry,
};
use atelier_actors::{
    JobsConfig, Refused, SystemClock, Units,
    account_book::{AccountBook, Checkups, Wanted},
    account_pool::{Pool, PoolConfig, PoolParts},
    admin_desk::AdminDesk,
    audit_trail::AuditTrail,
    bulletin::Bulletin,
    characters::Characters,
    clearances::Clearances,
    credential_keeper::{Keeper, KeeperConfig, KeeperParts},
    credit_ledger::Ledger,
    gallery::Gallery,
    janitor::{self, JanitorConfig},
    job_supervisor::{Jobs, Parts},
    key_ring::{KeyRing, KeySecret},
    media_library::{Budget, MediaLibrary},
    profiles::Profiles,
    redemption::Redemption,
    relay::Relay,
    request_log::RequestLog,
    settings::{Settings, SettingsError},
    vault::{Vault, VaultError},
    webhook_courier::Webhooks,
};
use atelier_domain::{
    account::Account,
    catalogue::{Catalogue, CatalogueError},
    engine::Engine,
    renewal::Renewer,
    time::Clock,
};
use atelier_providers::{
    clearance::ClearanceService,
    fetch::{FetchConfig, HttpFetcher, HttpNotifier},
    firefly::{self, Firefly, FireflyTokens},
    http::TlsError,
    oauth::{OAuth, OAuthConfig},
    openai::{OpenAi, OpenAiConfig},
    outbound::{Outbound, OutboundConfig},
    sora::{Sora, SoraConfig},
    studio::{FilmInspector, Studio, StudioConfig, StudioError},
};
use atelier_store::{OpenError, OpenOptions, ReadError, Store};
use atelier_web::{Gateway, Limits, Links};
use std::{
    collections::HashMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Between two walks of the janitor. What is past its time is not shown in the meantime, only not yet deleted.
const JANITOR_EVERY: Duration = Duration::from_secs(300);

/// Why the gateway did not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Rows cannot be read.
    #[error(
        "the database cannot be read: {0}; `atelier restore --latest` rebuilds it from exports and change logs"
    )]
    Read(#[from] ReadError),
    /// The secret of the installation cannot be read or made.
    #[error("the secret key of the data directory: {0}")]
    MasterKey(#[source] io::Error),
    /// The catalogue contradicts itself.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The embedded engine cannot start.
    #[error("the studio engine: {0}")]
    Studio(#[from] StudioError),
    /// Nothing can be fetched.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An actor refused its first message.
    #[error("start-up: {0}")]
    Actor(#[from] Refused),
    /// What is sealed cannot be opened.
    #[error("the secrets of accounts: {0}")]
    Vault(#[from] VaultError),
    /// The stored settings cannot be read.
    #[error("the stored settings: {0}")]
    Settings(#[from] SettingsError),
    /// The figures cannot be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}; choose another with [server] host and port")]
    Bind {
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
}

/// Everything that runs, before it listens.
pub struct Booted {
    /// What handlers work with.
    pub gateway: Gateway,
    /// The store, to close it at the end.
    pub store: Store,
    /// Turns true to send waiting clients home.
    pub closing: watch::Sender<bool>,
    /// Open jobs that were taken up again.
    pub resumed: usize,
}

/// Options of the store that this configuration asks for.
pub(crate) fn store_options(config: &Config) -> OpenOptions {
    OpenOptions {
        cache_bytes: config.store.cache_bytes,
        queue_capacity: config.store.queue,
        exports_kept: config.store.exports_kept,
        ..OpenOptions::new(&config.data_dir)
    }
}

/// Starts everything but the listener. Needs an actix system.
pub async fn boot(config: &Config) -> Result<Booted, BootError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let started_at = clock.now();
    let metrics = if config.metrics.enabled { Some(telemetry::metrics()?) } else { None };
    let begun = Instant::now();
    let store = Store::open(store_options(config))?;
    metrics::gauge!("atelier_start_seconds", "until" => "store_open").set(begun.elapsed().as_secs_f64());
    let (master_key, vault) = sealed(config, &store).await?;
    let units = Units::start(config.jobs.runners);
    let ledger = Ledger::start(store.clone(), clock.clone(), units.core());
    let keys = KeyRing::open(store.clone(), ledger.clone(), clock.clone())?;
    let desk = AdminDesk::open(store.clone(), clock.clone());
    let outbound = outbound(config, &clock)?;
    let ground = Ground { store: store.clone(), clock: clock.clone(), units: units.clone() };
    let settings = Settings::open(store.clone(), vault.clone(), live::base(config))?;
    let engines = engines(config, &clock, (&outbound, &settings))?;
    let renewers = renewers(config, &clock, &outbound);
    let (accounts, keeper) = accounts(config, &ground, vault, (&settings, renewers)).await?;
    let (pool, checkups) = lenders(config, &ground, (&accounts, &keeper), &engines);
    let relay = Relay::new(pool.clone(), engines.clone(), clock.clone());
    let clearances =
        Clearances::new(Arc::new(ClearanceService::new(outbound)), settings.clone(), clock.clone());
    let office = office(config, &ground, settings, (&accounts, &pool, &ledger));
    let jobs = jobs(config, &ground, engines, (&pool, &ledger));
    jobs.tell(office.bulletin.clone());
    let resumed = jobs.resume().await?;
    metrics::gauge!("atelier_start_seconds", "until" => "jobs_resumed").set(begun.elapsed().as_secs_f64());
    let webhooks = background(config, &ground, (&ledger, &office.settings), &master_key)?;
    let library = MediaLibrary::open(store.clone(), clock.clone(), budget(config));
    let characters = characters(config, &store, &library, &clock).await?;
    let gallery = Gallery::open(store.clone(), clock.clone(), library.clone());
    let (closing, is_closing) = watch::channel(false);
    let public_url = config.server.public_url.clone();
    let gateway = Gateway {
        jobs,
        ledger,
        keys,
        desk,
        pool,
        accounts,
        checkups,
        keeper,
        clearances,
        settings: office.settings,
        requests: office.requests,
        audit: office.audit,
        codes: office.codes,
        bulletin: office.bulletin,
        library,
        characters,
        gallery,
        profiles: Profiles::open(store.clone()),
        webhooks,
        relay,
        videos: Arc::new(FilmInspector),
        fetcher: Arc::new(HttpFetcher::new(fetch_config(config), clock.clone())?),
        catalogue: Arc::new(Catalogue::builtin()?),
        prices: Arc::new(config.prices.clone()),
        links: Links::new(&master_key, config.media.url_ttl, public_url, clock.clone()),
        limits: limits(config),
        cors_origins: cors(config).into(),
        metrics,
        metrics_token: config.metrics.token.as_ref().map(|token| token.expose().into()),
        started_at,
        closing: is_closing,
        clock,
    };
    Ok(Booted { gateway, store, closing, resumed })
}

/// The secret in force, and the vault once it is sure that it opens everything; what a rekey left that was cut short is tidied up.
async fn sealed(config: &Config, store: &Store) -> Result<(MasterKey, Vault), BootError> {
    let given = config.secret_key.as_ref();
    let key = master_key::in_force(given, &config.data_dir).map_err(BootError::MasterKey)?;
    let vault = Vault::open(store.clone(), &key);
    let tidied = tokio::task::spawn_blocking(move || {
        let rows = vault.keep_only_key::<VaultError>(&mut || Ok(()))?;
        if rows > 0 {
            tracing::warn!(rows, fingerprint = %vault.fingerprint(), "a change of the secret key was cut short: this one is in force");
        }
        Ok::<_, VaultError>(vault)
    });
    Ok((key, tidied.await.map_err(Refused::internal)??))
}

/// The secrets of first start, each shown once.
pub struct FirstSecrets {
    /// The generated API key, the first time.
    pub key: Option<KeySecret>,
    /// The generated admin password, the first time.
    pub password: Option<KeySecret>,
}

/// Sets the first key and the admin: from the configuration, or made now. Called when nothing can fail any more between this and
/// showing them, since they are never shown again.
pub async fn first_secrets(config: &Config, gateway: &Gateway) -> Result<FirstSecrets, Refused> {
    let key = config.global.api_key.as_ref().map(|key| key.expose());
    let password = config.global.admin_password.as_ref().map(|password| password.expose());
    Ok(FirstSecrets {
        key: gateway.keys.bootstrap(key).await?,
        password: gateway.desk.bootstrap(&config.global.admin_username, password).await?,
    })
}

fn engines(
    config: &Config,
    clock: &Arc<dyn Clock>,
    (outbound, settings): (&Arc<Outbound>, &Settings),
) -> Result<HashMap<String, Arc<dyn Engine>>, StudioError> {
    let mut engines: HashMap<String, Arc<dyn Engine>> = HashMap::new();
    let openai = OpenAiConfig {
        base_url: config.openai.base_url.clone(),
        poll_every: config.openai.poll_interval,
        ..OpenAiConfig::default()
    };
    let openai = OpenAi::new(openai, outbound.clone(), clock.clone());
    engines.insert(openai.name().to_owned(), Arc::new(openai));
    let firefly = Firefly::new(config.firefly.clone(), outbound.clone(), clock.clone());
    engines.insert(firefly.name().to_owned(), Arc::new(firefly));
    let sora = Sora::new(sora(config), outbound.clone(), clock.clone(), live::parse_service(settings));
    engines.insert(sora.name().to_owned(), Arc::new(sora));
    if config.studio.enabled {
        let studio = StudioConfig {
            latency_ms: u64::try_from(config.studio.latency.as_millis()).unwrap_or(u64::MAX),
            faults: config.studio.faults,
            font_paths: config.studio.font_paths.clone(),
            render_threads: config.studio.render_threads,
        };
        let studio = Studio::new(studio, clock.clone())?;
        engines.insert(studio.name().to_owned(), Arc::new(studio));
    }
    Ok(engines)
}

fn sora(config: &Config) -> SoraConfig {
    let sora = &config.sora;
    SoraConfig {
        base_url: sora.base_url.clone(),
        timeout: sora.timeout,
        retries: sora.max_retries,
        poll_every: sora.poll_interval,
        lost_after: sora.max_poll_attempts,
        user_agent: sora.user_agent.clone(),
        device_id: sora.device_id.clone(),
        headers: sora.headers.clone(),
        enhances: sora.enhance_prompts,
        ..SoraConfig::default()
    }
}

/// The way out to upstreams.
fn outbound(config: &Config, clock: &Arc<dyn Clock>) -> Result<Arc<Outbound>, BootError> {
    let settings = OutboundConfig { allowed: config.fetch.allowed.clone(), ..OutboundConfig::default() };
    Ok(Arc::new(Outbound::new(settings, clock.clone())?))
}

/// What the operator works with, besides accounts.
struct Office {
    settings: Settings,
    requests: RequestLog,
    audit: AuditTrail,
    codes: Redemption,
    bulletin: Bulletin,
}

/// Opens the operator's office, and has everybody tell it what happens.
fn office(
    config: &Config,
    Ground { store, clock, .. }: &Ground,
    settings: Settings,
    (accounts, pool, ledger): (&AccountBook, &Pool, &Ledger),
) -> Office {
    live::pool_follows(pool.clone(), config, &settings);
    let requests = RequestLog::new(store.clone(), pool.clone(), clock.clone(), config.log.calendar);
    ledger.accompany(requests.rider());
    let bulletin = Bulletin::default();
    ledger.tell(bulletin.clone());
    accounts.announce_in(bulletin.clone());
    let audit = AuditTrail::new(store.clone(), clock.clone());
    let codes = Redemption::new(store.clone(), ledger.clone(), clock.clone());
    Office { settings, requests, audit, codes, bulletin }
}

/// Who takes jobs, over everything that they need.
fn jobs(
    config: &Config,
    Ground { store, clock, units }: &Ground,
    engines: HashMap<String, Arc<dyn Engine>>,
    (pool, ledger): (&Pool, &Ledger),
) -> Jobs {
    Jobs::start(Parts {
        store: store.clone(),
        clock: clock.clone(),
        engines,
        pool: pool.clone(),
        ledger: ledger.clone(),
        config: jobs_config(config),
        budget: budget(config),
        units: units.clone(),
    })
}

/// What goes on by itself: the janitor, and the courier of webhooks.
fn background(
    config: &Config,
    Ground { store, clock, units }: &Ground,
    (ledger, settings): (&Ledger, &Settings),
    master_key: &MasterKey,
) -> Result<Webhooks, BootError> {
    let walks = JanitorConfig { every: JANITOR_EVERY, export_every: config.store.export_every };
    janitor::start(store.clone(), clock.clone(), walks, live::log_kept(settings), units.core());
    let notifier = Arc::new(HttpNotifier::new(config.fetch.allowed.clone(), clock.clone())?);
    let webhooks = Webhooks::open(store.clone(), ledger, master_key, clock.clone());
    webhooks.start(notifier, units.runner());
    Ok(webhooks)
}

/// What everything stands on.
struct Ground {
    store: Store,
    clock: Arc<dyn Clock>,
    units: Units,
}

/// How access tokens are renewed, by the engine that their accounts belong to.
fn renewers(
    config: &Config,
    clock: &Arc<dyn Clock>,
    outbound: &Arc<Outbound>,
) -> HashMap<String, Arc<dyn Renewer>> {
    let oauth = OAuthConfig {
        token_url: config.token_refresh.token_url.clone(),
        session_url: config.token_refresh.session_url.clone(),
        ..OAuthConfig::default()
    };
    let oauth: Arc<dyn Renewer> = Arc::new(OAuth::new(oauth, outbound.clone(), clock.clone()));
    let firefly = FireflyTokens::new(config.firefly.clone(), outbound.clone(), clock.clone());
    let firefly = (firefly::NAME.to_owned(), Arc::new(firefly) as Arc<dyn Renewer>);
    ["openai", "sora"].map(|engine| (engine.to_owned(), oauth.clone())).into_iter().chain([firefly]).collect()
}

/// The accounts, and who keeps their credentials good.
async fn accounts(
    config: &Config,
    Ground { store, clock, units }: &Ground,
    vault: Vault,
    (settings, renewers): (&Settings, HashMap<String, Arc<dyn Renewer>>),
) -> Result<(AccountBook, Keeper), BootError> {
    let accounts = AccountBook::open(store.clone(), vault.clone(), clock.clone())?;
    accounts.provision(&wanted(config)).await?;
    let parts = KeeperParts {
        accounts: accounts.clone(),
        store: store.clone(),
        vault,
        clock: clock.clone(),
        renewers,
        proxies: live::proxies(settings),
        on_change: Arc::new(|news| tracing::debug!(?news, "a credential changed")),
        config: KeeperConfig { enabled: settings.values().refresh_access_tokens, ..KeeperConfig::default() },
    };
    let keeper = Keeper::start(parts, units.core())?;
    live::keeper_follows(keeper.clone(), settings);
    let told = keeper.clone();
    accounts.tell_of_changes(Arc::new(move |account| told.changed(account)));
    Ok((accounts, keeper))
}

/// Who lends the accounts, and who looks at them.
fn lenders(
    config: &Config,
    Ground { clock, units, .. }: &Ground,
    (accounts, keeper): (&AccountBook, &Keeper),
    engines: &HashMap<String, Arc<dyn Engine>>,
) -> (Pool, Checkups) {
    let parts = PoolParts {
        accounts: accounts.list().iter().map(|account| Account::clone(account)).collect(),
        config: pool_config(config),
        engines: engines.clone(),
        steward: Arc::new(keeper.clone()),
        clock: clock.clone(),
    };
    let pool = Pool::start(parts, units.core());
    accounts.tell(pool.clone());
    let runner = units.runner().clone();
    let checkups = Checkups::new(accounts.clone(), pool.clone(), engines.clone(), clock.clone(), runner);
    (pool, checkups)
}

/// The accounts that the embedded engine starts with.
fn wanted(config: &Config) -> Wanted {
    let accounts = if config.studio.enabled { config.studio.accounts } else { 0 };
    let slots = i32::try_from(config.studio.slots).unwrap_or(i32::MAX);
    Wanted { engine: "studio", accounts, slots }
}

/// Characters, those of earlier versions included.
async fn characters(
    config: &Config,
    store: &Store,
    library: &MediaLibrary,
    clock: &Arc<dyn Clock>,
) -> Result<Characters, Refused> {
    let portraitist = Arc::new(FilmInspector);
    let characters =
        Characters::open(store.clone(), clock.clone(), library.clone(), portraitist, config.jobs.idempotency);
    let adopted = characters.adopt().await?;
    if adopted > 0 {
        tracing::info!(adopted, "characters of an earlier version taken over");
    }
    Ok(characters)
}

pub(crate) fn pool_config(config: &Config) -> PoolConfig {
    PoolConfig {
        error_ban_threshold: config.pool.error_ban_threshold,
        rate_limited_cooldown: config.pool.rate_limited_cooldown,
        overloaded_cooldown: config.pool.overloaded_cooldown,
        quota_cooldown: Duration::from_secs(3600),
    }
}

fn fetch_config(config: &Config) -> FetchConfig {
    FetchConfig {
        allowed: config.fetch.allowed.clone(),
        timeout: config.fetch.timeout,
        concurrency: config.fetch.concurrency,
    }
}

fn jobs_config(config: &Config) -> JobsConfig {
    JobsConfig {
        max_open: config.jobs.max_open,
        max_attempts: config.pool.max_attempts,
        retention: config.jobs.retention,
        link_lifetime: config.media.url_ttl,
        idempotency: config.jobs.idempotency,
    }
}

fn budget(config: &Config) -> Budget {
    Budget { file: config.limits.file_bytes as u64, key: config.limits.disk_bytes_per_key as u64 }
}

fn limits(config: &Config) -> Limits {
    Limits {
        json_body: config.limits.json_body_bytes,
        multipart_body: config.limits.multipart_body_bytes,
        prompt_chars: config.limits.prompt_chars,
        ignore_unsupported_mask: config.images.ignore_unsupported_mask,
        profile: config.global.profile,
        retention: config.jobs.retention,
    }
}

fn cors(config: &Config) -> Vec<String> {
    match &config.server.cors_origins {
        CorsOrigins::Any => vec!["*".to_owned()],
        CorsOrigins::Only(origins) => origins.clone(),
    }
}
