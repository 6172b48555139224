//! The schema, by number, and the way from each version to the next.

use std::path::Path;

use rusqlite::Connection;

use crate::StoreError;

/// `Push` in ASCII: marks the file as ours (`PRAGMA application_id`).
pub(super) const APPLICATION_ID: u32 = 0x5075_7368;

/// What leads from each version (`PRAGMA user_version`) to the next; the first makes version 1 of an empty database.
///
/// A version that was ever released stays as it is: a change of the schema is one more entry.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema-1.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
];

/// The version that [`MIGRATIONS`] ends with.
pub(super) fn latest(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).unwrap_or(u32::MAX)
}

/// Brings the schema from `version` to the latest, all or none.
pub(super) fn migrate(
    connection: &Connection,
    migrations: &[&str],
    version: u32,
) -> rusqlite::Result<()> {
    let pending = usize::try_from(version)
        .ok()
        .and_then(|version| migrations.get(version..))
        .unwrap_or_default();
    if pending.is_empty() {
        return Ok(());
    }
    let transaction = connection.unchecked_transaction()?;
    for migration in pending {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", latest(migrations))?;
    transaction.commit()
}

/// Whether the tables are those that the migrations make, to the letter.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let explain = |error| super::open::explain(path, error);
    let expected = Connection::open_in_memory()
        .and_then(|fresh| {
            migrate(&fresh, MIGRATIONS, 0)?;
            statements(&fresh)
        })
        .map_err(explain)?;
    let found = statements(connection).map_err(explain)?;
    let differing = expected
        .iter()
        .find(|statement| !found.contains(statement))
        .or_else(|| found.iter().find(|statement| !expected.contains(statement)));
    match differing {
        None => Ok(()),
        Some((name, _)) => Err(StoreError::Damaged {
            path: path.to_owned(),
            detail: format!(
                "`{name}` is not what schema version {} says",
                latest(MIGRATIONS)
            ),
        }),
    }
}

/// Name and definition of everything in the schema but what `SQLite` adds by itself.
fn statements(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> u32 {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn each_step_runs_once_and_in_order() {
        let steps = &[
            "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);",
            "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 2;",
            "UPDATE a SET y = y + 1;",
        ];
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, &steps[..1], 0).unwrap();
        assert_eq!(version(&connection), 1);
        migrate(&connection, steps, 1).unwrap();
        assert_eq!(version(&connection), 3);
        migrate(&connection, steps, 3).unwrap();
        let row = connection.query_row("SELECT x, y FROM a", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        assert_eq!(row.unwrap(), (1, 3));
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before() {
        let steps = &["CREATE TABLE a (x);", "CREATE TABLE b (x);", "no statement"];
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, &steps[..1], 0).unwrap();
        assert!(migrate(&connection, steps, 1).is_err());
        assert_eq!(version(&connection), 1);
        assert_eq!(statements(&connection).unwrap().len(), 1);
    }
}
