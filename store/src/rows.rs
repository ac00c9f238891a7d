//! Typed rows: a version beside the value, and a way up from older versions.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::batch::{Batch, Expect};
use crate::error::{ReadError, RowError};
use crate::scan::Scan;
use crate::store::Store;
use crate::table::Table;

/// A type that is kept as rows of one table, as `{"v":<VERSION>,"row":{…}}`.
pub trait Row: Serialize + DeserializeOwned {
    /// Where its rows are.
    const TABLE: Table;
    /// The version it is written with. Raised whenever older JSON would no longer decode as it should.
    const VERSION: u32;

    /// Turns the JSON of an older version into that of [`Row::VERSION`].
    ///
    /// # Errors
    /// Says why there is no way up from version `v`; the default knows none.
    fn upgrade(v: u32, _row: serde_json::Value) -> Result<serde_json::Value, RowError> {
        Err(no_way_up::<Self>(v))
    }

    /// The row's bytes.
    ///
    /// # Errors
    /// [`RowError::Malformed`] for a value that JSON cannot express.
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        #[derive(Serialize)]
        struct Envelope<'a, T> {
            v: u32,
            row: &'a T,
        }
        serde_json::to_vec(&Envelope { v: Self::VERSION, row: self }).map_err(malformed::<Self>)
    }

    /// The value in a row's bytes, upgraded if it is of an older version.
    ///
    /// # Errors
    /// [`RowError::Newer`] for a row of a newer version, [`RowError::Upgrade`] or [`RowError::Malformed`] otherwise.
    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        // The raw part is borrowed, so a row of the current version is parsed straight into its type.
        #[derive(Deserialize)]
        struct Envelope<'a> {
            v: u32,
            #[serde(borrow)]
            row: &'a RawValue,
        }
        let Envelope { v, row } = serde_json::from_slice(bytes).map_err(malformed::<Self>)?;
        match v.cmp(&Self::VERSION) {
            std::cmp::Ordering::Equal => serde_json::from_str(row.get()).map_err(malformed::<Self>),
            std::cmp::Ordering::Greater => {
                Err(RowError::Newer { table: Self::TABLE.name(), found: v, known: Self::VERSION })
            }
            std::cmp::Ordering::Less => {
                let old = serde_json::from_str(row.get()).map_err(malformed::<Self>)?;
                serde_json::from_value(Self::upgrade(v, old)?).map_err(malformed::<Self>)
            }
        }
    }
}

/// What [`Row::upgrade`] says of a row that it does not know.
pub(crate) fn no_way_up<R: Row>(v: u32) -> RowError {
    RowError::Upgrade { table: R::TABLE.name(), found: v, detail: "no upgrade is known".into() }
}

fn malformed<R: Row>(error: serde_json::Error) -> RowError {
    RowError::Malformed { table: R::TABLE.name(), detail: error.to_string() }
}

impl Batch {
    /// Writes a typed row if `expect` holds.
    ///
    /// # Errors
    /// [`RowError::Malformed`] for a value that JSON cannot express; the batch is unchanged.
    pub fn put_row<R: Row>(
        &mut self,
        key: impl Into<Vec<u8>>,
        row: &R,
        expect: Expect,
    ) -> Result<&mut Batch, RowError> {
        let value = row.encode()?;
        Ok(self.put_if(R::TABLE, key, value, expect))
    }
}

impl Store {
    /// Reads one typed row.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails or the row cannot be understood.
    pub fn load<R: Row>(&self, key: impl AsRef<[u8]>) -> Result<Option<R>, ReadError> {
        self.get(R::TABLE, key.as_ref())?.map(|bytes| Ok(R::decode(&bytes)?)).transpose()
    }

    /// Walks all typed rows of a table in key order without holding them in memory. Not a snapshot. Blocking.
    ///
    /// # Errors
    /// The first error of `visit`, or [`ReadError`] if the database fails or a row cannot be understood.
    pub fn for_each_row<R: Row>(
        &self,
        mut visit: impl FnMut(&[u8], R) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.for_each(R::TABLE, |key, bytes| visit(key, R::decode(bytes)?))
    }

    /// Reads typed rows with their keys, in the order and within the bounds of `scan`.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails or one row cannot be understood.
    pub fn rows<R: Row>(&self, scan: Scan) -> Result<Vec<(Vec<u8>, R)>, ReadError> {
        self.scan(R::TABLE, scan)?.into_iter().map(|(key, bytes)| Ok((key, R::decode(&bytes)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Shelf {
        label: String,
        boards: u32,
    }

    impl Row for Shelf {
        const TABLE: Table = Table::Settings;
        const VERSION: u32 = 2;

        fn upgrade(v: u32, mut row: serde_json::Value) -> Result<serde_json::Value, RowError> {
            if v == 1 {
                row["boards"] = 3.into();
                return Ok(row);
            }
            Err(RowError::Upgrade { table: "settings", found: v, detail: "too old".into() })
        }
    }

    #[test]
    fn a_row_is_written_with_its_version_first() {
        let row = Shelf { label: "a".into(), boards: 4 };
        let bytes = row.encode().unwrap();
        assert_eq!(bytes, br#"{"v":2,"row":{"label":"a","boards":4}}"#);
        assert_eq!(Shelf::decode(&bytes).unwrap(), row);
    }

    #[test]
    fn an_older_row_is_upgraded_and_a_newer_one_refused() {
        let old = Shelf::decode(br#"{"v":1,"row":{"label":"a"}}"#).unwrap();
        assert_eq!(old, Shelf { label: "a".into(), boards: 3 });
        let newer = Shelf::decode(br#"{"v":3,"row":{"planks":[]}}"#);
        assert!(matches!(newer, Err(RowError::Newer { found: 3, known: 2, .. })));
        assert!(matches!(Shelf::decode(br#"{"v":0,"row":{}}"#), Err(RowError::Upgrade { found: 0, .. })));
        assert!(matches!(Shelf::decode(b"nonsense"), Err(RowError::Malformed { .. })));
    }
}
