//! What a poll's answer says about its job. Pure. Both flavours, and all the ways in which progress is told.

use super::refusal::Refusal;
use awc::http::header::HeaderMap;
use serde_json::Value;

/// How a job is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Not done; percent when known, 0–99.
    Pending(Option<u8>),
    /// Its files, in order.
    Done(Vec<String>),
    /// It failed, and says why.
    Failed(Box<Refusal>),
    /// It ended without a result; what happened to it.
    Lost(&'static str),
}

impl State {
    /// Reads an answer. Files count, whatever the status says.
    pub fn read(said: &Value, headers: &HeaderMap) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let files = files(said);
        if !files.is_empty() {
            return Self::Done(files);
        }
        let status = text(said, &["/status", "/task/status"]).or_else(|| header("x-task-status"));
        match status.unwrap_or_default().to_ascii_uppercase().as_str() {
            "FAILED" | "ERROR" | "FAILURE" => Self::Failed(Box::new(Refusal::of(said))),
            "CANCELLED" | "CANCELED" => Self::Lost("cancelled"),
            "TIMEOUT" | "EXPIRED" => Self::Lost("gave up"),
            "SUCCEEDED" | "COMPLETED" => Self::Lost("ended"),
            // An unknown word is no reason to give up work that may be paid for.
            _ => Self::Pending(progress(said, header)),
        }
    }
}

fn text<'a>(said: &'a Value, places: &[&str]) -> Option<&'a str> {
    places.iter().find_map(|place| said.pointer(place)?.as_str())
}

fn files(said: &Value) -> Vec<String> {
    let outputs =
        said.pointer("/outputs").or_else(|| said.pointer("/result/outputs")).and_then(Value::as_array);
    let file = |output: &Value| {
        let places = ["/image/presignedUrl", "/image/url", "/video/presignedUrl", "/video/url"];
        text(output, &places).filter(|url| !url.is_empty()).map(str::to_owned)
    };
    outputs.into_iter().flatten().filter_map(file).collect()
}

/// Percent, from a fraction, a number or a text such as `"45%"`, in the first place that has one.
fn progress<'a>(said: &Value, header: impl Fn(&str) -> Option<&'a str>) -> Option<u8> {
    const NAMES: [&str; 5] = ["progress", "percentage", "percent", "task_progress", "taskProgress"];
    const WITHIN: [&str; 5] = ["", "/task", "/result", "/meta", "/metadata"];
    let places = WITHIN.iter().flat_map(|room| NAMES.map(|name| format!("{room}/{name}")));
    let told = places.filter_map(|place| said.pointer(&place)).find_map(percent);
    let headers = ["x-task-progress", "x-progress", "progress"];
    told.or_else(|| headers.iter().find_map(|name| number(header(name)?)))
}

fn percent(value: &Value) -> Option<u8> {
    match value {
        Value::Number(number) => clamped(number.as_f64()?, true),
        Value::String(text) => number(text),
        Value::Object(fields) => {
            ["value", "percent", "percentage", "progress"].iter().find_map(|name| percent(fields.get(*name)?))
        }
        _ => None,
    }
}

fn number(text: &str) -> Option<u8> {
    let text = text.trim();
    match text.strip_suffix('%') {
        Some(percent) => clamped(percent.trim().parse().ok()?, false),
        None => clamped(text.parse().ok()?, true),
    }
}

/// What is at most 1 is a fraction. 100 it is only when the files are there.
fn clamped(told: f64, may_be_fraction: bool) -> Option<u8> {
    let percent = if may_be_fraction && told <= 1.0 { told * 100.0 } else { told };
    percent.is_finite().then(|| percent.round().clamp(0.0, 99.0) as u8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use awc::http::header::{HeaderName, HeaderValue};
    use serde_json::json;

    fn read(said: &Value, headers: &[(&'static str, &'static str)]) -> State {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        State::read(said, &map)
    }

    #[test]
    fn every_way_to_tell_progress_is_understood() {
        for (said, headers, expected) in [
            (json!({"status": "IN_PROGRESS", "progress": 40}), &[][..], Some(40)),
            (json!({"status": "IN_PROGRESS", "progress": 0.4}), &[], Some(40)),
            (json!({"status": "RUNNING", "progress": "45%"}), &[], Some(45)),
            (json!({"status": "running", "progress": "0.5"}), &[], Some(50)),
            (json!({"status": "RUNNING", "progress": 1}), &[], Some(99)),
            (json!({"status": "RUNNING", "progress": "1%"}), &[], Some(1)),
            (json!({"status": "RUNNING", "progress": 140}), &[], Some(99)),
            (json!({"task": {"status": "RUNNING", "percent": 12}}), &[], Some(12)),
            (json!({"metadata": {"progress": {"value": 7}}}), &[], Some(7)),
            (json!({}), &[("x-task-status", "IN_PROGRESS"), ("x-task-progress", "30")], Some(30)),
            (json!({"status": "cancel_pending"}), &[], None),
            (json!({}), &[], None),
        ] {
            assert_eq!(read(&said, headers), State::Pending(expected), "{said} {headers:?}");
        }
    }

    #[test]
    fn files_end_a_job_whatever_its_status_says_and_words_of_failure_do_without() {
        let files = vec!["https://a.example/1".to_owned()];
        for said in [
            json!({"status": "IN_PROGRESS", "outputs": [{"image": {"presignedUrl": files[0]}}]}),
            json!({"status": "succeeded", "result": {"outputs": [{"image": {"url": files[0]}}]}}),
            json!({"outputs": [{"video": {"presignedUrl": files[0]}}, {}]}),
        ] {
            assert_eq!(read(&said, &[]), State::Done(files.clone()), "{said}");
        }
        for word in ["FAILED", "failed", "ERROR"] {
            assert!(matches!(read(&json!({"status": word}), &[]), State::Failed(_)), "{word}");
        }
        assert!(matches!(read(&json!({}), &[("x-task-status", "FAILED")]), State::Failed(_)));
        for word in ["CANCELLED", "canceled", "timeout", "SUCCEEDED"] {
            assert!(matches!(read(&json!({"status": word, "outputs": []}), &[]), State::Lost(_)), "{word}");
        }
    }
}
