//! A statutory period that can be suspended and extended.

use crate::{Day, Due, HolidayTable};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Warning light of a running period, 红黄灯.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    /// Enough working days are left.
    Green,
    /// The limit is near.
    Yellow,
    /// The limit is passed.
    Red,
}

/// A period counted in working days.
///
/// The day on which something happens does not count, as in article 201 of the Civil Code: counting begins
/// on the day after `start`, and a suspension takes out the days after its first date up to and including
/// its second date, the day counting is taken up again. A suspension that begins and ends on one day
/// therefore changes nothing. Suspensions may overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Day of acceptance.
    pub start: Date,
    /// Length in working days.
    pub limit: u32,
    /// Day of suspension and day of resumption; `None` while the suspension lasts.
    #[serde(default)]
    pub suspensions: Vec<(Date, Option<Date>)>,
    /// Granted extension in working days.
    #[serde(default)]
    pub extension: u32,
}

impl Clock {
    /// The last day of the period; `None` while suspended.
    ///
    /// A period that had ended before the open suspension began keeps its date: suspending a late case
    /// does not make it timely.
    pub fn due(&self, table: &HolidayTable) -> Option<Due> {
        let mut due = Due {
            date: self.start,
            provisional: false,
        };
        let mut left = self.total();
        while left > 0 {
            due.date = due.date.tomorrow().ok()?;
            if self.open_on(due.date) {
                return None;
            }
            due.provisional |= table.is_working(due.date) == Day::Unknown;
            left -= i64::from(self.counts(table, due.date));
        }
        Some(due)
    }

    /// Working days left after `today`; 0 on the last day, negative by the working days it is late.
    ///
    /// Before `start` this is the whole period. Suspended days take nothing away.
    pub fn remaining(&self, table: &HolidayTable, today: Date) -> i64 {
        let mut left = self.total();
        let mut day = self.start;
        while day < today {
            let Ok(next) = day.tomorrow() else { break };
            day = next;
            left -= i64::from(self.counts(table, day));
        }
        left
    }

    /// Red when late, yellow from `yellow_at` working days left, else green.
    pub fn light(&self, table: &HolidayTable, today: Date, yellow_at: i64) -> Light {
        match self.remaining(table, today) {
            left if left < 0 => Light::Red,
            left if left <= yellow_at => Light::Yellow,
            _ => Light::Green,
        }
    }

    fn total(&self) -> i64 {
        i64::from(self.limit) + i64::from(self.extension)
    }

    fn counts(&self, table: &HolidayTable, day: Date) -> bool {
        let suspended = |(from, to): &(Date, Option<Date>)| day > *from && to.is_none_or(|to| day <= to);
        table.counts(day) && !self.suspensions.iter().any(suspended)
    }

    fn open_on(&self, day: Date) -> bool {
        self.suspensions
            .iter()
            .any(|(from, to)| to.is_none() && day > *from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::cn;
    use jiff::civil::date;

    fn clock(suspensions: Vec<(Date, Option<Date>)>) -> Clock {
        // Monday 2 March 2026; no holiday until 4 April.
        Clock {
            start: date(2026, 3, 2),
            limit: 5,
            suspensions,
            extension: 0,
        }
    }

    fn due(c: &Clock) -> Option<Date> {
        c.due(&cn()).map(|d| d.date)
    }

    #[test]
    fn plain_period_and_lights() {
        let (t, c) = (cn(), clock(vec![]));
        assert_eq!(
            c.due(&t),
            Some(Due {
                date: date(2026, 3, 9),
                provisional: false
            })
        );
        assert_eq!(c.remaining(&t, date(2026, 3, 1)), 5);
        assert_eq!(c.remaining(&t, date(2026, 3, 2)), 5);
        assert_eq!(c.remaining(&t, date(2026, 3, 6)), 1);
        assert_eq!(c.remaining(&t, date(2026, 3, 8)), 1);
        assert_eq!(c.remaining(&t, date(2026, 3, 9)), 0);
        assert_eq!(c.remaining(&t, date(2026, 3, 11)), -2);
        assert_eq!(c.light(&t, date(2026, 3, 5), 1), Light::Green);
        assert_eq!(c.light(&t, date(2026, 3, 6), 1), Light::Yellow);
        assert_eq!(c.light(&t, date(2026, 3, 9), 1), Light::Yellow);
        assert_eq!(c.light(&t, date(2026, 3, 10), 1), Light::Red);
    }

    #[test]
    fn extension_and_empty_period() {
        let c = Clock {
            extension: 10,
            ..clock(vec![])
        };
        assert_eq!(due(&c), Some(date(2026, 3, 23)));
        assert_eq!(
            due(&Clock {
                limit: 0,
                ..clock(vec![])
            }),
            Some(date(2026, 3, 2))
        );
    }

    #[test]
    fn suspension_moves_the_end_by_its_working_days() {
        let t = cn();
        // Suspended on Wednesday 4 March, taken up again on Tuesday 10 March: four working days.
        let c = clock(vec![(date(2026, 3, 4), Some(date(2026, 3, 10)))]);
        assert_eq!(t.working_days_between(date(2026, 3, 4), date(2026, 3, 10)).0, 4);
        assert_eq!(due(&c), Some(date(2026, 3, 13)));
        assert_eq!(c.remaining(&t, date(2026, 3, 4)), 3);
        assert_eq!(c.remaining(&t, date(2026, 3, 10)), 3);
        assert_eq!(c.remaining(&t, date(2026, 3, 11)), 2);
        let same_day = clock(vec![(date(2026, 3, 4), Some(date(2026, 3, 4)))]);
        assert_eq!(due(&same_day), Some(date(2026, 3, 9)));
        let overlapping = clock(vec![
            (date(2026, 3, 4), Some(date(2026, 3, 10))),
            (date(2026, 3, 5), Some(date(2026, 3, 9))),
        ]);
        assert_eq!(due(&overlapping), Some(date(2026, 3, 13)));
    }

    #[test]
    fn open_suspension_stops_the_clock() {
        let t = cn();
        let c = clock(vec![(date(2026, 3, 4), None)]);
        assert_eq!(c.due(&t), None);
        assert_eq!(c.remaining(&t, date(2026, 6, 1)), 3);
        assert_eq!(c.light(&t, date(2026, 6, 1), 1), Light::Green);
        // Suspended only after the end: still late.
        let late = clock(vec![(date(2026, 3, 10), None)]);
        assert_eq!(due(&late), Some(date(2026, 3, 9)));
        assert_eq!(late.light(&t, date(2026, 3, 10), 1), Light::Red);
        assert_eq!(late.remaining(&t, date(2026, 6, 1)), -1);
    }

    #[test]
    fn provisional_beyond_the_notices() {
        let c = Clock {
            start: date(2026, 12, 25),
            limit: 20,
            suspensions: vec![],
            extension: 0,
        };
        assert_eq!(
            c.due(&cn()),
            Some(Due {
                date: date(2027, 1, 22),
                provisional: true
            })
        );
    }

    #[test]
    fn end_is_where_nothing_remains() {
        let t = cn();
        let c = Clock {
            start: date(2026, 2, 9),
            limit: 20,
            suspensions: vec![(date(2026, 2, 12), Some(date(2026, 3, 3)))],
            extension: 10,
        };
        let end = c.due(&t).unwrap().date;
        assert_eq!(c.remaining(&t, end), 0);
        assert_eq!(c.remaining(&t, end.yesterday().unwrap()), 1);
    }
}
