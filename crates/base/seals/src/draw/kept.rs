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
    /// The picture used last stands last.
    static KEPT: LazyLock<Mutex<Vec<Arc<Picture>>>> = LazyLock::new(Mutex::default);
    // Held while drawing: who comes second waits instead of doing it again.
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let known = kept
        .iter()
        .position(|p| p.design == *design && p.drawing.width == width);
    let picture = match known {
        Some(at) => kept.remove(at),
        None => Arc::new(Picture {
            design: design.clone(),
            drawing: draw(design, width)?,
            dots: OnceLock::new(),
        }),
    };
    if kept.len() == MOST {
        kept.remove(0);
    }
    kept.push(picture.clone());
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::*;

    fn design(name: &str) -> Design {
        Design {
            shape: Shape::Round,
            name: name.into(),
            line: String::new(),
            mark: "演示".into(),
            code: String::new(),
        }
    }

    #[test]
    fn a_picture_is_the_one_that_would_be_drawn_drawn_once_and_kept_while_it_is_used() {
        let first = picture(&design("演示水利局"), 119.0).unwrap();
        let again = picture(&design("演示水利局"), 119.0).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(first.drawing, draw(&design("演示水利局"), 119.0).unwrap());
        assert_eq!(first.png().unwrap(), first.drawing.png(DOTS).unwrap());
        for other in [
            picture(&design("演示住建局"), 119.0),
            picture(&design("演示水利局"), 120.0),
        ] {
            assert_ne!(first.drawing, other.unwrap().drawing);
        }
        // Of more than are kept, the one used least lately goes.
        let used = picture(&design("常用"), 119.0).unwrap();
        let idle = picture(&design("不用"), 119.0).unwrap();
        for width in 0..MOST - 1 {
            picture(&design("他"), 200.0 + width as f64).unwrap();
            assert!(Arc::ptr_eq(&used, &picture(&design("常用"), 119.0).unwrap()));
        }
        assert!(!Arc::ptr_eq(&idle, &picture(&design("不用"), 119.0).unwrap()));
    }
}
