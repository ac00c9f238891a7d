//! What a fault does to the account that met it: one table, `upstreams` f3 as code. Pure.

use super::PoolConfig;
use atelier_domain::{
    account::Off,
    fault::{Fault, FaultClass, FaultScope},
    job::Route,
    time::Millis,
};
use std::time::Duration;

/// How long a model that an account may not use, or that is gone, is left alone.
const A_DAY: Duration = Duration::from_secs(86_400);
/// How long an account rests that had too much at once.
const CROWDED: Duration = Duration::from_secs(2);

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reaction {
    /// What rests, and until when: the account (an empty name), a model or a family of models.
    pub rest: Option<(String, Millis)>,
    /// Whether the account had as much at once as it takes.
    pub crowded: bool,
    /// Whether it counts towards [`PoolConfig::error_ban_threshold`].
    pub counts: bool,
    /// What it switches the account off as.
    pub off: Option<Off>,
    /// What it says about the upstream as a whole: that it fails, that it works, or nothing.
    pub upstream_failed: Option<bool>,
    /// Whether the model is gone for every account of the upstream.
    pub model_gone: bool,
}

impl Reaction {
    const NONE: Self = Self {
        rest: None,
        crowded: false,
        counts: false,
        off: None,
        upstream_failed: None,
        model_gone: false,
    };
}

/// The reaction to a fault that an attempt over `route` met.
pub(super) fn reaction(fault: &Fault, route: &Route, config: &PoolConfig, now: Millis) -> Reaction {
    let until = |usual: Duration| fault.retry_at.unwrap_or(now + usual).max(now);
    let rest = |what: &str, usual| Some((what.to_owned(), until(usual)));
    let scoped = |usual| match fault.scope {
        FaultScope::AccountModel => rest(route.quota_pool(), usual),
        _ => rest("", usual),
    };
    // An upstream that answers is up, whatever it says; the rest of the table is about what it said.
    let answered = Reaction { upstream_failed: Some(false), ..Reaction::NONE };
    match fault.class {
        FaultClass::RateLimited => Reaction { rest: scoped(config.rate_limited_cooldown), ..answered },
        FaultClass::Concurrency => Reaction { rest: rest("", CROWDED), crowded: true, ..answered },
        FaultClass::QuotaWindow => Reaction { rest: scoped(config.quota_cooldown), ..answered },
        // It may do the rest of what the model makes: only this job goes elsewhere.
        FaultClass::NotEntitled if fault.scope == FaultScope::Request => answered,
        FaultClass::NotEntitled => Reaction { rest: rest(&route.model, A_DAY), ..answered },
        FaultClass::Billing => Reaction { off: Some(Off::Billing), ..answered },
        FaultClass::Auth => Reaction { off: Some(Off::TokenInvalid), ..answered },
        FaultClass::ModelGone if fault.scope == FaultScope::Model => {
            Reaction { model_gone: true, ..answered }
        }
        FaultClass::ModelGone => Reaction { rest: rest(&route.model, A_DAY), ..answered },
        // Not the account's doing: it rests so that the next attempt goes elsewhere, and the upstream's breaker counts.
        FaultClass::Overloaded | FaultClass::Network => Reaction {
            rest: rest("", config.overloaded_cooldown),
            upstream_failed: Some(true),
            ..Reaction::NONE
        },
        FaultClass::JobLost => Reaction { counts: true, ..answered },
        FaultClass::UnknownOutcome => {
            Reaction { counts: true, upstream_failed: Some(true), ..Reaction::NONE }
        }
        // The request's fault: neither the account nor the upstream did anything wrong.
        FaultClass::Content | FaultClass::Invalid => answered,
        FaultClass::Internal => Reaction::NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> PoolConfig {
        PoolConfig {
            error_ban_threshold: 3,
            rate_limited_cooldown: Duration::from_secs(60),
            overloaded_cooldown: Duration::from_secs(15),
            quota_cooldown: Duration::from_secs(3600),
        }
    }

    /// What rests, and for how many seconds.
    type Rests = Option<(&'static str, i64)>;

    /// One row per fault class and scope: what rests and for how long, and what else happens.
    #[test]
    fn every_class_and_scope_has_its_reaction() {
        use FaultClass as C;
        use FaultScope as S;
        let route = Route { family: "gpt-image".into(), ..Route::new("openai", "gpt-image-2") };
        let day = 86_400;
        #[rustfmt::skip]
        let rows: [(C, S, Rests, &str); 19] = [
            (C::RateLimited,    S::AccountModel, Some(("gpt-image", 60)),   "up"),
            (C::RateLimited,    S::Account,      Some(("", 60)),            "up"),
            (C::Concurrency,    S::Account,      Some(("", 2)),             "up crowded"),
            (C::QuotaWindow,    S::AccountModel, Some(("gpt-image", 3600)), "up"),
            (C::QuotaWindow,    S::Account,      Some(("", 3600)),          "up"),
            (C::Billing,        S::Account,      None,                      "up billing"),
            (C::NotEntitled,    S::AccountModel, Some(("gpt-image-2", day)), "up"),
            (C::NotEntitled,    S::Request,      None,                      "up"),
            (C::Auth,           S::Account,      None,                      "up token_invalid"),
            (C::Overloaded,     S::Engine,       Some(("", 15)),            "down"),
            (C::Overloaded,     S::Account,      Some(("", 15)),            "down"),
            (C::Content,        S::Request,      None,                      "up"),
            (C::Invalid,        S::Request,      None,                      "up"),
            (C::ModelGone,      S::Model,        None,                      "up gone"),
            (C::ModelGone,      S::AccountModel, Some(("gpt-image-2", day)), "up"),
            (C::JobLost,        S::Request,      None,                      "up counts"),
            (C::Network,        S::Account,      Some(("", 15)),            "down"),
            (C::UnknownOutcome, S::Request,      None,                      "down counts"),
            (C::Internal,       S::Request,      None,                      ""),
        ];
        for class in C::ALL {
            assert!(rows.iter().any(|(row, ..)| *row == class), "{} has no row", class.name());
        }
        for (class, scope, rest, also) in rows {
            let fault = Fault { scope, ..Fault::new(class, "x") };
            let now = Millis(1_000);
            let met = reaction(&fault, &route, &config(), now);
            let wanted = rest.map(|(what, seconds)| (what.to_owned(), Millis(1_000 + seconds * 1_000)));
            assert_eq!(met.rest, wanted, "{} {scope:?}", class.name());
            let words = [
                met.upstream_failed.map_or("", |failed| if failed { "down" } else { "up" }),
                if met.crowded { "crowded" } else { "" },
                if met.counts { "counts" } else { "" },
                met.off.map_or("", Off::word),
                if met.model_gone { "gone" } else { "" },
            ];
            let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
            assert_eq!(words.join(" "), also, "{} {scope:?}", class.name());
        }
    }

    #[test]
    fn a_hint_of_the_upstream_beats_our_own_guess_and_one_in_the_past_is_now() {
        let route = Route::new("openai", "m");
        let hinted = |at| Fault::new(FaultClass::RateLimited, "x").with_retry_at(Millis(at));
        let rest = |fault: &Fault| reaction(fault, &route, &config(), Millis(5_000)).rest;
        assert_eq!(rest(&hinted(9_000)), Some(("m".into(), Millis(9_000))));
        assert_eq!(rest(&hinted(1_000)), Some(("m".into(), Millis(5_000))));
    }
}
