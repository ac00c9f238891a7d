//! Which behaviour a call of an account meets: scripted ones first, each once; then what chance says, if anything; then the usual.

use super::behaviour::Behaviour;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// What a call is for, whatever wire it comes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Pictures are asked for.
    SubmitImage,
    /// A film is asked for.
    SubmitVideo,
    /// How a job is getting on.
    Poll,
    /// The bytes of a result.
    Content,
    /// A job is cancelled or deleted.
    Delete,
    /// Jobs are listed.
    List,
    /// A chat completion.
    Chat,
    /// A response.
    Responses,
    /// Models are listed.
    Models,
    /// A link to a result is followed.
    File,
    /// A picture is taken to the upstream, to be worked from.
    Upload,
    /// What is left of an account.
    Balance,
    /// Whose an account is.
    Profile,
    /// A session cookie is changed into an access token.
    Session,
    /// A refresh token is changed into an access token.
    Token,
    /// A challenge is to be solved.
    Challenge,
    /// Finished films are listed.
    Drafts,
    /// A film is shown to everybody.
    Publish,
    /// Who an account is.
    Account,
    /// What it has paid for.
    Plan,
    /// What is left of its quota.
    Quota,
    /// Invitations.
    Invite,
    /// User names.
    Username,
    /// A prompt is enhanced.
    Enhance,
    /// A link is changed into that of a file without a mark.
    Parse,
}

impl Op {
    /// Whether it makes something, which costs.
    pub(super) fn submits(self) -> bool {
        matches!(self, Self::SubmitImage | Self::SubmitVideo | Self::Chat | Self::Responses)
    }
}

/// Chance, the same at every run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// Where it begins.
    #[serde(default)]
    pub seed: u64,
    /// What may happen. Probabilities that sum up to less than 1 leave the rest to the usual behaviour.
    pub of: Vec<Chance>,
}

/// One of several behaviours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chance {
    /// How likely, from 0 to 1.
    pub p: f64,
    /// What happens.
    #[serde(rename = "do")]
    pub act: Behaviour,
}

/// The script of one account.
#[derive(Debug, Default)]
pub struct Script {
    next: BTreeMap<Op, VecDeque<Behaviour>>,
    usually: BTreeMap<Op, Behaviour>,
    mixes: BTreeMap<Op, Dice>,
}

#[derive(Debug)]
struct Dice {
    of: Vec<Chance>,
    random: StdRng,
}

impl Script {
    /// These happen to the next calls, one each, after what was scripted before.
    pub fn then(&mut self, op: Op, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.next.entry(op).or_default().extend(behaviours);
    }

    /// What happens when nothing else is said.
    pub fn usually(&mut self, op: Op, behaviour: Behaviour) {
        self.usually.insert(op, behaviour);
    }

    /// Chance decides where nothing is scripted.
    pub fn mix(&mut self, op: Op, mix: Mix) {
        self.mixes.insert(op, Dice { of: mix.of, random: StdRng::seed_from_u64(mix.seed) });
    }

    /// What happens to this call.
    pub fn take(&mut self, op: Op) -> Behaviour {
        if let Some(behaviour) = self.next.get_mut(&op).and_then(VecDeque::pop_front) {
            return behaviour;
        }
        let thrown = self.mixes.get_mut(&op).and_then(Dice::throw);
        thrown.or_else(|| self.usually.get(&op).cloned()).unwrap_or_default()
    }

    /// How many scripted behaviours of each operation are still to come.
    pub fn left(&self) -> BTreeMap<Op, usize> {
        self.next.iter().map(|(op, queue)| (*op, queue.len())).filter(|(_, left)| *left > 0).collect()
    }
}

impl Dice {
    fn throw(&mut self) -> Option<Behaviour> {
        let mut rest: f64 = self.random.random();
        for chance in &self.of {
            rest -= chance.p;
            if rest < 0.0 {
                return Some(chance.act.clone());
            }
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_the_same_at_every_run_and_as_likely_as_told() {
        let mix = Mix { seed: 7, of: vec![Chance { p: 0.25, act: Behaviour::Hang }] };
        let run = || {
            let mut script = Script::default();
            script.mix(Op::Poll, mix.clone());
            (0..4000).map(|_| script.take(Op::Poll) == Behaviour::Hang).collect::<Vec<_>>()
        };
        let hangs = run();
        assert_eq!(hangs, run());
        let share = hangs.iter().filter(|hang| **hang).count();
        assert!((850..1150).contains(&share), "{share} of 4000");
    }

    #[test]
    fn scripted_behaviours_come_once_and_in_order_before_the_usual_one() {
        let mut script = Script::default();
        script.usually(Op::Poll, Behaviour::Hang);
        script.then(Op::Poll, [Behaviour::Ok, Behaviour::NotAnImage]);
        let taken: Vec<_> = (0..3).map(|_| script.take(Op::Poll)).collect();
        assert_eq!(taken, [Behaviour::Ok, Behaviour::NotAnImage, Behaviour::Hang]);
        assert_eq!(script.take(Op::Content), Behaviour::Ok);
    }

    #[test]
    fn behaviours_are_written_as_the_readme_shows_them() {
        let written = r#"["ok","hang",{"delay":{"ms":5,"then":"reset_after_body"}},{"cut":{"how":"chunked"}},
            {"refuse":"slow_down"},{"refuse":{"reason":"rate_limited","retry_after":3}},{"content_type":"text/html"},
            {"answer":{"status":500}},{"job":{"polls":1,"end":"failed"}},{"wrong_size":{"size":[64,32]}},{"expired_url":{}}]"#;
        let read: Vec<Behaviour> = serde_json::from_str(written).unwrap();
        let again: Vec<Behaviour> = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(read, again);
        assert!(serde_json::from_str::<Behaviour>(r#"{"refuse":"slow_dwon"}"#).is_err());
        assert!(serde_json::from_str::<Behaviour>(r#"{"delay":{"sm":5}}"#).is_err());
    }
}
