//! The house on both databases: two sample modules that exchange one fact, and every danger of the transaction contract.
//!
//! PostgreSQL is started by `cargo xtask test`, which sets `YIWANG_TEST_POSTGRES`; without it these tests fail, they are
//! not skipped.

mod danger;
mod exchange;
mod sample;
