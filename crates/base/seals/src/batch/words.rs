//! Finding a keyword on pages; pure. Positions are in points, in the page's own space with the origin at the lower left.

/// Keywords longer than this are refused.
pub(crate) const LONGEST: usize = 50;

/// A character as it stands on a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Glyph {
    pub c: char,
    /// Where it begins and ends, on the baseline.
    pub from: [f32; 2],
    pub to: [f32; 2],
    /// Height of the em.
    pub size: f32,
}

impl Glyph {
    /// The middle of what is seen of it: a third of the em above the baseline.
    fn middle(&self) -> [f64; 2] {
        let [x, y] = [self.to[0] - self.from[0], self.to[1] - self.from[1]];
        let long = x.hypot(y).max(f32::EPSILON);
        let up = [-y / long * self.size * 0.35, x / long * self.size * 0.35];
        [0, 1].map(|i| f64::from((self.from[i] + self.to[i]) / 2.0 + up[i]))
    }

    /// How far away another begins, along this one's line and across it, in ems.
    fn towards(&self, other: &Glyph) -> (f32, f32) {
        let along = [self.to[0] - self.from[0], self.to[1] - self.from[1]];
        let long = along[0].hypot(along[1]).max(f32::EPSILON);
        let [ux, uy] = along.map(|v| v / long);
        let by = [other.from[0] - self.to[0], other.from[1] - self.to[1]];
        let em = self.size.max(0.1);
        ((by[0] * ux + by[1] * uy) / em, (by[1] * ux - by[0] * uy) / em)
    }

    /// Whether another may be read right after this one: on the line, however widely it is set, or at the next line.
    fn leads_to(&self, other: &Glyph) -> bool {
        let (along, across) = self.towards(other);
        self.shares_line(other) || (across < 0.0 && across > -4.0 && along < 1.0)
    }

    fn shares_line(&self, other: &Glyph) -> bool {
        let (along, across) = self.towards(other);
        across.abs() < 0.6 && along > -0.8 && along < 8.0
    }
}

/// Where a keyword stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hit {
    /// From 1.
    pub page: u32,
    /// The middle of the keyword; of one that goes over the end of a line, of its part on the first line.
    pub centre: [f64; 2],
}

/// What shows nothing: white space, places where a line may break, joiners, soft hyphens.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// Every place of a keyword: page by page, from the top down, from the left. White space counts for nothing, so that a word
/// whose characters are spaced out is found.
pub(crate) fn find(keyword: &str, pages: &[Vec<Glyph>]) -> Vec<Hit> {
    let wanted: Vec<char> = keyword.chars().filter(|c| !is_blank(*c)).collect();
    let mut out = Vec::new();
    if wanted.is_empty() {
        return out;
    }
    for (page, glyphs) in (1..).zip(pages) {
        let seen: Vec<&Glyph> = glyphs.iter().filter(|g| !is_blank(g.c)).collect();
        let mut hits = Vec::new();
        let mut at = 0;
        while at + wanted.len() <= seen.len() {
            let part = &seen[at..at + wanted.len()];
            let same = part.iter().zip(&wanted).all(|(g, c)| g.c == *c);
            if same && part.windows(2).all(|pair| pair[0].leads_to(pair[1])) {
                let line = 1 + part
                    .windows(2)
                    .take_while(|pair| pair[0].shares_line(pair[1]))
                    .count();
                let (first, last) = (part[0].middle(), part[line - 1].middle());
                hits.push([(first[0] + last[0]) / 2.0, (first[1] + last[1]) / 2.0]);
                at += wanted.len();
            } else {
                at += 1;
            }
        }
        hits.sort_by(|a, b| b[1].total_cmp(&a[1]).then(a[0].total_cmp(&b[0])));
        out.extend(hits.into_iter().map(|centre| Hit { page, centre }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of text, each character `step` wide.
    fn line(text: &str, x: f32, y: f32, step: f32) -> Vec<Glyph> {
        let each = text.chars().enumerate().map(|(n, c)| {
            let from = x + n as f32 * step;
            Glyph {
                c,
                from: [from, y],
                to: [from + 10.0, y],
                size: 10.0,
            }
        });
        each.collect()
    }

    #[test]
    fn a_keyword_is_found_from_the_top_down() {
        let page = [
            line("甲方盖章", 50.0, 100.0, 10.0),
            line("乙方盖章", 50.0, 300.0, 10.0),
        ]
        .concat();
        let hits = find("盖章", &[Vec::new(), page]);
        assert_eq!(hits.len(), 2);
        assert_eq!((hits[0].page, hits[1].page), (2, 2));
        assert!((hits[0].centre[0] - 80.0).abs() < 0.01 && (hits[0].centre[1] - 303.5).abs() < 0.01);
        assert!(hits[1].centre[1] < hits[0].centre[1]);
        assert_eq!(find("丙方", &[line("甲方", 0.0, 0.0, 10.0)]), []);
        assert_eq!(find(" ", &[line("甲 方", 0.0, 0.0, 10.0)]), []);
    }

    #[test]
    fn spaced_and_broken_words_are_found_and_strangers_are_not() {
        assert_eq!(find("盖章", &[line("盖章", 0.0, 0.0, 50.0)]).len(), 1);
        assert_eq!(find("盖 章", &[line("盖　章", 0.0, 0.0, 10.0)]).len(), 1);
        // Over the end of a line: the seal goes to the part that stands first.
        let broken = [
            line("请在此盖", 400.0, 200.0, 10.0),
            line("章", 50.0, 180.0, 10.0),
        ]
        .concat();
        let hits = find("此盖章", &[broken]);
        assert!(
            hits.len() == 1 && (hits[0].centre[0] - 430.0).abs() < 0.01,
            "{hits:?}"
        );
        // Two cells of a table that follow one another in the file only.
        let cells = [line("盖", 50.0, 200.0, 10.0), line("章", 400.0, 700.0, 10.0)].concat();
        assert_eq!(find("盖章", &[cells]), []);
    }

    #[test]
    fn the_middle_of_a_turned_word_is_beside_its_line() {
        let turned = Glyph {
            c: '章',
            from: [100.0, 100.0],
            to: [100.0, 110.0],
            size: 10.0,
        };
        assert_eq!(turned.middle(), [96.5, 105.0]);
    }
}
