//! The contract of engines: what the rest of the gateway relies on, whoever is upstream. One suite, stamped on every engine; what
//! differs stands in a [`Subject`]. A new engine adds its subject and one line at the end of this file.
//!
//! Reading order: `subject` (what an engine brings to be examined), `clauses` (what is examined), `simulated` (what
//! engines with an upstream share), then the subjects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod clauses;
mod firefly;
mod openai;
mod simulated;
mod sora;
mod studio;
mod subject;

/// Stamps the suite on one engine: every clause is a test of its own.
macro_rules! contract {
    ($engine:ident, $subject:ty) => {
        contract!($engine, $subject:
            names_itself
            brings_as_many_pictures_as_were_asked_for_in_the_format_and_size
            tells_no_completion_before_the_end
            brings_a_film_home_after_a_restart
            is_polled_again_after_the_end_without_starting_anything
            never_sends_a_submit_twice_by_itself
            tells_each_trouble_as_what_it_is
            never_calls_an_unanswered_submit_a_refusal
            ends_no_job_for_a_poll_that_failed
            has_nobody_else_make_what_its_upstream_failed
            cancels_what_runs_and_what_has_ended
            does_not_find_what_never_was
            tells_a_refused_credential_from_a_good_one
            tells_no_secret
            draws_from_references
        );
    };
    ($engine:ident, $subject:ty: $($clause:ident)+) => {
        mod $engine {
            mod contract {
                $(
                    #[actix_rt::test]
                    async fn $clause() {
                        crate::clauses::$clause::<$subject>().await;
                    }
                )+
            }
        }
    };
}

mod stamped {
    contract!(studio, crate::studio::OfStudio);
    contract!(openai, crate::openai::OfOpenAi);
    contract!(firefly_services, crate::firefly::OfServices);
    contract!(firefly_web, crate::firefly::OfWeb);
    contract!(sora, crate::sora::OfSora);
}
