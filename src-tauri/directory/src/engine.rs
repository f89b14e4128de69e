//! Which database a URL leads to. Nothing else reads a URL's scheme.

/// The databases that users are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    MongoDb,
    MySql,
    Postgres,
    Sqlite,
}

impl Engine {
    /// The engine behind a directory's URL; `None` when there is none for its scheme.
    pub fn of_url(url: &str) -> Option<Self> {
        Self::of_scheme(url.split_once(':')?.0)
    }

    /// The engine of `postgres`, `mariadb` or the like, in any case.
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme.to_ascii_lowercase().as_str() {
            "mysql" | "mariadb" => Some(Self::MySql),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "sqlite" => Some(Self::Sqlite),
            "mongodb" | "mongodb+srv" => Some(Self::MongoDb),
            _ => None,
        }
    }

    /// For people; MySQL also stands for MariaDB.
    pub fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
            Self::MongoDb => "MongoDB",
        }
    }

    /// Where its server listens if nothing else is said; `None`: it has no server.
    pub fn default_port(self) -> Option<u16> {
        match self {
            Self::MySql => Some(3306),
            Self::Postgres => Some(5432),
            Self::MongoDb => Some(27017),
            Self::Sqlite => None,
        }
    }
}

/// The engine behind a directory's URL, for people: `MariaDB` where the URL says so.
pub fn engine_name(url: &str) -> Option<&'static str> {
    let engine = Engine::of_url(url)?;
    Some(if begins_with_scheme(url, "mariadb") { "MariaDB" } else { engine.name() })
}

/// The URL names servers by a record of the DNS, not by their hosts.
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
