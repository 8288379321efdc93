//! Where a seal goes on somebody's page; pure.

use serde::{Deserialize, Serialize};

pub(crate) const PLACES: [&str; 6] = [
    "bottom-right",
    "bottom-left",
    "top-right",
    "top-left",
    "centre",
    "xy",
];
const PER_MM: f64 = 72.0 / 25.4;
/// From the edge of the paper to the seal, in points.
const MARGIN: f64 = 15.0 * PER_MM;

/// A place as people choose it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// `first`, `last`, or a number from 1.
    pub page: String,
    pub place: String,
    /// Millimetres from the left and from the top to the seal's middle, for `xy`.
    pub x: f64,
    pub y: f64,
}

impl Wanted {
    /// Whether it names a place at all.
    pub(crate) fn is_sound(&self) -> bool {
        let page = matches!(self.page.as_str(), "first" | "last")
            || self.page.parse::<u32>().is_ok_and(|n| (1..=10_000).contains(&n));
        let near = |v: f64| (0.0..=2000.0).contains(&v);
        page && PLACES.contains(&self.place.as_str()) && (self.place != "xy" || near(self.x) && near(self.y))
    }
}

/// A page as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sheet {
    /// Left, bottom, right, top in the page's own space, in points.
    pub area: [f64; 4],
    /// How far it is turned clockwise for reading: 0, 90, 180, 270.
    pub turned: i64,
}

/// The number of the page, from 1, and the middle of a seal of this size in the page's own space; `None` when there is no such
/// page or the seal does not fit on it.
pub(crate) fn placed(wanted: &Wanted, sheets: &[Sheet], (w, h): (f64, f64)) -> Option<(u32, [f64; 2])> {
    let number = match wanted.page.as_str() {
        "first" => 1,
        "last" => sheets.len(),
        n => n.parse().ok()?,
    };
    let sheet = sheets.get(number.checked_sub(1)?)?;
    let [left, bottom, right, top] = sheet.area;
    let (mut width, mut height) = (right - left, top - bottom);
    if sheet.turned % 180 == 90 {
        (width, height) = (height, width);
    }
    let (near_x, near_y) = (MARGIN + w / 2.0, MARGIN + h / 2.0);
    // From the left and from the bottom, as the page is read.
    let (x, y) = match wanted.place.as_str() {
        "bottom-left" => (near_x, near_y),
        "top-right" => (width - near_x, height - near_y),
        "top-left" => (near_x, height - near_y),
        "centre" => (width / 2.0, height / 2.0),
        "xy" => (wanted.x * PER_MM, height - wanted.y * PER_MM),
        _ => (width - near_x, near_y),
    };
    let fits = x >= w / 2.0 && x <= width - w / 2.0 && y >= h / 2.0 && y <= height - h / 2.0;
    let middle = match sheet.turned {
        90 => [right - y, bottom + x],
        180 => [right - x, top - y],
        270 => [left + y, top - x],
        _ => [left + x, bottom + y],
    };
    fits.then_some((u32::try_from(number).ok()?, middle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(page: &str, place: &str, x: f64, y: f64) -> Wanted {
        Wanted {
            page: page.into(),
            place: place.into(),
            x,
            y,
        }
    }

    const A4: Sheet = Sheet {
        area: [0.0, 0.0, 595.0, 842.0],
        turned: 0,
    };
    const SEAL: (f64, f64) = (119.0, 119.0);

    #[test]
    fn corners_are_corners_however_the_page_is_turned() {
        for (turned, shown) in [(0, A4.area), (90, A4.area), (180, A4.area), (270, A4.area)] {
            let sheet = Sheet { area: shown, turned };
            for place in &PLACES[..4] {
                let (page, [x, y]) = placed(&at("last", place, 0.0, 0.0), &[A4, sheet], SEAL).unwrap();
                assert_eq!(page, 2);
                assert!(
                    (59.0..=536.0).contains(&x) && (59.0..=783.0).contains(&y),
                    "{turned} {place}: {x} {y}"
                );
            }
        }
        let (_, bottom_right) = placed(&at("1", "bottom-right", 0.0, 0.0), &[A4], SEAL).unwrap();
        assert!(bottom_right[0] > 297.0 && bottom_right[1] < 421.0);
        // Turned by a quarter clockwise, the lower right corner of what is read is the page's own right upper one.
        let turned = Sheet { turned: 90, ..A4 };
        let (_, p) = placed(&at("1", "bottom-right", 0.0, 0.0), &[turned], SEAL).unwrap();
        assert!(p[0] > 297.0 && p[1] > 421.0, "{p:?}");
    }

    #[test]
    fn millimetres_count_from_the_top_left() {
        let (_, [x, y]) = placed(&at("first", "xy", 105.0, 40.0), &[A4], SEAL).unwrap();
        assert!(
            (x - 297.6).abs() < 0.1 && (y - (842.0 - 113.4)).abs() < 0.1,
            "{x} {y}"
        );
    }

    #[test]
    fn what_does_not_fit_has_no_place() {
        assert_eq!(placed(&at("2", "centre", 0.0, 0.0), &[A4], SEAL), None);
        assert_eq!(placed(&at("0", "centre", 0.0, 0.0), &[A4], SEAL), None);
        assert_eq!(placed(&at("1", "xy", 5.0, 5.0), &[A4], SEAL), None);
        let small = Sheet {
            area: [0.0, 0.0, 100.0, 100.0],
            turned: 0,
        };
        assert_eq!(placed(&at("1", "centre", 0.0, 0.0), &[small], SEAL), None);
        assert!(!at("x", "centre", 0.0, 0.0).is_sound() && !at("1", "up", 0.0, 0.0).is_sound());
        assert!(!at("1", "xy", f64::NAN, 0.0).is_sound() && at("last", "xy", 10.0, 10.0).is_sound());
    }
}
