//! Working days of mainland China and the clocks that count them.
//!
//! Pure functions: today's date is always an argument. The table of holidays is data of a pack, since the
//! State Council announces it year by year; beyond what is announced, results are marked provisional.

mod clock;
mod table;

pub use clock::{Clock, Light};
pub use table::{Day, Due, HolidayTable};
