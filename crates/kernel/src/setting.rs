//! Named values of the whole city that are no table of anybody: marks, seals, the holiday table in force.

use crate::db::Tx;
use crate::error::Fault;
use crate::params;

/// The value of a name, if it was set.
pub fn get(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>, Fault> {
    tx.scalar("SELECT value FROM kernel_setting WHERE name = $1", params![name])
}

/// Sets or replaces a value.
pub fn put(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO kernel_setting(name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
        params![name, value],
    )?;
    Ok(())
}

/// Sets a value that was not set: of two nodes that start at once, the first one's stays.
pub fn put_new(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO kernel_setting(name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        params![name, value],
    )?;
    Ok(())
}

/// Forgets a value.
pub fn remove(tx: &mut Tx<'_>, name: &str) -> Result<(), Fault> {
    tx.execute("DELETE FROM kernel_setting WHERE name = $1", params![name])?;
    Ok(())
}
