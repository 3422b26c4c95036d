//! The schema: made from sql/schema.sql and sql/schema_crypto.sql, and held against a database before that is trusted.

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// The tables, as they can be read and run by hand.
pub(crate) const SCHEMA: &str =
    concat!(include_str!("../../sql/schema.sql"), include_str!("../../sql/schema_crypto.sql"));
/// `PRAGMA application_id` of our databases: "CTRC".
pub(crate) const APPLICATION_ID: i32 = 0x4354_5243;
/// `PRAGMA user_version`: grows when the schema changes.
pub(crate) const VERSION: i32 = 2;
/// Tables with a row for each event, which views don't read. All others are small enough to be checked each time.
pub(crate) const LARGE_TABLES: [&str; 2] = ["events", "api_calls"];

/// Every table but the large ones.
pub(crate) fn small_tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare(include_str!("../../sql/tables.sql"))?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    Ok(names.into_iter().filter(|name| !LARGE_TABLES.contains(&name.as_str())).collect())
}

/// Refuses what is not a database of this version, with tables exactly as this release makes them. Indexes, tables and views
/// that somebody added are left alone; triggers are not, since they would run when something is added.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let found = pragma("application_id")?;
    if found != APPLICATION_ID {
        return Err(StoreError::Foreign { path: path.into(), expected: APPLICATION_ID, found });
    }
    let found = pragma("user_version")?;
    if found != VERSION {
        return Err(StoreError::Version { path: path.into(), expected: VERSION, found });
    }
    let ours = Connection::open_in_memory()?;
    ours.execute_batch(SCHEMA)?;
    let theirs = objects(connection)?;
    for object in objects(&ours)? {
        if !theirs.contains(&object) {
            return Err(StoreError::Schema { path: path.into(), kind: object.0, name: object.1 });
        }
    }
    match theirs.into_iter().find(|(kind, _, _)| kind == "trigger") {
        Some((kind, name, _)) => Err(StoreError::Schema { path: path.into(), kind, name }),
        None => Ok(()),
    }
}

/// Kind, name and definition of each object.
fn objects(connection: &Connection) -> Result<Vec<(String, String, Option<String>)>, StoreError> {
    let mut statement = connection.prepare(include_str!("../../sql/objects.sql"))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        connection
    }

    fn refusal(change: &str) -> String {
        let connection = database();
        connection.execute_batch(change).unwrap();
        check(&connection, Path::new("x.db")).unwrap_err().to_string()
    }

    #[test]
    fn only_our_own_schema_is_accepted() {
        check(&database(), Path::new("x.db")).unwrap();
        assert!(refusal("PRAGMA application_id = 1").contains("not a database of crypto-tracer"));
        assert!(
            refusal("PRAGMA user_version = 1").contains("schema version 1, but this release reads version 2")
        );
        assert_eq!(
            refusal("DROP TABLE marks; CREATE VIEW marks AS SELECT 1"),
            "x.db: the table marks is not as this release makes it"
        );
        assert_eq!(
            refusal("CREATE TRIGGER t AFTER INSERT ON hosts BEGIN DELETE FROM events; END"),
            "x.db: the trigger t is not as this release makes it"
        );
    }

    #[test]
    fn an_index_of_the_user_is_no_fault() {
        let connection = database();
        connection.execute_batch("CREATE INDEX mine ON events (wall_ns)").unwrap();
        check(&connection, Path::new("x.db")).unwrap();
    }

    #[test]
    fn the_views_for_people_can_be_read() {
        let connection = database();
        for view in [
            "file_opens",
            "usage",
            "library_use",
            "containers",
            "handshakes",
            "tls_usage",
            "api_usage",
            "kernel_usage",
        ] {
            connection.prepare(&format!("SELECT * FROM {view}")).unwrap().query([]).unwrap().next().unwrap();
        }
    }

    #[test]
    fn event_types_are_those_of_the_events() {
        let connection = database();
        for event_type in crate::event::EventType::ALL {
            let name: String = connection
                .query_row("SELECT name FROM event_types WHERE type = ?", [event_type.number()], |r| r.get(0))
                .unwrap();
            assert_eq!(name, event_type.name());
        }
    }
}
