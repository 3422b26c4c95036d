//! What is known of the library files of a host.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::documents::shown;
use crate::store::{StoreError, stored_bytes};

/// A library: a path, and what the file behind it says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Library {
    pub path: Vec<u8>,
    pub family: Option<String>,
    pub version: Option<String>,
    pub soname: Option<String>,
    pub build_id: Option<String>,
    pub size: Option<u64>,
}

impl Library {
    /// The file name.
    pub(super) fn name(&self) -> &[u8] {
        crypto_tracer_format::catalogue::files::basename(&self.path)
    }
}

#[derive(Clone, Debug, Default)]
struct Facts {
    version: Option<String>,
    soname: Option<String>,
    build_id: Option<String>,
    size: Option<u64>,
}

/// The libraries of a host by their number. The facts are those of the same file (device and inode); where the scan and
/// the kernel name devices differently (overlay and btrfs do), those of the same path.
pub(super) fn of_host(db: &Connection, host: i64) -> Result<HashMap<i64, Library>, StoreError> {
    let mut by_file: HashMap<(i64, i64, i64), Facts> = HashMap::new();
    let mut by_path: HashMap<i64, Facts> = HashMap::new();
    let mut statement = db.prepare_cached(include_str!("../../sql/view_library_files.sql"))?;
    let mut rows = statement.query([host])?;
    while let Some(row) = rows.next()? {
        let text = |index| Ok::<_, StoreError>(stored_bytes(row, index)?.map(|b| shown(&b).0));
        let facts = Facts {
            version: text(4)?,
            soname: text(5)?,
            build_id: text(6)?,
            size: row.get::<_, Option<i64>>(7)?.map(i64::cast_unsigned),
        };
        by_file.insert((row.get(0)?, row.get(1)?, row.get(2)?), facts.clone());
        by_path.insert(row.get(3)?, facts);
    }
    let mut libraries = HashMap::new();
    let mut statement = db.prepare_cached(include_str!("../../sql/view_libraries.sql"))?;
    let mut rows = statement.query([host])?;
    while let Some(row) = rows.next()? {
        let file = (row.get(1)?, row.get(2)?, row.get(3)?);
        let facts = by_file.get(&file).or_else(|| by_path.get(&row.get::<_, i64>(4).ok()?));
        let Facts { version, soname, build_id, size } = facts.cloned().unwrap_or_default();
        let path = stored_bytes(row, 5)?.unwrap_or_default();
        libraries.insert(row.get(0)?, Library { path, family: row.get(6)?, version, soname, build_id, size });
    }
    Ok(libraries)
}
