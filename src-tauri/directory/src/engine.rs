//! Determines the engine for a URL. Nothing else parses a URL's scheme.

/// The supported databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    MongoDb,
    MySql,
    Postgres,
    Sqlite,
}

impl Engine {
    /// The engine for a directory's URL; `None` if its scheme is not supported.
    pub fn of_url(url: &str) -> Option<Self> {
        Self::of_scheme(url.split_once(':')?.0)
    }

    /// The engine for a scheme such as `postgres` or `mariadb`, ignoring case.
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme.to_ascii_lowercase().as_str() {
            "mysql" | "mariadb" => Some(Self::MySql),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "sqlite" => Some(Self::Sqlite),
            "mongodb" | "mongodb+srv" => Some(Self::MongoDb),
            _ => None,
        }
    }

    /// The display name; MySQL also stands for MariaDB.
    pub fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
            Self::MongoDb => "MongoDB",
        }
    }

    /// The server's default port; `None` if the engine has no server.
    pub fn default_port(self) -> Option<u16> {
        match self {
            Self::MySql => Some(3306),
            Self::Postgres => Some(5432),
            Self::MongoDb => Some(27017),
            Self::Sqlite => None,
        }
    }
}

/// The display name of the engine for a URL: `MariaDB` if the URL says so.
pub fn engine_name(url: &str) -> Option<&'static str> {
    let engine = Engine::of_url(url)?;
    Some(if begins_with_scheme(url, "mariadb") { "MariaDB" } else { engine.name() })
}

/// Whether the URL names its servers by a DNS SRV record instead of their hosts.
pub fn is_srv_url(url: &str) -> bool {
    begins_with_scheme(url, "mongodb+srv")
}

fn begins_with_scheme(url: &str, scheme: &str) -> bool {
    url.split_once(':').is_some_and(|(written, _)| written.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_tells_its_engine_by_its_scheme_in_any_case() {
        for (url, expected) in [
            ("postgres://reader@db/acme", Some(Engine::Postgres)),
            ("PostgreSQL://reader@db/acme", Some(Engine::Postgres)),
            ("mysql://reader@db/acme", Some(Engine::MySql)),
            ("MariaDB://reader@db/acme", Some(Engine::MySql)),
            ("mongodb://reader@a,b/acme", Some(Engine::MongoDb)),
            ("mongodb+srv://reader@acme.example/acme", Some(Engine::MongoDb)),
            ("sqlite:///srv/users.sqlite", Some(Engine::Sqlite)),
            ("postgresses://reader@db/acme", None),
            ("oracle://db", None),
            ("postgres", None),
        ] {
            assert_eq!(Engine::of_url(url), expected, "{url}");
        }
        assert!(is_srv_url("MongoDB+SRV://acme.example/acme") && !is_srv_url("mongodb://acme.example/acme"));
    }
}
