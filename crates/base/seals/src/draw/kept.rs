//! Pictures drawn lately: a city seals thousands of papers with a handful of seals, and the dots of one cost milliseconds.

use super::{Design, DrawError, Drawing, draw};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

/// How many pictures are kept; an outline and its dots take some 100 kB.
const MOST: usize = 32;
/// Dots of the picture in an OFD seal.
const DOTS: u32 = 500;

/// A drawing with its dots, each made when first asked for.
pub(crate) struct Picture {
    design: Design,
    pub drawing: Drawing,
    dots: OnceLock<Result<Vec<u8>, DrawError>>,
}

impl Picture {
    /// See [`Drawing::png`].
    pub fn png(&self) -> Result<Vec<u8>, DrawError> {
        self.dots.get_or_init(|| self.drawing.png(DOTS)).clone()
    }
}

/// [`draw`], or what it gave for the same words and width.
///
/// # Errors
/// As [`draw`].
pub(crate) fn picture(design: &Design, width: f64) -> Result<Arc<Picture>, DrawError> {
    static KEPT: LazyLock<Mutex<Vec<Arc<Picture>>>> = LazyLock::new(Mutex::default);
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |p: &Arc<Picture>| p.design == *design && p.drawing.width == width;
    if let Some(known) = kept().iter().find(|p| same(p)) {
        return Ok(known.clone());
    }
    let drawn = Arc::new(Picture {
        design: design.clone(),
        drawing: draw(design, width)?,
        dots: OnceLock::new(),
    });
    let mut kept = kept();
    if kept.len() == MOST {
        kept.remove(0);
    }
    kept.push(drawn.clone());
    Ok(drawn)
}
