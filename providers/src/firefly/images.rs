//! Bodies of requests for pictures of the web back end. Pure. One picture each.

use super::models::{Choice, WebModel};
use atelier_domain::{
    image::{ImageSpec, Quality},
    size::Size,
};
use serde_json::{Map, Value, json};

/// What is the same for every picture of a job.
pub(super) struct Drawing<'a> {
    pub model: &'a WebModel,
    pub spec: &'a ImageSpec,
    pub size: Choice,
    /// References, as the upstream knows them.
    pub blobs: &'a [String],
}

impl Drawing<'_> {
    /// Whether not every plan has it.
    pub fn is_fine(&self) -> bool {
        self.size.k == 4 || (self.has_quality() && detail(self.spec.quality) == 5)
    }

    fn has_quality(&self) -> bool {
        self.model.id == "gpt-image"
    }

    /// The body, in every form that upstreams of this kind have taken: the next is for one that refuses the one before.
    pub fn forms(&self, seed: u64) -> Vec<Value> {
        if !self.has_quality() {
            return vec![self.gemini(seed)];
        }
        let ids = |name: &str| self.blobs.iter().map(|blob| json!({ name: blob })).collect::<Vec<_>>();
        if self.blobs.is_empty() {
            return vec![self.gpt(seed, [("referenceBlobs", Vec::new())].into())];
        }
        let usage = self.spec.references.as_ref().map_or("subject", |given| given.usage.word());
        let blobs = self.blobs.iter().map(|blob| json!({ "id": blob, "usage": usage })).collect();
        vec![
            self.gpt(seed, [("referenceBlobs", blobs)].into()),
            self.gpt(seed, [("referenceBlobs", Vec::new()), ("referenceImages", ids("id"))].into()),
            self.gpt(seed, [("referenceBlobs", Vec::new()), ("referenceImages", ids("localBlobRef"))].into()),
        ]
    }

    fn gpt(&self, seed: u64, references: Vec<(&str, Vec<Value>)>) -> Value {
        let Size { width, height } = self.size.size;
        let module = if references.len() > 1 { "image2image" } else { "text2image" };
        let payload =
            if self.blobs.is_empty() { json!({ "size": self.size.size.to_string() }) } else { json!({}) };
        let mut settings = json!({ "detailLevel": detail(self.spec.quality) });
        if let Some(negative) = &self.spec.negative_prompt {
            settings["avoidKeywords"] = json!([negative]);
        }
        let mut body = json!({
            "modelId": self.model.id, "modelVersion": self.model.version, "n": 1, "seeds": [seed],
            "prompt": prompt(self.spec, true),
            "size": { "width": width, "height": height },
            "outputResolution": format!("{}K", self.size.k),
            "modelSpecificPayload": payload,
            "generationSettings": settings,
            "generationMetadata": { "module": module, "submodule": "ff-image-generate" },
            "output": { "storeInputs": true },
        });
        for (name, blobs) in references {
            body[name] = json!(blobs);
        }
        body
    }

    /// Gemini's body, which every other model of unknown needs gets as well.
    fn gemini(&self, seed: u64) -> Value {
        let (Size { width, height }, (across, down)) = (self.size.size, self.size.ratio);
        let module = if self.blobs.is_empty() { "text2image" } else { "image2image" };
        let blobs: Vec<_> = self.blobs.iter().map(|blob| json!({ "id": blob, "usage": "general" })).collect();
        json!({
            "modelId": self.model.id, "modelVersion": self.model.version, "n": 1, "seeds": [seed],
            "prompt": prompt(self.spec, false),
            "size": { "width": width, "height": height },
            "groundSearch": false, "skipCai": false,
            "modelSpecificPayload": {
                "aspectRatio": format!("{across}:{down}"), "parameters": { "addWatermark": false },
            },
            "generationMetadata": { "module": module, "submodule": "ff-image-generate" },
            "referenceBlobs": blobs, "output": { "storeInputs": true },
        })
    }
}

const fn detail(quality: Quality) -> u8 {
    match quality {
        Quality::Low => 1,
        Quality::Auto | Quality::Medium | Quality::Standard => 3,
        Quality::High | Quality::XHigh | Quality::Max | Quality::Hd => 5,
    }
}

/// The prompt, with what has no field of its own.
fn prompt(spec: &ImageSpec, has_negative: bool) -> String {
    let mut prompt = spec.prompt.clone();
    if let Some(style) = &spec.style {
        prompt.push_str(&format!("\n\nStyle: {style}."));
    }
    if let Some(negative) = spec.negative_prompt.as_ref().filter(|_| !has_negative) {
        prompt.push_str(&format!("\n\nLeave out: {negative}."));
    }
    prompt
}

/// The seed of picture `number` of a job: pictures of one job differ. Seeds there have 31 bits.
pub(super) fn seed(given: Option<u64>, number: u32) -> u64 {
    let first = given.unwrap_or_else(|| u64::from(rand::random::<u32>() % 1_000_000));
    (first % (1 << 31) + u64::from(number)) % (1 << 31)
}

/// Sets a field of a body.
pub(super) fn set(fields: &mut Map<String, Value>, name: &str, value: Value) {
    fields.insert(name.to_owned(), value);
}
