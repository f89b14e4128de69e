//! What a connection file may contain, and every error message about one.

use serde_json::json;

use super::*;
use crate::destination::Destination;
use crate::error::{Code, Error};

/// The handbook's example, with `role` among the columns, because `protect` reads it.
const EXAMPLE: &str = r#"
name        = "Acme"
environment = "production"          # production | staging | development: coloured everywhere

[directory]
url    = "postgres://readonly@db.acme.internal/acme"  # the password is in the vault
table  = "public.users"
id     = "id"
email  = "email"                    # optional, as is every field but id
name   = "full_name"
created_at = "created_at"
columns = ["plan", "company_name", "last_login_at", "role"]   # also shown
search  = ["email", "full_name"]    # also searched (id always is)
timeout_ms = 3000

[sign_in]                           # kind = "webhook" is the default
url     = "https://app.acme.com/login"
method  = "POST"
headers = { "x-operator" = "{{ operator.email }}" }
body    = { adminToken = "{{ secret.admin_token }}", userId = "{{ user.id }}" }
success = "Impersonating user {{ user.email }}"
redirect_to = "https://app.acme.com/"

[sign_in.verify]                    # who am I now? asked before the page is shown
url    = "https://app.acme.com/api/me"
expect = "response.json.id == user.id"

[sign_out]                          # sent when the session ends, whatever ended it
url    = "https://app.acme.com/logout"
method = "POST"

[policy]
reason      = "required"            # or "optional"
max_minutes = 60
mode        = "read_only"           # what a session may do: "read_only" or "full"
origins     = ["https://app.acme.com", "https://*.acme.com"]   # where pages may lead
protect     = ["user.role in ['admin', 'staff']"]     # these can never be impersonated
"#;

fn parse(text: &str) -> Result<Connection, Error> {
    Connection::parse("acme", text, ConnectionSource::Own, None)
}

/// The messages for a minimal file with these lines in its sections.
fn faults(top: &str, directory: &str, sign_in: &str, rest: &str) -> Vec<String> {
    let or = |given: &str, usual: &str| if given.is_empty() { usual.to_owned() } else { given.to_owned() };
    let text = format!(
        "{}\n[directory]\n{}\n[sign_in]\n{}\n{rest}\n",
        or(top, "name = 'Acme'\nenvironment = 'staging'"),
        or(directory, "url = 'sqlite:///u.db'\ntable = 'users'\nid = 'id'\nname = 'name'"),
        or(sign_in, "url = 'https://app.acme.com/login'"),
    );
    match parse(&text) {
        Ok(_) => Vec::new(),
        Err(error) => {
            assert_eq!(error.code, Code::ConnectionInvalid);
            let told = format!("{error} {error:?}");
            assert!(!told.contains("canary"), "a secret is told: {told}");
            error.message.lines().map(str::to_owned).collect()
        }
    }
}

#[test]
fn the_example_of_the_handbook_can_be_used() {
    let connection = parse(EXAMPLE).unwrap();
    assert_eq!(connection.sign_in_secret_names(), ["admin_token"]);
    assert_eq!(connection.database_secret().name, "database_password");
    assert!(connection.may_need_password());
    let summary = connection.to_summary();
    assert_eq!(
        (summary.engine.as_str(), summary.max_minutes, summary.source),
        ("PostgreSQL", Some(60), ConnectionSource::Own)
    );

    let context = json!({
        "user": { "id": 7, "email": "ada@example.com", "role": "customer" },
        "operator": { "name": "Olga", "email": "olga@acme.com" },
        "secret": { "admin_token": "s3cr3t" },
    });
    let Recipe::Webhook(request) = &connection.sign_in.recipe else { panic!("a webhook") };
    assert_eq!(request.url.render(&context).unwrap(), "https://app.acme.com/login");
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.headers[0].0, "x-operator");
    assert_eq!(request.headers[0].1.render(&context).unwrap(), "olga@acme.com");
    assert_eq!(
        request.body.as_ref().unwrap().render(&context).unwrap(),
        json!({ "adminToken": "s3cr3t", "userId": 7 })
    );
    assert_eq!(
        connection.sign_in.success.as_ref().unwrap().render(&context).unwrap(),
        "Impersonating user ada@example.com"
    );
    let (text, expression) = &connection.policy.protect[0];
    assert_eq!(text, "user.role in ['admin', 'staff']");
    assert!(!expression.eval(&context).unwrap());
    assert_eq!(connection.sign_out.request.unwrap().method, Method::Post);
}

#[test]
fn the_smallest_file_has_sensible_defaults() {
    assert_eq!(faults("", "", "", ""), Vec::<String>::new());
    let connection = parse("name='A'\nenvironment='staging'\ndirectory={url='sqlite:///u.db',table='u',id='id'}\nsign_in.url='http://localhost:3000/login'").unwrap();
    assert_eq!(connection.sign_in.timeout, std::time::Duration::from_secs(30));
    let Recipe::Webhook(request) = &connection.sign_in.recipe else { panic!("a webhook") };
    assert_eq!(request.method, Method::Post);
    assert!(connection.sign_in.redirect_to.is_none() && connection.sign_out.request.is_none());
    assert_eq!(connection.policy.reason, ReasonRule::Required);
    assert!(!connection.may_need_password());
    assert_eq!(connection.to_summary().engine, "SQLite");
}

#[test]
fn windows_files_are_read_and_their_lines_counted() {
    let text = format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n"));
    assert_eq!(parse(&text).unwrap().file, parse(EXAMPLE).unwrap().file);
    let error = parse(&text.replace("table  =", "tabel  =")).unwrap_err();
    assert!(
        error.message.starts_with("acme.toml:7:1: directory.tabel: unknown key; did you mean `table`?"),
        "{error}"
    );
}

#[test]
fn a_wrong_key_or_type_is_told_with_its_place() {
    for (parts, expected) in [
        (
            ["nmae = 'x'\nname = 'Acme'\nenvironment = 'staging'", "", "", ""],
            vec!["acme.toml:1:1: nmae: unknown key; did you mean `name`?"],
        ),
        (
            ["environment = 'prod'", "", "", ""],
            vec![
                "acme.toml:1:1: name: is missing. What agents call the application.",
                "acme.toml:1:15: environment: `prod` is not one of production, staging, development; did you mean `production`?",
            ],
        ),
        (
            ["name = 3\nenvironment = ['canary']", "", "", ""],
            vec![
                "acme.toml:1:8: name: has to be text in quotes, not a number",
                "acme.toml:2:15: environment: has to be one of production, staging, development, in quotes, not a list",
            ],
        ),
        (
            ["name = 'A'\nenvironment = 'canary hunter2'", "", "", ""],
            vec![
                "acme.toml:2:15: environment: this version of Understudy does not know this value; it knows production, staging, development",
            ],
        ),
        (
            ["", "url = 'sqlite:///u.db'\ntable = 'users'", "", ""],
            vec![
                "acme.toml:3:1: directory.id: is missing. The column that identifies a user: a number, a UUID, text or bytes.",
            ],
        ),
        (
            [
                "",
                "url = 'sqlite:///u.db'\ntable = 'users'\nid = 'id'\ncolumns = ['a', 7]\ntimeout_ms = 50",
                "",
                "",
            ],
            vec![
                "acme.toml:7:17: directory.columns[1]: has to be text in quotes, not a number",
                "acme.toml:8:14: directory.timeout_ms: has to be from 100 to 60000",
            ],
        ),
        (
            ["", "", "kind = 'oauth'\nurl = 'https://a.com/'\nmethod = 'post'\nheader = { a = 'b' }", ""],
            vec![
                "acme.toml:9:8: sign_in.kind: this version of Understudy does not know `oauth`; it knows webhook, exchange, link, storage, forest",
                "acme.toml:11:10: sign_in.method: `post` is not one of GET, POST, PUT, PATCH, DELETE; did you mean `POST`?",
                "acme.toml:12:1: sign_in.header: unknown key; did you mean `headers`?",
            ],
        ),
        (
            [
                "",
                "",
                "url = 'https://a.com/'\nheaders = { a = 1 }\nbody = { at = 2024-01-01, n = nan, big = 99999999999999999999 }\ntimeout_ms = 1e3",
                "",
            ],
            vec![
                "acme.toml:10:17: sign_in.headers.a: has to be text in quotes, not a number",
                "acme.toml:11:15: sign_in.body.at: is a date or time, which JSON does not have; send it as text, in \
                 quotes",
                "acme.toml:11:31: sign_in.body.n: is not a number in JSON; send it as text, in quotes",
                "acme.toml:11:42: sign_in.body.big: does not fit into 64 bits; send it as text, in quotes",
                "acme.toml:12:14: sign_in.timeout_ms: has to be a whole number, not a number",
            ],
        ),
        (
            ["", "", "", "[policy]\nmode = 'read_only'\norigin = ['https://*.acme.com']\nmax_minutes = 0"],
            vec![
                "acme.toml:12:1: policy.origin: unknown key; did you mean `origins`?",
                "acme.toml:13:15: policy.max_minutes: has to be from 1 to 1440",
            ],
        ),
        (
            ["", "", "", "[sing_out]\nurl = 'https://a.com'"],
            vec!["acme.toml:10:2: sing_out: unknown key; did you mean `sign_out`?"],
        ),
        (["name = 'A", "", "", ""], vec!["acme.toml:1:10: invalid literal string, expected `'`"]),
        (
            ["name = canary\nname = 'B'\nenvironment = 'staging'", "", "", ""],
            vec![
                "acme.toml:1:8: string values must be quoted, expected literal string",
                "acme.toml:2:1: duplicate key",
            ],
        ),
    ] {
        let [top, directory, sign_in, rest] = parts;
        assert_eq!(faults(top, directory, sign_in, rest), expected);
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn where_users_are_read_from_is_checked_without_asking() {
    let password = "acme.toml:4:7: directory.url: holds a password, which does not belong in a file. Remove it \
                    (`postgres://user@host/database`) and store it with `understudy secret set acme database_password`";
    let postgresql_password = password.replace("postgres://", "postgresql://");
    let mysql_password = password.replace("postgres://", "mysql://");
    let file =
        if cfg!(windows) { "sqlite:///C:/path/to/file.sqlite" } else { "sqlite:///path/to/file.sqlite" };
    let url = format!(
        "acme.toml:4:7: directory.url: has to be a URL: `postgres://user@host/database`, \
         `mysql://user@host/database`, `mongodb://user@host/database`, or `{file}`"
    );
    let url = url.as_str();
    let mongo_password = password.replace("postgres:", "mongodb:");
    let srv_password = password.replace("postgres:", "mongodb+srv:");
    let mongo_password = Some(mongo_password.as_str());
    let host = "acme.toml:4:7: directory.url: names no host: `mongodb://user@host/database`";
    let unescaped =
        password.replacen("a password", "a password in which `/`, `?` and `#` are not percent-encoded", 1);
    let database = "acme.toml:4:7: directory.url: has to name the database after the host: \
                    `mongodb://user@host/database`";
    let path = format!("acme.toml:4:7: directory.url: has to name the file by its full path: `{file}`");
    let path = path.as_str();
    for (given, expected) in [
        ("postgres://u:canary@db/acme", Some(password)),
        ("postgresql://u@db/acme?password=canary", Some(&postgresql_password)),
        ("postgres://u@db/acme?sslpassword=canary", Some(password)),
        ("postgres://u:can/ary@db/acme", Some(&unescaped)),
        ("postgres://u:can?ary@db/acme", Some(&unescaped)),
        ("postgres://u:can#ary@db/acme", Some(&unescaped)),
        ("postgres://u:12/canary@db/acme", Some(&unescaped)),
        ("postgres://u:#canary@db/acme?sslmode=require", Some(&unescaped)),
        ("POSTGRES://u:canary@db/acme", Some(password)),
        ("Postgres://u@db/acme", None),
        ("postgres://db:5432/acme?user=ann@acme", None),
        (
            "postgres://u@db/acme?sslmode=require&sslmode=disable",
            Some("acme.toml:4:7: directory.url: has `sslmode` more than once; keep one of them"),
        ),
        (
            "mysql://u@db/acme?ssl-mode=REQUIRED&sslMode=DISABLED",
            Some("acme.toml:4:7: directory.url: has `sslMode` more than once; keep one of them"),
        ),
        (
            "mongodb://u@db/acme?tls=true&tls=false",
            Some("acme.toml:4:7: directory.url: has `tls` more than once; keep one of them"),
        ),
        ("mongodb://u@db/acme?readPreferenceTags=dc:a&readPreferenceTags=", None),
        (
            "postgres://u:can ary@db:port/acme",
            Some("acme.toml:4:7: directory.url: is not a valid URL: invalid port number"),
        ),
        ("mysql://u:canary@db/acme", Some(&mysql_password)),
        (
            "mariadb://db/acme",
            Some(
                "acme.toml:4:7: directory.url: has to name the database user: `mariadb://user@host/database`",
            ),
        ),
        ("canary", Some(url)),
        ("https://db/", Some(url)),
        ("sqlite://users.db", Some(path)),
        ("sqlite:users.db", Some(path)),
        ("sqlite::memory:", Some(path)),
        (
            "sqlite:///u.db?mode=rwc",
            Some(
                "acme.toml:4:7: directory.url: cannot have options for SQLite: the file is always opened read-only",
            ),
        ),
        ("postgres://readonly@db.acme.internal:5433/acme?sslmode=require", None),
        ("postgresql:///acme?host=/var/run/postgresql", None),
        ("mysql://readonly@db.acme.internal:3307/acme?ssl-mode=REQUIRED", None),
        ("mariadb://readonly@localhost/acme?socket=/run/mysqld/mysqld.sock", None),
        ("sqlite:///C:/data/users.db", None),
        ("mongodb://u:canary@db/acme", mongo_password),
        ("mongodb://u:can@/ary@db/acme", mongo_password),
        ("mongodb://:canary@a:27017,b:27018/acme", mongo_password),
        ("mongodb+srv://u:canary@cluster0.abcde.mongodb.net/acme", Some(srv_password.as_str())),
        ("mongodb://db/acme?tlsCertificateKeyFilePassword=canary", mongo_password),
        ("mongodb://u@db/acme?authMechanismProperties=AWS_SESSION_TOKEN:canary", mongo_password),
        ("mongodb:///acme", Some(host)),
        ("mongodb://a,/acme", Some(host)),
        ("mongodb:acme", Some(host)),
        ("mongodb://u@db", Some(database)),
        ("mongodb://u@db/?authSource=admin", Some(database)),
        ("mongodb://u@a:27017,b:27018,[::1]:27019/acme?replicaSet=rs0&authSource=admin", None),
        ("mongodb+srv://u@cluster0.abcde.mongodb.net/acme", None),
    ] {
        let found = faults("", &format!("url = '{given}'\ntable = 'users'\nid = 'id'"), "", "");
        assert_eq!(found.first().map(String::as_str), expected, "{given}");
    }
    assert_eq!(
        faults(
            "name = ' '\nenvironment = 'staging'",
            "url = 'sqlite:///u'\ntable = ''\nid = ' '\ncolumns = ['']",
            "",
            ""
        ),
        [
            "acme.toml:1:8: name: cannot be empty",
            "acme.toml:5:9: directory.table: cannot be empty",
            "acme.toml:6:6: directory.id: cannot be empty",
            "acme.toml:7:12: directory.columns[0]: cannot be empty",
        ]
    );
    let named = |name: &str| {
        let directory = "url = 'sqlite:///u'\ntable = 'users'\nid = 'id'";
        faults(&format!("name = '{name}'\nenvironment = 'staging'"), directory, "", "")
    };
    assert_eq!(named(&"ü".repeat(200)), [""; 0]);
    assert_eq!(named(&"ü".repeat(201)), ["acme.toml:1:8: name: has more than 200 characters"]);
}

#[test]
fn the_way_to_a_server_is_checked_before_it_is_gone() {
    let with = |url: &str, lines: &str| {
        faults("", &format!("url = '{url}'\ntable = 'users'\nid = 'id'\n{lines}"), "", "")
    };
    let postgres = "postgres://u@db/acme";
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJAy/0Vt8a1Jn5LkG8PBSM9r0n6sN2n4l1u4cQ9b4tDq";
    for (url, lines) in [
        (postgres, "password_command = ['aws', 'rds', '']"),
        (postgres, "[directory.ssh]\nhost = 'bastion'"),
        (
            "mysql://u@a:1,b/acme",
            &format!(
                "ssh = {{ host = '::1', user = 'a', port = 1, key = '~/.ssh/a b', host_key = '{key}' }}"
            ),
        ),
        ("postgres://u@a,b:5433/acme?target_session_attrs=any&sslmode=require", ""),
    ] {
        assert_eq!(with(url, lines), Vec::<String>::new(), "{url} {lines}");
    }
    for (url, lines, expected) in [
        (
            postgres,
            "password_command = []",
            "acme.toml:7:20: directory.password_command: has to name a program",
        ),
        (
            postgres,
            "password_command = 'pass show db'",
            "acme.toml:7:20: directory.password_command: has to be a list in brackets, not text",
        ),
        (
            postgres,
            "pasword_command = ['pass']",
            "acme.toml:7:1: directory.pasword_command: unknown key; did you mean `password_command`?",
        ),
        (
            "sqlite:///u.db",
            "password_command = ['pass']",
            "acme.toml:7:20: directory.password_command: is for a server",
        ),
        ("sqlite:///u.db", "ssh.host = 'b'", "acme.toml:7:1: directory.ssh: is for a server"),
        (
            "mysql://u@db/acme?socket=/run/my.sock",
            "ssh.host = 'b'",
            "acme.toml:4:7: directory.url: names a local socket",
        ),
        (
            postgres,
            "ssh.host = '-oProxyCommand=x'",
            "acme.toml:7:12: directory.ssh.host: has to be a computer's name",
        ),
        (postgres, "ssh.host = 'me@bastion'", "acme.toml:7:12: directory.ssh.host: has to be only the host"),
        (postgres, "ssh = {}", "acme.toml:7:7: directory.ssh.host: is missing"),
        (
            postgres,
            "ssh = { host = 'b', user = '-l' }",
            "acme.toml:7:28: directory.ssh.user: has to be the name of an account",
        ),
        (
            postgres,
            "ssh = { host = 'b', prot = 1 }",
            "acme.toml:7:21: directory.ssh.prot: unknown key; did you mean `port`?",
        ),
        (
            postgres,
            "ssh = { host = 'b', port = 0 }",
            "acme.toml:7:28: directory.ssh.port: has to be from 1 to 65535",
        ),
        (
            postgres,
            "ssh = { host = 'b', key = 'id' }",
            "acme.toml:7:27: directory.ssh.key: has to be a full path",
        ),
        (
            postgres,
            "ssh = { host = 'b', key = '-----BEGIN PRIVATE KEY canary' }",
            "acme.toml:7:27: directory.ssh.key: holds a key",
        ),
        (
            postgres,
            "ssh = { host = 'b', host_key = 'AAAA' }",
            "acme.toml:7:32: directory.ssh.host_key: has to be the computer's public key",
        ),
        ("postgres://u@a,/acme", "", "acme.toml:4:7: directory.url: has an empty host in its list"),
        (
            "postgres://u@a,b/acme?target_session_attrs=slave",
            "",
            "acme.toml:4:7: directory.url: has a target_session_attrs",
        ),
        ("postgres://u:canary@a,b/acme", "", "acme.toml:4:7: directory.url: holds a password"),
    ] {
        let found = with(url, lines);
        let [found] = found.as_slice() else { panic!("{url} {lines}: {found:?}") };
        assert!(found.starts_with(expected), "{url} {lines}: {found}");
    }
}

#[test]
fn the_form_keeps_the_way_to_a_server() {
    let postgres = "postgres://u@db/acme";
    let text = format!(
        "name='A'\nenvironment='staging'\nsign_in.url='http://localhost:3000/login'\n[directory]\nurl='{postgres}'\n\
         table='u'\nid='id'\npassword_command = ['pass'] # ours\n\n[directory.ssh]\nhost = 'b' # theirs\n"
    );
    let connection = parse(&text).unwrap();
    assert!(!connection.may_need_password(), "the command's is used");
    let mut changed = connection.file.clone();
    changed.directory.ssh.as_mut().unwrap().port = Some(2222);
    let edited = write_into(Some(&text), &changed).unwrap();
    assert_eq!(edited, format!("{text}port = 2222\n"));
}

#[test]
fn a_collection_is_a_table_by_another_name() {
    let text = "name='A'\nenvironment='staging'\nsign_in.url='http://localhost:3000/login'\n\n[directory]\n\
        url = 'mongodb://u@db/acme'\ncollection = 'people' # of the shop\nid = '_id'\n";
    let connection = parse(text).unwrap();
    assert_eq!(connection.file.directory.table, "people");
    assert_eq!(connection.to_summary().engine, "MongoDB");
    assert!(connection.may_need_password());

    let mut changed = connection.file.clone();
    changed.directory.table = "users".into();
    let edited = write_into(Some(text), &changed).unwrap();
    assert!(edited.contains("collection = \"users\" # of the shop"), "{edited}");
    assert_eq!(parse(&edited).unwrap().file, changed);

    let with_orders = format!("{text}{}", ORDERS.replace("table", "collection"));
    assert_eq!(parse(&with_orders).unwrap().file.directory.related[0].table, "orders");
    let both = ORDERS.replace("user =", "collection = 'orders'\nuser =");
    assert!(
        faults("", "", "", &both)[0].contains("directory.related[0].collection: is MongoDB's word"),
        "{both}"
    );

    assert_eq!(
        faults("", "url = 'mongodb://u@db/acme'\ntable = 'users'\ncollection = 'users'\nid = '_id'", "", ""),
        [
            "acme.toml:6:14: directory.collection: is MongoDB's word for `table`, which is set too; keep one of them"
        ]
    );
}

#[test]
fn a_secret_in_the_file_is_refused_with_the_command_that_stores_it() {
    let told = |key: &str, secret: &str| {
        format!(
            "{key}: holds a secret, which does not belong in a file. Write `{{{{ secret.{secret} }}}}` in its place \
             and store it with `understudy secret set acme {secret}`"
        )
    };
    for (line, expected) in [
        (
            "headers = { Authorization = 'Bearer canary' }",
            Some(told("acme.toml:10:29: sign_in.headers.Authorization", "authorization")),
        ),
        (
            "headers = { x-any = 'bearer canary' }",
            Some(told("acme.toml:10:21: sign_in.headers.x-any", "x_any")),
        ),
        (
            "headers = { X-API-Key = 'canary' }",
            Some(told("acme.toml:10:25: sign_in.headers.X-API-Key", "x_api_key")),
        ),
        (
            "body = { adminToken = 'canary' }",
            Some(told("acme.toml:10:23: sign_in.body.adminToken", "admin_token")),
        ),
        (
            "body = { a = [{ password = \"{{ 'canary' }}\" }] }",
            Some(told("acme.toml:10:28: sign_in.body.a[0].password", "password")),
        ),
        ("body = { tokens = ['canary'] }", Some(told("acme.toml:10:20: sign_in.body.tokens[0]", "tokens"))),
        (
            "body = { token = '{{ secret.t }}', token_type = 'bearer', resetPassword = false, password = '' }",
            None,
        ),
        ("success = 'canary'", None),
    ] {
        let found = faults("", "", &format!("url = 'https://app.acme.com/login'\n{line}"), "");
        assert_eq!(found.first(), expected.as_ref(), "{line}");
    }
    let found = faults("", "", "url = 'https://app.acme.com/login?api_token=canary&x=1'", "");
    assert!(found[0].starts_with("acme.toml:9:7: sign_in.url: holds a secret in its query"), "{found:?}");
    let found = faults("", "", "url = 'https://olga:canary@app.acme.com/login'", "");
    assert!(found[0].contains("has a user name or password"), "{found:?}");
    // The message must not quote a secret either if it was pasted where it makes the file unreadable.
    for line in [
        "body = { adminToken = canary }",
        "body = { adminToken = 'canary }",
        "canary",
        "headers = 'canary'",
        "timeout_ms = 'canary'",
        "method = 'canary-4711'",
    ] {
        assert!(
            !faults("", "", &format!("url = 'https://app.acme.com/login'\n{line}"), "").is_empty(),
            "{line}"
        );
    }
}

#[test]
fn what_a_page_cannot_send_is_refused() {
    for (line, expected) in [
        (
            "headers = { cookie = 'a=b' }",
            "acme.toml:10:22: sign_in.headers.cookie: is a header that only the browser itself can set; the session \
             begins without cookies and gets them from the answer",
        ),
        (
            "headers = { Origin = 'x' }",
            "acme.toml:10:22: sign_in.headers.Origin: is a header that only the browser itself can set, from the URL",
        ),
        (
            "headers = { Sec-Fetch-Site = 'x' }",
            "acme.toml:10:30: sign_in.headers.Sec-Fetch-Site: is a header that only the browser itself can set; leave \
             it out",
        ),
        (
            "headers = { 'x y' = 'x' }",
            "acme.toml:10:21: sign_in.headers.x y: is not a valid header name; use letters, digits and `-`",
        ),
        (
            "headers = { x-a = \"a\\nb\" }",
            "acme.toml:10:19: sign_in.headers.x-a: has a line break or another character that a header cannot contain",
        ),
        (
            "headers = { x-a = 'a', X-A = 'b' }",
            "acme.toml:10:19: sign_in.headers.x-a: is set twice: a header's name is the same in upper and lower case",
        ),
        (
            "method = 'GET'\nbody = { a = 1 }",
            "acme.toml:11:8: sign_in.body: a GET request cannot have a body; use POST, or put the values into the URL",
        ),
        (
            "redirect_to = 'http://app.acme.com/'",
            "acme.toml:10:15: sign_in.redirect_to: has to be https, as app.acme.com is not this machine: over http, \
             anyone on the way can read the secret and the cookies",
        ),
        (
            "redirect_to = 'https://app.acme.com/?t={{ secret.t }}'",
            "acme.toml:10:15: sign_in.redirect_to: a URL is written to logs and histories, so `secret.t` is not available here",
        ),
        (
            "success = 'Hello {{ secret.t }}'",
            "acme.toml:10:11: sign_in.success: this text is shown to people, so `secret.t` is not available here",
        ),
        (
            "[sign_out]\nurl = 'https://app.acme.com/logout'\nheaders = { x-token = '{{ secret.t }}' }",
            "acme.toml:12:23: sign_out.headers.x-token: the sign-out has to work without the keyring (only `[[sign_out.steps]]` can use secrets), so `secret.t` is not available here",
        ),
        (
            "[sign_in.verify]\nurl = 'https://www.acme.com/me'\nexpect = 'true'",
            "acme.toml:11:7: sign_in.verify.url: has to begin with https://app.acme.com, as the session does, because \
             its cookies are sent only there (elsewhere, `sign_in.verify.headers` needs a captured value)",
        ),
    ] {
        let found = faults("", "", &format!("url = 'https://app.acme.com/login'\n{line}"), "");
        assert_eq!(found, [expected], "{line}");
    }
}

#[test]
fn all_faults_of_the_meaning_are_told_at_once() {
    let found = faults(
        "",
        "url = 'sqlite:///u.db'\ntable = 'users'\nid = 'user_id'\nname = 'full_name'",
        "url = 'https://app.acme.com/{{ user.idd }}'\nbody = { a = '{{ user.nmae }}', b = ['{{ user.email }}'], c = '{{ user.user_id' }\n\
         headers = { x-a = '{{ operator.mail }}' }\n[sign_in.verify]\nurl = 'https://app.acme.com/me'\nexpect = 'response.jsn.id == user.id'",
        "[sign_out]\nurl = 'http://app.acme.com/logout'\n[policy]\nprotect = ['user.role == 1', 'user.full_name']",
    );
    assert_eq!(
        found,
        [
            "acme.toml:9:7: sign_in.url: unknown name `user.idd`; did you mean `user.id`?",
            "acme.toml:10:14: sign_in.body.a: unknown name `user.nmae`; did you mean `user.name`?",
            "acme.toml:10:38: sign_in.body.b[0]: unknown name `user.email`; the known names are `user.full_name`, `user.id`, `user.name`, `user.user_id`",
            "acme.toml:10:63: sign_in.body.c: syntax error: unexpected end of input, expected end of variable block",
            "acme.toml:11:19: sign_in.headers.x-a: unknown name `operator.mail`; did you mean `operator.email`?",
            "acme.toml:14:10: sign_in.verify.expect: unknown name `response.jsn.id`; did you mean `response.json.id`?",
            "acme.toml:16:7: sign_out.url: has to be https, as app.acme.com is not this machine: over http, anyone on \
             the way can read the secret and the cookies",
            "acme.toml:18:12: policy.protect[0]: unknown name `user.role`; the known names are `user.full_name`, `user.id`, `user.name`, `user.user_id`",
        ]
    );
}

#[test]
fn ids_are_plain_names() {
    for good in ["a", "acme", "acme-eu_2", "0", &"a".repeat(64)] {
        assert!(is_id(good), "{good}");
    }
    for bad in ["", "-a", "_a", "Acme", "a.b", "a/b", "..", "ä", "a b", "nul", "com1", "Con", &"a".repeat(65)]
    {
        assert!(!is_id(bad), "{bad}");
        assert_eq!(
            Connection::parse(bad, EXAMPLE, ConnectionSource::Own, None).unwrap_err().code,
            Code::ConnectionInvalid
        );
    }
    let taken = |id: &str| ["acme", "acme-2"].contains(&id);
    for (name, expected) in [
        ("Acme", "acme-3"),
        ("Acme GmbH & Co.", "acme-gmbh-co"),
        ("!!", "connection"),
        ("東京", "connection"),
        ("ACME  EU", "acme-eu"),
        ("Con", "con-2"),
        ("LPT1.", "lpt1-2"),
        ("COM¹", "com"),
    ] {
        assert_eq!(id_for(name, taken), expected);
    }
    assert!(is_id(&id_for(&"x y".repeat(99), |id| id.len() < 58)));
}

const DIRECTORY: &str =
    "name='A'\nenvironment='staging'\ndirectory={url='sqlite:///u.db',table='u',id='id',email='email'}\n";

#[test]
fn every_preset_becomes_a_connection_with_its_examples_filled_in() {
    for preset in all_presets() {
        let mut text = format!("{DIRECTORY}[sign_in]\npreset = '{}'\n[sign_in.settings]\n", preset.name);
        for setting in &preset.settings {
            let value =
                setting.example.as_ref().or(setting.default.as_ref()).expect("an example or a default");
            text = format!("{text}{} = '{value}'\n", setting.name);
        }
        let connection = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        let told: Vec<&str> = preset.secrets.iter().map(|secret| secret.name.as_str()).collect();
        assert_eq!(connection.sign_in_secret_names(), told, "{}: each secret is explained", preset.name);
        assert!(!connection.text.contains('<'), "what is filled in stands in the file's own words");
        assert!(!preset.about.is_empty() && !preset.title.is_empty());
        for setting in preset.settings.iter().filter(|setting| setting.default.is_none()) {
            let without: String =
                text.lines().filter(|line| !line.starts_with(&setting.name)).collect::<Vec<_>>().join("\n");
            let error = parse(&without).unwrap_err().message;
            assert!(
                error.contains(&format!("sign_in.settings.{}: is missing. {}", setting.name, setting.help)),
                "{error}"
            );
        }
    }
}

#[test]
fn a_preset_that_is_misspelt_unknown_or_filled_in_wrongly_is_told_with_its_place() {
    let faults = |sign_in: &str| {
        let error = parse(&format!("{DIRECTORY}[sign_in]\n{sign_in}")).unwrap_err();
        error.message.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        faults("preset = 'django-hijak'"),
        ["acme.toml:5:10: sign_in.preset: there is no preset `django-hijak`; did you mean `django-hijack`?"]
    );
    assert!(
        faults("preset = 'quantum-2031'")[0]
            .contains("this version of Understudy does not know `quantum-2031`")
    );
    assert_eq!(
        faults("preset = 'webhook'\nsettings = { app = 'http://app.acme.com', endpont = '/x' }"),
        [
            "acme.toml:6:20: sign_in.settings.app: has to be https (http only on this computer)",
            "acme.toml:6:53: sign_in.settings.endpont: unknown setting; did you mean `endpoint`?",
        ]
    );
    for odd in
        ["https://app.acme.com/{{ user.id }}", "https://app.acme.com/<app>", "https://a@app.acme.com", "x"]
    {
        assert_eq!(faults(&format!("preset = 'webhook'\nsettings = {{ app = '{odd}' }}")).len(), 1, "{odd}");
    }
    let kind = faults("kind = 'quantum'\nurl = 'https://a.com/'");
    assert_eq!(
        kind,
        [
            "acme.toml:5:8: sign_in.kind: this version of Understudy does not know `quantum`; it knows webhook, exchange, link, storage, forest"
        ]
    );
}

#[test]
fn a_preset_is_overridden_by_what_the_file_says_itself() {
    let connection = parse(&format!(
        "{DIRECTORY}[sign_in]\npreset = 'webhook'\nsettings = {{ app = 'https://app.acme.com/' }}\nredirect_to = 'https://app.acme.com/home'\n\
         [sign_out]\nurl = 'https://app.acme.com/bye'"
    ))
    .unwrap();
    let Recipe::Webhook(request) = &connection.sign_in.recipe else { panic!("a webhook") };
    assert_eq!(request.url.source(), "https://app.acme.com/impersonate");
    assert_eq!(connection.sign_in.redirect_to.as_ref().unwrap().source(), "https://app.acme.com/home");
    assert_eq!(connection.sign_out.request.unwrap().url.source(), "https://app.acme.com/bye");
}

#[test]
fn keys_of_another_kind_and_captures_of_nothing_are_refused() {
    let steps = "[[sign_in.steps]]\nurl = 'https://app.acme.com/a'\n";
    let cases = [
        (
            "kind = 'exchange'\nurl = 'https://app.acme.com/'\nredirect_to = 'https://app.acme.com/'\ncookies = ['a']\n",
            vec![
                "acme.toml:6:7: sign_in.url: is for a sign-in of kind `webhook` or `storage`, but this one is `exchange`",
            ],
        ),
        (
            "kind = 'link'\nopen = 'link'\nredirect_to = 'https://app.acme.com/'\n",
            vec!["acme.toml:6:8: sign_in.open: no step captures `link`"],
        ),
        (
            "kind = 'exchange'\ncookies = ['a']\n",
            vec![
                "acme.toml:4:1: sign_in.redirect_to: is missing. With `kind = \"exchange\"`, it says where the session begins",
            ],
        ),
    ];
    for (sign_in, expected) in cases {
        let error = parse(&format!("{DIRECTORY}[sign_in]\n{sign_in}{steps}")).unwrap_err();
        assert_eq!(error.message.lines().collect::<Vec<_>>(), expected, "{sign_in}");
    }
    let later = "kind = 'exchange'\ncookies = ['a']\nredirect_to = 'https://app.acme.com/'\n[[sign_in.steps]]\n\
                 url = 'https://app.acme.com/{{ captured.later }}'\ncapture = { a = { json = 'x', cookie = 'y' } }\n";
    let error = parse(&format!("{DIRECTORY}[sign_in]\n{later}")).unwrap_err().message;
    assert!(error.contains("sign_in.steps[0].url: unknown name `captured.later`"), "{error}");
    assert!(error.contains("sign_in.steps[0].capture.a: has to name one place"), "{error}");
    assert!(
        error.contains("sign_in.steps[0].capture.a.json: has to be a path that begins with `/`"),
        "{error}"
    );
}

#[test]
fn a_proxy_or_an_authority_that_cannot_be_one_is_refused() {
    let text = |network: &str| {
        format!("{DIRECTORY}sign_in.url = 'https://app.acme.com/login'\n[network]\n{network}\n")
    };
    let ca = if cfg!(windows) { r"C:\ssl\acme.pem" } else { "/etc/ssl/acme.pem" };
    let connection = parse(&text(&format!("proxy = 'socks5://proxy.acme.com:1080'\nca = '{ca}'"))).unwrap();
    assert_eq!(connection.network.proxy.unwrap().port(), Some(1080));
    for odd in ["https://proxy", "http://u:p@proxy:1", "http://proxy/path", "proxy:3128"] {
        let error = parse(&text(&format!("proxy = '{odd}'"))).unwrap_err().message;
        assert!(error.contains("network.proxy: has to be `http://host:port`"), "{odd}: {error}");
    }
    assert!(
        parse(&text("ca = 'ca.pem'")).unwrap_err().message.contains("network.ca: has to be the full path")
    );
    // It would be read before the operator has agreed, from a computer that the file names.
    let error = parse(&text("ca = '//files.evil.example/ca.pem'")).unwrap_err().message;
    assert!(error.contains("network.ca: has to be a file on this computer"), "{error}");
}

#[test]
fn credentials_name_a_host_a_user_and_a_secret() {
    let text = |items: &str| format!("{DIRECTORY}sign_in.url = 'https://app.acme.com/login'\n{items}\n");
    let item = |origin: &str, user: &str, password: &str| {
        format!("[[network.credentials]]\norigin = '{origin}'\nuser = '{user}'\npassword = '{password}'\n")
    };
    let reports =
        item("https://reports.acme.com:8443", "{{ operator.email }}", "{{ secret.reports_password }}");
    let files = item("http://files.acme.com/", "support", "{{ secret.files_password }}");
    let connection = parse(&text(&format!("{reports}{files}"))).expect("it is valid");
    assert_eq!(connection.sign_in_secret_names(), ["files_password", "reports_password"]);
    let origins: Vec<String> =
        connection.network.credentials.iter().map(|login| login.origin.ascii_serialization()).collect();
    assert_eq!(origins, ["https://reports.acme.com:8443", "http://files.acme.com"]);
    let destination = Destination::of_secret(&connection, "files_password");
    let facts: Vec<&str> = destination.facts.iter().map(|fact| fact.value.as_str()).collect();
    assert!(
        facts.contains(&"http://files.acme.com") && !facts.contains(&"https://reports.acme.com:8443"),
        "{facts:?}"
    );

    let error = parse(&text(&format!("{reports}{reports}"))).unwrap_err().message;
    assert!(error.contains("acme.toml:10:10: network.credentials[1].origin: is there twice"), "{error}");
    for (origin, user, password, fault) in [
        ("reports.acme.com", "u", "{{ secret.p }}", "credentials[0].origin: has to be an origin"),
        (
            "https://reports.acme.com/path",
            "u",
            "{{ secret.p }}",
            "credentials[0].origin: has to be an origin",
        ),
        ("https://u:p@reports.acme.com", "u", "{{ secret.p }}", "credentials[0].origin: has to be an origin"),
        (
            "https://reports.acme.com",
            "a:b",
            "{{ secret.p }}",
            "credentials[0].user: has to be a user name without",
        ),
        (
            "https://reports.acme.com",
            " ",
            "{{ secret.p }}",
            "credentials[0].user: has to be a user name without",
        ),
        ("https://reports.acme.com", "u", "canary", "credentials[0].password: has to come from the keyring"),
        (
            "https://reports.acme.com",
            "u",
            "{{ user.id }}",
            "credentials[0].password: has to come from the keyring",
        ),
        (
            "https://reports.acme.com",
            "{{ operators.email }}",
            "{{ secret.p }}",
            "did you mean `operator.email`?",
        ),
        ("https://reports.acme.com", "u", "{{ secret.database_password }}", "only for the database"),
    ] {
        let error = parse(&text(&item(origin, user, password))).unwrap_err().message;
        assert!(error.contains(fault) && !error.contains("canary"), "{origin} {user}: {error}");
    }
    let error = parse(&text("[[network.credentials]]\norigin = 'https://a.example'\n")).unwrap_err().message;
    assert!(error.contains("network.credentials[0]") && error.contains("user"), "{error}");
}

#[test]
fn a_path_of_windows_in_double_quotes_is_told_how_to_write_it() {
    for path in [r"C:\Users\kim\ca.pem", r"C:\certs\ca.pem", r"\\files\certs\ca.pem", r"D:\x"] {
        let text =
            format!("{DIRECTORY}sign_in.url = 'https://app.acme.com/login'\n[network]\nca = \"{path}\"\n");
        let error = parse(&text).unwrap_err().message;
        let told = "a backslash begins a special character in double quotes: write a path with `/`, or in single quotes";
        assert!(error.contains(told) && error.starts_with("acme.toml:6:"), "{path}: {error}");
        assert_eq!(error.lines().count(), 1, "once for a path: {error}");
    }
}

#[test]
fn every_recipes_page_has_a_file_that_can_be_used() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/recipes");
    for preset in all_presets() {
        let page = std::fs::read_to_string(format!("{folder}/{}.md", preset.name)).expect(&preset.name);
        let files: Vec<&str> = page
            .split("```toml\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .filter(|file| file.contains("[directory]"))
            .collect();
        assert!(!files.is_empty(), "{}", preset.name);
        for file in files {
            let connection = parse(file).unwrap_or_else(|error| panic!("{}: {error}", preset.name));
            assert!(page.contains("understudy secret set acme"), "{}", preset.name);
            for secret in connection.sign_in_secret_names() {
                assert!(page.contains(&secret), "{}: {secret} is not explained", preset.name);
            }
        }
    }
}

/// A Smart Action: the preset with `more` in `[sign_in.forest]`.
fn forest(more: &str) -> (String, Vec<String>) {
    let sign_in = "preset = 'forest-legacy'\n[sign_in.settings]\napp = 'https://app.acme.com'\n\
                   backend = 'https://admin.acme.com'\nrendering = '1'\noperator = '1'";
    (sign_in.to_owned(), faults("", "", sign_in, more))
}

#[test]
fn a_smart_actions_form_is_added_to_the_preset() {
    let fields = "[sign_in.forest]\nvalues = { Ticket = '{{ reason }}' }\n[[sign_in.forest.fields]]\nname = 'Channel'\n\
                  choices = ['Phone', 'Chat']\nrequired = true\nvalue = 'Chat'\n[[sign_in.forest.fields]]\n\
                  name = 'Seats'\ntype = 'number'";
    let (sign_in, found) = forest(fields);
    assert_eq!(found, [""; 0]);
    let text = format!(
        "name = 'Acme'\nenvironment = 'staging'\n[directory]\nurl = 'sqlite:///u.db'\ntable = 'users'\nid = 'id'\n\
         [sign_in]\n{sign_in}\n{fields}\n"
    );
    let connection = parse(&text).expect("it can be used");
    let Recipe::Forest(forest) = &connection.sign_in.recipe else { panic!("a Smart Action") };
    assert_eq!(forest.part.backend, "https://admin.acme.com", "the preset's own is still there");
    assert_eq!(forest.part.fields.len(), 2);
    assert_eq!(forest.part.fields[1].kind, FormFieldKind::Number);
}

#[test]
fn faults_of_a_smart_actions_form_are_told_by_their_place() {
    for (more, expected) in [
        (
            "[[sign_in.forest.fields]]\nname = 'a'\ntype = 'numbr'",
            "sign_in.forest.fields[0].type: `numbr` is not one of text, number, boolean, json, long_text, date, date_time, time, choice, choices, texts, numbers; did you mean `number`?",
        ),
        (
            "[[sign_in.forest.fields]]\nname = 'a'\nrequired = 'yes'",
            "sign_in.forest.fields[0].required: has to be true or false, not text",
        ),
        (
            "[[sign_in.forest.fields]]\nname = 'a'\ntype = 'choice'",
            "sign_in.forest.fields[0].choices: are for a field of type `choice` or `choices`, which needs them",
        ),
        (
            "[[sign_in.forest.fields]]\nname = 'a'\ntype = 'unsupported'",
            "sign_in.forest.fields[0].type: this version of Understudy does not know `unsupported`; it knows text, ",
        ),
        (
            "[sign_in.forest]\nvalues = { a = 1 }\n[[sign_in.forest.fields]]\nname = 'a'",
            "sign_in.forest.fields[0].name: has its value in `sign_in.forest.values`, so it is not asked for",
        ),
    ] {
        let (_, found) = forest(more);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected), "{}\n{expected}", found[0]);
    }
    let missing = faults(
        "",
        "",
        "kind = 'forest'\nredirect_to = 'https://app.acme.com/'",
        "[sign_in.forest]\nbackend = 'https://a.acme.com'",
    );
    for key in ["action", "collection", "rendering", "operator"] {
        assert!(
            missing.iter().any(|fault| fault.contains(&format!("sign_in.forest.{key}: is missing. "))),
            "{missing:?}"
        );
    }
}

#[test]
fn only_what_does_not_say_who_a_user_is_can_be_masked() {
    let usual = "url = 'sqlite:///u.db'\ntable = 'users'\nid = 'id'\nname = 'name'";
    let with = |more: &str| faults("", &format!("{usual}\n{more}"), "", "");
    assert_eq!(with("columns = ['phone']\nmasked = ['phone']"), [""; 0]);
    for (directory, expected) in [
        (
            "columns = ['phone']\nmasked = ['phon']",
            "directory.masked[0]: has to be one of `columns`; did you mean `phone`?",
        ),
        (
            "columns = ['id']\nmasked = ['id']",
            "directory.masked[0]: can't be `id`, `email`, `name` or `created_at`: they say who the user is",
        ),
        ("masked = ['']", "directory.masked[0]: cannot be empty"),
        (
            "columns = ['phone']\nsearch = ['phone']\nmasked = ['phone']",
            "directory.masked[0]: is also in `search`, which finds parts of values; remove it from there: `phone:=…` finds \
             whole ones",
        ),
        (
            "columns = ['profile', 'profile->>phone']\nmasked = ['profile->>phone']",
            "directory.masked[0]: holds what `profile` shows, or is part of it; mask that, too",
        ),
        (
            "columns = ['profile']\nsearch = [\"profile ->> 'phone'\"]\nmasked = ['profile']",
            "directory.masked[0]: holds what `profile ->> 'phone'` shows, or is part of it; mask that, too",
        ),
        (
            "columns = ['team']\nmasked = ['team']\n[[directory.related]]\nlabel = 'Team'\ntable = 'teams'\nuser = 'id'\n\
             leads_to = 'team'\nidentify = ['name']",
            "directory.related[0].leads_to: can't be a masked column: the records would show its values",
        ),
    ] {
        let found = with(directory);
        assert!(found.len() == 1 && found[0].ends_with(expected), "{found:?}");
    }
    assert_eq!(
        with("columns = ['profile', 'profile->>phone', 'profiles']\nmasked = ['profile', 'profile->>phone']"),
        [""; 0]
    );
}

/// A minimal related table, without its brackets.
const ORDERS: &str =
    "[[directory.related]]\nlabel = 'Order'\ntable = 'orders'\nuser = 'customer_id'\nidentify = ['number']\n";

#[test]
fn a_related_table_is_checked_without_asking() {
    let with = |more: &str| faults("", "", "", &format!("{ORDERS}{more}"));
    assert!(
        with("describe = ['total']\nurl = 'https://shop.acme.com/orders/{{ record.number }}'").is_empty()
    );
    assert!(with("leads_to = 'name'\nid = 'key'\ncreated_at = 'made'").is_empty());
    for (more, expected) in [
        ("id = ''", "acme.toml:15:6: directory.related[0].id: cannot be empty"),
        ("describe = ['total', ' ']", "acme.toml:15:22: directory.related[0].describe[1]: cannot be empty"),
        (
            "through = 'memberships'",
            "acme.toml:15:11: directory.related[0].through: has to be the table between the records and the users, \
             and its column that refers to a record: `memberships.company_id`",
        ),
        (
            "leads_to = 'nam'",
            "acme.toml:15:12: directory.related[0].leads_to: has to be a column of the users that [directory] names; \
             did you mean `name`?",
        ),
        (
            "url = 'ftp://shop.acme.com/{{ record.id }}'",
            "acme.toml:15:7: directory.related[0].url: has to be https, not ftp",
        ),
        (
            "url = 'https://shop.acme.com/{{ record.numbr }}'",
            "acme.toml:15:7: directory.related[0].url: unknown name `record.numbr`; did you mean `record.number`?",
        ),
        (
            "url = 'https://{{ record.number }}.acme.com/'",
            "acme.toml:15:7: directory.related[0].url: scheme, host and port have to be written out, followed by a `/`; \
             templates can come only after them",
        ),
        ("colums = ['total']", "acme.toml:15:1: directory.related[0].colums: "),
        (
            "[[directory.related]]\nlabel = 'Order'\ntable = 'returns'\nuser = 'customer_id'\nidentify = ['number']",
            "acme.toml:16:9: directory.related[1].label: is the label of another related table",
        ),
        (
            "[[directory.related]]\nlabel = 'Visit'\ntable = 'visits'\nuser = 'customer_id'",
            "acme.toml:15:1: directory.related[1]: names no columns: `identify` has those to find a user by, \
             `describe` those to show",
        ),
    ] {
        let found = with(more);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{more}\n{found:#?}");
    }
    assert_eq!(
        faults("", "", "", "[[directory.related]]\nlabel = 'Order'\ntable = 'orders'\nidentify = ['number']")
            .len(),
        1,
        "the column that leads to a user is missing"
    );
}

#[test]
fn the_page_about_a_record_gets_its_values_encoded() {
    let text = format!(
        "name = 'Acme'\nenvironment = 'staging'\n[directory]\nurl = 'sqlite:///u.db'\ntable = 'users'\nid = 'id'\n\
         name = 'name'\n[sign_in]\nurl = 'https://app.acme.com/login'\n{ORDERS}\
         url = 'https://shop.acme.com/orders/{{{{ record.number }}}}?by={{{{ record.customer_id }}}}'\n"
    );
    let connection = parse(&text).unwrap();
    let page = connection.record_pages[0].as_ref().unwrap();
    let record = json!({ "record": { "id": 1, "number": "A/1 ?&", "customer_id": 7 } });
    assert_eq!(page.render(&record).unwrap(), "https://shop.acme.com/orders/A%2F1%20%3F%26?by=7");
    let record = json!({ "record": { "id": 1, "number": "..", "customer_id": 7 } });
    assert_eq!(page.render(&record).unwrap_err().code, Code::TemplateFailed);
}

#[test]
fn the_page_about_a_user_gets_its_values_encoded_and_never_a_masked_one() {
    let with = |page: &str| {
        format!(
            "name = 'Acme'\nenvironment = 'staging'\n[directory]\nurl = 'sqlite:///u.db'\ntable = 'users'\nid = 'id'\n\
             email = 'email'\ncolumns = ['phone']\nmasked = ['phone']\npage = '{page}'\n\
             [sign_in]\nurl = 'https://app.acme.com/login'\n"
        )
    };
    let connection = parse(&with("https://crm.acme.com/people/{{ user.id }}?mail={{ user.email }}")).unwrap();
    assert!(connection.to_summary().has_user_page);
    let user = json!({ "user": { "id": 7, "email": "a&b@c.example" } });
    let page = connection.user_page.as_ref().unwrap();
    assert_eq!(page.render(&user).unwrap(), "https://crm.acme.com/people/7?mail=a%26b%40c.example");
    for (page, says) in [
        ("https://crm.acme.com/{{ user.phone }}", "user.phone"),
        ("https://crm.acme.com/{{ secret.token }}", "secret"),
        ("https://{{ user.id }}.acme.com/", "directory.page"),
    ] {
        let refused = parse(&with(page)).unwrap_err();
        assert!(refused.message.contains("directory.page") && refused.message.contains(says), "{refused}");
    }
}

#[test]
fn all_evidence_goes_to_the_site_that_the_operator_is_shown() {
    let steps = |second: &str| {
        format!(
            "[ticket]\nnote = {{ url = 'https://help.example/notes', body = {{ text = '{{{{ summary.text }}}}' }} }}\n\
             [[ticket.evidence]]\nurl = 'https://help.example/uploads'\nbody = {{ html = '{{{{ evidence.html }}}}' }}\n\
             [[ticket.evidence]]\nurl = '{second}'\nbody = {{ html = '{{{{ evidence.html }}}}' }}\n"
        )
    };
    assert_eq!(faults("", "", "", &steps("https://help.example/comments")), Vec::<String>::new());
    for elsewhere in ["https://elsewhere.example/", "https://help.example:8443/"] {
        let found = faults("", "", "", &steps(elsewhere));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("ticket.evidence[1].url: leads to another site"), "{found:?}");
    }
}
