//! A stored secret only goes to the destination it was stored for, whatever uses it: a search, a file changed on disk,
//! the form, a check, a sign-in test, a session. If the destination has changed, nothing is sent and the agent decides.

use keyring_core::api::CredentialStoreApi;
use secrecy::SecretString;
use serde_json::Map;
use understudy_core::check::TypedSecrets;
use understudy_core::connection::DirectoryConfig;
use understudy_core::destination::Moved;
use understudy_core::error::{Code, Error};
use understudy_core::home::Home;
use understudy_core::session::Phase;
use understudy_core::vault::Keep;

use crate::rogue::Rogue;
use crate::test_console::{Desk, TOKEN, replace_line, three_users, without_orders};

/// The database password, a canary.
const PASSWORD: &str = "canary-2b81-database-password";

/// The connection with its users in another database.
fn with_directory(text: &str, url: &str) -> String {
    let text = if text.contains("[[directory.related]]") { without_orders(text) } else { text.to_owned() };
    replace_line(&text, "url        =", &format!("url        = \"{url}\""))
}

/// The connection with the users from [`three_users`], who have fewer columns.
async fn with_three_users(text: &str, folder: &std::path::Path) -> String {
    let text = with_directory(text, &three_users(folder).await);
    replace_line(&text, "columns    =", "columns    = [\"plan\"]")
}

/// A desk whose users are in the database at `home`, with the password stored.
async fn desk_at(home: &Rogue) -> Desk {
    let desk = Desk::with_connection(|text| with_directory(&text, &home.url())).await;
    store(&desk, "shop", "database_password", PASSWORD).await;
    desk
}

async fn store(desk: &Desk, id: &str, name: &str, value: &str) {
    desk.console.store_secret(id, name, SecretString::from(value), Keep::Stored).await.expect("stored");
}

fn write(desk: &Desk, id: &str, text: &str) {
    let folder = Home::in_folder(desk.home.path()).connections_dir().expect("a folder");
    std::fs::write(folder.join(format!("{id}.toml")), text).expect("written");
    desk.console.load_connections();
}

#[track_caller]
fn moved<T>(result: Result<T, Error>) -> Moved {
    let Err(error) = result else { panic!("it was not asked") };
    assert_eq!(error.code, Code::DestinationChanged, "{error}");
    let text = format!("{error:?}");
    assert!(!text.contains(PASSWORD) && !text.contains(TOKEN), "{text}");
    *error.moved.expect("both places")
}

/// The values of both destinations: the old one and the new one.
fn places(moved: &Moved) -> (String, String) {
    let values = |facts: &[understudy_core::destination::DestinationFact]| {
        facts.iter().map(|fact| fact.value.as_str()).collect::<Vec<_>>().join(" ")
    };
    let secret = &moved.secrets[0];
    (values(&secret.stored_for.as_ref().expect("it is known").facts), values(&secret.now.facts))
}

#[tokio::test]
async fn a_file_that_was_changed_on_disk_gets_no_password_before_the_agent_agrees() {
    let (home, rogue) = (Rogue::database().await, Rogue::database().await);
    let desk = desk_at(&home).await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    desk.console.directory_info("shop").await.expect_err("it hangs up");
    assert!(home.learnt(PASSWORD), "it is sent where it belongs");

    // Changes that don't concern the password need no consent.
    let renamed = text.replace("\"Demo\"", "\"The shop\"");
    write(&desk, "shop", &renamed);
    assert_ne!(
        desk.console.directory_info("shop").await.expect_err("it hangs up").code,
        Code::DestinationChanged
    );

    // Someone edits the file while the console is open.
    write(&desk, "shop", &with_directory(&text, &rogue.url()));
    let asked = moved(desk.console.directory_info("shop").await);
    let (then, now) = places(&asked);
    assert!(then.contains(&home.address) && now.contains(&rogue.address), "{then} | {now}");
    assert_eq!(rogue.heard(), "", "not even a connection");

    // The same server, with its certificate checked less strictly.
    write(&desk, "shop", &text.replace("sslmode=disable", "sslmode=prefer"));
    moved(desk.console.directory_info("shop").await);

    // Not even an ssh login to a computer on the way.
    let jump = Rogue::application().await;
    let (_, port) = jump.address.rsplit_once(':').expect("a port");
    let through = format!("ssh        = {{ host = \"127.0.0.1\", port = {port} }}\ntable      =");
    write(&desk, "shop", &text.replace("table      =", &through));
    moved(desk.console.directory_info("shop").await);
    assert_eq!(jump.heard(), "");

    // The change was intended.
    write(&desk, "shop", &with_directory(&text, &rogue.url()));
    desk.console.use_secrets_there(&asked).await.expect("agreed");
    desk.console.directory_info("shop").await.expect_err("it hangs up");
    assert!(rogue.learnt(PASSWORD));
    // The consent is stored: the first destination is no longer valid.
    write(&desk, "shop", &text);
    moved(desk.console.directory_info("shop").await);
}

#[tokio::test]
async fn consent_without_a_question_is_refused() {
    let (home, rogue) = (Rogue::database().await, Rogue::database().await);
    let desk = desk_at(&home).await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let mut asked = moved(
        desk.console
            .check_connection(Some("shop"), &with_directory(&text, &rogue.url()), TypedSecrets::new())
            .await,
    );
    asked.secrets[0].now.print = "0".repeat(64);
    desk.console.use_secrets_there(&asked).await.expect_err("nobody was asked about that");
    desk.console.directory_info("shop").await.expect_err("it hangs up");
    assert!(home.learnt(PASSWORD), "it is for where it was");
}

#[tokio::test]
async fn tests_and_form_queries_ask_before_contacting_another_server() {
    let (home, rogue) = (Rogue::database().await, Rogue::database().await);
    let desk = desk_at(&home).await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let changed = with_directory(&text, &rogue.url());
    moved(desk.console.check_connection(Some("shop"), &changed, TypedSecrets::new()).await);
    let part = desk.console.find_connection("shop").expect("it is there").file.directory.clone();
    let there = DirectoryConfig { url: rogue.url(), ..part.clone() };
    moved(desk.console.discover_tables(Some("shop"), &there, &TypedSecrets::new(), 1).await);
    moved(desk.console.preview_users(Some("shop"), &there, &TypedSecrets::new(), 1).await);
    assert_eq!(rogue.heard(), "");

    // A password typed for this destination is valid there.
    let typed = TypedSecrets::from([("database_password".to_owned(), SecretString::from("typed-for-this"))]);
    desk.console.discover_tables(Some("shop"), &there, &typed, 2).await.expect_err("it hangs up");
    assert!(rogue.learnt("typed-for-this") && !rogue.learnt(PASSWORD));
    // Saving in the form stores the typed password for the saved destination, so no question follows.
    desk.console.save_connection(Some("shop"), &changed).await.expect("saved");
    store(&desk, "shop", "database_password", "typed-and-saved").await;
    desk.console.directory_info("shop").await.expect_err("it hangs up");
    assert!(rogue.learnt("typed-and-saved"));
}

#[tokio::test]
async fn a_new_connection_gets_no_secrets_of_one_named_new() {
    let (home, rogue) = (Rogue::database().await, Rogue::database().await);
    let desk = desk_at(&home).await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let called = text.replace("\"Demo\"", "\"New\"");
    assert_eq!(desk.console.save_connection(None, &called).await.expect("saved").id, "new");
    store(&desk, "new", "database_password", PASSWORD).await;
    store(&desk, "new", "admin_token", TOKEN).await;

    for url in [rogue.url(), home.url()] {
        let text = with_directory(&called, &url);
        let report = desk.console.check_connection(None, &text, TypedSecrets::new()).await.expect("a report");
        assert!(!report.ok);
        assert!(report.steps[2].detail.contains("Not stored yet: admin_token"), "{report:?}");
        let part = understudy_core::connection::read_file("new", &text).expect("it reads").directory;
        desk.console.discover_tables(None, &part, &TypedSecrets::new(), 9).await.expect_err("it hangs up");
    }
    let users = with_three_users(&called, desk.home.path()).await;
    let error = desk
        .console
        .try_sign_in(None, &users, "7", TypedSecrets::new(), 1)
        .await
        .expect_err("it has no token");
    assert_eq!(error.code, Code::SecretMissing);
    for place in [&rogue, &home] {
        let heard = place.heard();
        assert!(
            heard.contains("reader") && !heard.contains(PASSWORD) && !place.learnt(PASSWORD),
            "{heard:?}"
        );
    }
}

#[tokio::test]
async fn a_trial_asks_about_another_site_a_proxy_an_authority_and_another_place_in_the_request() {
    let rogue = Rogue::application().await;
    let desk = Desk::new().await;
    let user = desk.find("").await.remove(0).id;
    let text = desk.demo.connection_text.clone();
    let own = desk.console.find_connection("shop").expect("it is there").sign_in.origin.ascii_serialization();
    let ca = desk.home.path().join("ca.pem");
    std::fs::write(&ca, "-----BEGIN CERTIFICATE-----").expect("written");
    for changed in [
        text.replace(&own, &rogue.origin()),
        format!("{text}\n[network]\nproxy = \"{}\"\n", rogue.origin()),
        format!("{text}\n[network]\nca = \"{}\"\n", ca.display()),
        text.replace("adminToken", "comment"),
    ] {
        assert_ne!(changed, text);
        let asked =
            moved(desk.console.try_sign_in(Some("shop"), &changed, &user, TypedSecrets::new(), 1).await);
        assert_eq!(asked.secrets[0].name, "admin_token");
    }
    assert_eq!(rogue.heard(), "");
    assert!(desk.demo.application.journal().is_empty(), "nor was anything sent to the application");
    assert!(desk.audit().await.read_entries(9).await.expect("readable").is_empty(), "nothing began");

    // The agent looks at the proxy and agrees.
    let through = format!("{text}\n[network]\nproxy = \"{}\"\n", rogue.origin());
    let asked = moved(desk.console.try_sign_in(Some("shop"), &through, &user, TypedSecrets::new(), 2).await);
    desk.console.use_secrets_there(&asked).await.expect("agreed");
    desk.console.try_sign_in(Some("shop"), &through, &user, TypedSecrets::new(), 3).await.expect("it begins");
    assert!(rogue.heard().contains(TOKEN));
}

#[tokio::test]
async fn a_session_does_not_begin_at_a_destination_without_a_secret() {
    let rogue = Rogue::application().await;
    let mut desk = Desk::new().await;
    let user = desk.find("").await.remove(0).id;
    let text = desk.demo.connection_text.clone();
    write(&desk, "shop", &format!("{text}\n[network]\nproxy = \"{}\"\n", rogue.origin()));
    let asked = moved(desk.console.impersonate("shop", &user, "ticket 1", Map::new()).await);
    let (then, now) = places(&asked);
    assert!(!then.contains(&rogue.address) && now.contains(&rogue.address), "{then} | {now}");
    assert!(desk.console.sessions().is_empty() && rogue.heard().is_empty());

    write(&desk, "shop", &text);
    let session = desk.console.impersonate("shop", &user, "ticket 1", Map::new()).await.expect("as before");
    desk.until(&session.id, Phase::Active).await;
}

#[tokio::test]
async fn secrets_of_a_removed_file_do_not_pass_to_the_next_one() {
    let (home, rogue) = (Rogue::database().await, Rogue::database().await);
    let desk = desk_at(&home).await;
    store(&desk, "shop", "admin_token", TOKEN).await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    desk.console.remove_connection("shop", false).await.expect("removed");

    // A file with the same name arrives from someone else.
    let given = desk.home.path().join("shop.toml");
    std::fs::write(&given, with_directory(&text, &rogue.url())).expect("written");
    assert_eq!(desk.console.add_connection(&given).await.expect("added").id, "shop");
    moved(desk.console.directory_info("shop").await);
    let report = desk
        .console
        .check_connection(Some("shop"), &text.replace("/login", "/log-in"), TypedSecrets::new())
        .await;
    let report = report.expect("its own database may have the password");
    assert!(report.steps[2].detail.contains("not used here: admin_token"), "{report:?}");
    assert_eq!(rogue.heard(), "");
}

#[tokio::test]
async fn a_secret_of_another_program_is_asked_about_once() {
    let home = Rogue::database().await;
    let desk = Desk::with_connection(|text| with_directory(&text, &home.url())).await;
    let entry = desk.entries.build("understudy", "shop/database_password", None).expect("an entry");
    entry.set_secret(PASSWORD.as_bytes()).expect("stored");
    let asked = moved(desk.console.directory_info("shop").await);
    assert_eq!(asked.secrets[0].stored_for, None);
    assert_eq!(home.heard(), "");
    desk.console.use_secrets_there(&asked).await.expect("agreed");
    desk.console.directory_info("shop").await.expect_err("it hangs up");
    assert!(home.learnt(PASSWORD));
}

/// A shop whose administrator, user 8, is protected. Its file is the operator's own, or in IT's folder.
async fn guarded(folder: &str) -> (Desk, tempfile::TempDir) {
    let users = tempfile::tempdir().expect("a folder");
    let template = understudy_demo::connection_text("http://127.0.0.1:1", std::path::Path::new("/u.sqlite"));
    let directory = with_three_users(&template, users.path()).await;
    let (_, directory) = directory.split_once("[directory]").expect("it has one");
    let (directory, _) = directory.split_once("[sign_in]").expect("it ends");
    let desk = Desk::with_connection(|text| {
        let (before, rest) = text.split_once("[directory]").expect("it has one");
        let (_, after) = rest.split_once("[sign_in]").expect("it ends");
        format!("{before}[directory]{directory}[sign_in]{after}\nprotect = [\"user.email == 'root@example.com'\"]\n")
    })
    .await;
    let home = Home::in_folder(desk.home.path());
    if folder == "system" {
        let own = home.connections_dir().expect("a folder").join("shop.toml");
        let system = home.system_connections_dir().to_owned();
        std::fs::create_dir_all(&system).expect("made");
        std::fs::rename(own, system.join("shop.toml")).expect("moved");
        desk.console.load_connections();
    }
    (desk, users)
}

fn without_policy(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("protect")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_saved_policy_and_directory_bind_a_trial_with_stored_secrets() {
    for folder in ["own", "system"] {
        let (desk, _users) = guarded(folder).await;
        let text = desk.console.read_draft("shop").expect("it is there").text;
        let trial = async |text: &str, user: &str, typed: TypedSecrets| {
            desk.console.try_sign_in(Some("shop"), text, user, typed, 1).await
        };
        // The administrator, with a copy without [policy].
        let error = trial(&without_policy(&text), "8", TypedSecrets::new()).await.expect_err("protected");
        assert_eq!(error.code, Code::PolicyRefused, "{error}");
        // With a copy that reads invented users, none of whom is protected.
        let invented = tempfile::tempdir().expect("a folder");
        let elsewhere = with_three_users(&text, invented.path()).await;
        let error = trial(&without_policy(&elsewhere), "7", TypedSecrets::new())
            .await
            .expect_err("another directory");
        assert!(error.message.contains("users are not in the same place"), "{error}");
        // With a copy that maps the email address to another column.
        let blind = text.replace("email      = \"email\"", "email      = \"plan\"");
        assert_ne!(blind, text);
        let error = trial(&without_policy(&blind), "8", TypedSecrets::new()).await.expect_err("protected");
        // The secrets of IT's connection are not available to a text that reads other columns; for the operator's own
        // connection, the saved policy applies.
        let expected = if folder == "system" { Code::SecretMissing } else { Code::PolicyRefused };
        assert_eq!(error.code, expected, "{error}");
        assert!(desk.demo.application.journal().is_empty(), "nothing was sent");

        // With a secret of the operator's own, only the text counts.
        let typed = TypedSecrets::from([("admin_token".to_owned(), SecretString::from("typed-for-this"))]);
        trial(&without_policy(&text), "8", typed).await.expect("it begins");
        let journal = format!("{:?}", desk.demo.application.journal());
        assert!(journal.contains("/login") && !journal.contains(TOKEN), "{journal}");
    }
}

#[tokio::test]
async fn managed_connections_use_their_secrets_only_for_their_own_sign_in() {
    let (desk, _users) = guarded("system").await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    // The token goes to the same place, but signs in someone else.
    let changed = text.replace("{{ user.id }}", "8");
    assert_ne!(changed, text);
    let error = desk
        .console
        .try_sign_in(Some("shop"), &changed, "7", TypedSecrets::new(), 1)
        .await
        .expect_err("refused");
    assert!(error.message.contains("IT handed out"), "{error}");
    assert!(desk.demo.application.journal().is_empty());
}

#[tokio::test]
async fn managed_connections_send_their_secrets_to_no_other_columns() {
    for (line, with) in [
        ("email      =", "email      = \"plan\""),
        ("name       =", "name       = \"email\""),
        ("columns    =", "columns    = [\"plan\", \"company_name\"]"),
    ] {
        let (desk, _users) = guarded("system").await;
        let text = desk.console.read_draft("shop").expect("it is there").text;
        // The other column would sign in users whom IT's rules never saw.
        let other = replace_line(&text, line, with);
        assert_ne!(other, text);
        let trial = desk.console.try_sign_in(Some("shop"), &other, "7", TypedSecrets::new(), 1).await;
        let error = trial.expect_err("refused");
        assert!(error.message.contains("the users that IT handed out"), "{with}: {error}");
        assert!(desk.demo.application.journal().is_empty(), "nothing was sent");
        let audit = desk.audit().await;
        assert!(audit.read_entries(9).await.expect("readable").is_empty(), "nothing began");
        // IT's own text may be tested with them.
        desk.console.try_sign_in(Some("shop"), &text, "7", TypedSecrets::new(), 2).await.expect("it begins");
    }
}

/// An added connection whose password comes from a command; the command records each run.
#[cfg(unix)]
struct WithProgram {
    desk: Desk,
    text: String,
    notes: std::path::PathBuf,
}

#[cfg(unix)]
impl WithProgram {
    async fn added(home: &Rogue) -> Self {
        let desk = Desk::new().await;
        let notes = desk.home.path().join("it ran");
        let kept = desk.home.path().join("of the program");
        std::fs::write(&kept, PASSWORD).expect("written");
        let program = Self::program(&format!("echo x >> '{}'; cat '{}'", notes.display(), kept.display()));
        let text = with_directory(&desk.demo.connection_text, &home.url());
        let text = text.replace("table      =", &format!("{program}\ntable      ="));
        let given = desk.home.path().join("given.toml");
        std::fs::write(&given, &text).expect("written");
        desk.console.add_connection(&given).await.expect("added");
        Self { desk, text, notes }
    }

    fn program(script: &str) -> String {
        format!("password_command = [\"/bin/sh\", \"-c\", \"{script}\"]")
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(&self.notes).unwrap_or_default().lines().count()
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_that_was_added_runs_for_the_place_that_it_was_added_with() {
    let (home, rogue) = (Rogue::database().await, Rogue::database().await);
    let with = WithProgram::added(&home).await;
    let (desk, text) = (&with.desk, &with.text);
    let console = &desk.console;
    console.directory_info("given").await.expect_err("it hangs up");
    assert!(home.learnt(PASSWORD), "adding it let it run");
    let before = with.runs();

    // Someone edits the file on disk: another server, user, computer on the way, command.
    let elsewhere = with_directory(text, &rogue.url());
    let jump = Rogue::application().await;
    let (_, port) = jump.address.rsplit_once(':').expect("a port");
    let through = format!("ssh        = {{ host = \"127.0.0.1\", port = {port} }}\ntable      =");
    let notes = with.notes.display();
    for changed in [
        elsewhere.clone(),
        with_directory(text, &home.url().replace("reader@", "owner@")),
        with_directory(text, &home.url().replace("sslmode=disable", "sslmode=prefer")),
        text.replace("table      =", &through),
        replace_line(
            text,
            "password_command",
            &WithProgram::program(&format!("touch '{notes}' '{notes}.too'")),
        ),
    ] {
        assert_ne!(changed, *text);
        write(desk, "given", &changed);
        let directory = console.find_connection("given").expect("it is there").file.directory.clone();
        let asked = moved(console.directory_info("given").await);
        assert!(asked.is_way_in() && asked.secrets[0].stored_for.is_some(), "{asked:?}");
        moved(console.discover_tables(Some("given"), &directory, &TypedSecrets::new(), 1).await);
        moved(console.preview_users(Some("given"), &directory, &TypedSecrets::new(), 1).await);
        moved(console.check_connection(Some("given"), &changed, TypedSecrets::new()).await);
        // The sign-in's secret is typed, so nothing else is in the way.
        let typed = TypedSecrets::from([("admin_token".to_owned(), SecretString::from("typed"))]);
        moved(console.try_sign_in(Some("given"), &changed, "7", typed, 1).await);
        moved(console.impersonate("given", "7", "ticket 1", Map::new()).await);
    }
    assert_eq!(with.runs(), before, "it did not run");
    assert!(!with.notes.with_extension("too").exists() && !desk.home.path().join("it ran.too").exists());
    assert_eq!((rogue.heard().as_str(), jump.heard().as_str()), ("", ""), "not even a connection");

    // After the change is undone, there is no question.
    write(desk, "given", text);
    assert_ne!(console.directory_info("given").await.expect_err("hangs up").code, Code::DestinationChanged);
    // The change was intended: both destinations are shown, and the answer is kept.
    write(desk, "given", &elsewhere);
    let asked = moved(console.directory_info("given").await);
    let (then, now) = places(&asked);
    assert!(then.contains(&home.address) && now.contains(&rogue.address), "{then} | {now}");
    assert!(then.contains("\"/bin/sh\" \"-c\"") && now.contains("\"/bin/sh\" \"-c\""), "{then} | {now}");
    console.use_secrets_there(&asked).await.expect("agreed");
    console.directory_info("given").await.expect_err("it hangs up");
    assert!(rogue.learnt(PASSWORD));
    // It is kept in the keyring, where no file reaches; the command line reads it there.
    let kept = desk.entries.build("understudy", "given/directory/commands/for", None).expect("an entry");
    let kept = String::from_utf8(kept.get_secret().expect("it is there")).expect("text");
    assert!(kept.contains(&rogue.address) && !kept.contains(&home.address), "{kept}");
    write(desk, "given", text);
    moved(console.directory_info("given").await);

    // It is removed with the connection.
    console.remove_connection("given", true).await.expect("removed");
    let gone = desk.entries.build("understudy", "given/directory/commands/for", None).expect("an entry");
    gone.get_secret().expect_err("removed");
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_that_nobody_added_is_asked_about_once_and_without_a_keyring_at_each_start() {
    let home = Rogue::database().await;
    let with = WithProgram::added(&home).await;
    let desk = &with.desk;
    // A file that appears in the folder: no one has agreed to what it runs.
    write(desk, "dropped", &with.text);
    let asked = moved(desk.console.directory_info("dropped").await);
    assert_eq!(asked.secrets[0].stored_for, None);
    assert_eq!(with.runs(), 0);
    // Without a keyring, the consent is valid until Understudy quits.
    desk.keyring.go();
    let asked = moved(desk.console.directory_info("dropped").await);
    desk.console.use_secrets_there(&asked).await.expect("agreed");
    desk.console.directory_info("dropped").await.expect_err("it hangs up");
    assert_eq!(with.runs(), 1);
    // An added connection runs without the keyring too.
    desk.console.directory_info("given").await.expect_err("it hangs up");
    assert_eq!(with.runs(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn managed_connections_run_programs_without_consent() {
    let home = Rogue::database().await;
    let with = WithProgram::added(&home).await;
    let system = Home::in_folder(with.desk.home.path()).system_connections_dir().to_owned();
    std::fs::create_dir_all(&system).expect("made");
    std::fs::write(system.join("handed.toml"), &with.text).expect("written");
    with.desk.console.load_connections();
    let error = with.desk.console.directory_info("handed").await.expect_err("it hangs up");
    assert_ne!(error.code, Code::DestinationChanged, "{error}");
    assert_eq!(with.runs(), 1);
    // The operator's own text with the same name is another matter.
    let rogue = Rogue::database().await;
    let changed = with_directory(&with.text, &rogue.url());
    moved(with.desk.console.check_connection(Some("handed"), &changed, TypedSecrets::new()).await);
    assert_eq!((with.runs(), rogue.heard().as_str()), (1, ""));
}

#[tokio::test]
async fn a_changed_ssh_login_without_a_password_needs_consent() {
    let desk = Desk::new().await;
    let (first, second) = (Rogue::application().await, Rogue::application().await);
    let through = |jump: &Rogue| {
        let (_, port) = jump.address.rsplit_once(':').expect("a port");
        let text = with_directory(&desk.demo.connection_text, "postgres://reader@db.internal/acme");
        text.replace(
            "table      =",
            &format!("ssh        = {{ host = \"127.0.0.1\", port = {port} }}\ntable      ="),
        )
    };
    let given = desk.home.path().join("given.toml");
    std::fs::write(&given, through(&first)).expect("written");
    desk.console.add_connection(&given).await.expect("added");
    let error = desk.console.directory_info("given").await.expect_err("it is no sshd");
    assert_ne!(error.code, Code::DestinationChanged, "{error}");
    assert!(first.heard().starts_with("SSH-"), "it logs in where it was added with");

    write(&desk, "given", &through(&second));
    moved(desk.console.directory_info("given").await);
    assert_eq!(second.heard(), "");
}
