//! The policy by examples, and over any course of events.
#![allow(clippy::unwrap_used)]

use super::*;
use atelier_domain::ids::AccountId;
use proptest::prelude::*;
use uuid::Uuid;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const RULES: Rules = Rules { enabled: true, refusals: 3 };
const OFF: Rules = Rules { enabled: false, ..RULES };

fn seen(ends: Option<i64>) -> Seen {
    Seen {
        power: Power::On,
        renewable: true,
        missing: false,
        ends: ends.map(Millis),
        since: Millis(0),
        renewed_at: None,
        unsure: false,
        hopeless: false,
    }
}

/// Of a token that lives from 0 to then.
fn case(ends: i64) -> Case {
    Case::new(seen(Some(ends)), Millis(0), 0.5)
}

fn at(hours: i64) -> Step {
    Step::Rest(Some(Millis(hours * HOUR)))
}

#[test]
fn a_token_is_renewed_a_fifth_of_its_life_before_its_end_but_a_day_at_the_most() {
    for (days, due) in [(10, 9 * 24), (30, 29 * 24), (5, 4 * 24)] {
        assert_eq!(case(days * DAY).next(RULES, Millis(0)), at(due), "{days} days");
        assert_eq!(case(days * DAY).next(RULES, Millis(due * HOUR)), Step::Renew);
    }
    assert_eq!(case(10 * HOUR).next(RULES, Millis(0)), at(8));
    let (early, late) = (Case { jitter: 1.0, ..case(10 * HOUR) }, Case { jitter: 0.0, ..case(10 * HOUR) });
    assert_eq!(early.next(RULES, Millis(0)), Step::Rest(Some(Millis(10 * HOUR - 2 * HOUR * 11 / 10))));
    assert_eq!(late.next(RULES, Millis(0)), Step::Rest(Some(Millis(10 * HOUR - 2 * HOUR * 9 / 10))));
}

#[test]
fn what_cannot_be_renewed_serves_to_its_end_and_then_its_account_goes_off_as_expired() {
    let fixed = Case::new(Seen { renewable: false, ..seen(Some(HOUR)) }, Millis(0), 0.5);
    assert_eq!(fixed.next(RULES, Millis(0)), at(1));
    assert_eq!(fixed.next(RULES, Millis(HOUR - 1)), at(1));
    assert_eq!(fixed.next(RULES, Millis(HOUR)), Step::SwitchOff(Off::Expired));
    assert_eq!(case(HOUR).next(OFF, Millis(HOUR)), Step::SwitchOff(Off::Expired), "renewing is switched off");
    let eternal = Case::new(Seen { renewable: false, ..seen(None) }, Millis(0), 0.5);
    assert_eq!(eternal.next(RULES, Millis(900 * DAY)), Step::Rest(None));
}

#[test]
fn waits_after_failures_are_one_three_ten_and_thirty_minutes() {
    for (failures, seconds) in [(1, 60), (2, 180), (3, 600), (4, 1_800), (5, 1_800), (u32::MAX, 1_800)] {
        assert_eq!(wait(failures, 0.5), Duration::from_secs(seconds), "{failures}");
    }
    assert_eq!((wait(1, 0.0), wait(1, 1.0)), (Duration::from_secs(54), Duration::from_secs(66)));
    let mut case = case(HOUR);
    for wait in [60, 180, 600, 1_800, 1_800] {
        case.renewal_ended(Ending::Trouble { retry_at: None, unsure: false }, RULES, Millis(HOUR), 0.5);
        assert_eq!(case.next(RULES, Millis(HOUR)), Step::Rest(Some(Millis(HOUR + wait * 1_000))));
    }
    let hint = Some(Millis(3 * HOUR));
    case.renewal_ended(Ending::Trouble { retry_at: hint, unsure: false }, RULES, Millis(HOUR), 0.5);
    assert_eq!(case.not_before, Millis(3 * HOUR), "the vendor says when");
    let hint = Some(Millis(i64::MAX));
    case.renewal_ended(Ending::Trouble { retry_at: hint, unsure: false }, RULES, Millis(HOUR), 0.5);
    assert!(case.not_before < Millis(3 * DAY), "but not for ever");
}

#[test]
fn refusals_switch_off_at_the_threshold_and_only_when_the_token_serves_no_more() {
    let mut case = case(10 * HOUR);
    let refuse = |case: &mut Case, now| case.renewal_ended(Ending::Refused, RULES, Millis(now), 0.5);
    (0..3).for_each(|_| refuse(&mut case, 8 * HOUR));
    assert_eq!(case.next(RULES, Millis(8 * HOUR)), at(10), "it serves for two more hours");
    assert_eq!(case.next(RULES, Millis(10 * HOUR)), Step::SwitchOff(Off::TokenInvalid));
    let mut patient = Case::new(seen(Some(HOUR)), Millis(0), 0.5);
    (0..2).for_each(|_| refuse(&mut patient, HOUR));
    assert!(matches!(patient.next(RULES, Millis(HOUR)), Step::Rest(Some(_))), "two are not three");
    refuse(&mut patient, HOUR);
    assert_eq!(patient.next(RULES, Millis(HOUR)), Step::SwitchOff(Off::TokenInvalid));
    patient.seen.power = Power::OffByAuth;
    assert_eq!(patient.next(RULES, Millis(HOUR)), at(25), "it is tried again once a day");
}

#[test]
fn a_refusal_after_an_answer_that_was_lost_ends_all_tries() {
    let mut case = case(HOUR);
    let ending = Ending::Trouble { retry_at: None, unsure: true };
    case.renewal_ended(ending, RULES, Millis(HOUR), 0.5);
    case.renewal_ended(Ending::Refused, RULES, Millis(HOUR + 60_000), 0.5);
    assert_eq!(case.next(RULES, Millis(HOUR + 60_000)), Step::SwitchOff(Off::TokenInvalid));
    case.seen.power = Power::OffByAuth;
    assert_eq!(case.next(RULES, Millis(900 * DAY)), Step::Rest(None), "a dead token is not tried for ever");
    case.rows_changed(Seen { power: Power::OffByAuth, ..seen(None) }, true, Millis(DAY));
    assert_eq!(case.next(RULES, Millis(DAY)), Step::Renew, "other ones are");
}

#[test]
fn renewed_tokens_that_are_refused_at_once_switch_off_and_one_that_served_begins_anew() {
    let mut case = case(9 * DAY);
    let renew = |case: &mut Case, now: i64| {
        assert_eq!(case.next(RULES, Millis(now)), Step::Renew);
        let ends = Some(Millis(now + 9 * DAY));
        case.renewal_ended(Ending::Renewed { ends }, RULES, Millis(now), 0.5);
    };
    case.spurn(RULES, Millis(HOUR));
    assert_eq!(case.refusals, 0, "an old token may well be refused");
    renew(&mut case, HOUR);
    case.spurn(RULES, Millis(HOUR + 1_000));
    renew(&mut case, HOUR + 1_000);
    case.spurn(RULES, Millis(2 * HOUR));
    assert_eq!(case.refusals, 0, "the last one served for an hour");
    for second in 0..3 {
        renew(&mut case, 2 * HOUR + second);
        case.spurn(RULES, Millis(2 * HOUR + second + 1));
        case.spurn(RULES, Millis(2 * HOUR + second + 1));
    }
    assert_eq!(case.next(RULES, Millis(2 * HOUR + 3)), Step::SwitchOff(Off::TokenInvalid));
    case.seen.power = Power::OffByAuth;
    let tomorrow = Step::Rest(Some(Millis(26 * HOUR + 3)));
    assert_eq!(case.next(RULES, Millis(2 * HOUR + 3)), tomorrow, "or it goes on and off with every job");
}

#[test]
fn what_the_operator_switched_off_rests_unless_he_asks() {
    let mut case = case(HOUR);
    case.seen.power = Power::OffByOperator;
    for now in [0, HOUR, 9 * DAY] {
        assert_eq!(case.next(RULES, Millis(now)), Step::Rest(None));
    }
    case.asked = true;
    assert_eq!(case.next(OFF, Millis(0)), Step::Renew);
    case.seen.renewable = false;
    assert_eq!(case.next(OFF, Millis(0)), Step::Rest(None));
}

#[test]
fn an_account_without_a_token_yet_gets_one_first() {
    let new = Case::new(Seen { missing: true, ..seen(None) }, Millis(0), 0.5);
    assert_eq!(new.next(RULES, Millis(0)), Step::Renew);
    assert!(new.usable_until() < Millis(0) && new.good_until() < Millis(0));
}

#[test]
fn who_holds_the_switch_is_read_from_the_row() {
    let mut account = Account::new(AccountId::from_uuid(Uuid::nil()), 1, "sora", "a", Millis(0));
    assert_eq!(Power::of(&account), Power::On);
    account.enabled = false;
    for (off, power) in [
        (None, Power::OffByOperator),
        (Some(Off::Manual), Power::OffByOperator),
        (Some(Off::TokenInvalid), Power::OffByAuth),
        (Some(Off::Expired), Power::OffByAuth),
        (Some(Off::ErrorLimit), Power::OffElse),
        (Some(Off::Billing), Power::OffElse),
    ] {
        account.off = off;
        assert_eq!(Power::of(&account), power, "{off:?}");
    }
}

#[derive(Debug, Clone)]
enum Event {
    Pass(u32),
    Refused401,
    Switch(Power),
    Enable(bool),
    NewSecrets(u32),
    Ask,
}

#[derive(Debug, Clone, Copy)]
enum Vendor {
    Gives(u32),
    Refuses,
    Trouble,
    LosesTheAnswer,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1_u32..200_000).prop_map(Event::Pass),
        3 => Just(Event::Refused401),
        1 => prop_oneof![
            Just(Power::On), Just(Power::OffByAuth), Just(Power::OffByOperator), Just(Power::OffElse)
        ].prop_map(Event::Switch),
        1 => any::<bool>().prop_map(Event::Enable),
        1 => (1_u32..1_000_000).prop_map(Event::NewSecrets),
        1 => Just(Event::Ask),
    ]
}

fn vendor() -> impl Strategy<Value = Vendor> {
    prop_oneof![
        4 => (61_u32..1_000_000).prop_map(Vendor::Gives),
        2 => Just(Vendor::Refuses),
        2 => Just(Vendor::Trouble),
        1 => Just(Vendor::LosesTheAnswer),
    ]
}

/// Plays the actor's part: does what the case says until it rests, and looks whether it was right to.
struct Course {
    case: Case,
    rules: Rules,
    now: Millis,
    answers: std::vec::IntoIter<(Vendor, f64)>,
    failed_at: Option<Millis>,
    /// The vendor refused a grant, or the upstream a token, since the operator last did something.
    refused: bool,
}

impl Course {
    fn run(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..50 {
            let (power, asked) = (self.case.seen.power, self.case.asked);
            match self.case.next(self.rules, self.now) {
                Step::Rest(until) => {
                    prop_assert!(until.is_none_or(|at| at > self.now), "rests until what is past");
                    let waits = power == Power::On && self.case.seen.ends.is_some();
                    prop_assert!(until.is_some() || !waits, "nobody will look at it again");
                    return Ok(());
                }
                Step::Renew => {
                    prop_assert!(asked || (power != Power::OffByOperator && self.rules.enabled));
                    self.renew(asked)?;
                }
                Step::SwitchOff(reason) => {
                    prop_assert_eq!(power, Power::On);
                    prop_assert!(!self.case.is_usable(self.now), "a token that serves was given up");
                    prop_assert!(reason == Off::Expired || self.refused, "off without a refusal");
                    let renews = self.case.renews(self.rules);
                    prop_assert!(reason == Off::TokenInvalid || !renews, "off over what passes");
                    self.case.seen.power = Power::OffByAuth;
                }
            }
        }
        Err(TestCaseError::fail("it never rests"))
    }

    fn renew(&mut self, asked: bool) -> Result<(), TestCaseError> {
        let waited = self.failed_at.is_none_or(|at| self.now.since(at) >= Duration::from_secs(54));
        prop_assert!(asked || waited, "the vendor was asked again at once");
        let (answer, jitter) = self.answers.next().unwrap_or((Vendor::Trouble, 0.5));
        let ending = match answer {
            Vendor::Gives(life) => {
                Ending::Renewed { ends: Some(self.now + Duration::from_secs(life.into())) }
            }
            Vendor::Refuses => Ending::Refused,
            Vendor::Trouble => Ending::Trouble { retry_at: None, unsure: false },
            Vendor::LosesTheAnswer => Ending::Trouble { retry_at: None, unsure: true },
        };
        self.case.renewal_ended(ending, self.rules, self.now, jitter);
        self.failed_at = Some(self.now).filter(|_| !matches!(answer, Vendor::Gives(_)));
        self.refused |= matches!(answer, Vendor::Refuses);
        if matches!(answer, Vendor::Gives(_)) {
            prop_assert!(self.now < self.case.usable_until());
            if self.case.seen.power == Power::OffByAuth {
                self.case.seen.power = Power::On;
            }
        }
        Ok(())
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Pass(seconds) => self.now = self.now + Duration::from_secs(seconds.into()),
            Event::Refused401 if self.case.renews(self.rules) => {
                self.case.spurn(self.rules, self.now);
                self.refused = true;
            }
            Event::Refused401 => {}
            Event::Switch(power) => {
                self.case.rows_changed(Seen { power, ..self.case.seen }, false, self.now);
                self.failed_at = None;
            }
            Event::Enable(enabled) => self.rules.enabled = enabled,
            Event::NewSecrets(life) => {
                let ends = Some(self.now + Duration::from_secs(life.into()));
                let seen = Seen { ends, since: self.now, renewed_at: None, unsure: false, ..self.case.seen };
                self.case.rows_changed(seen, true, self.now);
                (self.failed_at, self.refused) = (None, false);
            }
            Event::Ask => self.case.asked = true,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn over_any_course_of_events_nothing_spins_is_given_up_too_early_or_taken_from_the_operator(
        events in proptest::collection::vec(event(), 1..60),
        answers in proptest::collection::vec((vendor(), 0.0..1.0), 0..60),
        life in 1_u32..1_000_000,
    ) {
        let mut course = Course {
            case: case(i64::from(life) * 1_000),
            rules: RULES,
            now: Millis(0),
            answers: answers.into_iter(),
            failed_at: None,
            refused: false,
        };
        course.run()?;
        for event in events {
            let operator = course.case.seen.power == Power::OffByOperator;
            let switches = matches!(event, Event::Switch(_));
            course.happens(event);
            course.run()?;
            prop_assert!(
                !operator || switches || course.case.seen.power == Power::OffByOperator,
                "what the operator switched off is on again"
            );
        }
    }
}
