//! The prompt as a caption: wrapped, cut with an ellipsis when long, on a plate that keeps it legible on any picture.
//! There is no shaping: scripts that join or reorder letters are drawn letter by letter from left to right.

use super::{
    canvas::Canvas,
    fonts::{FontBook, Shape},
    palette::Palette,
    scene::{Fill, Form, Ink, Layer, Point, at},
};
use ab_glyph::{Font, OutlinedGlyph, PxScale, ScaleFont};

/// Characters of a prompt that are looked at.
const MAX_CHARS: usize = 600;
const MAX_LINES: usize = 5;
/// Font sizes are tried from large to small, each this much smaller.
const SHRINK: f32 = 0.86;
/// Line height in font sizes.
const LEADING: f32 = 1.22;

/// A glyph and where it stands, in pixels from the start of its line.
#[derive(Debug, Clone)]
struct Placed {
    shape: Shape,
    x: f32,
}

/// One line of the caption.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// What it says.
    pub text: String,
    /// How wide it is, in pixels.
    pub width: f32,
    glyphs: Vec<Placed>,
}

/// A caption laid out for one picture; lengths in pixels.
#[derive(Debug, Clone)]
pub(super) struct Caption {
    /// Its lines from top to bottom.
    pub lines: Vec<Line>,
    /// Font size.
    pub size: f32,
    /// Left end of the lines and the baseline of the first.
    pub origin: Point,
    /// Distance between baselines.
    pub leading: f32,
    /// How much the plate hides what is behind it.
    pub cover: f32,
    /// Upper left corner of the plate.
    pub min: Point,
    /// Lower right corner of the plate.
    pub max: Point,
}

impl Caption {
    /// Lays a text out; nothing when there is no text or no room for one line.
    pub fn lay_out(
        text: &str,
        fonts: &FontBook,
        (width, height): (u32, u32),
        centered: bool,
    ) -> Option<Self> {
        let text: Vec<char> = normal(text).chars().take(MAX_CHARS).collect();
        let (width, height) = (width as f32, height as f32);
        let short = width.min(height);
        let smallest = (short * 0.03).max(10.0);
        let mut size = (short * 0.055).max(smallest);
        let margin = short * 0.055;
        loop {
            let setter = Setter { fonts, size };
            let indent = size * 1.25;
            let most_lines = ((height * 0.34 - 0.9 * size) / (size * LEADING)) as usize;
            let most_lines = most_lines.clamp(1, MAX_LINES);
            // Short lines read best, but a low strip has nothing but its width.
            let measure = if most_lines == 1 { width } else { size * 24.0 };
            let room = (width - 2.0 * margin - indent - 0.7 * size).min(measure);
            let last = size * SHRINK < smallest;
            let (lines, complete) = setter.wrap(&text, room, most_lines);
            if complete || last {
                let fits = room > size && height > size * (LEADING + 1.0) + margin;
                return (fits && !lines.is_empty())
                    .then(|| Self::place(lines, size, margin, (width, height), centered));
            }
            size *= SHRINK;
        }
    }

    fn place(lines: Vec<Line>, size: f32, margin: f32, (width, height): (f32, f32), centered: bool) -> Self {
        let widest = lines.iter().fold(0.0_f32, |widest, line| widest.max(line.width));
        let leading = size * LEADING;
        let plate = at(widest + size * 1.95, leading * lines.len() as f32 + size * 0.75);
        let x = if centered { (width - plate.x) / 2.0 } else { margin };
        let lift = if centered { margin * 2.0 } else { margin };
        let min = at(x.max(0.0), (height - lift - plate.y).max(0.0));
        let origin = at(min.x + size * 1.15, min.y + size * 0.42 + size * 0.93);
        // Over transparent pixels the plate is all that the letters have.
        let cover = if centered { 0.86 } else { 0.66 };
        Self { lines, size, origin, leading, cover, min, max: at(min.x + plate.x, min.y + plate.y) }
    }

    /// The same caption elsewhere.
    #[must_use]
    pub fn moved(self, by: Point) -> Self {
        let moved = |p: Point| at(p.x + by.x, p.y + by.y);
        Self { origin: moved(self.origin), min: moved(self.min), max: moved(self.max), ..self }
    }

    /// Makes the plate as wide as a sheet allows, at least two lines high, and nearly opaque, so that it hides another caption.
    pub fn widen(&mut self, width: f32) {
        self.max.x = (width - self.min.x).max(self.max.x);
        self.min.y = self.min.y.min(self.max.y - self.size * (LEADING * 2.0 + 0.75)).max(0.0);
        self.cover = 0.9;
    }

    /// The plate and the stripe beside the text, in units of the short side.
    pub fn plate(&self, palette: &Palette, unit: f32) -> [Layer; 2] {
        let scaled = |p: Point| at(p.x / unit, p.y / unit);
        let size = self.size / unit;
        let (min, max) = (scaled(self.min), scaled(self.max));
        let plate = Form::Rect { min, max, radius: size * 0.5 };
        let stripe = Form::Rect {
            min: at(min.x + size * 0.5, min.y + size * 0.52),
            max: at(min.x + size * 0.66, max.y - size * 0.52),
            radius: size * 0.08,
        };
        [
            Layer::new(plate, Fill::Flat(palette.dark.ink(self.cover))),
            Layer::new(stripe, Fill::Flat(palette.accent.ink(1.0))),
        ]
    }

    /// Draws plate and letters.
    pub fn draw(&self, canvas: &mut Canvas, palette: &Palette) {
        for layer in self.plate(palette, canvas.unit()) {
            canvas.draw(&layer);
        }
        let ink = palette.light.ink(1.0);
        for (i, line) in self.lines.iter().enumerate() {
            let baseline = self.origin.y + self.leading * i as f32;
            for placed in &line.glyphs {
                let place = at(self.origin.x + placed.x, baseline);
                draw_shape(canvas, &placed.shape, self.size, place, ink);
            }
        }
    }
}

/// Draws one character with its baseline starting at `place`.
pub(super) fn draw_character(
    canvas: &mut Canvas,
    fonts: &FontBook,
    (c, size): (char, f32),
    place: Point,
    ink: Ink,
) {
    draw_shape(canvas, &fonts.shape(c), size, place, ink);
}

/// How far the next character stands from this one, in pixels.
pub(super) fn advance(fonts: &FontBook, c: char, size: f32) -> f32 {
    Setter { fonts, size }.advance(c)
}

fn draw_shape(canvas: &mut Canvas, shape: &Shape, size: f32, place: Point, ink: Ink) {
    match shape {
        Shape::Glyph(font, id) => {
            let position = ab_glyph::point(place.x, place.y);
            let glyph = id.with_scale_and_position(PxScale::from(size), position);
            if let Some(outline) = font.outline_glyph(glyph) {
                draw_glyph(canvas, &outline, ink);
            }
        }
        Shape::Missing => draw_box(canvas, size, place, ink),
    }
}

fn draw_glyph(canvas: &mut Canvas, outline: &OutlinedGlyph, ink: Ink) {
    let corner = outline.px_bounds().min;
    let (left, top) = (corner.x as i32, corner.y as i32);
    outline.draw(|x, y, covered| canvas.dot(left + x as i32, top + y as i32, ink, covered));
}

/// A neat empty frame of a capital's height.
fn draw_box(canvas: &mut Canvas, size: f32, place: Point, ink: Ink) {
    let stroke = (size * 0.07).max(1.0);
    let unit = canvas.unit();
    let (left, right) = (place.x + size * 0.08, place.x + size * 0.54);
    let (top, bottom) = (place.y - size * 0.72, place.y);
    let bars = [
        (left, top, right, top + stroke),
        (left, bottom - stroke, right, bottom),
        (left, top, left + stroke, bottom),
        (right - stroke, top, right, bottom),
    ];
    for (x0, y0, x1, y1) in bars {
        let bar = Form::Rect { min: at(x0 / unit, y0 / unit), max: at(x1 / unit, y1 / unit), radius: 0.0 };
        canvas.draw(&Layer::new(bar, Fill::Flat(Ink { alpha: ink.alpha * 0.8, ..ink })));
    }
}

/// White space and control characters become single spaces; marks that are not drawn alone are dropped.
fn normal(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(MAX_CHARS * 2) {
        let invisible = matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}');
        if c.is_whitespace() || c.is_control() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else if !invisible {
            out.push(c);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Scripts without spaces: a line may end after any character.
fn breaks_anywhere(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

/// Sets type of one size.
struct Setter<'a> {
    fonts: &'a FontBook,
    size: f32,
}

impl Setter<'_> {
    /// Breaks a text into at most `most` lines; false when it did not fit and the last line ends in an ellipsis.
    fn wrap(&self, text: &[char], room: f32, most: usize) -> (Vec<Line>, bool) {
        let mut lines = Vec::new();
        let mut rest = text;
        while !rest.is_empty() && lines.len() < most {
            let end = self.line_end(rest, room);
            let (head, tail) = rest.split_at(end);
            lines.push(self.set(trimmed(head)));
            rest = tail;
            while let [' ', tail @ ..] = rest {
                rest = tail;
            }
        }
        let complete = rest.is_empty();
        if let (false, Some(last)) = (complete, lines.last_mut()) {
            *last = self.cut(&last.text, room);
        }
        (lines, complete)
    }

    /// How many characters of `text` go on one line; at least one.
    fn line_end(&self, text: &[char], room: f32) -> usize {
        let (mut width, mut end) = (0.0, 0);
        for (i, &c) in text.iter().enumerate() {
            if c == ' ' {
                end = i;
            }
            width += self.advance(c);
            if width > room && c != ' ' {
                return if end > 0 { end } else { i.max(1) };
            }
            if breaks_anywhere(c) {
                end = i + 1;
            }
        }
        text.len()
    }

    fn cut(&self, text: &str, room: f32) -> Line {
        let mut kept: Vec<char> = text.chars().collect();
        loop {
            let mut shown: Vec<char> = trimmed(&kept).to_vec();
            shown.push('…');
            let line = self.set(&shown);
            if line.width <= room || kept.is_empty() {
                return line;
            }
            kept.pop();
        }
    }

    fn set(&self, text: &[char]) -> Line {
        let mut line = Line { text: text.iter().collect(), width: 0.0, glyphs: Vec::new() };
        for &c in text {
            let advance = self.advance(c);
            if c != ' ' {
                line.glyphs.push(Placed { shape: self.fonts.shape(c), x: line.width });
            }
            line.width += advance;
        }
        line
    }

    fn advance(&self, c: char) -> f32 {
        let built_in = self.fonts.built_in();
        if c == ' ' {
            return built_in.as_scaled(self.size).h_advance(built_in.glyph_id(c));
        }
        match self.fonts.shape(c) {
            Shape::Glyph(font, id) => font.as_scaled(self.size).h_advance(id),
            Shape::Missing => self.size * 0.62,
        }
    }
}

fn trimmed(text: &[char]) -> &[char] {
    match text {
        [head @ .., ' '] => trimmed(head),
        _ => text,
    }
}
