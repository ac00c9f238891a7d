//! What it means for a job that an upstream did not answer, or that its answer broke off: the same for every engine.

use super::{Broken, Unanswered, Unsent};
use atelier_domain::{
    engine::Submission,
    fault::{Fault, FaultClass, FaultScope},
};

/// What it means that no answer came. `has_effect`: the request would have begun something.
pub(crate) fn lost(unanswered: &Unanswered, has_effect: bool) -> Fault {
    let fault = match unanswered {
        Unanswered::Unsent(Unsent::Proxy, _) => {
            Fault::new(FaultClass::Network, "the proxy of the account in use is no way out")
        }
        Unanswered::Unsent(Unsent::Forbidden, _) => {
            Fault::new(FaultClass::JobLost, "the result is at an address that nothing is fetched from")
        }
        Unanswered::Unsent(Unsent::Unwritable, _) => {
            Fault::new(FaultClass::Invalid, "the request cannot be sent to the engine")
        }
        Unanswered::Unsent(Unsent::Unreachable | Unsent::Untrusted, _) => {
            Fault::new(FaultClass::Network, "the engine cannot be connected to")
        }
        Unanswered::Sent(_) => unheard(has_effect),
    };
    fault.with_context(unanswered.context())
}

/// What it means that a body broke off.
pub(crate) fn broken_off(broken: &Broken, place: &str, has_effect: bool) -> Fault {
    let fault = match broken {
        Broken::TooLarge(_) => no_result(String::new()),
        Broken::Idle | Broken::Cut(_) => unheard(has_effect),
    };
    fault.with_context(format!("{place}: {broken}"))
}

fn unheard(has_effect: bool) -> Fault {
    if has_effect {
        Fault::new(FaultClass::UnknownOutcome, "the request reached the engine and no answer came")
    } else {
        Fault::new(FaultClass::Network, "the engine did not answer")
    }
}

/// Something was made, and is not there: it may be billed, and is not made again.
pub(crate) fn no_result(context: String) -> Fault {
    let message = "the engine ended the job without a result that can be used; nothing was charged";
    Fault::new(FaultClass::JobLost, message).with_context(context)
}

/// What a fault before or instead of an answer to a submit is.
pub(crate) fn submission(fault: Fault) -> Submission {
    if fault.class == FaultClass::UnknownOutcome {
        Submission::Unknown(fault)
    } else {
        Submission::Rejected(fault)
    }
}

/// What a fault becomes once the job was accepted: it may be billed, so nobody else makes it again.
pub(crate) fn after_acceptance(mut fault: Fault) -> Fault {
    if fault.class.fails_over() {
        fault.class = FaultClass::JobLost;
        fault.scope = FaultScope::Request;
        fault.code = None;
    }
    fault
}
