//! The database engines. Each has the same modules: `catalogue` (tables and columns), `index_use` (what indexes can be
//! used for), `connect`, `driver` (connections and rows of its server), `dialect` or `filter` (how queries are
//! written), `errors`, `advice`, `discovery`.

pub(crate) mod mongodb;
pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod sqlite;
