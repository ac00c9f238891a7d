//! Gathers the values: defaults, then the file, then the environment; later ones win. Nothing here judges a value.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use toml::Value;

use super::{
    Source,
    prices::RawPrices,
    problem::Problem,
    raw::{Key, Raw},
    suggest,
    value::Given,
};

/// Start of the environment variables that set keys: `ATELIER__SERVER__PORT`. Single underscores are left alone, for
/// container platforms set such names (`ATELIER_PORT`, `ATELIER_SERVICE_HOST`) by themselves.
pub const ENV_PREFIX: &str = "ATELIER__";
/// The environment variable that names the file.
pub const ENV_FILE: &str = "ATELIER_CONFIG";
/// The file that is read when none is named and it exists in the working directory.
pub const DEFAULT_FILE: &str = "config.toml";

const LARGEST_SECRET_FILE: u64 = 64 * 1024;

/// Where values may come from. The process's own are had by [`Inputs::of_process`]; tests bring theirs.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// The environment.
    pub env: BTreeMap<String, OsString>,
    /// Where `config.toml` is looked for.
    pub working_dir: PathBuf,
}

impl Inputs {
    /// The environment and working directory of this process.
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let named = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        Self { file, env: std::env::vars_os().filter_map(named).collect(), working_dir: PathBuf::from(".") }
    }

    /// The file to read: one that somebody named, which then must exist, or the one that lies here.
    fn chosen_file(&self) -> Option<PathBuf> {
        let asked = self
            .file
            .clone()
            .or_else(|| self.env.get(ENV_FILE).filter(|name| !name.is_empty()).map(PathBuf::from));
        asked.or_else(|| Some(self.working_dir.join(DEFAULT_FILE)).filter(|file| file.exists()))
    }
}

/// Values, where each came from, and what went wrong on the way.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub raw: Raw,
    pub prices: RawPrices,
    pub sources: BTreeMap<String, Source>,
    pub file: Option<PathBuf>,
    pub problems: Vec<Problem>,
}

pub(super) fn gather(inputs: &Inputs) -> Gathered {
    let mut gathered = Gathered { file: inputs.chosen_file(), ..Gathered::default() };
    if let Some(file) = gathered.file.clone() {
        match read_table(&file) {
            Ok(table) => gathered.apply_file(table),
            Err(problem) => gathered.problems.push(problem),
        }
    }
    gathered.apply_env(&inputs.env);
    gathered
}

impl Gathered {
    fn apply_file(&mut self, table: toml::Table) {
        let mut layer = Layer::new(Source::File);
        for (section, value) in table {
            if section == "prices" {
                self.problems.extend(self.prices.read(value));
                continue;
            }
            if !Raw::KEYS.iter().any(|key| key.section == section) {
                self.problems.push(suggest::section(&section));
                continue;
            }
            let Value::Table(keys) = value else {
                self.problems.push(Problem::new(&section, format!("expected a section: write [{section}]")));
                continue;
            };
            for (name, value) in keys {
                match Target::find(&section, &name) {
                    Some(target) => layer.set(self, target, &format!("{section}.{name}"), Given::Toml(value)),
                    None => self.problems.push(suggest::key(&section, &name)),
                }
            }
        }
    }

    fn apply_env(&mut self, env: &BTreeMap<String, OsString>) {
        let mut layer = Layer::new(Source::Env);
        for (variable, value) in env {
            if !variable.starts_with(ENV_PREFIX) {
                continue;
            }
            let target = Target::all().find(|target| target.variable() == *variable);
            match (target, value.to_str()) {
                (Some(target), Some(text)) => layer.set(self, target, variable, Given::Text(text.to_owned())),
                (Some(_), None) => self.problems.push(Problem::new(variable, "is not UTF-8")),
                (None, _) => self.problems.push(suggest::variable(variable)),
            }
        }
    }
}

/// A key, and whether the value itself is given or the name of a file that holds it.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub key: Key,
    pub in_file: bool,
}

impl Target {
    /// Every name that can be set.
    pub fn all() -> impl Iterator<Item = Target> {
        let values = Raw::KEYS.iter().map(|key| Target { key: *key, in_file: false });
        values.chain(Raw::KEYS.iter().filter(|key| key.secret).map(|key| Target { key: *key, in_file: true }))
    }

    fn find(section: &str, name: &str) -> Option<Target> {
        Target::all().find(|target| target.key.section == section && target.name() == name)
    }

    /// `port`, `admin_password_file`.
    pub fn name(&self) -> String {
        format!("{}{}", self.key.name, if self.in_file { "_file" } else { "" })
    }

    /// `server.port`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.key.section, self.name())
    }

    /// `ATELIER__SERVER__PORT`.
    pub fn variable(&self) -> String {
        format!("{ENV_PREFIX}{}__{}", self.key.section, self.name()).to_ascii_uppercase()
    }
}

/// One source's pass over the values: in a layer a secret is set once, itself or by its file.
struct Layer {
    source: Source,
    set: BTreeSet<String>,
}

impl Layer {
    fn new(source: Source) -> Self {
        Self { source, set: BTreeSet::new() }
    }

    fn set(&mut self, into: &mut Gathered, target: Target, place: &str, given: Given) {
        let path = target.key.path();
        if !self.set.insert(path.clone()) {
            let name = target.key.name;
            into.problems.push(Problem::new(place, format!("set {name} or {name}_file, not both")));
            return;
        }
        let given = if target.in_file { secret_in(given) } else { Ok(given) };
        match given.and_then(|given| into.raw.set(&target.key, given)) {
            Ok(()) => {
                into.sources.insert(path, self.source);
            }
            Err(message) => into.problems.push(Problem::new(place, message)),
        }
    }
}

/// The text of the file that `given` names, without the line end that editors and `echo` leave.
fn secret_in(given: Given) -> Result<Given, String> {
    let (Given::Text(path) | Given::Toml(Value::String(path))) = given else {
        return Err("expected the path of a file, in quotes".to_owned());
    };
    let unreadable = |error: std::io::Error| format!("cannot read {path}: {error}");
    let length = fs::metadata(&path).map_err(unreadable)?.len();
    if length > LARGEST_SECRET_FILE {
        return Err(format!("{path} has {length} bytes; a secret has at most {LARGEST_SECRET_FILE}"));
    }
    let text = fs::read_to_string(&path).map_err(unreadable)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(format!("{path} is empty"));
    }
    Ok(Given::Text(text.to_owned()))
}

fn read_table(file: &Path) -> Result<toml::Table, Problem> {
    let text = fs::read_to_string(file).map_err(|error| Problem::at_file(file, error))?;
    text.parse().map_err(|error: toml::de::Error| Problem::at_file(file, syntax(&text, &error)))
}

/// The parser's message with its line, but without the line's text: it may be the one that holds a password.
fn syntax(text: &str, error: &toml::de::Error) -> String {
    let offset = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
    format!("line {line}: {}", error.message())
}
