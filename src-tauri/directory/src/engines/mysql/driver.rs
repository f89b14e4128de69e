//! The parts of connections and rows that are specific to MySQL and MariaDB.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use sqlx::mysql::{MySqlConnectOptions, MySqlRow};
use sqlx::{Row as _, TypeInfo, ValueRef};

use crate::config::DirectoryConfig;
use crate::engines::mysql::dialect::MySql;
use crate::engines::mysql::reading::{MySqlReadTx, decode_text};
use crate::engines::mysql::types::{MyType, to_rfc3339};
use crate::engines::mysql::{connect, errors, open_catalogue};
use crate::error::{DirectoryError, Result};
use crate::model::{FieldKind, Info};
use crate::reach::endpoint::Endpoint;
use crate::schema::bytes::from_hex;
use crate::schema::cell::shorten_cell;
use crate::schema::mapping::Mapping;
use crate::schema::table::TableColumn;
use crate::schema::time;
use crate::schema::value::Value;
use crate::sql::server::{Connected, Driver, Server};
use crate::sql::server_directory::ServerEngine;

pub(crate) type MySqlServer = Server<MySql>;

/// The two differ here in how a statement's time is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    MySql,
    MariaDb,
}

/// The server's product and version.
pub(crate) struct MySqlProduct {
    pub(crate) flavour: Flavour,
    /// `10.11.6-MariaDB-0+deb12u1`, `8.4.3`.
    version: String,
}

impl MySqlProduct {
    /// Parses the version that the server reports.
    pub(crate) fn from_version(version: String) -> Self {
        let flavour = if version.contains("MariaDB") { Flavour::MariaDb } else { Flavour::MySql };
        Self { flavour, version }
    }

    /// For display, without the distribution's suffix: `MariaDB 10.11.6`, `MySQL 8.4.3`.
    pub(crate) fn name(&self) -> String {
        let number = self.version.split('-').find(|part| part.contains('.') && !part.starts_with("5.5.5"));
        let engine = match self.flavour {
            Flavour::MySql => "MySQL",
            Flavour::MariaDb => "MariaDB",
        };
        format!("{engine} {}", number.unwrap_or(&self.version))
    }
}

impl Driver for MySql {
    type Database = sqlx::MySql;
    type ReadTx = MySqlReadTx;
    type Product = MySqlProduct;

    async fn connect_endpoint(endpoint: &Arc<Endpoint>) -> Result<Connected<Self>> {
        endpoint.connect(connect::connect_to).await
    }

    fn with_password(options: MySqlConnectOptions, password: &SecretString) -> MySqlConnectOptions {
        options.password(password.expose_secret())
    }

    fn describe_place(config: &DirectoryConfig) -> String {
        errors::describe_server(config)
    }

    fn unreachable(config: &DirectoryConfig, cause: &str) -> DirectoryError {
        errors::unreachable_error(config, cause)
    }

    fn refused_login(error: sqlx::Error, config: &DirectoryConfig, endpoint: &Endpoint) -> DirectoryError {
        errors::from_sqlx_at_endpoint(error, config, endpoint)
    }

    fn failed_statement(error: sqlx::Error, config: &DirectoryConfig, endpoint: &Endpoint) -> DirectoryError {
        errors::of_statement(error, config, endpoint)
    }
}

impl ServerEngine for MySql {
    async fn read_catalogue(
        server: &Arc<MySqlServer>,
        config: &DirectoryConfig,
    ) -> Result<(Mapping<MyType>, Arc<Info>)> {
        open_catalogue(server, config).await
    }

    fn read_text(row: &MySqlRow, at: usize) -> Result<Option<String>, sqlx::Error> {
        decode_text(row, at)
    }

    fn read_value(row: &MySqlRow, at: usize) -> Result<Value, sqlx::Error> {
        let is_double = row.try_get_raw(at)?.type_info().name() == "DOUBLE";
        if is_double {
            let number: Option<f64> = row.try_get_unchecked(at)?;
            return Ok(number.map_or(Value::Null, |number| Value::Real(number.to_bits())));
        }
        Ok(decode_text(row, at)?.map_or(Value::Null, Value::Text))
    }

    fn show_cell(column: &TableColumn<MyType>, text: String) -> String {
        let text = match (&column.db_type, from_hex(&text)) {
            (MyType::Timestamp, _) => return to_rfc3339(text, true),
            (MyType::DateTime, _) => return to_rfc3339(text, false),
            (MyType::Real { is_single: true }, _) => shorten_float(&text),
            (MyType::Binary { .. }, Some(bytes)) => column.bytes.to_cell(&bytes),
            _ => shorten_cell(text),
        };
        if column.kind == FieldKind::Time { time::from_text(text) } else { text }
    }

    fn holds_bytes(column: &TableColumn<MyType>) -> bool {
        matches!(column.db_type, MyType::Binary { .. })
    }
}

/// Formats a float, which arrives as a double, with the fewest digits that identify it.
fn shorten_float(double: &str) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "it was a float")]
    let shortest = |number: f64| (number as f32).to_string();
    double.parse().map_or_else(|_| double.to_owned(), shortest)
}
