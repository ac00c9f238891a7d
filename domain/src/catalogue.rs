//! The model catalogue (api.md §10): which names clients may send, what each makes, and which engines serve it.
//! It is data (`catalogue.toml`), read once at boot.

use crate::{
    job::{JobKind, Route},
    size::{Shape, Size, SizeRule},
};
use serde::Deserialize;
use std::{collections::HashMap, sync::Arc};

/// One name that clients may send.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The name as sent.
    pub name: String,
    /// The model's own name; equal to `name` unless that is an alias.
    pub canonical: String,
    /// What it makes.
    pub kind: JobKind,
    /// One line for lists.
    pub description: String,
    /// The vendor.
    pub owned_by: String,
    /// The size used for `auto`.
    pub default_size: Size,
    /// Which sizes it makes.
    pub sizes: SizeRule,
    /// Sizes that this name takes beyond the family's rule.
    pub extra_sizes: Vec<Size>,
    /// Whether quality levels mean something to it.
    pub has_quality: bool,
    /// Whether it can leave the background transparent.
    pub has_transparency: bool,
    /// Whether `url` is the default response format, as it was at OpenAI for this name.
    pub url_by_default: bool,
    /// When its vendor switched it off or will, as `YYYY-MM-DD`.
    pub shutdown_date: Option<String>,
    /// The plan that an account must have for it, such as `pro`.
    pub plan: Option<String>,
    /// The lengths that it makes, in seconds, the default first; empty for images.
    pub seconds: Vec<u32>,
    /// The default length in the profile `sora2api`, when it is another (api.md §0, the table).
    pub sora2api_seconds: Option<u32>,
    /// Where jobs for it go, in order of preference.
    pub routes: Vec<Route>,
}

impl Model {
    /// The exact size for what a client wrote: `aspect_ratio` beats `size`; `auto` and nothing mean the default.
    pub fn resolve_size(&self, size: Option<&str>, aspect_ratio: Option<&str>) -> Result<Size, SizeProblem> {
        let wrong = |field, message| SizeProblem { field, message };
        if let Some(shape) = aspect_ratio.filter(|text| !text.eq_ignore_ascii_case("auto")) {
            let shape: Shape = shape.parse().map_err(|m| wrong("aspect_ratio", m))?;
            return self.sizes.fit(shape).map_err(|m| wrong("aspect_ratio", m));
        }
        let Some(text) =
            size.map(str::trim).filter(|text| !text.is_empty() && !text.eq_ignore_ascii_case("auto"))
        else {
            return Ok(self.default_size);
        };
        match text.parse::<Size>() {
            Ok(exact) if self.extra_sizes.contains(&exact) => Ok(exact),
            Ok(exact) => self.sizes.check(exact).map(|()| exact).map_err(|m| wrong("size", m)),
            Err(message) => {
                let shape: Shape = text
                    .parse()
                    .map_err(|_| wrong("size", format!("{message}, a ratio such as 16:9, or auto")))?;
                self.sizes.fit(shape).map_err(|m| wrong("size", m))
            }
        }
    }
}

/// What is wrong with a wanted size, and in which field it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeProblem {
    /// `size` or `aspect_ratio`.
    pub field: &'static str,
    /// For the client.
    pub message: String,
}

/// All models, by every name they go by.
#[derive(Debug, Clone)]
pub struct Catalogue {
    models: Vec<Arc<Model>>,
    /// What exact names of accounts are like, by kind.
    exact: HashMap<JobKind, Model>,
    by_name: HashMap<String, usize>,
}

/// A catalogue that contradicts itself.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The file is not the expected TOML.
    #[error("the model catalogue cannot be read")]
    Toml(#[from] toml::de::Error),
    /// A model names a family that is not there.
    #[error("model {model} names family {family}, which the catalogue does not have")]
    NoFamily {
        /// The model.
        model: String,
        /// The missing family.
        family: String,
    },
    /// Two models share a name.
    #[error("the name {0} stands twice in the model catalogue")]
    Twice(String),
    /// The default size breaks the family's own rule.
    #[error("the default size of model {model} is not legal: {why}")]
    DefaultSize {
        /// The model.
        model: String,
        /// What it breaks.
        why: String,
    },
}

impl Catalogue {
    /// The catalogue that ships with Atelier.
    pub fn builtin() -> Result<Self, CatalogueError> {
        Self::parse(include_str!("catalogue.toml"))
    }

    /// Reads a catalogue.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let file: File = toml::from_str(text)?;
        let mut catalogue = Self { models: Vec::new(), exact: HashMap::new(), by_name: HashMap::new() };
        for family in file.families.iter().filter(|family| family.exact_names) {
            let model = Entry::exact(family).model(family);
            catalogue.exact.insert(family.kind, model);
        }
        for entry in &file.models {
            let family = file.families.iter().find(|f| f.name == entry.family).ok_or_else(|| {
                CatalogueError::NoFamily { model: entry.name.clone(), family: entry.family.clone() }
            })?;
            for model in entry.names(family) {
                catalogue.add(model)?;
            }
        }
        Ok(catalogue)
    }

    fn add(&mut self, model: Model) -> Result<(), CatalogueError> {
        if let Err(why) = model.sizes.check(model.default_size) {
            return Err(CatalogueError::DefaultSize { model: model.name, why });
        }
        if self.by_name.insert(model.name.clone(), self.models.len()).is_some() {
            return Err(CatalogueError::Twice(model.name));
        }
        self.models.push(Arc::new(model));
        Ok(())
    }

    /// The model that a client means by `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<Model>> {
        self.by_name.get(name).map(|&at| &self.models[at])
    }

    /// The model of this kind used when a client names none: the first in the file.
    pub fn default_for(&self, kind: JobKind) -> Option<&Arc<Model>> {
        self.models.iter().find(|model| model.kind == kind)
    }

    /// Every name, in the order of the file.
    pub fn models(&self) -> &[Arc<Model>] {
        &self.models
    }

    /// The model of a name that stands in no catalogue but in an account's own list: little is known of it, so little is refused.
    pub fn exact(&self, name: &str, kind: JobKind, engines: &[&str]) -> Option<Model> {
        let model = self.exact.get(&kind)?.clone();
        let routes = engines.iter().map(|engine| Route::new(*engine, name)).collect();
        let description = format!("{} as an account lists it", name);
        Some(Model { name: name.to_owned(), canonical: name.to_owned(), description, routes, ..model })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    families: Vec<Family>,
    models: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    name: String,
    kind: JobKind,
    owned_by: String,
    /// The engines that may serve it, in order of preference.
    #[serde(default)]
    routes: Vec<String>,
    /// Whether it stands for names that only accounts know.
    #[serde(default)]
    exact_names: bool,
    default_size: Size,
    quality: bool,
    transparent: bool,
    sizes: SizeRule,
    /// For videos: lengths in seconds, the default first.
    #[serde(default)]
    seconds: Vec<u32>,
    sora2api_seconds: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    family: String,
    description: String,
    default_size: Option<Size>,
    /// The plan that it needs.
    plan: Option<String>,
    /// The plan that it needs at one engine only.
    #[serde(default)]
    engine_plans: HashMap<String, String>,
    /// The only length that this name stands for.
    seconds: Option<u32>,
    /// The only sizes that this name stands for.
    #[serde(default)]
    only_sizes: Vec<Size>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    legacy: Vec<Legacy>,
}

/// A name whose vendor switched it off: it goes on working as an alias, with what that name alone could do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Legacy {
    name: String,
    shutdown_date: String,
    #[serde(default)]
    url_by_default: bool,
    #[serde(default)]
    extra_sizes: Vec<Size>,
}

impl Entry {
    fn exact(family: &Family) -> Self {
        Self { name: family.name.clone(), family: family.name.clone(), ..Self::default() }
    }

    fn model(&self, family: &Family) -> Model {
        Model {
            name: self.name.clone(),
            canonical: self.name.clone(),
            kind: family.kind,
            description: self.description.clone(),
            owned_by: family.owned_by.clone(),
            default_size: self.default_size.unwrap_or(family.default_size),
            sizes: if self.only_sizes.is_empty() {
                family.sizes.clone()
            } else {
                SizeRule { only: self.only_sizes.clone(), ..family.sizes.clone() }
            },
            plan: self.plan.clone(),
            seconds: self.seconds.map_or_else(|| family.seconds.clone(), |seconds| vec![seconds]),
            sora2api_seconds: family.sora2api_seconds.filter(|_| self.seconds.is_none()),
            extra_sizes: Vec::new(),
            has_quality: family.quality,
            has_transparency: family.transparent,
            url_by_default: false,
            shutdown_date: None,
            routes: family
                .routes
                .iter()
                .map(|engine| Route {
                    engine: engine.clone(),
                    model: self.name.clone(),
                    family: self.family.clone(),
                    plan: self.plan.as_ref().or_else(|| self.engine_plans.get(engine)).cloned(),
                })
                .collect(),
        }
    }

    fn names(&self, family: &Family) -> Vec<Model> {
        let own = self.model(family);
        let alias = |name: &str| Model {
            name: name.into(),
            description: format!("{} (alias of {})", self.description, self.name),
            ..own.clone()
        };
        let mut names = vec![own.clone()];
        names.extend(self.aliases.iter().map(|name| alias(name)));
        names.extend(self.legacy.iter().map(|old| Model {
            shutdown_date: Some(old.shutdown_date.clone()),
            url_by_default: old.url_by_default,
            extra_sizes: old.extra_sizes.clone(),
            ..alias(&old.name)
        }));
        names
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_image_name_of_the_surface_resolves() {
        let catalogue = Catalogue::builtin().unwrap();
        for (name, canonical) in [
            ("gpt-image-2", "gpt-image-2"),
            ("gpt-image-2-2026-04-21", "gpt-image-2"),
            ("gpt-image-1", "gpt-image-2"),
            ("gpt-image-1.5", "gpt-image-2"),
            ("gpt-image-1-mini", "gpt-image-2"),
            ("dall-e-3", "gpt-image-2"),
            ("dall-e-2", "gpt-image-2"),
            ("chatgpt-image-latest", "gpt-image-2"),
            ("gpt-image-2.5-flare-2026-09-08", "gpt-image-2.5-flare"),
            ("gpt-image-2.6-sunburst", "gpt-image-2.6-sunburst"),
            ("nano-banana", "nano-banana-3"),
            ("gemini-3.1", "nano-banana-3"),
            ("gemini-2.5-flash", "gemini-2.5"),
            ("nano-banana-1", "gemini-2.5"),
            ("sora-image-portrait", "sora-image-portrait"),
            ("gpt-image-landscape", "gpt-image-landscape"),
        ] {
            assert_eq!(catalogue.get(name).map(|m| m.canonical.as_str()), Some(canonical), "{name}");
        }
        assert_eq!(catalogue.default_for(JobKind::Image).unwrap().name, "gpt-image-2");
        assert!(catalogue.get("no-such-model").is_none());
    }

    #[test]
    fn every_video_name_of_the_surface_resolves_to_its_length_and_shape() {
        let catalogue = Catalogue::builtin().unwrap();
        for (name, size, seconds) in [
            ("sora-2", "1280x720", vec![4, 8, 10, 12, 15, 25]),
            ("sora", "1280x720", vec![4, 8, 10, 12, 15, 25]),
            ("sora2", "1280x720", vec![4, 8, 10, 12, 15, 25]),
            ("sora-2-2025-12-08", "1280x720", vec![4, 8, 10, 12, 15, 25]),
            ("sora-2-pro-2025-10-06", "1280x720", vec![4, 8, 10, 12, 15, 25]),
            ("sora-video-10s", "1280x720", vec![10]),
            ("sora-video-portrait-15s", "720x1280", vec![15]),
            ("sora2-landscape-25s", "1280x720", vec![25]),
            ("sora2-25s", "1280x720", vec![25]),
            ("sora2pro-portrait-25s", "720x1280", vec![25]),
            ("sora2pro-hd-landscape-15s", "1792x1024", vec![15]),
        ] {
            let model = catalogue.get(name).unwrap();
            assert_eq!(
                (model.kind, model.default_size.to_string().as_str(), &model.seconds),
                (JobKind::Video, size, &seconds),
                "{name}"
            );
        }
        assert_eq!(catalogue.default_for(JobKind::Video).unwrap().name, "sora-2");
        assert!(
            catalogue.get("sora-video-portrait-15s").unwrap().resolve_size(Some("1280x720"), None).is_err()
        );
    }

    #[test]
    fn a_plan_of_one_engine_is_asked_of_its_accounts_only() {
        let catalogue = Catalogue::builtin().unwrap();
        for name in ["sora-2-pro", "sora-2-pro-2025-10-06"] {
            let model = catalogue.get(name).unwrap();
            assert_eq!(model.plan, None, "{name} is nobody's alone");
            for route in &model.routes {
                let wanted = (route.engine == "sora").then_some("pro");
                assert_eq!(route.plan.as_deref(), wanted, "{name} at {}", route.engine);
            }
        }
    }

    #[test]
    fn sizes_follow_the_name() {
        let catalogue = Catalogue::builtin().unwrap();
        let size = |model: &str, size, ratio| {
            catalogue.get(model).unwrap().resolve_size(size, ratio).map(|s| s.to_string())
        };
        assert_eq!(size("dall-e-2", Some("256x256"), None).unwrap(), "256x256");
        assert!(size("gpt-image-2", Some("256x256"), None).is_err());
        assert_eq!(size("gpt-image-portrait", None, None).unwrap(), "360x540");
        assert_eq!(size("gpt-image-2", Some("auto"), None).unwrap(), "1024x1024");
        assert_eq!(size("gpt-image-2", Some("16:9"), None).unwrap(), "1280x720");
        assert_eq!(size("gpt-image-2", Some("1024x1024"), Some("4k-wide")).unwrap(), "3840x2160");
        assert_eq!(size("sora-image", Some("wide"), None).unwrap(), "1792x1024");
        assert_eq!(size("nano-banana", Some("8:1"), None).unwrap(), "3072x384");
        let problem = catalogue.get("gpt-image-2").unwrap().resolve_size(Some("huge"), None).unwrap_err();
        assert_eq!(problem.field, "size");
        assert!(problem.message.contains("16:9"), "{}", problem.message);
    }

    #[test]
    fn a_catalogue_that_contradicts_itself_is_refused() {
        let family = "[[families]]\nname='f'\nkind='image'\nowned_by='x'\ndefault_size='64x64'\nquality=false\ntransparent=false\n[families.sizes]\n";
        let model = "[[models]]\nname='m'\nfamily='f'\ndescription=''\n";
        let parse = |text: String| Catalogue::parse(&text).unwrap_err();
        assert!(matches!(parse(format!("{family}{model}{model}")), CatalogueError::Twice(_)));
        assert!(matches!(parse(format!("families=[]\n{model}")), CatalogueError::NoFamily { .. }));
        assert!(matches!(
            parse(format!("{family}only=['32x32']\n{model}")),
            CatalogueError::DefaultSize { .. }
        ));
    }
}
