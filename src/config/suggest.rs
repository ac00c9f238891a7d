//! The nearest known name for an unknown one, and what to say to keys of related servers that this one does not have.

use super::{load::Target, problem::Problem, raw::Raw};

/// Keys of the settings files of older servers, and what to do with them here.
const FOREIGN: &[(&str, &str)] = &[
    ("database.type", "the database is built in; remove this line"),
    ("database.sqlite_path", "the database is built in; name its directory with database.path"),
    ("redis", "nothing here needs Redis; remove this section"),
    ("debug.mask_token", "secrets are always masked; remove this line"),
];

/// An unknown section of the file.
pub(super) fn section(section: &str) -> Problem {
    let known = Raw::KEYS.iter().map(|key| key.section.to_owned()).chain(["prices".to_owned()]);
    let advice =
        foreign(section).or_else(|| nearest(section, known).map(|near| did_you_mean(&format!("[{near}]"))));
    Problem::unknown("section", section, &advice.unwrap_or_else(listed_in_file))
}

/// An unknown key of a known section.
pub(super) fn key(section: &str, name: &str) -> Problem {
    let path = format!("{section}.{name}");
    let elsewhere = || Target::all().find(|target| target.name() == name).map(|target| target.path());
    let near = || nearest(&path, Target::all().map(|target| target.path()));
    let advice = foreign(&path).or_else(|| elsewhere().or_else(near).map(|near| did_you_mean(&near)));
    Problem::unknown("key", path, &advice.unwrap_or_else(listed_in_file))
}

/// An environment variable with our prefix that sets nothing.
pub(super) fn variable(variable: &str) -> Problem {
    let advice = match variable.strip_prefix("ATELIER__PRICES") {
        Some(_) => "prices are set in the file".to_owned(),
        None => nearest(variable, Target::all().map(|target| target.variable()))
            .map_or_else(listed_in_file, |near| did_you_mean(&near)),
    };
    Problem::unknown("environment variable", variable, &advice)
}

/// A field that one entry of a price list does not have.
pub(super) fn entry_field(path: String, name: &str, known: &[&str]) -> Problem {
    let near = nearest(name, known.iter().map(|known| (*known).to_owned()));
    let advice = near.map_or_else(|| format!("it has {}", known.join(", ")), |near| did_you_mean(&near));
    Problem::unknown("key", format!("{path}.{name}"), &advice)
}

fn foreign(path: &str) -> Option<String> {
    FOREIGN.iter().find(|(name, _)| *name == path).map(|(_, advice)| (*advice).to_owned())
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean {name}?")
}

fn listed_in_file() -> String {
    "the config.toml of this release lists every key".to_owned()
}

/// The known name with the fewest edits, if so few that it is likely the one that was meant.
fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let most = (name.len() / 4).clamp(1, 4);
    let distances = known.map(|known| (strsim::damerau_levenshtein(name, &known), known));
    distances
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= most)
        .map(|(_, known)| known)
}
