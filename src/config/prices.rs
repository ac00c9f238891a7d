//! `[[prices.rules]]` and `[[prices.vectors]]`: what things cost, and worked examples that must come out right.
//!
//! A price list is money, so it is never used unproven: a rule that cannot be read, a kind that no rule covers, or one
//! wrong vector refuses the start.

use atelier_domain::{
    credit::{Credits, MAX_AMOUNT},
    image::Quality,
    job::JobKind,
    price::{Facts, Per, PriceRule, PriceTable},
    size::Size,
};
use serde::{Deserialize, de::DeserializeOwned};
use toml::Value;

use super::{problem::Problem, suggest};

/// The lists as written; a list that the file does not have keeps its default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawPrices {
    /// `[[prices.rules]]`, in order.
    pub rules: Option<Vec<RawRule>>,
    /// `[[prices.vectors]]`.
    pub vectors: Option<Vec<RawVector>>,
}

/// One `[[prices.rules]]`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// How quotes and receipts name it.
    pub name: String,
    /// `image` or `video`.
    pub kind: String,
    /// Names of models, where `*` stands for any run of characters. Default: all.
    #[serde(default)]
    pub models: Vec<String>,
    /// Quality words. Default: all.
    #[serde(default)]
    pub quality: Vec<String>,
    /// The longer side, in pixels, at least.
    pub min_long_side: Option<u32>,
    /// Width times height at least.
    pub min_pixels: Option<u64>,
    /// Length in seconds at least.
    pub min_seconds: Option<u32>,
    /// What the credits are for: each `output`, the whole `job`, or each `second` of each output.
    pub per: String,
    /// How many credits.
    pub credits: Credits,
}

/// One `[[prices.vectors]]`: a request and what it must cost.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RawVector {
    /// `image` or `video`.
    pub kind: String,
    /// The model's own name.
    pub model: String,
    /// `WIDTHxHEIGHT`.
    pub size: String,
    /// How many outputs. Default: 1.
    #[serde(default = "one")]
    pub n: u32,
    /// The quality word. Default: `auto`.
    #[serde(default = "auto")]
    pub quality: String,
    /// Length in seconds. Default: 0, as of an image.
    #[serde(default)]
    pub seconds: u32,
    /// What the request costs in all.
    pub credits: Credits,
}

fn one() -> u32 {
    1
}

fn auto() -> String {
    "auto".to_owned()
}

/// The fields of an entry, for "did you mean"; a test holds them to the structs.
const RULE_FIELDS: &[&str] =
    &["name", "kind", "models", "quality", "min_long_side", "min_pixels", "min_seconds", "per", "credits"];
const VECTOR_FIELDS: &[&str] = &["kind", "model", "size", "n", "quality", "seconds", "credits"];

impl RawPrices {
    /// Reads the value of `prices`, and says what is wrong with it.
    pub(super) fn read(&mut self, value: Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        let Value::Table(lists) = value else {
            return vec![Problem::new(
                "prices",
                "expected lists: write [[prices.rules]] and [[prices.vectors]]",
            )];
        };
        for (name, list) in lists {
            match name.as_str() {
                "rules" => self.rules = Some(read_list("prices.rules", RULE_FIELDS, list, &mut problems)),
                "vectors" => {
                    self.vectors = Some(read_list("prices.vectors", VECTOR_FIELDS, list, &mut problems))
                }
                _ => problems.push(suggest::entry_field("prices".to_owned(), &name, &["rules", "vectors"])),
            }
        }
        problems
    }

    /// The rules in force: those of the file, else the defaults.
    pub fn rules(&self) -> Vec<RawRule> {
        self.rules.clone().unwrap_or_else(default_rules)
    }

    /// The vectors in force. The default ones hold for the default rules only.
    pub fn vectors(&self) -> Vec<RawVector> {
        match (&self.vectors, &self.rules) {
            (Some(vectors), _) => vectors.clone(),
            (None, Some(_)) => Vec::new(),
            (None, None) => default_vectors(),
        }
    }

    /// The table, once every rule is sound, both kinds are covered and every vector comes out.
    pub(super) fn check(&self, problems: &mut Vec<Problem>) -> PriceTable {
        let before = problems.len();
        let rules: Vec<_> = numbered("prices.rules", self.rules())
            .filter_map(|(path, rule)| take(rule.check(&path), problems))
            .collect();
        for kind in [JobKind::Image, JobKind::Video] {
            if problems.len() == before && !rules.iter().any(|rule| covers_all(rule, kind)) {
                let message =
                    format!("nothing prices every {}: end with a rule that has no conditions", kind.word());
                problems.push(Problem::new("prices.rules", message));
            }
        }
        let table = PriceTable::new(rules);
        if problems.len() == before {
            for (path, vector) in numbered("prices.vectors", self.vectors()) {
                take(vector.check(&path, &table), problems);
            }
        }
        table
    }
}

impl RawRule {
    fn check(self, path: &str) -> Result<PriceRule, Vec<Problem>> {
        let mut problems = Vec::new();
        let kind = take(kind(path, &self.kind), &mut problems);
        let per = match self.per.as_str() {
            "output" => Some(Per::Output),
            "job" => Some(Per::Job),
            "second" => Some(Per::Second),
            other => {
                let message = format!("expected output, job or second, found {other:?}");
                problems.push(Problem::new(format!("{path}.per"), message));
                None
            }
        };
        if self.name.trim().is_empty() {
            problems.push(Problem::new(format!("{path}.name"), "expected a name"));
        }
        if !(0..=MAX_AMOUNT).contains(&self.credits) {
            problems.push(Problem::new(format!("{path}.credits"), format!("expected 0 to {MAX_AMOUNT}")));
        }
        if (kind, per) == (Some(JobKind::Image), Some(Per::Second)) {
            problems.push(Problem::new(format!("{path}.per"), "an image has no seconds: use output or job"));
        }
        if let Some(word) = self.quality.iter().find(|word| Quality::parse(word).is_none()) {
            let message = format!("expected words of {}, found {word:?}", Quality::WORDS.join(", "));
            problems.push(Problem::new(format!("{path}.quality"), message));
        }
        match (kind, per) {
            (Some(kind), Some(per)) if problems.is_empty() => Ok(PriceRule {
                name: self.name,
                kind,
                models: self.models,
                quality: self.quality,
                min_long_side: self.min_long_side,
                min_pixels: self.min_pixels,
                min_seconds: self.min_seconds,
                per,
                credits: self.credits,
            }),
            _ => Err(problems),
        }
    }
}

impl RawVector {
    fn check(self, path: &str, table: &PriceTable) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let kind = take(kind(path, &self.kind), &mut problems);
        let size: Result<Size, _> = self.size.parse();
        if let Err(message) = &size {
            problems.push(Problem::new(format!("{path}.size"), message));
        }
        let (Some(kind), Ok(size)) = (kind, size) else { return Err(problems) };
        let facts =
            Facts { kind, model: self.model, size, n: self.n, quality: self.quality, seconds: self.seconds };
        match table.price(&facts) {
            Ok(price) if price.total == self.credits => Ok(()),
            Ok(price) => Err(vec![Problem::new(
                path,
                format!(
                    "{} of {} x {} should cost {}, but rule {:?} makes it {}",
                    facts.model, facts.n, facts.size, self.credits, price.rule, price.total
                ),
            )]),
            Err(no_price) => Err(vec![Problem::new(path, no_price)]),
        }
    }
}

/// Whether `rule` has no condition but its kind.
fn covers_all(rule: &PriceRule, kind: JobKind) -> bool {
    let every_model = rule.models.is_empty() || rule.models.iter().any(|glob| glob == "*");
    let unconditional =
        rule.min_long_side.is_none() && rule.min_pixels.is_none() && rule.min_seconds.is_none();
    rule.kind == kind && every_model && rule.quality.is_empty() && unconditional
}

fn kind(path: &str, word: &str) -> Result<JobKind, Vec<Problem>> {
    match word {
        "image" => Ok(JobKind::Image),
        "video" => Ok(JobKind::Video),
        _ => Err(vec![Problem::new(
            format!("{path}.kind"),
            format!("expected image or video, found {word:?}"),
        )]),
    }
}

fn take<T>(result: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|found| problems.extend(found)).ok()
}

/// Entries with their place as people count, `prices.rules[1]` being the first.
fn numbered<T>(list: &str, entries: Vec<T>) -> impl Iterator<Item = (String, T)> {
    entries.into_iter().enumerate().map(move |(at, entry)| (format!("{list}[{}]", at + 1), entry))
}

fn read_list<T: DeserializeOwned>(
    list: &str,
    fields: &[&str],
    value: Value,
    problems: &mut Vec<Problem>,
) -> Vec<T> {
    let Value::Array(entries) = value else {
        problems.push(Problem::new(list, format!("expected a list: write [[{list}]]")));
        return Vec::new();
    };
    let mut read = Vec::with_capacity(entries.len());
    for (path, entry) in numbered(list, entries) {
        let names =
            entry.as_table().map(|table| table.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let strangers: Vec<_> = names.iter().filter(|name| !fields.contains(&name.as_str())).collect();
        problems.extend(strangers.iter().map(|name| suggest::entry_field(path.clone(), name, fields)));
        if strangers.is_empty() {
            match entry.try_into::<T>() {
                Ok(entry) => read.push(entry),
                Err(error) => problems.push(Problem::new(path, error.message())),
            }
        }
    }
    read
}

fn default_rules() -> Vec<RawRule> {
    let rule = |name: &str, kind: &str, per: &str, credits| RawRule {
        name: name.to_owned(),
        kind: kind.to_owned(),
        models: Vec::new(),
        quality: Vec::new(),
        min_long_side: None,
        min_pixels: None,
        min_seconds: None,
        per: per.to_owned(),
        credits,
    };
    vec![
        RawRule { min_long_side: Some(3840), ..rule("image-4k", "image", "output", 5) },
        RawRule { min_pixels: Some(3_686_401), ..rule("image-large", "image", "output", 5) },
        rule("image", "image", "output", 1),
        rule("video", "video", "job", 5),
    ]
}

fn default_vectors() -> Vec<RawVector> {
    let vector = |kind: &str, model: &str, size: &str, n, seconds, credits| RawVector {
        kind: kind.to_owned(),
        model: model.to_owned(),
        size: size.to_owned(),
        n,
        quality: auto(),
        seconds,
        credits,
    };
    vec![
        vector("image", "gpt-image-2", "1024x1024", 1, 0, 1),
        vector("image", "gpt-image-2", "1536x1024", 3, 0, 3),
        vector("image", "gpt-image-2", "2560x1440", 1, 0, 1),
        vector("image", "gpt-image-2", "2560x1456", 1, 0, 5),
        vector("image", "gpt-image-2", "3840x2160", 2, 0, 10),
        vector("image", "gpt-image-2", "1280x3840", 1, 0, 5),
        vector("video", "sora-2", "1280x720", 1, 4, 5),
        vector("video", "sora-2", "1792x1024", 1, 12, 5),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn problems_of(text: &str) -> Vec<String> {
        let mut prices = RawPrices::default();
        let table: toml::Table = text.parse().unwrap();
        let mut problems = prices.read(table["prices"].clone());
        if problems.is_empty() {
            prices.check(&mut problems);
        }
        problems.iter().map(ToString::to_string).collect()
    }

    const IMAGE: &str = "[[prices.rules]]\nname = 'i'\nkind = 'image'\nper = 'output'\ncredits = 2\n";
    const VIDEO: &str = "[[prices.rules]]\nname = 'v'\nkind = 'video'\nper = 'second'\ncredits = 1\n";

    #[test]
    fn the_default_rules_give_the_default_vectors() {
        let mut problems = Vec::new();
        RawPrices::default().check(&mut problems);
        assert_eq!(problems, []);
    }

    #[test]
    fn a_wrong_vector_is_named_with_both_prices() {
        let vector =
            "[[prices.vectors]]\nkind = 'image'\nmodel = 'm'\nsize = '1024x1024'\nn = 3\ncredits = 5\n";
        let found = problems_of(&format!("{IMAGE}{VIDEO}{vector}"));
        assert_eq!(found, ["prices.vectors[1]: m of 3 x 1024x1024 should cost 5, but rule \"i\" makes it 6"]);
    }

    #[test]
    fn rules_without_vectors_are_not_held_to_the_default_ones() {
        assert_eq!(problems_of(&format!("{IMAGE}{VIDEO}")), [] as [String; 0]);
    }

    #[test]
    fn a_kind_without_a_last_rule_is_refused() {
        let found = problems_of(&format!("{IMAGE}{}", VIDEO.replace("per =", "min_seconds = 4\nper =")));
        assert_eq!(
            found,
            ["prices.rules: nothing prices every video: end with a rule that has no conditions"]
        );
    }

    #[test]
    fn every_broken_rule_is_listed() {
        let bad =
            "[[prices.rules]]\nname = ''\nkind = 'sound'\nper = 'byte'\ncredits = -1\nquality = ['best']\n";
        assert_eq!(problems_of(bad).len(), 5, "{:?}", problems_of(bad));
        let misspelt = IMAGE.replace("credits", "credit");
        assert_eq!(problems_of(&misspelt), ["unknown key prices.rules[1].credit: did you mean credits?"]);
        assert!(problems_of(&IMAGE.replace("output", "second"))[0].contains("an image has no seconds"));
    }

    #[test]
    fn the_field_lists_are_those_of_the_structs() {
        for (fields, error) in [
            (RULE_FIELDS, "x = 1".parse::<toml::Table>().unwrap().try_into::<RawRule>().unwrap_err()),
            (VECTOR_FIELDS, "x = 1".parse::<toml::Table>().unwrap().try_into::<RawVector>().unwrap_err()),
        ] {
            let listed = fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
            assert!(error.message().ends_with(&format!("expected one of {listed}")), "{error}");
        }
    }
}
