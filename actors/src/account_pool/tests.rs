//! The book as a whole: who is picked, who waits, and what a fault leaves behind.
#![allow(clippy::unwrap_used)]

use super::{
    Offers, Outcome, PoolConfig, Reason, Roster, Wants,
    book::{Ask, Book, Pick, Verdict, estimate_s},
    need::Over,
};
use atelier_domain::{
    account::{Account, AccountModel, Checked, Lane, Off, Plan, Quota},
    engine::{Abilities, VideoSources},
    fault::{Fault, FaultClass, FaultScope},
    ids::AccountId,
    job::{JobKind, Route},
    time::Millis,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use uuid::Uuid;

const ALL: Abilities = Abilities {
    references: 16,
    mask: true,
    video_sources: VideoSources::File,
    relays: false,
    families: None,
    ..Abilities::NONE
};

fn id(number: u128) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(number))
}

fn account(number: u128, slots: i32) -> Account {
    let mut account = Account::new(id(number), number as u64, "openai", "a", Millis(0));
    account.images.slots = slots;
    account
}

fn route() -> Route {
    Route { family: "gpt-image".into(), ..Route::new("openai", "gpt-image-2") }
}

/// A book with one need, which every question is about.
struct Desk {
    book: Book,
    kind: Option<JobKind>,
    routes: Vec<Route>,
    wants: Wants,
    avoid: Vec<AccountId>,
}

impl Desk {
    fn with(accounts: impl IntoIterator<Item = Account>) -> Self {
        let mut book = Book::new(PoolConfig {
            error_ban_threshold: 3,
            rate_limited_cooldown: Duration::from_secs(60),
            overloaded_cooldown: Duration::from_secs(5),
            quota_cooldown: Duration::from_secs(3600),
        });
        for account in accounts {
            book.upsert(Arc::new(account), ALL);
        }
        let wants = Wants { outputs: 1, ..Wants::default() };
        Self { book, kind: Some(JobKind::Image), routes: vec![route()], wants, avoid: Vec::new() }
    }

    fn ask(&self) -> Ask<'_> {
        Ask { kind: self.kind, routes: &self.routes, wants: &self.wants, avoid: &self.avoid }
    }

    fn verdict(&self, now: i64) -> Verdict {
        self.book.choose(self.ask(), Millis(now))
    }

    fn pick(&self, now: i64) -> Option<u128> {
        match self.verdict(now) {
            Verdict::Pick(Pick { account, .. }) => Some(account.uuid().as_u128()),
            _ => None,
        }
    }

    fn borrow(&mut self, number: u128, now: i64) {
        let (over, outputs) = (Over { kind: self.kind, route: &self.routes[0] }, Some(self.wants.outputs));
        assert!(self.book.borrow(id(number), over, outputs, Millis(now)));
    }

    fn end(&mut self, number: u128, outcome: &Outcome, now: i64) -> Option<Off> {
        let over = Over { kind: self.kind, route: &self.routes[0] };
        self.book.give_back(id(number), over, outcome, Millis(now))
    }

    fn run(&mut self, number: u128, outcome: &Outcome, now: i64) -> Option<Off> {
        self.borrow(number, now);
        self.end(number, outcome, now)
    }

    fn reasons(&self, now: i64) -> Vec<Reason> {
        let candidates = self.book.explain(self.ask(), Millis(now));
        candidates.into_iter().map(|candidate| candidate.reason).collect()
    }
}

fn fault(class: FaultClass) -> Outcome {
    Outcome::Fault(Fault::new(class, "x"))
}

#[test]
fn slots_are_never_overdrawn_and_load_is_spread() {
    let mut desk = Desk::with([account(1, 1), account(2, 2)]);
    let mut order = vec![];
    while let Some(number) = desk.pick(order.len() as i64) {
        desk.borrow(number, order.len() as i64);
        order.push(number);
    }
    assert_eq!(order, [1, 2, 2]);
    assert_eq!(desk.verdict(9), Verdict::Wait { until: None });
}

#[test]
fn images_and_videos_have_slots_of_their_own() {
    let mut desk = Desk::with([account(1, 1)]);
    desk.borrow(1, 0);
    assert_eq!(desk.pick(0), None);
    desk.kind = Some(JobKind::Video);
    assert_eq!(desk.pick(0), Some(1));
}

#[test]
fn used_up_image_quota_leaves_videos_usable_and_the_line_wakes_when_it_ends() {
    let mut desk = Desk::with([account(1, -1)]);
    let until = Millis(90_000);
    let used_up = Fault::new(FaultClass::QuotaWindow, "x").with_retry_at(until);
    desk.run(1, &Outcome::Fault(used_up), 0);
    assert_eq!(desk.verdict(1), Verdict::Wait { until: Some(until) });
    desk.routes[0].model = "gpt-image-1".into();
    assert_eq!(desk.verdict(1), Verdict::Wait { until: Some(until) }, "the family shares the quota");
    desk.kind = Some(JobKind::Video);
    desk.routes = vec![Route { family: "sora".into(), ..Route::new("openai", "sora-2") }];
    assert_eq!(desk.pick(1), Some(1));
}

#[test]
fn most_quota_left_goes_first_and_is_counted_down_until_the_next_look() {
    let with = |number, remaining| {
        let quota = Quota { remaining, resets_at: Some(Millis(1_000_000)) };
        let quota = BTreeMap::from([("gpt-image".to_owned(), quota)]);
        Account { checked: Checked { quota, ..Checked::default() }, ..account(number, -1) }
    };
    let mut desk = Desk::with([with(1, 1), with(2, 3)]);
    let mut order = vec![];
    for now in 0..4 {
        let number = desk.pick(now).unwrap();
        desk.run(number, &Outcome::Success, now);
        order.push(number);
    }
    assert_eq!(order, [2, 2, 1, 2]);
    assert_eq!(desk.verdict(9), Verdict::Wait { until: Some(Millis(1_000_000)) });
    assert!(desk.book.is_hopeless(desk.ask(), Millis(300_000), Millis(9)));
    assert!(!desk.book.is_hopeless(desk.ask(), Millis(1_000_001), Millis(9)));
}

#[test]
fn a_content_refusal_an_outage_and_a_rate_limit_never_switch_an_account_off() {
    let mut desk = Desk::with([account(1, -1)]);
    for round in 0..100 {
        for class in
            [FaultClass::Content, FaultClass::Overloaded, FaultClass::Network, FaultClass::RateLimited]
        {
            assert_eq!(desk.run(1, &fault(class), round), None, "{}", class.name());
        }
    }
    assert_eq!(desk.book.standings(Millis(100))[0].banned, None);
    assert_eq!(desk.pick(10_000_000), Some(1));
}

#[test]
fn faults_that_count_switch_off_at_the_threshold_and_success_forgives() {
    let mut desk = Desk::with([account(1, -1)]);
    for round in 0..10 {
        assert_eq!(desk.run(1, &fault(FaultClass::JobLost), round), None);
        desk.run(1, &Outcome::Success, round);
    }
    let offs: Vec<_> = (0..3).map(|now| desk.run(1, &fault(FaultClass::JobLost), now)).collect();
    assert_eq!(offs, [None, None, Some(Off::ErrorLimit)]);
    assert_eq!(desk.verdict(99), Verdict::Never { plan: false });
    desk.book.upsert(Arc::new(Account { enabled: false, ..account(1, -1) }), ALL);
    desk.book.upsert(Arc::new(account(1, -1)), ALL);
    assert_eq!(desk.pick(99), Some(1), "switching on by hand forgives");
}

#[test]
fn a_refused_credential_makes_the_line_wait_for_the_renewal_and_only_its_failure_switches_off() {
    let mut desk = Desk::with([account(1, -1)]);
    assert_eq!(desk.run(1, &fault(FaultClass::Auth), 0), Some(Off::TokenInvalid));
    assert!(desk.book.renew(id(1)));
    assert_eq!((desk.verdict(1), desk.reasons(1)), (Verdict::Wait { until: None }, vec![Reason::Renewing]));
    assert!(!desk.book.renewed(id(1), true));
    assert_eq!(desk.pick(1), Some(1));
    desk.run(1, &fault(FaultClass::Auth), 2);
    desk.book.renew(id(1));
    assert!(desk.book.renewed(id(1), false));
    assert_eq!(desk.verdict(3), Verdict::Never { plan: false });
}

#[test]
fn an_upstream_that_fails_everybody_is_left_alone_and_others_are_not() {
    let mut elsewhere = account(9, -1);
    elsewhere.endpoint.base_url = Some("http://other.example/v1".into());
    let mut desk = Desk::with((1..=6).map(|number| account(number, -1)).chain([elsewhere]));
    for number in 1..=5 {
        desk.run(number, &fault(FaultClass::Overloaded), 0);
    }
    // The sixth account never failed, but its upstream did, five times in a row.
    assert_eq!(desk.reasons(1)[5], Reason::UpstreamDown(Millis(5_000)));
    assert_eq!(desk.pick(1), Some(9));
    desk.book.remove(id(9));
    assert!(desk.pick(5_000).is_some());
    desk.borrow(6, 5_000);
    let others = Verdict::Wait { until: Some(Millis(65_000)) };
    assert_eq!(desk.verdict(5_001), others, "one looks, the others wait");
    desk.end(6, &Outcome::Success, 5_002);
    assert!(desk.pick(5_003).is_some());
}

#[test]
fn an_account_that_is_removed_while_it_looks_does_not_shut_its_upstream_for_ever() {
    let mut desk = Desk::with((1..=6).map(|number| account(number, -1)));
    for number in 1..=5 {
        desk.run(number, &fault(FaultClass::Overloaded), 0);
    }
    desk.borrow(6, 5_000);
    desk.book.remove(id(6));
    desk.end(6, &Outcome::Success, 5_001);
    assert!(desk.pick(65_000).is_some());
}

#[test]
fn what_the_operator_corrects_does_not_rest_for_what_was_wrong_before() {
    let mut desk = Desk::with([account(1, -1)]);
    desk.run(1, &fault(FaultClass::NotEntitled), 0);
    assert_eq!(desk.pick(1), None);
    let mut corrected = account(1, -1);
    corrected.endpoint.base_url = Some("http://right.example/v1".into());
    desk.book.upsert(Arc::new(corrected), ALL);
    assert_eq!(desk.pick(2), Some(1));
}

#[test]
fn a_name_of_a_text_model_that_a_client_made_up_is_not_remembered() {
    let mut desk = Desk::with([]);
    desk.book.upsert(Arc::new(account(1, -1)), Abilities { relays: true, ..ALL });
    desk.kind = None;
    desk.run(1, &fault(FaultClass::ModelGone), 0);
    assert_eq!(desk.pick(1), Some(1));
}

#[test]
fn too_much_at_once_is_learned_and_slowly_forgotten() {
    let mut desk = Desk::with([account(1, -1)]);
    for _ in 0..3 {
        desk.borrow(1, 0);
    }
    desk.end(1, &fault(FaultClass::Concurrency), 0);
    assert_eq!(desk.reasons(2_001), [Reason::Busy], "two are under way and two are what it takes");
    desk.end(1, &Outcome::Success, 3_000);
    assert_eq!(desk.reasons(3_000), [Reason::Picked]);
}

#[test]
fn a_model_that_is_gone_is_gone_for_the_upstream_and_one_not_entitled_for_the_account() {
    let mut desk = Desk::with([account(1, -1), account(2, -1)]);
    desk.run(1, &fault(FaultClass::NotEntitled), 0);
    assert_eq!(desk.pick(1), Some(2));
    let gone = Fault { scope: FaultScope::Model, ..Fault::new(FaultClass::ModelGone, "x") };
    desk.run(2, &Outcome::Fault(gone), 0);
    assert_eq!(desk.reasons(1)[1], Reason::ModelGone(Millis(3_600_000)));
    desk.routes[0].model = "gpt-image-1".into();
    assert!(desk.pick(1).is_some(), "other models go on");
}

#[test]
fn whoever_failed_the_job_before_comes_last_and_still_comes() {
    let mut desk = Desk::with([account(1, -1), account(2, -1)]);
    desk.avoid = vec![id(1)];
    assert_eq!(desk.pick(0), Some(2));
    desk.avoid = vec![id(1), id(2)];
    assert!(desk.pick(0).is_some());
}

#[test]
fn every_account_is_explained_with_its_own_reason() {
    let pro = |number| {
        let plan = Some(Plan { id: "chatgpt_pro".into(), ..Plan::default() });
        Account { checked: Checked { plan, ..Checked::default() }, ..account(number, 1) }
    };
    let other = AccountModel { name: "flux".into(), upstream: None, kind: Some(JobKind::Image) };
    let mut desk = Desk::with([
        pro(1),
        pro(2),
        Account { enabled: false, ..pro(3) },
        pro(4),
        Account { engine: "firefly".into(), ..pro(5) },
        account(6, 1),
        Account { models: vec![other], ..pro(7) },
        Account { images: Lane { enabled: false, slots: 1 }, ..pro(8) },
        Account { rpm: Some(1), ..pro(9) },
    ]);
    let can = Abilities { references: 0, ..ALL };
    desk.book.upsert(Arc::new(pro(10)), can);
    desk.routes[0].plan = Some("pro".into());
    desk.wants.references = 1;
    desk.borrow(2, 0);
    desk.run(4, &fault(FaultClass::Billing), 0);
    desk.run(9, &Outcome::Success, 0);
    assert_eq!(
        desk.reasons(1),
        [
            Reason::Picked,
            Reason::Busy,
            Reason::Disabled(Off::Manual),
            Reason::Banned(FaultClass::Billing),
            Reason::WrongEngine,
            Reason::PlanMissing,
            Reason::WrongModel,
            Reason::LaneClosed,
            Reason::Paced(Millis(60_000)),
            Reason::Unfit("its engine takes no reference pictures"),
        ]
    );
    let only_plan = Desk { routes: desk.routes.clone(), ..Desk::with([account(6, 1)]) };
    assert_eq!(only_plan.verdict(1), Verdict::Never { plan: true });
}

#[test]
fn the_embedded_engine_stands_in_only_where_nobody_real_is_meant() {
    let mut drawing = account(1, -1);
    drawing.engine = "studio".into();
    let routes = [route(), Route::new("studio", "gpt-image-2")];
    let engines = |accounts: &[Account]| {
        let roster: Roster = accounts.iter().map(|account| (Arc::new(account.clone()), ALL)).collect();
        let offers = Offers::of(&roster, Some(JobKind::Image), &routes, "studio");
        offers.engines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(engines(&[drawing.clone()]), ["studio"]);
    assert_eq!(engines(&[drawing.clone(), account(2, 1)]), ["openai"]);
    let off = Account { enabled: false, ..account(2, 1) };
    assert_eq!(engines(&[drawing.clone(), off]), ["openai"], "nobody gets a drawing because it is off");
    let videos_only = Account { images: Lane { enabled: false, slots: 1 }, ..account(2, 1) };
    assert_eq!(engines(&[drawing, videos_only]), ["studio"]);
}

#[test]
fn text_goes_where_it_is_relayed_and_where_the_model_is_listed_or_nothing_is() {
    let named = |number, kind| {
        let own = AccountModel { name: "gpt-5".into(), upstream: None, kind };
        Account { models: vec![own], ..account(number, 0) }
    };
    let mut desk = Desk::with([account(1, -1), named(2, Some(JobKind::Image)), named(3, None)]);
    for number in [2, 3] {
        let account = if number == 2 { named(2, Some(JobKind::Image)) } else { named(3, None) };
        desk.book.upsert(Arc::new(account), Abilities { relays: true, ..ALL });
    }
    (desk.kind, desk.routes) = (None, vec![Route::new("openai", "gpt-5")]);
    assert_eq!(
        desk.reasons(0),
        [Reason::Unfit("its engine takes no text requests"), Reason::WrongModel, Reason::Picked]
    );
}

#[test]
fn estimates_stay_within_what_sdks_honour() {
    assert_eq!(estimate_s(0, 12, 300), 1);
    assert_eq!(estimate_s(120, 12, 1_000), 11);
    assert_eq!(estimate_s(1_000_000, 1, 60_000), 60);
}
