//! The databases. Each has the same rooms: `catalogue` (what there is), `index_use` (what indexes can do), `connect`,
//! `driver` (what its server and rows have that others' have not), `dialect` or `filter` (how it is asked), `errors`,
//! `advice`, `discovery`.

pub(crate) mod mongodb;
pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod sqlite;
