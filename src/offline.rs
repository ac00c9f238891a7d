//! What is done without serving: checking the configuration, asking a server how it is, proving the books, export, restore.

use crate::{
    boot::store_options,
    cli::{Export, Healthcheck, Restore},
    config::Config,
    master_key::{self, Rekeyed},
};
use atelier_actors::credit_ledger::{self, Verdict};
use atelier_store::{ExportReport, RestoreReport, Source, Store, restore as rebuild};
use std::{error::Error, fs, path::Path, time::Duration};

/// Any failure of a command, told as one line.
pub type Failure = Box<dyn Error>;

/// How long a health check waits for its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Every setting with its value and where it came from, as `check-config` shows it.
pub fn settings(config: &Config) -> String {
    let width = config.settings.iter().map(|setting| setting.path.len()).max().unwrap_or(0);
    let line = |setting: &crate::config::Setting| {
        format!("{:width$}  {}  ({})\n", setting.path, setting.shown, setting.source.word())
    };
    config.settings.iter().map(line).collect()
}

/// Asks a running server how it is. Needs an actix system.
pub async fn healthcheck(config: &Config, asked: Healthcheck) -> Result<String, Failure> {
    let host = match config.server.host.as_str() {
        // A server that listens everywhere is asked here.
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    let url = asked.url.unwrap_or_else(|| format!("http://{host}:{}/health", config.server.port));
    let client = awc::Client::builder().timeout(PATIENCE).finish();
    let mut response =
        client.get(&url).send().await.map_err(|error| format!("{url} does not answer: {error}"))?;
    let body = response.body().await.map_err(|error| format!("{url} broke off: {error}"))?;
    let text = String::from_utf8_lossy(&body).into_owned();
    if response.status().is_success() {
        Ok(text)
    } else {
        Err(format!("{url} answers {}: {text}", response.status()).into())
    }
}

/// Proves the books of a stopped server.
pub fn verify_ledger(config: &Config) -> Result<Verdict, Failure> {
    let store = Store::open(store_options(config))?;
    Ok(credit_ledger::verify_offline(&store)?)
}

/// Exports a stopped server's data, to `out` if it says where.
pub fn export(config: &Config, asked: &Export) -> Result<ExportReport, Failure> {
    let store = Store::open(store_options(config))?;
    let mut report = store.export()?;
    if let Some(out) = &asked.out {
        fs::copy(&report.path, out)?;
        fs::File::open(out)?.sync_all()?;
        report.path.clone_from(out);
    }
    Ok(report)
}

/// Rebuilds the database.
pub fn restore(config: &Config, asked: &Restore) -> Result<RestoreReport, Failure> {
    let source = match &asked.file {
        Some(file) => Source::File(file.clone()),
        None => Source::Latest,
    };
    Ok(rebuild(Path::new(&config.data_dir), source)?)
}

/// Gives a stopped server another secret, and exports what is sealed with it.
pub fn rekey(config: &Config) -> Result<Rekeyed, Failure> {
    let store = Store::open(store_options(config))?;
    let (given, next) = (config.secret_key.as_ref(), config.new_secret_key.as_ref());
    let rekeyed = master_key::rekey(&store, given, next, &mut || Ok(()))?;
    store.close()?;
    Ok(rekeyed)
}

/// What a change of the secret means for its operator.
pub fn rekeyed(done: &Rekeyed) -> String {
    let kept = match &done.file {
        Some(file) => format!("it is in {}", file.display()),
        None => {
            format!("it is the one that was given: set {} to it before the next start", master_key::VARIABLE)
        }
    };
    format!(
        "{} rows sealed anew; secret key {} is replaced by {}: {kept}\n\
         links to media that were handed out before are void, and every key has another webhook secret: \
         have it with POST /api/keys/{{id}}/rotate {{\"webhook_secret\":true}}\n\
         exports and copies from before are sealed with the old key: keep it for as long as you keep them, apart from them\n",
        done.rows, done.old, done.new
    )
}
