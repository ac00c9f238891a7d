//! Refusals row for row, and bodies as they are known to be taken.
#![allow(clippy::unwrap_used)]

use super::{
    films,
    images::Drawing,
    models::{ServicesModel, WebModel},
    refusal::{Asked, Refusal},
    services,
    submit::shard,
};
use crate::outbound::after_acceptance;
use atelier_domain::{
    account::AccountSecrets,
    code::Code,
    fault::{FaultClass as C, FaultScope as S},
    image::{ImageSpec, Quality, ReferenceUsage},
    reference::{Picture, References},
    size::Size,
    time::Millis,
    video::VideoSpec,
};
use awc::http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use std::path::PathBuf;
use url::Url;

const PLAIN: Asked = Asked::Submit { is_fine: false };
const FINE: Asked = Asked::Submit { is_fine: true };

struct Said {
    status: u16,
    marker: &'static str,
    body: String,
}

fn said(status: u16, marker: &'static str, body: &Value) -> Said {
    Said { status, marker, body: body.to_string() }
}

fn refusal(said: &Said) -> Refusal {
    let mut headers = HeaderMap::new();
    if !said.marker.is_empty() {
        headers.insert(HeaderName::from_static("x-access-error"), HeaderValue::from_static(said.marker));
    }
    Refusal::read(said.status, &headers, said.body.as_bytes(), Millis(0))
}

/// The wire reference's table of errors, one row after the other.
#[test]
fn each_refusal_is_the_class_that_it_is() {
    let html = |status| Said { status, marker: "", body: "<html><body>cloudflare</body></html>".into() };
    let code = |code: &str| json!({ "error_code": code, "message": "said so" });
    #[rustfmt::skip]
    let rows: Vec<(Said, Asked, C, S, Code)> = vec![
        (said(401, "", &json!({"error_code": "401013"})), PLAIN, C::Auth, S::Account, Code::NoAccountAvailable),
        (said(403, "", &json!({})), PLAIN, C::Auth, S::Account, Code::NoAccountAvailable),
        (html(403), PLAIN, C::Network, S::Account, Code::SubmitNetwork),
        (said(403, "taste_exhausted", &code("access_error")), PLAIN, C::QuotaWindow, S::AccountModel, Code::UpstreamSaturated),
        (said(401, "", &code("taste_exhausted")), PLAIN, C::QuotaWindow, S::AccountModel, Code::UpstreamSaturated),
        (said(403, "quota_exhausted", &code("access_error")), PLAIN, C::QuotaWindow, S::AccountModel, Code::UpstreamSaturated),
        (said(403, "user_not_entitled", &json!({})), PLAIN, C::NotEntitled, S::AccountModel, Code::PlanRequired),
        (said(403, "user_not_entitled", &json!({})), FINE, C::NotEntitled, S::Request, Code::QualityNotEntitled),
        (said(401, "not_entitled", &json!({})), FINE, C::NotEntitled, S::Request, Code::QualityNotEntitled),
        (said(403, "user_non_entitled", &code("access_error")), PLAIN, C::NotEntitled, S::AccountModel, Code::PlanRequired),
        (said(403, "invalid_ims_scope", &code("access_error")), FINE, C::NotEntitled, S::Account, Code::PlanRequired),
        (said(403, "", &code("blocked_by_3p_model_provider")), PLAIN, C::Content, S::Request, Code::ImageUnsafe),
        (said(400, "", &code("bad_request")), PLAIN, C::Invalid, S::Request, Code::UpstreamRejected),
        (said(400, "", &json!({"message": "Inpaint image must match the requested width and height"})), PLAIN, C::Invalid, S::Request, Code::BadSize),
        (said(406, "", &json!({})), PLAIN, C::Internal, S::Request, Code::InternalError),
        (said(408, "", &json!({"error_code": "timeout_error", "message": "system under load"})), PLAIN, C::Overloaded, S::Account, Code::UpstreamSaturated),
        (html(413), PLAIN, C::Invalid, S::Request, Code::UpstreamRejected),
        (said(422, "", &code("validation_error")), PLAIN, C::Invalid, S::Request, Code::UpstreamRejected),
        (said(422, "", &json!({"message": "Invalid Usage for Image"})), PLAIN, C::Invalid, S::Request, Code::UpstreamRejected),
        (said(429, "", &code("rate_limited")), PLAIN, C::RateLimited, S::Account, Code::UpstreamSaturated),
        (said(503, "", &code("backpressure_limited")), PLAIN, C::RateLimited, S::Account, Code::UpstreamSaturated),
        (said(500, "", &json!({"message": "worker is overloaded"})), PLAIN, C::RateLimited, S::Account, Code::UpstreamSaturated),
        (said(451, "", &code("image_unsafe")), PLAIN, C::Content, S::Request, Code::ImageUnsafe),
        (said(451, "", &code("reference_image_unsafe_error")), Asked::Upload, C::Content, S::Request, Code::ImageUnsafe),
        (said(451, "", &code("reference_image_privacy_error")), PLAIN, C::Content, S::Request, Code::ImageUnsafe),
        (said(400, "", &code("prompt_unsafe")), PLAIN, C::Content, S::Request, Code::ImageUnsafe),
        (said(451, "", &json!({})), PLAIN, C::Content, S::Request, Code::ImageUnsafe),
        (said(499, "", &code("cancelled_error")), PLAIN, C::JobLost, S::Request, Code::JobLost),
        (said(500, "", &code("runtime_error")), PLAIN, C::Overloaded, S::Account, Code::UpstreamOverloaded),
        (said(503, "", &code("model_not_loaded")), PLAIN, C::Overloaded, S::Account, Code::UpstreamOverloaded),
        (said(500, "", &code("session_data_not_recovered")), PLAIN, C::Overloaded, S::Account, Code::UpstreamOverloaded),
        (html(502), PLAIN, C::UnknownOutcome, S::Request, Code::SubmitOutcomeUnknown),
        (html(522), PLAIN, C::Overloaded, S::Account, Code::UpstreamOverloaded),
        (html(502), Asked::Look, C::Overloaded, S::Account, Code::UpstreamOverloaded),
        (html(504), Asked::Upload, C::Overloaded, S::Account, Code::UpstreamOverloaded),
        (said(404, "", &code("unknown_job_id")), Asked::Look, C::JobLost, S::Request, Code::JobLost),
        (html(301), PLAIN, C::Network, S::Account, Code::SubmitNetwork),
    ];
    for (said, asked, class, scope, code) in rows {
        let fault = refusal(&said).fault(asked, &AccountSecrets::default());
        let shown = format!("{} {} {}", said.status, said.marker, said.body);
        assert_eq!((fault.class, fault.scope, fault.public_code()), (class, scope, code), "{shown}");
        let after = after_acceptance(fault);
        assert!(!after.class.fails_over(), "{shown}: it would be made twice");
    }
}

#[test]
fn a_job_that_failed_tells_why_and_is_nobody_else_s_to_make() {
    for (said, class) in [
        (json!({"status": "failed", "error_code": "image_unsafe", "message": "no"}), C::Content),
        (json!({"status": "FAILED", "error": {"code": "output_unsafe"}}), C::Content),
        (json!({"status": "FAILED", "error_code": "runtime_error"}), C::JobLost),
        (json!({"status": "FAILED", "error_code": "rate_limited"}), C::JobLost),
        (json!({"status": "FAILED"}), C::JobLost),
    ] {
        let fault = Refusal::of(&said).fault(Asked::Look, &AccountSecrets::default());
        assert_eq!(after_acceptance(fault).class, class, "{said}");
    }
}

#[test]
fn a_hint_is_read_in_seconds_and_as_a_date() {
    for hint in ["7", "Thu, 01 Jan 1970 00:00:07 GMT"] {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("retry-after"), HeaderValue::from_str(hint).unwrap());
        let fault = Refusal::read(429, &headers, b"{}", Millis(0)).fault(PLAIN, &AccountSecrets::default());
        assert_eq!(fault.retry_at, Some(Millis(7000)), "{hint}");
    }
}

fn spec() -> ImageSpec {
    ImageSpec { seed: Some(7), ..ImageSpec::new("gpt-image-2", "a fox", Size::new(2048, 2048)) }
}

fn forms(model: &str, spec: &ImageSpec, blobs: &[String]) -> Vec<Value> {
    let model = WebModel::named(model).unwrap();
    let size = model.sizes().nearest(spec.size);
    Drawing { model: &model, spec, size, blobs }.forms(123_456)
}

#[test]
fn pictures_are_asked_for_as_the_web_back_end_is_known_to_take_it() {
    assert_eq!(
        forms("gpt-image-2", &spec(), &[]),
        [json!({
            "modelId": "gpt-image", "modelVersion": "2", "n": 1, "prompt": "a fox", "seeds": [123_456],
            "size": {"width": 2048, "height": 2048}, "outputResolution": "2K",
            "modelSpecificPayload": {"size": "2048x2048"}, "generationSettings": {"detailLevel": 3},
            "generationMetadata": {"module": "text2image", "submodule": "ff-image-generate"},
            "referenceBlobs": [], "output": {"storeInputs": true},
        })]
    );
    let wide = ImageSpec { size: Size::new(2752, 1536), quality: Quality::High, ..spec() };
    assert_eq!(
        forms("nano-banana-3", &wide, &["b1".to_owned()]),
        [json!({
            "modelId": "gemini-flash", "modelVersion": "nano-banana-3", "n": 1, "prompt": "a fox", "seeds": [123_456],
            "size": {"width": 2752, "height": 1536}, "groundSearch": false, "skipCai": false,
            "modelSpecificPayload": {"aspectRatio": "16:9", "parameters": {"addWatermark": false}},
            "generationMetadata": {"module": "image2image", "submodule": "ff-image-generate"},
            "referenceBlobs": [{"id": "b1", "usage": "general"}], "output": {"storeInputs": true},
        })]
    );
}

#[test]
fn references_have_three_forms_and_quality_three_levels() {
    let picture = Picture { path: PathBuf::new(), mime: "image/png".into(), bytes: 1, size: Size::new(8, 8) };
    let references = References {
        images: vec![picture],
        mask: None,
        markup: None,
        usage: ReferenceUsage::Style,
        fidelity: None,
    };
    let edit = ImageSpec { references: Some(references), quality: Quality::High, ..spec() };
    let asked = forms("gpt-image-2", &edit, &["b1".to_owned()]);
    let part = |form: &Value| {
        let module = form["generationMetadata"]["module"].clone();
        (
            form["referenceBlobs"].clone(),
            form["referenceImages"].clone(),
            module,
            form["modelSpecificPayload"].clone(),
        )
    };
    let parts: Vec<_> = asked.iter().map(part).collect();
    let expected = [
        (json!([{"id": "b1", "usage": "style"}]), Value::Null, json!("text2image"), json!({})),
        (json!([]), json!([{"id": "b1"}]), json!("image2image"), json!({})),
        (json!([]), json!([{"localBlobRef": "b1"}]), json!("image2image"), json!({})),
    ];
    assert_eq!(parts, expected);
    for (quality, level) in [(Quality::Low, 1), (Quality::Medium, 3), (Quality::Auto, 3), (Quality::Hd, 5)] {
        let asked = forms("gpt-image-2", &ImageSpec { quality, ..spec() }, &[]);
        assert_eq!(asked[0]["generationSettings"]["detailLevel"], level, "{quality:?}");
    }
}

fn film(seconds: u32, size: Size) -> VideoSpec {
    VideoSpec { seed: Some(9), ..VideoSpec::new("sora-2", "a fox", size, seconds) }
}

#[test]
fn sora_is_told_its_prompt_as_a_document_and_its_frame_twice() {
    let model = WebModel::named("sora-2").unwrap();
    let wide = Size::new(1280, 720);
    let body = films::body(&model, &film(4, wide), Some("b1")).unwrap();
    let document: Value = serde_json::from_str(body["prompt"].as_str().unwrap()).unwrap();
    assert_eq!(document["prompt_text"], "a fox");
    assert_eq!((&document["duration_sec"], &body["duration"]), (&json!(4), &json!(4)));
    assert_eq!((&body["seeds"], &body["seed"]), (&json!([9]), &json!("9")));
    assert_eq!(document["negative_prompt"], body["negativePrompt"]);
    assert_eq!(body["referenceBlobs"], json!([{"id": "b1", "usage": "general", "promptReference": 1}]));
    assert_eq!(body["referenceFrames"], json!([{"localBlobRef": "b1"}, null]));
    for (seconds, size, code) in [(10, wide, Code::BadDuration), (4, Size::new(1792, 1024), Code::BadSize)] {
        let fault = films::body(&model, &film(seconds, size), None).unwrap_err();
        assert_eq!((fault.class, fault.scope, fault.code), (C::NotEntitled, S::Request, Some(code)));
    }
}

#[test]
fn veo_and_kling_have_words_of_their_own() {
    let wide = Size::new(1280, 720);
    let veo = WebModel::named("veo:3.1-fast-generate").unwrap();
    let body = films::body(&veo, &film(8, wide), Some("b1")).unwrap();
    assert_eq!(
        body["modelSpecificPayload"]["parameters"],
        json!({"durationSeconds": 8, "aspectRatio": "16:9", "addWaterMark": false})
    );
    assert_eq!(body.get("duration"), None);
    let kling = WebModel::named("kling:kling_v3_standard_i2v").unwrap();
    let body = films::body(&kling, &film(5, wide), Some("b1")).unwrap();
    assert_eq!(
        (&body["duration"], &body["generationMetadata"]["module"]),
        (&json!(5), &json!("image2video"))
    );
    assert_eq!(body["referenceBlobs"], json!([{"id": "b1", "usage": "frame", "order": 1}]));
}

#[test]
fn services_get_as_many_seeds_as_pictures_and_references_where_they_belong() {
    let model = ServicesModel::named("firefly-image-4").unwrap();
    let body = services::image(model, &spec(), (4, 2), Some("u1")).unwrap();
    assert_eq!((&body["numVariations"], &body["seeds"]), (&json!(2), &json!([11, 12])));
    assert_eq!(body["structure"]["imageReference"]["source"]["uploadId"], "u1");
    let long = ImageSpec { prompt: "x".repeat(1025), ..spec() };
    assert_eq!(services::image(model, &long, (0, 1), None).unwrap_err().class, C::Invalid);
    let model = ServicesModel::named("firefly-video-1").unwrap();
    let body = services::film(model, &film(5, Size::new(1280, 720)), Some("u1")).unwrap();
    assert_eq!(body["sizes"], json!([{"width": 1280, "height": 720}]));
    assert_eq!(body["image"]["conditions"][0]["placement"]["position"], 0);
}

#[test]
fn a_machine_of_the_inner_network_is_looked_at_through_its_front() {
    for (named, poll) in [
        (
            "https://firefly-epo855232.adobe.io/jobs/result/j-1",
            "https://bks-epo8552.adobe.io/v2/jobs/result/j-1?host=firefly-epo855232.adobe.io/",
        ),
        ("https://firefly-epo85.adobe.io/jobs/result/j-1", "https://firefly-epo85.adobe.io/jobs/result/j-1"),
        (
            "https://firefly-3p-ue1.ff.adobe.io/v2/status/j-1",
            "https://firefly-3p-ue1.ff.adobe.io/v2/status/j-1",
        ),
    ] {
        assert_eq!(shard(Url::parse(named).unwrap()).as_str(), poll);
    }
}
