//! Where a seal goes on somebody's page; pure.

use super::words::{Glyph, LONGEST, find, is_blank};
use serde::{Deserialize, Serialize};

pub(crate) const PLACES: [&str; 7] = [
    "bottom-right",
    "bottom-left",
    "top-right",
    "top-left",
    "centre",
    "xy",
    "keyword",
];
/// Which places of a keyword that stands more than once.
pub(crate) const CHOICES: [&str; 4] = ["only", "first", "last", "all"];
/// Places of one file that one order seals at the most.
const MOST: usize = 20;
const PER_MM: f64 = 72.0 / 25.4;
/// From the edge of the paper to the seal, in points.
const MARGIN: f64 = 15.0 * PER_MM;

/// A place as people choose it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// `first`, `last`, or a number from 1.
    pub page: String,
    pub place: String,
    /// Millimetres from the left and from the top to the seal's middle, for `xy`; for `keyword` how far right and down from
    /// the keyword's middle.
    pub x: f64,
    pub y: f64,
    /// May be a name, so it is kept sealed and not with the rest.
    #[serde(skip)]
    pub keyword: String,
    /// One of [`CHOICES`].
    #[serde(default)]
    pub which: String,
}

impl Wanted {
    /// Whether it names a place at all.
    pub(crate) fn is_sound(&self) -> bool {
        let page = matches!(self.page.as_str(), "first" | "last")
            || self.page.parse::<u32>().is_ok_and(|n| (1..=10_000).contains(&n));
        let near = |v: f64| (0.0..=2000.0).contains(&v);
        match self.place.as_str() {
            "keyword" => {
                let long = self.keyword.chars().filter(|c| !is_blank(*c)).count();
                let near = |v: f64| (-300.0..=300.0).contains(&v);
                (1..=LONGEST).contains(&long)
                    && CHOICES.contains(&self.which.as_str())
                    && near(self.x)
                    && near(self.y)
            }
            "xy" => page && near(self.x) && near(self.y),
            place => page && PLACES.contains(&place),
        }
    }
}

/// Where the seal goes, one place or more: (page from 1, its middle in the page's own space). The error is the key of a text.
pub(crate) fn places(
    wanted: &Wanted,
    sheets: &[Sheet],
    glyphs: &[Vec<Glyph>],
    size: (f64, f64),
) -> Result<Vec<(u32, [f64; 2])>, &'static str> {
    if wanted.place != "keyword" {
        let place = placed(wanted, sheets, size).ok_or("seals-file-no-place")?;
        return Ok(vec![place]);
    }
    let hits = find(&wanted.keyword, glyphs);
    let chosen = match (wanted.which.as_str(), hits.len()) {
        (_, 0) => return Err("seals-file-keyword-none"),
        ("first", _) => &hits[..1],
        ("last", n) => &hits[n - 1..],
        ("all", n) if n > MOST => return Err("seals-file-keyword-many"),
        ("all", _) | (_, 1) => &hits[..],
        _ => return Err("seals-file-keyword-several"),
    };
    let each = chosen.iter().map(|hit| {
        let sheet = sheets.get(usize::try_from(hit.page).ok()?.checked_sub(1)?)?;
        Some((hit.page, beside(hit.centre, wanted, sheet, size)?))
    });
    each.collect::<Option<_>>().ok_or("seals-file-no-place")
}

/// The middle of a seal at a keyword, moved so far that the whole seal is on the page.
fn beside(keyword: [f64; 2], wanted: &Wanted, sheet: &Sheet, (w, h): (f64, f64)) -> Option<[f64; 2]> {
    let (right, down) = (wanted.x * PER_MM, wanted.y * PER_MM);
    // Right and down as the page is read.
    let by = match sheet.turned {
        90 => [down, right],
        180 => [-right, down],
        270 => [-down, -right],
        _ => [right, -down],
    };
    let [left, bottom, end, top] = sheet.area;
    let within = |v: f64, low: f64, high: f64| (low <= high).then(|| v.clamp(low, high));
    Some([
        within(keyword[0] + by[0], left + w / 2.0, end - w / 2.0)?,
        within(keyword[1] + by[1], bottom + h / 2.0, top - h / 2.0)?,
    ])
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
            keyword: String::new(),
            which: String::new(),
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
    fn a_keyword_must_be_told_apart() {
        let at = |y: f32| -> Vec<Glyph> {
            let each = "盖章".chars().zip([100.0, 110.0]);
            let glyph = |(c, x): (char, f32)| Glyph {
                c,
                from: [x, y],
                to: [x + 10.0, y],
                size: 10.0,
            };
            each.map(glyph).collect()
        };
        let wanted = |which: &str, keyword: &str| Wanted {
            keyword: keyword.into(),
            which: which.into(),
            ..super::tests::at("last", "keyword", 10.0, 0.0)
        };
        let pages = [[at(500.0), at(700.0)].concat(), at(5.0)];
        let of = |which: &str, keyword: &str| places(&wanted(which, keyword), &[A4, A4], &pages, SEAL);
        assert_eq!(of("only", "签名"), Err("seals-file-keyword-none"));
        assert_eq!(of("only", "盖章"), Err("seals-file-keyword-several"));
        assert_eq!(of("all", "盖章").unwrap().len(), 3);
        let first = of("first", "盖 章").unwrap();
        assert!(
            first.len() == 1 && first[0].0 == 1 && (first[0].1[1] - 703.5).abs() < 0.1,
            "{first:?}"
        );
        assert!((first[0].1[0] - (110.0 + 10.0 * PER_MM)).abs() < 0.1, "{first:?}");
        // Too near the edge: the seal stays on the page.
        assert_eq!(of("last", "盖章").unwrap()[0], (2, [first[0].1[0], 59.5]));
        assert!(
            !wanted("some", "盖章").is_sound()
                && !wanted("all", " ").is_sound()
                && wanted("all", "盖章").is_sound()
        );
        let many = vec![at(100.0); 21];
        assert_eq!(
            places(&wanted("all", "盖章"), &[A4; 21], &many, SEAL),
            Err("seals-file-keyword-many")
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
