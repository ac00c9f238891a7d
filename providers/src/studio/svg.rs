//! The same composition as vector shapes: an own writer, since the document is a flat list of a few element kinds.

use super::{
    area::Area,
    canvas::Canvas,
    drawing::Drawing,
    edit::{Edit, Lean, Region},
    embed,
    encode::SOFTWARE,
    inset,
    paint::{Composition, StudioError},
    scene::{Fill, Form, Glow, Ink, Layer, Point, Scene, Wave},
    text::Caption,
};
use atelier_domain::size::Size;
use std::fmt::Write;

/// Straight pieces that stand for one curve across the picture.
const PIECES: usize = 160;

/// Writing to a `String` cannot fail.
macro_rules! put {
    ($to:expr, $($arg:tt)*) => { let _ = write!($to, $($arg)*); };
}

/// Writes the document; with `share` below 1 only that share of the forms, from the back, and no insets and no caption.
///
/// # Errors
/// [`StudioError::Encode`] when a picture of an edit cannot be embedded.
pub(super) fn write(drawing: &Drawing, composition: &Composition, share: f32) -> Result<String, StudioError> {
    let sheet = composition.sheet;
    let mut page = Page {
        unit: sheet.short_side() as f32,
        width: sheet.width as f32,
        height: sheet.height as f32,
        ..Page::default()
    };
    page.sky(&composition.scene);
    let layers = &composition.scene.layers;
    for layer in layers.iter().take((layers.len() as f32 * share) as usize) {
        page.layer(layer);
    }
    let edit = drawing.edit.as_deref();
    if let Some(relief) = edit.and_then(Edit::relief) {
        page.picture(&relief.toned(&composition.palette), Area::whole(sheet), (1, relief.opacity()))?;
    }
    let cut = composition.scene.cutout.as_ref().map_or_else(String::new, |form| page.clip(form));
    let lean = composition.lean.as_ref().map_or_else(String::new, |lean| page.filter(lean));
    let scene = std::mem::take(&mut page.body);
    put!(page.body, "<g{cut}{lean}>{scene}</g>\n");
    if let (Some(edit), true) = (edit, share >= 1.0) {
        page.insets(edit, composition)?;
    }
    if let (Some(caption), true) = (&composition.caption, share >= 1.0) {
        for layer in caption.plate(&composition.palette, page.unit) {
            page.layer(&layer);
        }
        page.caption(caption, &hex(composition.palette.light.ink(1.0)));
    }
    if let Some((picture, region)) = edit.and_then(Edit::base) {
        page.move_into(picture, region)?;
    }
    let (Page { defs, body, .. }, Size { width, height }) = (page, drawing.size());
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <title>{title}</title>\n<metadata>{SOFTWARE}</metadata>\n<defs>{defs}</defs>\n{body}</svg>\n",
        title = escaped(&drawing.prompt),
    ))
}

/// Text as XML 1.0 allows it: markup escaped, characters that no document may contain left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn hex(ink: Ink) -> String {
    let [r, g, b] = ink.rgb.0;
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[derive(Debug, Default)]
struct Page {
    unit: f32,
    width: f32,
    height: f32,
    ids: usize,
    defs: String,
    body: String,
}

impl Page {
    fn id(&mut self) -> usize {
        self.ids += 1;
        self.ids
    }

    fn px(&self, p: Point) -> Point {
        Point { x: p.x * self.unit, y: p.y * self.unit }
    }

    fn sky(&mut self, scene: &Scene) {
        let id = self.id();
        put!(self.defs, "<linearGradient id=\"i{id}\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"1\">");
        for (i, rgb) in scene.sky.iter().enumerate() {
            let color = hex(rgb.ink(1.0));
            put!(
                self.defs,
                "<stop offset=\"{}\" stop-color=\"{color}\"/>",
                i as f32 / (scene.sky.len() - 1) as f32
            );
        }
        self.defs.push_str("</linearGradient>");
        put!(self.body, "<rect width=\"{}\" height=\"{}\" fill=\"url(#i{id})\"/>", self.width, self.height);
        for &Glow { center, radius, ink } in &scene.glows {
            let fill = Fill::Radial { center, radius, inner: ink, outer: Ink { alpha: 0.0, ..ink } };
            self.layer(&Layer::new(Form::Disc { center, radius }, fill));
        }
    }

    /// A picture in its place, stretched to fill it, as one of `share` that may be so large, showing this much.
    fn picture(
        &mut self,
        picture: &Canvas,
        place: Area,
        (share, opacity): (usize, f32),
    ) -> Result<(), StudioError> {
        let Area { x, y, width, height } = place;
        put!(
            self.body,
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" opacity=\"{opacity:.3}\" \
             preserveAspectRatio=\"none\" href=\"{}\"/>\n",
            embed::uri(picture, share)?
        );
        Ok(())
    }

    fn insets(&mut self, edit: &Edit, composition: &Composition) -> Result<(), StudioError> {
        let count = edit.insets().count();
        for (picture, place) in edit.insets() {
            let place = composition.shift.moved(place);
            if edit.is_close() && picture.is_opaque() {
                for layer in inset::frame(place, self.unit, &composition.palette) {
                    self.layer(&layer);
                }
            }
            let clip = if picture.is_opaque() {
                self.clip(&inset::outline(place, self.unit, (0.0, 0.0)))
            } else {
                String::new()
            };
            put!(self.body, "<g{clip}>");
            if edit.is_close() {
                self.picture(picture, place, (count, 1.0))?;
            } else {
                self.picture(&inset::tinted(picture, &composition.palette), place, (count, 0.9))?;
            }
            self.body.push_str("</g>");
        }
        Ok(())
    }

    fn filter(&mut self, lean: &Lean) -> String {
        let (id, width, height) = (self.id(), self.width, self.height);
        put!(
            self.defs,
            "<filter id=\"i{id}\" filterUnits=\"userSpaceOnUse\" x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\" \
             color-interpolation-filters=\"sRGB\"><feComponentTransfer>"
        );
        for (channel, (slope, intercept)) in
            ["R", "G", "B"].iter().zip(lean.slopes.iter().zip(lean.intercepts))
        {
            put!(
                self.defs,
                "<feFunc{channel} type=\"linear\" slope=\"{slope:.4}\" intercept=\"{intercept:.4}\"/>"
            );
        }
        self.defs.push_str("</feComponentTransfer></filter>");
        format!(" filter=\"url(#i{id})\"")
    }

    /// Moves all that there is into the region of a picture that it replaces.
    fn move_into(&mut self, picture: &Canvas, region: &Region) -> Result<(), StudioError> {
        let drawn = std::mem::take(&mut self.body);
        self.picture(picture, Area::whole(picture.size()), (1, 1.0))?;
        let (Some(bounds), Some(stencil)) = (region.bounds(), region.stencil()) else { return Ok(()) };
        let (id, shown) = (self.id(), std::mem::take(&mut self.body));
        self.picture(&stencil, Area::whole(bounds.size()), (1, 1.0))?;
        let stencil = std::mem::replace(&mut self.body, shown);
        // Without a region of its own a mask reaches a tenth over its object, and no further.
        let Area { x, y, width, height } = bounds;
        put!(
            self.defs,
            "<mask id=\"i{id}\" maskUnits=\"userSpaceOnUse\" x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\">{stencil}</mask>"
        );
        put!(self.body, "<g transform=\"translate({x} {y})\" mask=\"url(#i{id})\">{drawn}</g>\n");
        Ok(())
    }

    fn layer(&mut self, layer: &Layer) {
        let clip = layer.clip.as_ref().map_or_else(String::new, |form| self.clip(form));
        let paint = self.paint(layer.fill);
        let shape = match &layer.form {
            Form::Ring { center, radius, width } => {
                let (c, stroke) = (self.px(*center), (width * self.unit).max(0.8));
                let paint = paint.replace("fill", "stroke");
                let radius = radius * self.unit;
                format!(
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\" fill=\"none\" stroke-width=\"{stroke:.1}\"{paint}{clip}/>",
                    c.x, c.y
                )
            }
            form => {
                let shape = self.shape(form);
                format!("{shape}{paint}{clip}/>")
            }
        };
        self.body.push_str(&shape);
    }

    /// An element without its end, so that attributes can follow.
    fn shape(&self, form: &Form) -> String {
        match form {
            Form::Disc { center, radius } | Form::Ring { center, radius, .. } => {
                let c = self.px(*center);
                format!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{:.2}\"", c.x, c.y, radius * self.unit)
            }
            Form::Rect { min, max, radius } => {
                let (min, max) = (self.px(*min), self.px(*max));
                let (w, h) = (max.x - min.x, max.y - min.y);
                format!(
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"{:.1}\"",
                    min.x,
                    min.y,
                    radius * self.unit
                )
            }
            Form::Below { top, bottom } => {
                let mut path = String::from("<path d=\"M");
                self.run(&mut path, top, false);
                match bottom {
                    Some(bottom) => self.run(&mut path, bottom, true),
                    None => {
                        put!(path, "{} {} 0 {}", self.width, self.height, self.height);
                    }
                }
                path.push_str("Z\"");
                path
            }
        }
    }

    fn run(&self, path: &mut String, wave: &Wave, backward: bool) {
        for i in 0..=PIECES {
            let i = if backward { PIECES - i } else { i };
            let x = self.width * i as f32 / PIECES as f32;
            put!(path, "{x:.1} {:.1} ", wave.y(x / self.unit) * self.unit);
        }
    }

    fn clip(&mut self, form: &Form) -> String {
        let (id, shape) = (self.id(), self.shape(form));
        put!(self.defs, "<clipPath id=\"i{id}\">{shape}/></clipPath>");
        format!(" clip-path=\"url(#i{id})\"")
    }

    fn paint(&mut self, fill: Fill) -> String {
        match fill {
            Fill::Flat(ink) => format!(" fill=\"{}\" fill-opacity=\"{:.3}\"", hex(ink), ink.alpha),
            Fill::Linear { from, to, start, end } => {
                let (id, a, b) = (self.id(), self.px(from), self.px(to));
                put!(
                    self.defs,
                    "<linearGradient id=\"i{id}\" gradientUnits=\"userSpaceOnUse\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\">",
                    a.x,
                    a.y,
                    b.x,
                    b.y
                );
                self.stop(0.0, start);
                self.stop(1.0, end);
                self.defs.push_str("</linearGradient>");
                format!(" fill=\"url(#i{id})\"")
            }
            Fill::Radial { center, radius, inner, outer } => {
                let (id, c) = (self.id(), self.px(center));
                put!(
                    self.defs,
                    "<radialGradient id=\"i{id}\" gradientUnits=\"userSpaceOnUse\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{:.1}\">",
                    c.x,
                    c.y,
                    radius * self.unit
                );
                for step in 0..=4u8 {
                    let distance = f32::from(step) / 4.0;
                    let rest = 1.0 - distance * distance;
                    let t = 1.0 - rest * rest;
                    let alpha = inner.alpha + (outer.alpha - inner.alpha) * t;
                    self.stop(distance, inner.rgb.mix(outer.rgb, t).ink(alpha));
                }
                self.defs.push_str("</radialGradient>");
                format!(" fill=\"url(#i{id})\"")
            }
        }
    }

    fn stop(&mut self, offset: f32, ink: Ink) {
        put!(
            self.defs,
            "<stop offset=\"{offset}\" stop-color=\"{}\" stop-opacity=\"{:.3}\"/>",
            hex(ink),
            ink.alpha
        );
    }

    fn caption(&mut self, caption: &Caption, color: &str) {
        put!(
            self.body,
            "<text fill=\"{color}\" font-family=\"DejaVu Sans, Verdana, sans-serif\" font-weight=\"bold\" font-size=\"{:.2}\">",
            // The layout's size is a line's height in the built-in font; an em is a little smaller.
            caption.size / 1.164
        );
        for (i, line) in caption.lines.iter().enumerate() {
            let y = caption.origin.y + caption.leading * i as f32;
            put!(
                self.body,
                "<tspan x=\"{:.1}\" y=\"{y:.1}\" textLength=\"{:.1}\" lengthAdjust=\"spacingAndGlyphs\">{}</tspan>",
                caption.origin.x,
                line.width,
                escaped(&line.text)
            );
        }
        self.body.push_str("</text>\n");
    }
}
