//! Which days are working days.

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a date is for an office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Offices work.
    Working,
    /// Weekend or public holiday.
    Off,
    /// No notice covers this date.
    Unknown,
}

/// The end of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Last day of the period.
    pub date: Date,
    /// True when the period touches days that no holiday notice covers, so that the date may still move.
    pub provisional: bool,
}

/// Announced public holidays and make-up working days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolidayTable {
    /// First date the notices cover.
    pub known_from: Date,
    /// Last date the notices cover.
    pub known_to: Date,
    /// Days off with their name; weekend days inside a holiday may be listed too.
    pub holidays: BTreeMap<Date, String>,
    /// Saturdays and Sundays on which offices work.
    pub workdays: BTreeSet<Date>,
}

impl HolidayTable {
    /// What `date` is; `Unknown` outside the range of the notices, even for a weekend.
    pub fn is_working(&self, date: Date) -> Day {
        if date < self.known_from || date > self.known_to {
            Day::Unknown
        } else if self.counts(date) {
            Day::Working
        } else {
            Day::Off
        }
    }

    /// Whether `date` counts as a working day; outside the range of the notices, Monday to Friday do.
    pub fn counts(&self, date: Date) -> bool {
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.workdays.contains(&date) || !(weekend || self.holidays.contains_key(&date))
    }

    /// The `n`-th working day after `start`; the day of `start` does not count, and `n` = 0 gives `start`.
    ///
    /// A period beyond the year 9999 ends, provisionally, on the last date there is.
    pub fn add_working_days(&self, start: Date, n: u32) -> Due {
        let mut due = Due {
            date: start,
            provisional: false,
        };
        let mut left = n;
        while left > 0 {
            let Ok(next) = due.date.tomorrow() else {
                due.provisional = true;
                break;
            };
            due.date = next;
            due.provisional |= self.is_working(next) == Day::Unknown;
            left -= u32::from(self.counts(next));
        }
        due
    }

    /// Working days after `from` up to and including `to`, and whether the number is provisional.
    ///
    /// When `to` is before `from` the same days are counted the other way round and the number is negative.
    pub fn working_days_between(&self, from: Date, to: Date) -> (i64, bool) {
        if to < from {
            let (n, provisional) = self.working_days_between(to, from);
            return (-n, provisional);
        }
        let (mut n, mut provisional) = (0, false);
        let mut day = from;
        while day < to {
            let Ok(next) = day.tomorrow() else { break };
            day = next;
            n += i64::from(self.counts(day));
            provisional |= self.is_working(day) == Day::Unknown;
        }
        (n, provisional)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use jiff::civil::date;

    pub(crate) fn cn() -> HolidayTable {
        toml::from_str(include_str!("../../../../packs/base/calendar/cn.toml")).unwrap()
    }

    #[test]
    fn the_pack_is_whole() {
        let t = cn();
        assert_eq!((t.known_from, t.known_to), (date(2022, 1, 1), date(2026, 12, 31)));
        assert_eq!((t.holidays.len(), t.workdays.len()), (149, 33));
        let known = |d: &Date| t.is_working(*d) != Day::Unknown;
        assert!(t.holidays.keys().all(known) && t.workdays.iter().all(known));
        assert!(t.workdays.iter().all(|d| !t.holidays.contains_key(d)));
        // A make-up day that is not a weekend would be a slip of the pen.
        assert!(
            t.workdays
                .iter()
                .all(|d| matches!(d.weekday(), Weekday::Saturday | Weekday::Sunday))
        );
        assert_eq!(t.holidays[&date(2026, 2, 17)], "春节");
        assert!(toml::from_str::<HolidayTable>("known_from = \"2022-02-30\"").is_err());
    }

    #[test]
    fn spring_festival_2026() {
        let t = cn();
        // 15 to 23 February off; Saturdays 14 and 28 February are worked.
        assert_eq!(t.is_working(date(2026, 2, 14)), Day::Working);
        for d in 15..=23 {
            assert_eq!(t.is_working(date(2026, 2, d)), Day::Off);
        }
        assert_eq!(t.is_working(date(2026, 2, 24)), Day::Working);
        assert_eq!(t.is_working(date(2026, 2, 28)), Day::Working);
        assert_eq!(t.is_working(date(2026, 3, 1)), Day::Off);
        let due = |n| t.add_working_days(date(2026, 2, 13), n);
        assert_eq!(
            due(0),
            Due {
                date: date(2026, 2, 13),
                provisional: false
            }
        );
        assert_eq!(due(1).date, date(2026, 2, 14));
        assert_eq!(due(2).date, date(2026, 2, 24));
        assert_eq!(
            due(6),
            Due {
                date: date(2026, 2, 28),
                provisional: false
            }
        );
        assert_eq!(due(7).date, date(2026, 3, 2));
    }

    #[test]
    fn national_day_2026() {
        let t = cn();
        // 1 to 7 October off; Sunday 20 September and Saturday 10 October are worked.
        assert_eq!(t.is_working(date(2026, 9, 20)), Day::Working);
        assert_eq!(t.is_working(date(2026, 9, 30)), Day::Working);
        for d in 1..=7 {
            assert_eq!(t.is_working(date(2026, 10, d)), Day::Off);
        }
        assert_eq!(t.is_working(date(2026, 10, 10)), Day::Working);
        assert_eq!(t.is_working(date(2026, 10, 11)), Day::Off);
        assert_eq!(t.add_working_days(date(2026, 9, 30), 3).date, date(2026, 10, 10));
        assert_eq!(
            t.working_days_between(date(2026, 9, 30), date(2026, 10, 12)),
            (4, false)
        );
    }

    #[test]
    fn between_is_the_inverse_of_add() {
        let t = cn();
        let start = date(2026, 4, 30);
        for n in 0..60 {
            let due = t.add_working_days(start, n);
            assert_eq!(t.working_days_between(start, due.date), (i64::from(n), false));
            assert_eq!(t.working_days_between(due.date, start), (-i64::from(n), false));
        }
        assert_eq!(t.working_days_between(start, date(2026, 5, 5)), (0, false));
    }

    #[test]
    fn beyond_the_notices_weekdays_count_provisionally() {
        let t = cn();
        assert_eq!(t.is_working(date(2027, 1, 1)), Day::Unknown);
        assert_eq!(t.is_working(date(2021, 12, 31)), Day::Unknown);
        // 31 December 2026 is a Thursday.
        let due = t.add_working_days(date(2026, 12, 30), 1);
        assert_eq!(
            due,
            Due {
                date: date(2026, 12, 31),
                provisional: false
            }
        );
        let due = t.add_working_days(date(2026, 12, 30), 3);
        assert_eq!(
            due,
            Due {
                date: date(2027, 1, 4),
                provisional: true
            }
        );
        assert_eq!(
            t.working_days_between(date(2026, 12, 30), date(2027, 1, 4)),
            (3, true)
        );
        assert_eq!(
            t.working_days_between(date(2021, 12, 30), date(2021, 12, 31)),
            (1, true)
        );
        let far = t.add_working_days(date(9999, 12, 20), 100);
        assert_eq!(
            far,
            Due {
                date: Date::MAX,
                provisional: true
            }
        );
    }
}
