//! Words in a prompt that steer the engine, for tests of everything above it: `[[delay:1500]]`, `[[fault:overloaded]]`,
//! `[[fault:overloaded*2]]` (the first two attempts only), `[[fault:content#2]]` (the second output only),
//! `[[fault:panic]]`. Read only when `[studio] faults` is on.

use atelier_domain::fault::FaultClass;

/// The longest scripted delay, in milliseconds.
const MAX_DELAY_MS: u64 = 3_600_000;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// A fault of this class is answered.
    Fault(FaultClass),
    /// The engine's code panics.
    Panic,
}

/// A prompt, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Script {
    /// The prompt without the words that were understood.
    pub prompt: String,
    /// Latency instead of the configured one, in milliseconds.
    pub delay_ms: Option<u64>,
    /// What goes wrong, and up to which attempt.
    mishaps: Vec<(Mishap, u32)>,
    /// Outputs, from 1, that go wrong alone.
    outputs: Vec<(FaultClass, u32)>,
}

impl Script {
    /// A prompt that is only drawn.
    pub fn plain(prompt: &str) -> Self {
        Self { prompt: prompt.into(), ..Self::default() }
    }

    /// Reads a prompt. Words that are not understood stay in it.
    pub fn read(prompt: &str) -> Self {
        let mut script = Self::default();
        let mut rest = prompt;
        while let Some((before, tail)) = rest.split_once("[[") {
            script.prompt.push_str(before);
            match tail.split_once("]]").filter(|(word, _)| script.understand(word)) {
                Some((_, after)) => rest = after,
                None => {
                    script.prompt.push_str("[[");
                    rest = tail;
                }
            }
        }
        script.prompt.push_str(rest);
        script
    }

    /// What goes wrong in this attempt (from 1), if anything.
    pub fn mishap(&self, attempt: u32) -> Option<Mishap> {
        self.mishaps.iter().find(|(_, last)| attempt <= *last).map(|(mishap, _)| *mishap)
    }

    /// What goes wrong with one output (from 0) while others are made, if anything.
    pub fn output_fault(&self, index: u32) -> Option<FaultClass> {
        self.outputs.iter().find(|(_, number)| *number == index + 1).map(|(class, _)| *class)
    }

    fn understand(&mut self, word: &str) -> bool {
        let Some((verb, value)) = word.split_once(':') else { return false };
        match verb.trim() {
            "delay" => {
                let Ok(delay) = value.trim().parse::<u64>() else { return false };
                self.delay_ms = Some(delay.min(MAX_DELAY_MS));
                true
            }
            "fault" if value.contains('#') => {
                let output = value.split_once('#').and_then(|(name, number)| {
                    let class = FaultClass::parse(&name.trim().replace('_', "-"))?;
                    Some((class, number.trim().parse().ok()?))
                });
                self.outputs.extend(output);
                output.is_some()
            }
            "fault" => {
                let (name, last) = match value.split_once('*') {
                    Some((name, count)) => (name, count.trim().parse().ok()),
                    None => (value, Some(u32::MAX)),
                };
                let name = name.trim().replace('_', "-");
                let mishap = match name.as_str() {
                    "panic" => Some(Mishap::Panic),
                    name => FaultClass::parse(name).map(Mishap::Fault),
                };
                self.mishaps.extend(mishap.zip(last));
                mishap.is_some() && last.is_some()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(prompt: &str, attempt: u32) -> Option<Mishap> {
        Script::read(prompt).mishap(attempt)
    }

    #[test]
    fn words_are_taken_out_and_the_rest_stays() {
        for (prompt, left, delay) in [
            ("a fox [[delay:1500]] runs", "a fox  runs", Some(1500)),
            ("[[fault:content]]", "", None),
            ("no words", "no words", None),
            ("[[delay:soon]] [[huh]] [[fault:gremlins]]", "[[delay:soon]] [[huh]] [[fault:gremlins]]", None),
            ("[[fault:content*x]]", "[[fault:content*x]]", None),
            ("[[fault:content#2]] [[fault:content#x]]", " [[fault:content#x]]", None),
            ("open [[delay:5", "open [[delay:5", None),
            ("[[[[delay:7]]", "[[", Some(7)),
            ("[[delay:99999999999]]", "", Some(MAX_DELAY_MS)),
        ] {
            let script = Script::read(prompt);
            assert_eq!((script.prompt.as_str(), script.delay_ms), (left, delay), "{prompt}");
        }
    }

    #[test]
    fn every_class_can_be_scripted_in_both_spellings() {
        for class in FaultClass::ALL {
            for name in [class.name().to_owned(), class.name().replace('-', "_")] {
                assert_eq!(faults(&format!("x [[fault:{name}]]"), 9), Some(Mishap::Fault(class)), "{name}");
            }
        }
        assert_eq!(faults("[[fault:panic]]", 1), Some(Mishap::Panic));
    }

    #[test]
    fn an_output_goes_wrong_alone() {
        let script = Script::read("two foxes [[fault:content#2]]");
        assert_eq!([0, 1, 2].map(|at| script.output_fault(at)), [None, Some(FaultClass::Content), None]);
        assert_eq!(script.mishap(1), None);
    }

    #[test]
    fn counted_faults_end_and_the_next_one_takes_over() {
        let prompt = "[[fault:overloaded*2]][[fault:network*3]]";
        let classes = [1, 2, 3, 4].map(|attempt| faults(prompt, attempt));
        let [overloaded, network] =
            [FaultClass::Overloaded, FaultClass::Network].map(|class| Some(Mishap::Fault(class)));
        assert_eq!(classes, [overloaded, overloaded, network, None]);
    }
}
