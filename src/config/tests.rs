//! The configuration as an operator meets it: files, variables, and what is said about mistakes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use tempfile::TempDir;

use super::{
    Config, ConfigError, CorsOrigins, Inputs, Source, load, load::gather, prices::RawPrices, raw::Raw,
};

struct Place {
    dir: TempDir,
    inputs: Inputs,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let inputs = Inputs { working_dir: dir.path().to_owned(), ..Inputs::default() };
        Self { dir, inputs }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn with_file(text: &str) -> Self {
        let place = Self::new();
        place.write("config.toml", text);
        place
    }

    fn env<const N: usize>(mut self, vars: [(&str, &str); N]) -> Self {
        self.inputs.env = BTreeMap::from(vars.map(|(name, value)| (name.to_owned(), value.into())));
        self
    }

    fn load(&self) -> Config {
        load(&self.inputs).unwrap()
    }

    fn texts(&self) -> Vec<String> {
        let ConfigError { problems } = load(&self.inputs).unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    }
}

fn source(config: &Config, path: &str) -> Source {
    config.settings.iter().find(|setting| setting.path == path).unwrap().source
}

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml");

#[test]
fn the_shipped_file_is_the_defaults_and_shows_every_key() {
    let mut inputs = Place::new().inputs;
    inputs.file = Some(SHIPPED.into());
    let gathered = gather(&inputs);
    assert_eq!(gathered.problems, []);
    assert_eq!(gathered.raw, Raw::default());
    let defaults = RawPrices::default();
    assert_eq!(gathered.prices.rules, Some(defaults.rules()));
    assert_eq!(gathered.prices.vectors, Some(defaults.vectors()));
    let missing: Vec<_> =
        Raw::KEYS.iter().filter(|key| !gathered.sources.contains_key(&key.path())).collect();
    assert_eq!(missing, [] as [&super::raw::Key; 0], "config.toml does not show these keys");
}

#[test]
fn the_shipped_file_has_the_order_of_the_code() {
    let text = std::fs::read_to_string(SHIPPED).unwrap();
    let mut section = String::new();
    let mut shown = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.starts_with('#')) {
            shown.push(format!("{section}.{key}"));
        }
    }
    shown.retain(|path| !path.starts_with("[prices"));
    assert_eq!(shown, Raw::KEYS.iter().map(|key| key.path()).collect::<Vec<_>>());
}

#[test]
fn nothing_at_all_is_a_working_configuration() {
    let config = Place::new().load();
    assert_eq!((config.server.host.as_str(), config.server.port), ("127.0.0.1", 8000));
    assert!(config.server.workers > 0 && config.studio.render_threads > 0);
    assert!(config.global.api_key.is_none() && config.global.admin_password.is_none());
    assert_eq!(config.server.cors_origins, CorsOrigins::Any);
    assert_eq!(config.file, None);
}

#[test]
fn a_later_source_wins_and_is_named() {
    let place = Place::with_file("[server]\nport = 1\nhost = 'a'\n").env([("ATELIER__SERVER__PORT", "2")]);
    let config = place.load();
    assert_eq!((config.server.port, config.server.host.as_str()), (2, "a"));
    let sources = ["server.port", "server.host", "server.workers"].map(|path| source(&config, path));
    assert_eq!(sources, [Source::Env, Source::File, Source::Default]);
    assert!(config.file.is_some());
}

#[test]
fn the_file_is_the_flag_then_the_variable_then_the_one_lying_here() {
    let mut place = Place::with_file("[server]\nport = 1\n");
    let flag = place.write("flag.toml", "[server]\nport = 3\n");
    let variable = place.write("variable.toml", "[server]\nport = 2\n");
    assert_eq!(place.load().server.port, 1);
    place = place.env([("ATELIER_CONFIG", variable.to_str().unwrap())]);
    assert_eq!(place.load().server.port, 2);
    place.inputs.file = Some(flag);
    assert_eq!(place.load().server.port, 3);
    place.inputs.file = Some("gone.toml".into());
    assert!(
        place.texts()[0].starts_with("gone.toml: "),
        "a named file that is missing must not be passed over"
    );
}

#[test]
fn a_misspelt_name_is_refused_with_the_one_that_was_meant() {
    let mut place = Place::new();
    place.inputs.file =
        Some(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/config.wrongkey.toml").into());
    place = place.env([
        ("ATELIER__SERVER__PROT", "1"),
        ("ATELIER__PRICES__RULES", "[]"),
        ("ATELIER_PORT", "tcp://x"),
    ]);
    let mut found = place.texts();
    found.sort();
    assert_eq!(
        found,
        [
            "unknown environment variable ATELIER__PRICES__RULES: prices are set in the file",
            "unknown environment variable ATELIER__SERVER__PROT: did you mean ATELIER__SERVER__PORT?",
            "unknown key database.type: the database is built in; remove this line",
            "unknown key generation.api_key: did you mean global.api_key?",
            "unknown key prices.rules[1].credit: did you mean credits?",
            "unknown key server.prot: did you mean server.port?",
            "unknown section redis: nothing here needs Redis; remove this section",
            "unknown section studoi: did you mean [studio]?",
        ]
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let text = "[server]\nport = 70000\nhost = 5\ncors_origins = ['*', 'https://a/b']\n[log]\nformat = 'xml'\n[sora]\npoll_interval = 0.0\n";
    let found = Place::with_file(text).env([("ATELIER__STUDIO__FAULTS", "yes")]).texts();
    assert_eq!(
        found,
        [
            "server.host: expected a text in quotes, found 5",
            "ATELIER__STUDIO__FAULTS: expected true or false, found \"yes\"",
            "server.port: expected 0 to 65535, found 70000",
            "server.cors_origins: \"*\" means every origin: let it stand alone, or remove it",
            "log.format: expected pretty or json, found \"xml\"",
            "sora.poll_interval: expected 0.1 to 600, found 0",
        ]
    );
}

#[test]
fn every_number_has_an_upper_bound() {
    for key in Raw::KEYS {
        let mut place = Place::new();
        let variable = format!("ATELIER__{}", key.path().replace('.', "__").to_uppercase());
        let is_number = Raw::default().set(key, super::value::Given::Toml(toml::Value::Integer(1))).is_ok();
        if is_number {
            place.inputs.env.insert(variable, u64::MAX.to_string().into());
            let found = place.texts();
            assert!(
                found.len() == 1 && found[0].starts_with(&format!("{}: expected ", key.path())),
                "{found:?}"
            );
        }
    }
}

#[test]
fn a_secret_is_read_from_the_file_that_is_named() {
    let place = Place::new();
    let (key, password) =
        (place.write("key", "sk-from-a-file\n"), place.write("password", "from the file\r\n"));
    place.write(
        "config.toml",
        &format!("[global]\nadmin_password_file = {password:?}\napi_key = 'sk-in-config'\n"),
    );
    let config = place.env([("ATELIER__GLOBAL__API_KEY_FILE", key.to_str().unwrap())]).load();
    assert_eq!(config.global.api_key.as_ref().unwrap().expose(), "sk-from-a-file");
    assert_eq!(config.global.admin_password.as_ref().unwrap().expose(), "from the file");
    assert_eq!(source(&config, "global.api_key"), Source::Env);
    let shown = format!("{config:?}");
    assert!(!shown.contains("sk-from-a-file") && !shown.contains("from the file"), "{shown}");
}

#[test]
fn a_secret_given_twice_in_one_source_is_refused() {
    let place = Place::new();
    let key = place.write("key", "sk-a");
    let found = place
        .env([("ATELIER__GLOBAL__API_KEY", "sk-b"), ("ATELIER__GLOBAL__API_KEY_FILE", key.to_str().unwrap())])
        .texts();
    assert_eq!(found, ["ATELIER__GLOBAL__API_KEY_FILE: set api_key or api_key_file, not both"]);
}

#[test]
fn a_missing_or_empty_secret_file_is_refused() {
    for (name, text) in [("gone", None), ("empty", Some("\n"))] {
        let place = Place::new();
        let path = text.map_or_else(|| place.dir.path().join(name), |text| place.write(name, text));
        let found = place.env([("ATELIER__METRICS__TOKEN_FILE", path.to_str().unwrap())]).texts();
        assert!(found.len() == 1 && found[0].contains(name), "{found:?}");
    }
}

#[test]
fn no_error_repeats_a_secret() {
    let secret = "hunter2hunter2";
    let texts = [
        format!("[global]\nadmin_password = '{secret}\n"),
        format!("[global]\nadmin_password = ['{secret}']\n"),
        format!("[global]\napi_key = 'sk {secret}'\n"),
        format!("[metrics]\ntoken = ' {secret}'\n"),
        format!("[proxy]\nurl = 'nowhere {secret}'\n"),
    ];
    for text in texts {
        let found = Place::with_file(&text).texts();
        assert!(!found.is_empty() && found.iter().all(|problem| !problem.contains(secret)), "{found:?}");
    }
}

#[test]
fn a_placeholder_of_an_example_is_refused() {
    let found =
        Place::with_file("[global]\napi_key = 'your-api-key'\nadmin_password = 'your-password'\n").texts();
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn something_turned_on_without_what_it_needs_is_refused() {
    let text = "[proxy]\nenabled = true\n[cloudflare]\nenabled = true\n[watermark_free]\nwatermark_free_enabled = true\nparse_method = 'custom'\n";
    let paths: Vec<_> =
        Place::with_file(text).texts().iter().map(|p| p.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(paths, ["proxy.url", "watermark_free.custom_parse_url", "cloudflare.api_url"]);
}

#[test]
fn an_entry_of_the_allow_list_that_would_not_do_what_it_says_is_refused() {
    let found = Place::with_file("[fetch]\nallow = ['10.0.0.7/8', '*.corp', 'http://minio']\n").texts();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("fetch.allow: ") && found[0].contains("10.0.0.0/8"), "{found:?}");
    let config = Place::new().env([("ATELIER__FETCH__ALLOW", "10.0.0.0/8, minio")]).load();
    assert_ne!(config.fetch.allowed, Place::new().load().fetch.allowed);
}

#[test]
fn units_are_kept_on_the_way() {
    let text = "[limits]\njson_body_mib = 2\n[studio]\nlatency_ms = 1500\n[sora]\npoll_interval = 2\n[server]\npublic_url = 'https://a.example/x/'\n";
    let config = Place::with_file(text).load();
    assert_eq!(config.limits.json_body_bytes, 2 * 1024 * 1024);
    assert_eq!(config.studio.latency, Duration::from_millis(1500));
    assert_eq!(config.sora.poll_interval, Duration::from_secs(2));
    assert_eq!(config.server.public_url.as_deref(), Some("https://a.example/x"));
}

#[test]
fn nothing_of_sora_points_anywhere_unless_the_operator_says_so() {
    let config = Place::new().load();
    assert_eq!((config.sora.base_url, config.sora.user_agent, config.sora.headers), (None, None, Vec::new()));
    let text = "[sora]\nbase_url = 'https://a.example/backend/'\nheaders = ['OAI-Language: en-US']\ndevice_id = 'd-1'\n";
    let config = Place::with_file(text).load();
    assert_eq!(config.sora.base_url.as_deref(), Some("https://a.example/backend"));
    assert_eq!(config.sora.headers, [("oai-language".to_owned(), "en-US".to_owned())]);
    let text = "[sora]\nheaders = ['Authorization: x', 'no header', 'a b: c']\nuser_agent = \"a\\nb\"\n";
    let texts = Place::with_file(text).texts();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(texts.iter().all(|text| text.starts_with("sora.")), "{texts:?}");
}
