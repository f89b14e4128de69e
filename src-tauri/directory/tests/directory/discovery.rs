//! Table discovery on real servers with tables as frameworks create them: the users' table comes first, and its guess
//! can be opened unchanged.

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryConfig;
#[cfg(target_os = "linux")]
use understudy_directory::Sign;
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_directory::{DiscoveredTables, ListRequest, TableKind, TableOffer, discover_tables};

const READER: &str = "reader";
const READER_PASSWORD: &str = "r3ad:er/p@ss word";

/// As the form has it before a table is chosen.
fn build_config(url: &str) -> DirectoryConfig {
    DirectoryConfig {
        table: String::new(),
        id: String::new(),
        email: None,
        name: None,
        created_at: None,
        columns: vec![],
        ..crate::build_config(url.into())
    }
}

async fn surveyed(url: &str) -> DiscoveredTables {
    discover_tables(&build_config(url), Some(&READER_PASSWORD.into())).await.unwrap()
}

async fn refused(url: &str, password: Option<&str>) -> DirectoryError {
    let password = password.map(SecretString::from);
    let error = discover_tables(&build_config(url), password.as_ref()).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains(READER_PASSWORD) && !text.contains("wr0ng"), "{text}");
    error
}

fn names(discovered: &DiscoveredTables) -> Vec<&str> {
    discovered.tables.iter().map(|offer| offer.name.as_str()).collect()
}

fn offer<'a>(discovered: &'a DiscoveredTables, name: &str) -> &'a TableOffer {
    discovered
        .tables
        .iter()
        .find(|offer| offer.name == name)
        .unwrap_or_else(|| panic!("{:?}", names(discovered)))
}

/// The columns whose bytes may be UUIDs.
fn of_bytes(offer: &TableOffer) -> Vec<&str> {
    offer.columns.iter().filter(|column| column.bytes).map(|column| column.name.as_str()).collect()
}

fn columns(offer: &TableOffer) -> Vec<&str> {
    offer.columns.iter().map(|column| column.name.as_str()).collect()
}

/// Opens the guess unchanged and returns the newest user's cells.
async fn newest(url: &str, offer: &TableOffer) -> Vec<Option<String>> {
    let guess = offer.guess.clone();
    let config = DirectoryConfig {
        table: offer.name.clone(),
        id: guess.id.unwrap(),
        email: guess.email,
        name: guess.name,
        created_at: guess.created_at,
        columns: guess.columns,
        search: guess.search,
        ..crate::build_config(url.into())
    };
    let directory = understudy_directory::open(&config, Some(&READER_PASSWORD.into())).await.unwrap();
    let page =
        directory.search_users(&ListRequest::first_page("", 5), &CancellationToken::new()).await.unwrap();
    directory.close().await;
    page.rows.first().map(|row| row.cells.clone()).unwrap_or_default()
}

fn some(cells: &[&str]) -> Vec<Option<String>> {
    cells.iter().map(|cell| Some((*cell).to_owned())).collect()
}

#[cfg(target_os = "linux")]
mod servers {
    use mongodb::bson::spec::BinarySubtype;
    use mongodb::bson::{Binary, DateTime, doc};
    use understudy_test_support::mariadb::MariaDbServer;
    use understudy_test_support::mongod::MongoServer;
    use understudy_test_support::postgres::PostgresServer;

    use super::*;

    #[tokio::test]
    async fn postgres_offers_the_users_of_sequelize_and_of_another_schema() {
        let server = PostgresServer::start();
        server.sql("postgres", &format!("CREATE ROLE {READER} LOGIN PASSWORD '{READER_PASSWORD}'"));
        server.sql("postgres", "CREATE DATABASE acme");
        server.sql(
            "acme",
            r#"CREATE DOMAIN address AS varchar(255);
               CREATE TABLE "Users" (id uuid PRIMARY KEY, email address, "passwordHash" text, "resetToken" text,
                                     "fullName" text, plan text, "createdAt" timestamptz, "updatedAt" timestamptz);
               INSERT INTO "Users" VALUES ('00000000-0000-0000-0000-000000000007', 'ada@example.com', 'never shown', 'nor this',
                                           'Ada', 'pro', '2026-01-02T03:04:05Z', now());
               CREATE TABLE "Orders" (id bigint PRIMARY KEY, "userId" bytea, total numeric);
               CREATE TABLE "UserRoles" ("userId" uuid, role text, PRIMARY KEY ("userId", role));
               CREATE VIEW customers AS SELECT id, email AS contact_email, "fullName" AS name FROM "Users";
               CREATE MATERIALIZED VIEW "odd.view" AS SELECT 1 AS id;
               CREATE SCHEMA auth;
               CREATE TABLE auth.users (id bigint PRIMARY KEY, email text, encrypted_password text, created_at timestamptz);
               CREATE TABLE auth.sessions (id bigint PRIMARY KEY);
               CREATE SCHEMA hidden;
               CREATE TABLE hidden.members (id bigint PRIMARY KEY);
               CREATE TABLE parts (id bigint, name text) PARTITION BY RANGE (id);
               CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
               ANALYZE;
               GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
               REVOKE SELECT ON "Users" FROM reader;
               GRANT SELECT (id, email, "passwordHash", "fullName", plan, "createdAt") ON "Users" TO reader;
               GRANT USAGE ON SCHEMA auth TO reader;
               GRANT SELECT ON auth.users TO reader;"#,
        );
        let url = server.url(READER, "acme");
        let discovered = surveyed(&url).await;

        assert_eq!(names(&discovered)[..3], ["Users", "auth.users", "customers"]);
        assert!(!names(&discovered).contains(&"parts_1"), "a partition is no table of its own");
        assert_eq!(discovered.unreadable, ["hidden.members", "auth.sessions"]);
        assert_eq!(discovered.left_out, 0);
        let users = offer(&discovered, "Users");
        assert!(users.likely);
        assert_eq!(users.qualified, "public.Users");
        assert_eq!((users.kind, users.estimated_rows), (TableKind::Table, Some(1)));
        assert_eq!(users.signs, [Sign::Name, Sign::Email, Sign::Password]);
        assert_eq!(
            columns(users),
            ["id", "email", "fullName", "plan", "createdAt"],
            "what may be read and shown"
        );
        assert_eq!(users.withheld, ["passwordHash"]);
        let cells =
            ["00000000-0000-0000-0000-000000000007", "Ada", "ada@example.com", "pro", "2026-01-02T03:04:05Z"];
        assert_eq!(newest(&url, users).await, some(&cells));

        assert_eq!(of_bytes(users), [""; 0]);
        assert_eq!(of_bytes(offer(&discovered, "Orders")), ["userId"]);

        let customers = offer(&discovered, "customers");
        assert_eq!((customers.kind, customers.estimated_rows), (TableKind::View, None));
        assert_eq!(newest(&url, customers).await.len(), 3);
        let odd = offer(&discovered, "\"odd.view\"");
        assert_eq!(odd.kind, TableKind::MaterializedView);
        assert_eq!(newest(&url, odd).await, some(&["1"]));

        let error = refused(&url, Some("wr0ng")).await;
        assert_eq!(error.code, DirectoryCode::Refused, "{error}");
        let error = refused(&url, None).await;
        assert!(error.message.contains("none is stored"), "{error}");
        let error = refused(&server.url(READER, "missing"), Some(READER_PASSWORD)).await;
        assert_eq!(error.code, DirectoryCode::Mismatch, "{error}");

        server.sql("postgres", "CREATE DATABASE bare");
        let discovered = surveyed(&server.url(READER, "bare")).await;
        assert!(
            discovered.tables.is_empty() && discovered.unreadable.is_empty(),
            "no system table is a table"
        );
        drop(server);
        let error = refused(&url, Some(READER_PASSWORD)).await;
        assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    }

    #[tokio::test]
    async fn mariadb_offers_the_users_of_wordpress() {
        let server = MariaDbServer::start();
        server.sql("mysql", &format!("CREATE USER {READER}@'%' IDENTIFIED BY '{READER_PASSWORD}'"));
        for database in ["wordpress", "crm"] {
            server.sql("mysql", &format!("CREATE DATABASE {database}"));
        }
        server.sql(
            "wordpress",
            "CREATE TABLE wp_users (ID bigint unsigned AUTO_INCREMENT PRIMARY KEY, user_login varchar(60),
                                    user_pass varchar(255), user_nicename varchar(50), user_email varchar(100),
                                    user_registered datetime, user_activation_key varchar(255), user_status int,
                                    display_name varchar(250));
             INSERT INTO wp_users VALUES (7, 'ada', 'never shown', 'ada', 'ada@example.com', '2026-01-02 03:04:05', 'nor this', 0,
                                          'Ada Lovelace');
             CREATE TABLE wp_usermeta (umeta_id bigint PRIMARY KEY, user_id bigint, meta_key varchar(255));
             CREATE TABLE wp_posts (ID binary(16) PRIMARY KEY, post_title text, thumb mediumblob);
             CREATE TABLE wp_term_relationships (object_id bigint, term_taxonomy_id bigint, PRIMARY KEY (object_id, term_taxonomy_id));",
        );
        server.sql("crm", "CREATE TABLE contacts (id int PRIMARY KEY, email varchar(100)); CREATE TABLE secret_things (id int);");
        server.sql(
            "mysql",
            &format!("GRANT SELECT ON wordpress.* TO {READER}@'%'; GRANT SELECT (id, email) ON crm.contacts TO {READER}@'%'"),
        );
        let url = server.url(READER, "wordpress");
        let discovered = surveyed(&url).await;

        assert_eq!(names(&discovered)[0], "wp_users");
        assert_eq!(names(&discovered).last(), Some(&"crm.contacts"), "the URL's own database comes first");
        assert_eq!(
            discovered.tables.len(),
            5,
            "what this user may not read is not there: {:?}",
            names(&discovered)
        );
        let users = offer(&discovered, "wp_users");
        assert!(users.likely && users.estimated_rows.is_some());
        assert_eq!(users.withheld, ["user_pass", "user_activation_key"]);
        let cells = ["7", "Ada Lovelace", "ada@example.com", "0", "2026-01-02T03:04:05"];
        assert_eq!(newest(&url, users).await, some(&cells));
        assert_eq!(of_bytes(users), [""; 0]);
        assert_eq!(of_bytes(offer(&discovered, "wp_posts")), ["ID", "thumb"]);
        let joined = offer(&discovered, "wp_term_relationships");
        assert_eq!(
            joined.guess.id.as_deref(),
            Some("object_id"),
            "for want of a key of one column, the first"
        );
        assert!(!joined.likely);

        let error = refused(&url, Some("wr0ng")).await;
        assert_eq!(error.code, DirectoryCode::Refused, "{error}");
        drop(server);
        let error = refused(&url, Some(READER_PASSWORD)).await;
        assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    }

    #[tokio::test]
    async fn mongodb_offers_the_users_of_mongoose() {
        let server = MongoServer::start().await;
        server.user(READER, READER_PASSWORD, vec![doc! { "role": "read", "db": "acme" }]).await;
        let at = DateTime::from_millis(1_767_323_045_000);
        let user = doc! {
            "_id": 7, "emails": [{ "address": "ada@example.com", "verified": true }],
            "profile": { "name": "Ada", "address": { "city": "London" } }, "plan": "pro", "createdAt": at, "tags": ["a"],
            "services": { "password": { "bcrypt": "never shown" }, "resume": { "loginTokens": ["nor this"] } },
            "password": "nor that", "__v": 0,
        };
        let database = server.database("acme");
        let insert = async |name: &str, document| {
            database.collection(name).insert_one(document).await.unwrap();
        };
        insert("users", user).await;
        insert("users", doc! { "_id": 8, "plan": 1 }).await;
        let id = Binary { subtype: BinarySubtype::UuidOld, bytes: vec![7; 16] };
        insert("orders", doc! { "_id": id, "userId": 7, "total": 1.5 }).await;
        server
            .command("acme", doc! { "create": "active_users", "viewOn": "users", "pipeline": [{ "$match": { "plan": "pro" } }] })
            .await;
        let url = server.url(READER, "acme");
        let discovered = surveyed(&url).await;

        assert_eq!(names(&discovered), ["users", "active_users", "orders"]);
        let users = offer(&discovered, "users");
        assert_eq!((users.kind, users.estimated_rows), (TableKind::Collection, Some(2)));
        assert_eq!(users.signs, [Sign::Name, Sign::Email, Sign::Password]);
        assert_eq!(users.withheld, ["password"]);
        assert_eq!(users.guess.email.as_deref(), Some("emails.address"));
        assert!(
            columns(users).contains(&"profile.name") && !columns(users).contains(&"profile.address.city")
        );
        assert_eq!((of_bytes(users), of_bytes(offer(&discovered, "orders"))), (vec![], vec!["_id"]));
        let view = offer(&discovered, "active_users");
        assert_eq!((view.kind, view.estimated_rows), (TableKind::View, None));
        let cells = ["7", "Ada", "ada@example.com", "pro", "2026-01-02T03:04:05Z"];
        assert_eq!(newest(&url, view).await, some(&cells));

        // A user who may read only one collection is offered that one.
        let privilege = doc! { "resource": { "db": "acme", "collection": "users" }, "actions": ["find"] };
        server.command("acme", doc! { "createRole": "one", "privileges": [privilege], "roles": [] }).await;
        server.user("least", READER_PASSWORD, vec![doc! { "role": "one", "db": "acme" }]).await;
        assert_eq!(names(&surveyed(&server.url("least", "acme")).await), ["users"]);
        let error = refused(&url, Some("wr0ng")).await;
        assert_eq!(error.code, DirectoryCode::Refused, "{error}");
        drop(server);
        let error = refused(&url, Some(READER_PASSWORD)).await;
        assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    }
}

#[tokio::test]
async fn sqlite_offers_the_users_of_rails() {
    let (_folder, url, connection) = crate::sqlite::database(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email varchar, encrypted_password varchar, reset_password_token varchar,
                             reset_password_sent_at datetime, name varchar, role varchar, created_at datetime);
         INSERT INTO users VALUES (7, 'ada@example.com', 'never shown', 'nor this', NULL, 'Ada', 'admin', '2026-01-02 03:04:05');
         CREATE TABLE schema_migrations (version varchar PRIMARY KEY) WITHOUT ROWID;
         CREATE TABLE packed (id BINARY(16) PRIMARY KEY, face blob, note text);
         CREATE TABLE \"odd \"\"name\"\"\" (id INTEGER PRIMARY KEY);
         CREATE VIRTUAL TABLE notes USING fts5(body);
         CREATE VIEW broken AS SELECT * FROM gone;
         CREATE VIEW people AS SELECT id, email FROM users;",
    )
    .await;
    drop(connection);
    let discovered = surveyed(&url).await;

    assert_eq!(names(&discovered)[..2], ["users", "people"]);
    for absent in ["broken", "notes_data", "sqlite_schema"] {
        assert!(!names(&discovered).contains(&absent), "{absent} is no table to choose");
    }
    let users = offer(&discovered, "users");
    assert_eq!((users.kind, users.estimated_rows), (TableKind::Table, Some(7)));
    assert_eq!(users.withheld, ["encrypted_password", "reset_password_token"]);
    let cells = ["7", "Ada", "ada@example.com", "admin", "2026-01-02T03:04:05"];
    assert_eq!(newest(&url, users).await, some(&cells));
    assert_eq!((of_bytes(users), of_bytes(offer(&discovered, "packed"))), (vec![], vec!["id", "face"]));
    newest(&url, offer(&discovered, "\"odd \"\"name\"\"\"")).await;

    let error = refused("sqlite:///no/such/file.sqlite", None).await;
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    let error = refused("oracle://db/acme", None).await;
    assert_eq!(error.code, DirectoryCode::ConfigInvalid, "{error}");
}
