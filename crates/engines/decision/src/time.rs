//! Dates, times and durations (ISO 8601; DMN 1.3, 10.3.2.3.4 to .9). Proleptic Gregorian; nothing here knows what day it is.

use std::cmp::Ordering;
use std::fmt;

pub const DAY: i64 = 86_400;

/// Days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub i64);

/// Seconds of the day, and those of the offset to UTC where one is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    pub seconds: i64,
    pub offset: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    pub date: Date,
    pub time: Time,
}

/// Months and seconds never mix: a month has no length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    Months(i64),
    Seconds(i64),
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

impl Date {
    pub fn new(year: i64, month: i64, day: i64) -> Option<Date> {
        let fits = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day);
        if !fits {
            return None;
        }
        // Years begin in March, so that the leap day is the last.
        let y = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (y.div_euclid(400), y.rem_euclid(400));
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Some(Date(
            era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468,
        ))
    }
    /// `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Date> {
        let mut parts = text.splitn(3, '-');
        let (y, m, d) = (parts.next()?, parts.next()?, parts.next()?);
        Date::new(digits(y, 4)?, digits(m, 2)?, digits(d, 2)?)
    }
    /// Year, month, day.
    pub fn parts(self) -> (i64, i64, i64) {
        let z = self.0 + 719_468;
        let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, (shifted + 2) % 12 + 1);
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }
    /// 1 is Monday.
    pub fn weekday(self) -> i64 {
        (self.0 + 3).rem_euclid(7) + 1
    }
    pub fn day_of_year(self) -> i64 {
        let (y, _, _) = self.parts();
        Date::new(y, 1, 1).map_or(0, |first| self.0 - first.0 + 1)
    }
    /// ISO 8601: the week that holds the year's Thursday.
    pub fn week(self) -> i64 {
        let thursday = Date(self.0 + 4 - self.weekday());
        (thursday.day_of_year() - 1) / 7 + 1
    }
    /// The same day so many months later, or the month's last.
    pub fn add_months(self, months: i64) -> Option<Date> {
        let (y, m, d) = self.parts();
        let all = y.checked_mul(12)?.checked_add(m - 1)?.checked_add(months)?;
        let (y, m) = (all.div_euclid(12), all.rem_euclid(12) + 1);
        Date::new(y, m, d.min(days_in(y, m)))
    }
    pub fn add_days(self, days: i64) -> Option<Date> {
        let date = Date(self.0.checked_add(days)?);
        (-719_162..=2_932_896).contains(&date.0).then_some(date)
    }
    /// Whole months from this day to the other.
    pub fn months_to(self, to: Date) -> i64 {
        let ((y, m, d), (ty, tm, td)) = (self.parts(), to.parts());
        let months = (ty - y) * 12 + tm - m;
        match months {
            1.. if td < d => months - 1,
            ..=-1 if td > d => months + 1,
            _ => months,
        }
    }
}

impl Time {
    pub fn new(hour: i64, minute: i64, second: i64, offset: Option<i64>) -> Option<Time> {
        let fits = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        fits.then_some(Time {
            seconds: hour * 3_600 + minute * 60 + second,
            offset,
        })
    }
    /// `hh:mm:ss`, then nothing, `Z` or `±hh:mm`. Fractions of a second are dropped.
    pub fn parse(text: &str) -> Option<Time> {
        let (text, offset) = if let Some(t) = text.strip_suffix('Z') {
            (t, Some(0))
        } else if let Some(at) = text.rfind(['+', '-']) {
            let sign = if text[at..].starts_with('-') { -1 } else { 1 };
            let (h, m) = text[at + 1..].split_once(':')?;
            let (h, m) = (digits(h, 2)?, digits(m, 2)?);
            if h > 14 || m > 59 {
                return None;
            }
            (&text[..at], Some(sign * (h * 3_600 + m * 60)))
        } else {
            (text, None)
        };
        let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
        if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut parts = text.splitn(3, ':');
        let (h, m, s) = (parts.next()?, parts.next()?, parts.next()?);
        Time::new(digits(h, 2)?, digits(m, 2)?, digits(s, 2)?, offset)
    }
    pub fn order(self, other: Time) -> Option<Ordering> {
        match (self.offset, other.offset) {
            (Some(a), Some(b)) => Some((self.seconds - a).cmp(&(other.seconds - b))),
            (None, None) => Some(self.seconds.cmp(&other.seconds)),
            // A local time and one with an offset are not comparable.
            _ => None,
        }
    }
}

impl DateTime {
    pub fn parse(text: &str) -> Option<DateTime> {
        let (date, time) = text.split_once('T')?;
        Some(DateTime {
            date: Date::parse(date)?,
            time: Time::parse(time)?,
        })
    }
    /// Seconds since 1970, in UTC where an offset is known.
    pub fn instant(self) -> i64 {
        self.date.0 * DAY + self.time.seconds - self.time.offset.unwrap_or(0)
    }
    pub fn order(self, other: DateTime) -> Option<Ordering> {
        (self.time.offset.is_some() == other.time.offset.is_some())
            .then(|| self.instant().cmp(&other.instant()))
    }
    pub fn add_seconds(self, seconds: i64) -> Option<DateTime> {
        let all = self.time.seconds.checked_add(seconds)?;
        Some(DateTime {
            date: self.date.add_days(all.div_euclid(DAY))?,
            time: Time {
                seconds: all.rem_euclid(DAY),
                offset: self.time.offset,
            },
        })
    }
}

impl Duration {
    pub fn parse(text: &str) -> Option<Duration> {
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let rest = rest.strip_prefix('P')?;
        let (date, time) = match rest.split_once('T') {
            Some((_, "")) => return None,
            Some((d, t)) => (d, t),
            None => (rest, ""),
        };
        let (mut months, mut seconds) = (None::<i64>, None::<i64>);
        let mut number = String::new();
        for (part, units) in [(date, "YMWD"), (time, "HMS")] {
            let mut units = units;
            for c in part.chars() {
                if c.is_ascii_digit() {
                    number.push(c);
                    continue;
                }
                // Units come in falling order, each once.
                let at = units.find(c)?;
                units = &units[at + 1..];
                let n: i64 = number.parse().ok()?;
                number.clear();
                let (into, factor) = match (c, part == date) {
                    ('Y', _) => (&mut months, 12),
                    ('M', true) => (&mut months, 1),
                    ('W', _) => (&mut seconds, 7 * DAY),
                    ('D', _) => (&mut seconds, DAY),
                    ('H', _) => (&mut seconds, 3_600),
                    ('M', false) => (&mut seconds, 60),
                    _ => (&mut seconds, 1),
                };
                *into = Some(into.unwrap_or(0).checked_add(n.checked_mul(factor)?)?);
            }
            if !number.is_empty() {
                return None;
            }
        }
        match (months, seconds) {
            (Some(m), None) => Some(Duration::Months(sign * m)),
            (None, Some(s)) => Some(Duration::Seconds(sign * s)),
            _ => None,
        }
    }
    pub fn neg(self) -> Duration {
        match self {
            Duration::Months(m) => Duration::Months(-m),
            Duration::Seconds(s) => Duration::Seconds(-s),
        }
    }
    pub fn order(self, other: Duration) -> Option<Ordering> {
        match (self, other) {
            (Duration::Months(a), Duration::Months(b)) | (Duration::Seconds(a), Duration::Seconds(b)) => {
                Some(a.cmp(&b))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.parts();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.seconds;
        write!(f, "{:02}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)?;
        match self.offset {
            None => Ok(()),
            Some(0) => write!(f, "Z"),
            Some(o) => write!(
                f,
                "{}{:02}:{:02}",
                if o < 0 { '-' } else { '+' },
                o.abs() / 3_600,
                o.abs() / 60 % 60
            ),
        }
    }
}
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.date, self.time)
    }
}
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, units): (i64, &[(i64, &str)]) = match self {
            Duration::Months(0) => return write!(f, "P0M"),
            Duration::Seconds(0) => return write!(f, "PT0S"),
            Duration::Months(m) => (*m, &[(12, "Y"), (1, "M")]),
            Duration::Seconds(s) => (*s, &[(DAY, "D"), (3_600, "H"), (60, "M"), (1, "S")]),
        };
        write!(f, "{}P", if n < 0 { "-" } else { "" })?;
        let mut rest = n.abs();
        let mut time = false;
        for (size, unit) in units {
            let count = rest / size;
            rest %= size;
            if count > 0 {
                if *size < DAY && matches!(self, Duration::Seconds(_)) && !time {
                    time = true;
                    write!(f, "T")?;
                }
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_parts_agree() {
        assert_eq!(Date::parse("1970-01-01"), Some(Date(0)));
        assert_eq!(Date::parse("2000-03-01"), Some(Date(11_017)));
        let mut last = Date::parse("1899-12-31").unwrap();
        for n in 1..90_000 {
            let day = Date(last.0 + 1);
            let (y, m, d) = day.parts();
            assert_eq!(Date::new(y, m, d), Some(day), "day {n}");
            assert_eq!(Date::parse(&day.to_string()), Some(day));
            last = day;
        }
        for bad in [
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "26-01-01",
            "2026-00-10",
            "2026-01-32",
            "0000-01-01",
            "x",
        ] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
        let d = Date::parse("2026-11-26").unwrap();
        assert_eq!((d.weekday(), d.week(), d.day_of_year()), (4, 48, 330));
        assert_eq!(Date::parse("2021-01-03").unwrap().week(), 53);
        let jan = Date::parse("2028-01-31").unwrap();
        assert_eq!(jan.add_months(1).unwrap().to_string(), "2028-02-29");
        assert_eq!(jan.add_months(-11).unwrap().to_string(), "2027-02-28");
        assert_eq!(jan.months_to(Date::parse("2028-03-30").unwrap()), 1);
    }

    #[test]
    fn times_and_durations() {
        for text in [
            "2026-11-26T09:30:00",
            "2026-11-26T09:30:00Z",
            "2026-11-26T09:30:00+08:00",
        ] {
            assert_eq!(DateTime::parse(text).unwrap().to_string(), text);
        }
        let (a, b) = (
            DateTime::parse("2026-11-26T09:00:00+08:00").unwrap(),
            DateTime::parse("2026-11-26T01:00:00Z").unwrap(),
        );
        assert_eq!(a.order(b), Some(Ordering::Equal));
        assert_eq!(a.order(DateTime::parse("2026-11-26T09:00:00").unwrap()), None);
        assert_eq!(b.add_seconds(-3_601).unwrap().to_string(), "2026-11-25T23:59:59Z");
        for (text, want) in [
            ("P1Y2M", "P1Y2M"),
            ("P14M", "P1Y2M"),
            ("P1DT25H", "P2DT1H"),
            ("PT90M", "PT1H30M"),
            ("-P3D", "-P3D"),
            ("P2W", "P14D"),
            ("PT0S", "PT0S"),
        ] {
            assert_eq!(Duration::parse(text).unwrap().to_string(), want);
        }
        for bad in ["P", "PT", "1D", "P1", "P1M2D", "P1D1Y", "PT1D", "P1H"] {
            assert_eq!(Duration::parse(bad), None, "{bad}");
        }
    }
}
