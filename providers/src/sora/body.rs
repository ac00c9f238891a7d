//! What is sent to begin a task. Pure.

use atelier_domain::{
    image::ImageSpec,
    size::Size,
    storyboard,
    video::{SourceUse, VideoSpec},
};
use serde_json::{Value, json};

/// Frames of a second.
const FRAMES: u32 = 30;

/// Sizes of images that clients of this wire have asked for; results have more pixels, and are made into what was asked here.
const IMAGE_SIZES: [Size; 3] = [Size::new(360, 360), Size::new(540, 360), Size::new(360, 540)];

/// Sizes of videos that every account makes.
pub(super) const SMALL_SIZES: &[Size] = &[Size::new(1280, 720), Size::new(720, 1280)];
/// Sizes of videos that accounts of the pro plan make.
pub(super) const ALL_SIZES: &[Size] =
    &[Size::new(1280, 720), Size::new(720, 1280), Size::new(1792, 1024), Size::new(1024, 1792)];
/// Lengths of videos that every account makes, in seconds.
pub(super) const SHORT_SECONDS: &[u32] = &[5, 10, 15];
/// Lengths of videos that accounts of the pro plan make, in seconds.
pub(super) const ALL_SECONDS: &[u32] = &[5, 10, 15, 20, 25];
/// What an extension may add, in seconds.
pub(super) const MORE_SECONDS: [u32; 2] = [10, 15];

/// The body of an image, which `media` may be the start of.
pub(super) fn image(spec: &ImageSpec, media: Option<&str>) -> Value {
    let size = image_size(spec.size);
    let start = media.map(|media| json!({ "type": "image", "frame_index": 0, "upload_media_id": media }));
    json!({
        "type": "image_gen",
        "operation": if start.is_some() { "remix" } else { "simple_compose" },
        "prompt": said(&spec.prompt, spec.style.as_deref(), spec.negative_prompt.as_deref()),
        "width": size.width,
        "height": size.height,
        "n_variants": spec.n,
        "n_frames": 1,
        "inpaint_items": start.into_iter().collect::<Vec<_>>(),
    })
}

/// The size of the same form that is asked for.
fn image_size(size: Size) -> Size {
    let [square, wide, tall] = IMAGE_SIZES;
    match size.width.cmp(&size.height) {
        std::cmp::Ordering::Equal => square,
        std::cmp::Ordering::Greater => wide,
        std::cmp::Ordering::Less => tall,
    }
}

/// The body of a new video, and where it goes. `mark` is the title that it is known by; `media` is what it begins with.
pub(super) fn video(spec: &VideoSpec, mark: &str, media: Option<&str>) -> (&'static str, Value) {
    let mut body = json!({
        "kind": "video",
        "prompt": video_prompt(spec, &spec.prompt),
        "title": mark,
        "orientation": orientation(spec.size),
        "size": fineness(spec.size),
        "n_frames": spec.seconds * FRAMES,
        "model": model(&spec.model),
        "inpaint_items": start(media),
        "style_id": spec.style,
    });
    let Some(board) = board(spec) else { return ("/nf/create", body) };
    body["prompt"] = video_prompt(spec, &board).into();
    for name in NULLS {
        body[name] = Value::Null;
    }
    ("/nf/create/storyboard", body)
}

/// Fields of a storyboard that are there and say nothing.
const NULLS: [&str; 9] = [
    "remix_target_id",
    "metadata",
    "cameo_ids",
    "cameo_replacements",
    "audio_caption",
    "audio_transcript",
    "video_caption",
    "storyboard_id",
    "reroll_target_id",
];

/// The body of a video that derives from a post.
pub(super) fn remix(spec: &VideoSpec, mark: &str, post: &str) -> Value {
    let mut body = json!({
        "kind": "video",
        "prompt": video_prompt(spec, &spec.prompt),
        "title": mark,
        "inpaint_items": [],
        "remix_target_id": post,
        "cameo_ids": [],
        "cameo_replacements": {},
        "model": model(&spec.model),
        "orientation": orientation(spec.size),
        "n_frames": spec.seconds * FRAMES,
        "style_id": spec.style,
    });
    // Clients of this wire say a size only where it is not the usual one.
    if fineness(spec.size) != "small" {
        body["size"] = fineness(spec.size).into();
    }
    body
}

/// The body of an extension.
pub(super) fn extension(spec: &VideoSpec, more: u32) -> Value {
    json!({ "user_prompt": video_prompt(spec, &spec.prompt), "extension_duration_s": more, "enable_rewrite": true })
}

/// Whether something is made over another as a remix; everything else goes on.
pub(super) const fn is_remix(way: SourceUse) -> bool {
    matches!(way, SourceUse::Remix | SourceUse::Edit)
}

fn start(media: Option<&str>) -> Vec<Value> {
    media.map(|media| json!({ "kind": "upload", "upload_id": media })).into_iter().collect()
}

const fn orientation(size: Size) -> &'static str {
    if size.width >= size.height { "landscape" } else { "portrait" }
}

fn fineness(size: Size) -> &'static str {
    if size.long_side() > 1280 { "large" } else { "small" }
}

/// The upstream's own name of a model; an account may also list one of those itself.
fn model(name: &str) -> &str {
    match name {
        own if own.starts_with("sy_") => own,
        fine if ["sora-2-pro", "sora2pro"].iter().any(|start| fine.starts_with(start)) => "sy_ore",
        _ => "sy_8",
    }
}

/// The shots of a prompt as the upstream reads them; none when it tells none.
fn board(spec: &VideoSpec) -> Option<String> {
    let shots = storyboard::fitted(storyboard::shots(&spec.prompt), spec.seconds);
    let told: Vec<_> = shots
        .iter()
        .zip(1..)
        .map(|(shot, number)| {
            format!("Shot {number}:\nduration: {}sec\nScene: {}", shot.seconds, shot.prompt)
        })
        .collect();
    let told = (!told.is_empty()).then(|| told.join("\n\n"))?;
    let about = storyboard::about_all(&spec.prompt);
    Some(match about.is_empty() {
        true => told,
        false => format!("current timeline:\n{told}\n\ninstructions:\n{about}"),
    })
}

fn video_prompt(spec: &VideoSpec, prompt: &str) -> String {
    // A look has a field of its own; what is to be left out has none.
    let mut prompt = said(prompt, None, spec.negative_prompt.as_deref());
    // Nobody there has seen them: what can be said of them is said.
    for member in &spec.cast {
        let behaviour = member.instructions.join(" ");
        let (username, name) = (member.username.as_str(), &member.display_name);
        prompt.push_str(&format!("\n\n@{username} is {name}. {behaviour}"));
    }
    prompt
}

fn said(prompt: &str, style: Option<&str>, negative: Option<&str>) -> String {
    let mut prompt = prompt.to_owned();
    if let Some(style) = style {
        prompt.push_str(&format!("\n\nStyle: {style}."));
    }
    if let Some(negative) = negative {
        prompt.push_str(&format!("\n\nLeave out: {negative}."));
    }
    prompt
}

#[cfg(test)]
mod tests {
    use super::{super::tests::video as spec, *};

    #[test]
    fn every_model_size_and_length_is_told_in_the_upstreams_own_words() {
        for (name, (width, height), seconds, expected) in [
            ("sora-2", (1280, 720), 10, ("sy_8", "landscape", "small", 300)),
            ("sora-video-portrait-15s", (720, 1280), 15, ("sy_8", "portrait", "small", 450)),
            ("sora2-landscape-25s", (1280, 720), 25, ("sy_8", "landscape", "small", 750)),
            ("sora-2-pro", (1280, 720), 10, ("sy_ore", "landscape", "small", 300)),
            ("sora2pro-hd-portrait-15s", (1024, 1792), 15, ("sy_ore", "portrait", "large", 450)),
            ("sy_ore", (1792, 1024), 10, ("sy_ore", "landscape", "large", 300)),
        ] {
            let spec = VideoSpec { model: name.into(), size: Size::new(width, height), seconds, ..spec() };
            let (path, body) = video(&spec, "m", None);
            let (model, orientation, size, frames) = expected;
            assert_eq!(path, "/nf/create");
            assert_eq!(
                (&body["model"], &body["orientation"], &body["size"], &body["n_frames"]),
                (&model.into(), &orientation.into(), &size.into(), &frames.into()),
                "{name}"
            );
            assert_eq!((&body["style_id"], &body["inpaint_items"]), (&Value::Null, &json!([])), "{name}");
        }
    }

    #[test]
    fn shots_are_told_one_by_one_and_what_is_about_all_as_instructions() {
        for (prompt, told) in [
            (
                "[5.0s]a cat [2.5s]it lands",
                "Shot 1:\nduration: 5sec\nScene: a cat\n\nShot 2:\nduration: 2.5sec\nScene: it lands",
            ),
            (
                "in ink [5s][4s]b",
                "current timeline:\nShot 1:\nduration: 4sec\nScene: b\n\ninstructions:\nin ink",
            ),
        ] {
            let spec = VideoSpec { prompt: prompt.into(), style: Some("anime".into()), ..spec() };
            let (path, body) = video(&spec, "m", Some("media_1"));
            assert_eq!((path, &body["prompt"]), ("/nf/create/storyboard", &json!(told)));
            assert_eq!(body["style_id"], "anime");
            assert_eq!(body["inpaint_items"], json!([{ "kind": "upload", "upload_id": "media_1" }]));
        }
    }

    #[test]
    fn a_remix_is_of_the_model_and_size_that_are_paid_for() {
        let fine =
            VideoSpec { model: "sora2pro-hd-landscape-10s".into(), size: Size::new(1792, 1024), ..spec() };
        let body = remix(&fine, "m", "s_1");
        assert_eq!((&body["model"], &body["size"]), (&json!("sy_ore"), &json!("large")));
        assert_eq!(remix(&spec(), "m", "s_1").get("size"), None);
    }
}
