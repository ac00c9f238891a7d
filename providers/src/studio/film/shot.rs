//! One shot: a composition painted once, larger than the picture, on a sheet for what is far and one for what is near, with a
//! camera over each. Near things move more: that is all there is to depth.

use super::{
    super::{
        canvas::Canvas,
        drawing::{Detail, Drawing, Rng},
        fonts::FontBook,
        hints,
        paint::{Composition, StudioError},
        scene::{Form, Layer},
        sky,
    },
    Figure,
    camera::{Camera, Path},
    cast::Cast,
    cel::Cel,
    planes::Planes,
    titles::Titles,
};

/// How much larger than the picture the far sheet is painted.
const FAR: f32 = 1.20;
/// How much larger the near sheet is.
const NEAR: f32 = 1.34;
/// The radius of the largest star.
const STAR: f32 = 0.004;

/// A shot that is ready to be filmed.
pub(super) struct Shot {
    /// What is written over it.
    pub titles: Titles,
    /// Whom it shows.
    pub cast: Cast,
    /// Where the camera goes over a picture that the shot begins from.
    pub push_in: Path,
    far: Option<(Planes, Path)>,
    near: Near,
    near_path: Path,
    camera: Camera,
}

enum Near {
    /// It covers everything.
    Solid(Planes),
    /// It lies before the far sheet; with what the camera sees of it.
    Clear(Box<[Cel; 2]>),
}

impl Shot {
    /// Paints the sheets of a drawing. Over another `titled` film its titles hide those that are there.
    ///
    /// # Errors
    /// [`StudioError::Size`].
    pub fn paint(
        drawing: &Drawing,
        fonts: &FontBook,
        (titled, figures): (bool, &[Figure]),
    ) -> Result<Self, StudioError> {
        let mut composition = Composition::new(drawing, fonts, 0.0)?;
        if titled && let Some(caption) = &mut composition.caption {
            caption.widen(drawing.width as f32);
        }
        let mut rng = Rng::new(drawing.entropy() ^ 0x0066_696c_6d00);
        let (pan, zoom) = (Path::pan(&mut rng), Path::zoom(&mut rng));
        let push_in = Path::push_in(&mut rng);
        let wordless = drawing.negative_prompt.as_deref().is_some_and(|text| hints::read(text).text);
        let size = (drawing.width, drawing.height);
        let titles = Titles::new(&composition, fonts, size, wordless);
        let cast = Cast::new(figures, &composition.palette, fonts, size);

        let layers = &composition.scene.layers;
        let ridge =
            layers.iter().position(|layer| matches!(layer.form, Form::Below { .. }) && layer.clip.is_none());
        let horizon =
            ridge.or_else(|| layers.iter().position(|layer| !is_star(layer))).unwrap_or(layers.len());
        let (far_layers, near_layers) = layers.split_at(horizon);
        let mut near = sheet(size, NEAR);
        near_layers.iter().for_each(|layer| near.draw(layer));
        let near_cel = Cel::from_canvas(&near);
        let (far, near) = if near_cel.is_opaque() {
            (None, Near::Solid(near_cel.ink))
        } else {
            let mut far = sheet(size, FAR);
            sky::paint(&mut far, &composition.scene, drawing.detail >= Detail::Medium);
            far_layers.iter().for_each(|layer| far.draw(layer));
            let seen = Cel::new(size.0 as usize, size.1 as usize);
            (Some((Planes::from_canvas(&far), pan)), Near::Clear(Box::new([near_cel, seen])))
        };
        Ok(Self { titles, cast, push_in, far, near, near_path: zoom, camera: Camera::default() })
    }

    /// Films the moment `t` (0 to 1) of the shot, without its titles.
    pub fn film(&mut self, t: f32, picture: &mut Planes) {
        if let Some((sheet, path)) = &self.far {
            self.camera.shoot(sheet, path, t, picture);
        }
        match &mut self.near {
            Near::Solid(sheet) => self.camera.shoot(sheet, &self.near_path, t, picture),
            Near::Clear(sheets) => {
                let [sheet, seen] = &mut **sheets;
                self.camera.shoot_cel(sheet, &self.near_path, t, seen);
                seen.lay(picture, (0, 0), 256);
            }
        }
    }

    /// Films a picture that the shot begins from, of the film's own size, at moment `t`.
    pub fn film_picture(&mut self, still: &Planes, t: f32, picture: &mut Planes) {
        self.camera.shoot(still, &self.push_in, t, picture);
    }
}

/// An empty sheet of even size, larger than the picture.
fn sheet((width, height): (u32, u32), scale: f32) -> Canvas {
    let larger = |side: u32| ((side as f32 * scale / 2.0).ceil() as u32) * 2;
    Canvas::new(larger(width), larger(height))
}

/// Whether a form is a star of the sky. Where there are ridges or ribbons, suns and their rings lie behind them too.
fn is_star(layer: &Layer) -> bool {
    matches!(layer.form, Form::Disc { radius, .. } if radius <= STAR)
}
