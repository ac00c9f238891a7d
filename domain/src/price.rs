//! What things cost: rules over measured facts, first match wins, with test vectors in the same file format.

use crate::{credit::Credits, job::JobKind, size::Size};
use serde::{Deserialize, Serialize};

/// What is measured of a request before it is priced. A price never rests on a fact that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Image or video.
    pub kind: JobKind,
    /// The model's own name (not an alias).
    pub model: String,
    /// Exact size of each output.
    pub size: Size,
    /// How many outputs are asked for.
    pub n: u32,
    /// The quality word.
    pub quality: String,
    /// Length in seconds; 0 for an image.
    pub seconds: u32,
}

/// What a rule's credits are counted per.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each output.
    Output,
    /// The whole job.
    Job,
    /// Each second of each output.
    Second,
}

/// One price rule. Every condition that is given must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceRule {
    /// How quotes and receipts name it.
    pub name: String,
    /// Image or video.
    pub kind: JobKind,
    /// Model names, where `*` stands for any run of characters; empty means all.
    pub models: Vec<String>,
    /// Quality words; empty means all.
    pub quality: Vec<String>,
    /// The long side, in pixels, at least.
    pub min_long_side: Option<u32>,
    /// Width times height at least.
    pub min_pixels: Option<u64>,
    /// Length in seconds at least.
    pub min_seconds: Option<u32>,
    /// What the credits are per.
    pub per: Per,
    /// The credits.
    pub credits: Credits,
}

/// A price fixed when a job is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// For everything asked.
    pub total: Credits,
    /// For one output; the whole, when the rule is per job.
    pub unit: Credits,
    /// What the unit counts.
    pub per: Per,
    /// The rule that matched.
    pub rule: String,
}

impl Price {
    /// What is charged when `made` of the outputs came out: never more than [`Price::total`].
    pub fn charge(&self, made: u32) -> Credits {
        match (self.per, made) {
            (_, 0) => 0,
            (Per::Job, _) => self.total,
            (Per::Output | Per::Second, made) => self.unit.saturating_mul(i64::from(made)).min(self.total),
        }
    }
}

/// All price rules, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceTable {
    rules: Vec<PriceRule>,
}

/// No rule covers the request: a mistake in the configuration, never a silent 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no price rule covers {kind} with model {model} at {size}")]
pub struct NoPrice {
    kind: &'static str,
    model: String,
    size: Size,
}

impl PriceTable {
    /// The table of these rules.
    pub fn new(rules: Vec<PriceRule>) -> Self {
        Self { rules }
    }

    /// The price of a request with these facts.
    pub fn price(&self, facts: &Facts) -> Result<Price, NoPrice> {
        let rule = self.rules.iter().find(|rule| rule.covers(facts)).ok_or_else(|| NoPrice {
            kind: facts.kind.word(),
            model: facts.model.clone(),
            size: facts.size,
        })?;
        let n = i64::from(facts.n);
        let (unit, total) = match rule.per {
            Per::Output => (rule.credits, rule.credits.saturating_mul(n)),
            Per::Job => (rule.credits, rule.credits),
            Per::Second => {
                let unit = rule.credits.saturating_mul(i64::from(facts.seconds));
                (unit, unit.saturating_mul(n))
            }
        };
        Ok(Price { total, unit, per: rule.per, rule: rule.name.clone() })
    }
}

impl PriceRule {
    fn covers(&self, facts: &Facts) -> bool {
        self.kind == facts.kind
            && (self.models.is_empty() || self.models.iter().any(|glob| matches_glob(glob, &facts.model)))
            && (self.quality.is_empty() || self.quality.contains(&facts.quality))
            && self.min_long_side.is_none_or(|least| facts.size.long_side() >= least)
            && self.min_pixels.is_none_or(|least| facts.size.pixels() >= least)
            && self.min_seconds.is_none_or(|least| facts.seconds >= least)
    }
}

/// Whether `text` has the form of `glob`, in which `*` stands for any run of characters.
fn matches_glob(glob: &str, text: &str) -> bool {
    match glob.split_once('*') {
        None => glob == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            if tail.is_empty() {
                return true;
            }
            (0..=rest.len()).filter(|&at| rest.is_char_boundary(at)).any(|at| matches_glob(tail, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rule(name: &str, kind: JobKind, per: Per, credits: Credits) -> PriceRule {
        PriceRule {
            name: name.into(),
            kind,
            models: vec![],
            quality: vec![],
            min_long_side: None,
            min_pixels: None,
            min_seconds: None,
            per,
            credits,
        }
    }

    fn facts(size: Size, n: u32) -> Facts {
        Facts {
            kind: JobKind::Image,
            model: "gpt-image-2".into(),
            size,
            n,
            quality: "auto".into(),
            seconds: 0,
        }
    }

    #[test]
    fn the_first_rule_that_covers_the_facts_wins() {
        let table = PriceTable::new(vec![
            PriceRule { min_long_side: Some(3840), ..rule("4k", JobKind::Image, Per::Output, 5) },
            PriceRule { min_pixels: Some(3_686_401), ..rule("large", JobKind::Image, Per::Output, 5) },
            rule("image", JobKind::Image, Per::Output, 1),
        ]);
        let total = |w, h, n| table.price(&facts(Size::new(w, h), n)).unwrap().total;
        assert_eq!(
            (total(1024, 1024, 3), total(3840, 2160, 2), total(2048, 2048, 1), total(2560, 1440, 1)),
            (3, 10, 5, 1)
        );
    }

    #[test]
    fn nothing_made_costs_nothing_and_parts_cost_their_share() {
        let price = PriceTable::new(vec![rule("image", JobKind::Image, Per::Output, 2)])
            .price(&facts(Size::new(1024, 1024), 3))
            .unwrap();
        assert_eq!((price.charge(0), price.charge(2), price.charge(3), price.charge(9)), (0, 4, 6, 6));
        let flat = PriceTable::new(vec![rule("flat", JobKind::Image, Per::Job, 5)])
            .price(&facts(Size::new(1024, 1024), 3))
            .unwrap();
        assert_eq!((flat.charge(0), flat.charge(1)), (0, 5));
    }

    #[test]
    fn a_request_that_no_rule_covers_is_an_error_not_a_free_one() {
        assert!(PriceTable::new(vec![]).price(&facts(Size::new(1024, 1024), 1)).is_err());
    }

    #[test]
    fn globs_match_runs() {
        for (glob, text, expected) in [
            ("*", "", true),
            ("gpt-*", "gpt-image-2", true),
            ("*-2", "gpt-image-2", true),
            ("g*a*2", "gpt-image-2", true),
            ("dall*", "gpt", false),
            ("a*b", "ab", true),
            ("a*b", "ac", false),
        ] {
            assert_eq!(matches_glob(glob, text), expected, "{glob} {text}");
        }
    }
}
