//! Where a job for a model may go at all, before anybody waits in line: pure, over the accounts as they are set up.

use super::{
    Roster,
    need::{Wants, has_plan, is_meant_for},
};
use atelier_domain::{
    account::Account,
    engine::Abilities,
    job::{JobKind, Route},
};
use std::sync::Arc;

/// Routes of one model that lead to accounts that are meant for it, switched on or not.
#[derive(Debug, Clone)]
pub struct Offers(Vec<Offer>);

#[derive(Debug, Clone)]
struct Offer {
    route: Route,
    accounts: Vec<(Arc<Account>, Abilities)>,
}

impl Offers {
    /// What the roster offers. An embedded stand-in is left out when somebody real is there: nobody wants a drawing in place of a
    /// picture because a real account rests.
    pub(super) fn of(roster: &Roster, kind: Option<JobKind>, routes: &[Route], stand_in: &str) -> Self {
        let offer = |route: &Route| {
            let meant = roster.iter().filter(|(account, can)| is_meant_for(account, *can, route, kind));
            Offer { route: route.clone(), accounts: meant.cloned().collect() }
        };
        let offers = routes.iter().map(offer).filter(|offer| !offer.accounts.is_empty());
        let mut offers: Vec<Offer> = offers.collect();
        if offers.iter().any(|offer| offer.route.engine != stand_in) {
            offers.retain(|offer| offer.route.engine != stand_in);
        }
        Self(offers)
    }

    /// Whether nobody is meant for the model.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of accounts with the plan that their route asks for.
    #[must_use]
    pub fn with_plan(&self) -> Self {
        let entitled = |offer: &Offer| {
            let accounts = offer.accounts.iter().filter(|(account, _)| has_plan(account, &offer.route));
            Offer { route: offer.route.clone(), accounts: accounts.cloned().collect() }
        };
        Self(self.0.iter().map(entitled).filter(|offer| !offer.accounts.is_empty()).collect())
    }

    /// The routes on which somebody can do what is wanted.
    pub fn able(&self, wants: &Wants) -> Vec<Route> {
        let able = |offer: &&Offer| {
            offer
                .accounts
                .iter()
                .any(|(account, can)| wants.unmet_by(account, *can, &offer.route.family).is_none())
        };
        self.0.iter().filter(able).map(|offer| offer.route.clone()).collect()
    }

    /// The most reference pictures that somebody takes.
    pub fn most_references(&self) -> usize {
        self.0.iter().flat_map(|offer| &offer.accounts).map(|(_, can)| can.references).max().unwrap_or(0)
    }

    /// The engines, in order of preference.
    pub fn engines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|offer| offer.route.engine.as_str())
    }
}
