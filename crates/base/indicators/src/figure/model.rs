//! What is counted, pure: figures, the four indicators computed here, what moves them, and trend lines.

use crate::pack::Better;

/// Fact types after which some figure may have changed.
pub(crate) const MOVED_BY: &[&str] = &["cases.case.ended", "cases.rating.given", "services.matter.proven"];

/// `numerator` of `denominator` records. Without records there is no value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figure {
    pub numerator: i64,
    pub denominator: i64,
}

impl Figure {
    /// Tenths of a percent, rounded half up; but 100 % is only ever all, and 0 % only ever none.
    pub(crate) fn tenths(self) -> Option<i64> {
        let Figure {
            numerator: n,
            denominator: d,
        } = self;
        if d <= 0 {
            return None;
        }
        let rounded = (n * 2_000 + d) / (2 * d);
        Some(match rounded {
            1_000.. if n < d => 999,
            0 if n > 0 => 1,
            other => other,
        })
    }
    /// Percent with one decimal, as a number.
    pub(crate) fn percent(self) -> Option<f64> {
        self.tenths().map(|t| t as f64 / 10.0)
    }
    /// Percent with one decimal, as people read it.
    pub(crate) fn text(self) -> Option<String> {
        self.tenths().map(tenths_text)
    }
}

fn tenths_text(t: i64) -> String {
    format!("{}.{}", t / 10, t % 10)
}

/// The records an indicator counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Cases,
    Matters,
}

/// The indicators computed here, by the id under which the pack defines them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// 按时办结率
    Timeliness,
    /// 全程网办率
    WhollyOnline,
    /// 一网通办率
    OneNetRate,
    /// 好评率
    Satisfaction,
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [
        Kind::Timeliness,
        Kind::WhollyOnline,
        Kind::OneNetRate,
        Kind::Satisfaction,
    ];

    pub(crate) fn id(self) -> &'static str {
        match self {
            Kind::Timeliness => "timeliness",
            Kind::WhollyOnline => "wholly-online",
            Kind::OneNetRate => "one-net-rate",
            Kind::Satisfaction => "satisfaction",
        }
    }
    pub(crate) fn parse(id: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.id() == id)
    }
    pub(crate) fn source(self) -> Source {
        match self {
            Kind::OneNetRate => Source::Matters,
            _ => Source::Cases,
        }
    }
    pub(crate) fn of(source: Source) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|k| k.source() == source).collect()
    }
    /// The indicators that a fact of this type may move.
    pub(crate) fn moved_by(fact: &str) -> &'static [Kind] {
        match fact {
            "cases.case.ended" => &[Kind::Timeliness, Kind::WhollyOnline],
            "cases.rating.given" => &[Kind::Satisfaction],
            "services.matter.proven" => &[Kind::OneNetRate],
            _ => &[],
        }
    }
}

/// By what a figure is broken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Organisation,
    Matter,
}

/// Which rows of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Numerator,
    Denominator,
}

impl Part {
    pub(crate) fn id(self) -> &'static str {
        match self {
            Part::Numerator => "numerator",
            Part::Denominator => "denominator",
        }
    }
    /// All counted rows unless the numerator is asked for.
    pub(crate) fn parse(text: &str) -> Option<Part> {
        match text {
            "numerator" => Some(Part::Numerator),
            "denominator" | "" => Some(Part::Denominator),
            _ => None,
        }
    }
    pub(crate) fn of(self, f: Figure) -> i64 {
        match self {
            Part::Numerator => f.numerator,
            Part::Denominator => f.denominator,
        }
    }
}

/// A figure as it was from this instant on (UTC milliseconds).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub at: i64,
    pub figure: Figure,
}

/// The polyline of a 120 × 34 drawing; `None` with fewer than two values.
pub(crate) fn line(points: &[Point]) -> Option<String> {
    let values: Vec<(i64, i64)> = points
        .iter()
        .filter_map(|p| p.figure.tenths().map(|t| (p.at, t)))
        .collect();
    let (first, last) = (values.first()?.0, values.last()?.0);
    if values.len() < 2 || last <= first {
        return None;
    }
    let low = values.iter().map(|v| v.1).min()?;
    let high = values.iter().map(|v| v.1).max()?;
    let drawn: Vec<String> = values
        .iter()
        .map(|(at, t)| {
            let x = 120.0 * (at - first) as f64 / (last - first) as f64;
            let y = if high == low {
                17.0
            } else {
                31.0 - 28.0 * (t - low) as f64 / (high - low) as f64
            };
            format!("{x:.1},{y:.1}")
        })
        .collect();
    Some(drawn.join(" "))
}

/// How far the value moved over the points.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trend {
    /// Percentage points with one decimal, without sign.
    pub by: String,
    pub up: bool,
    pub good: bool,
    /// The first point's instant.
    pub since: i64,
}

/// `None` when there are fewer than two values or nothing moved.
pub(crate) fn trend(points: &[Point], better: Better) -> Option<Trend> {
    let mut values = points.iter().filter_map(|p| p.figure.tenths().map(|t| (p.at, t)));
    let (since, first) = values.next()?;
    let (_, last) = values.next_back()?;
    let up = last > first;
    (last != first).then(|| Trend {
        by: tenths_text((last - first).abs()),
        up,
        good: up == (better == Better::Up),
        since,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f(numerator: i64, denominator: i64) -> Figure {
        Figure {
            numerator,
            denominator,
        }
    }

    #[test]
    fn a_value_needs_records_and_never_overstates() {
        assert_eq!(f(0, 0).text(), None);
        assert_eq!(f(0, 3).text().as_deref(), Some("0.0"));
        assert_eq!(f(3, 3).text().as_deref(), Some("100.0"));
        assert_eq!(f(2, 3).text().as_deref(), Some("66.7"));
        assert_eq!(f(1, 3).percent(), Some(33.3));
        assert_eq!(f(9_999, 10_000).text().as_deref(), Some("99.9"));
        assert_eq!(f(1, 10_000).text().as_deref(), Some("0.1"));
    }

    #[test]
    fn a_line_and_a_trend_need_two_values() {
        let p = |at, n, d| Point { at, figure: f(n, d) };
        assert_eq!(line(&[p(0, 0, 0), p(1, 1, 2)]), None);
        assert_eq!(trend(&[p(1, 1, 2)], Better::Up), None);
        let points = [p(0, 1, 2), p(5, 1, 1), p(10, 3, 4)];
        assert_eq!(line(&points).as_deref(), Some("0.0,31.0 60.0,3.0 120.0,17.0"));
        let t = Trend {
            by: "25.0".into(),
            up: true,
            good: false,
            since: 0,
        };
        assert_eq!(trend(&points, Better::Down), Some(t));
        assert_eq!(trend(&[p(0, 1, 2), p(1, 2, 4)], Better::Up), None);
    }
}
