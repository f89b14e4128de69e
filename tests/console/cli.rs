//! The command line as a person uses it: the real program in a terminal, with its own home and keyring.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use understudy_core::connection;
use understudy_core::home::Home;
use understudy_core::sanitize;
use understudy_test_support::keyring::Keyring;
use understudy_test_support::stage::run_to_end;

use crate::rogue::Rogue;
use crate::test_console::{replace_line, three_users};

/// The canary: this text may be in the keyring, but in nothing that the program prints or writes.
const CANARY: &str = "canary-c0a57-of-the-terminal";

pub struct Terminal {
    keyring: Keyring,
    home: TempDir,
    /// The working directory of the commands.
    here: TempDir,
}

/// What a command printed, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Terminal {
    pub async fn new() -> Self {
        Self::with(Keyring::start().await.expect("a keyring"))
    }

    pub fn with(keyring: Keyring) -> Self {
        Self { keyring, home: folder(), here: folder() }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub async fn run(&self, args: &[&str]) -> Said {
        self.type_in(args, "").await
    }

    /// Runs `understudy` with `input` on its standard input.
    pub async fn type_in(&self, args: &[&str], input: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_understudy"));
        command.args(args);
        self.finish(command, input).await
    }

    /// Runs a shell command in which `$understudy` is the program.
    pub async fn shell(&self, line: &str) -> Said {
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("understudy", env!("CARGO_BIN_EXE_understudy"));
        self.finish(command, "").await
    }

    async fn finish(&self, mut command: Command, input: &str) -> Said {
        command.envs(self.keyring.env()).env("UNDERSTUDY_HOME", self.home.path());
        let output = run_to_end(command.current_dir(self.here.path()), input).await.expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
        let code = output.status.code().expect("it ends by itself");
        let said = Said { code, out: text(output.stdout), err: text(output.stderr) };
        assert!(!format!("{said:?}").contains(CANARY), "it shows the secret: {said:?}");
        said
    }

    /// Runs `understudy` in a terminal where `answer` is typed; returns everything the terminal shows.
    async fn answer(&self, args: &[&str], answer: &str) -> String {
        let line = format!("'{}' {}", env!("CARGO_BIN_EXE_understudy"), args.join(" "));
        let mut command = Command::new("script");
        command.args(["--quiet", "--flush", "--return", "--command", &line, "/dev/null"]);
        command.envs(self.keyring.env()).env("UNDERSTUDY_HOME", self.home.path());
        let output = run_to_end(command.current_dir(self.here.path()), answer).await.expect("it runs");
        let said = String::from_utf8(output.stdout).expect("text").replace("\r\n", "\n");
        assert!(!said.contains(CANARY), "{args:?} shows the secret: {said}");
        said
    }

    /// Runs a command that must succeed without errors; returns its output.
    pub async fn succeeds(&self, args: &[&str]) -> String {
        self.run(args).await.succeeded()
    }

    /// Runs a command that must fail with 1 and print only to standard error; returns that.
    pub async fn fails(&self, args: &[&str]) -> String {
        self.run(args).await.failed()
    }

    /// The folder that commands are typed in.
    pub fn folder(&self) -> &Path {
        self.here.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.here.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// The connection file of a small shop with the three users.
    pub async fn shop(&self) -> String {
        let url = three_users(self.here.path()).await;
        format!(
            "name = \"Shop\"\nenvironment = \"staging\"\n[directory]\nurl = \"{url}\"\ntable = \"users\"\n\
             id = \"id\"\nemail = \"email\"\n[sign_in]\nurl = \"https://shop.example/login\"\n\
             body = {{ token = \"{{{{ secret.admin_token }}}}\", id = \"{{{{ user.id }}}}\" }}\n\
             redirect_to = \"https://shop.example/\"\n"
        )
    }

    pub fn audit_file(&self) -> PathBuf {
        Home::in_folder(self.home.path()).audit_file().expect("a folder")
    }

    fn connections(&self) -> PathBuf {
        Home::in_folder(self.home.path()).connections_dir().expect("a folder")
    }

    /// What another program finds in the keyring.
    pub async fn stored(&self, account: &str) -> Option<String> {
        let mut look = Command::new("secret-tool");
        look.args(["lookup", "service", "understudy", "username", account]).envs(self.keyring.env());
        let output = run_to_end(&mut look, "").await.expect("secret-tool is installed");
        output.status.success().then(|| String::from_utf8(output.stdout).expect("text"))
    }
}

impl Said {
    pub fn succeeded(self) -> String {
        assert!(self.code == 0 && self.err.is_empty(), "{self:?}");
        self.out
    }

    pub fn failed(self) -> String {
        assert!(self.code == 1 && self.out.is_empty(), "{self:?}");
        self.err
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn files_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|one| one.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_connection_is_added_and_a_faulty_one_leaves_nothing() {
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;

    terminal.write("shop.toml", &replace_line(&shop, "table", "tabel = \"users\""));
    let said = terminal.fails(&["add", "shop.toml"]).await;
    assert_eq!(said, "understudy: shop.toml:5:1: directory.tabel: unknown key; did you mean `table`?\n");
    terminal.write("shop.toml", &shop.replace("https://shop.example/login", "http://shop.example/login"));
    let said = terminal.fails(&["add", "shop.toml"]).await;
    assert!(said.starts_with("understudy: shop.toml:9:7: sign_in.url: has to be https"), "{said}");
    let url = format!("url = \"postgres://support:{CANARY}@db.shop.example/shop\"");
    terminal.write("shop.toml", &replace_line(&shop, "url = \"sqlite", &url));
    let said = terminal.fails(&["add", "shop.toml"]).await;
    assert!(said.starts_with("understudy: shop.toml:4:7: directory.url: "), "{said}");
    assert!(said.contains("understudy secret set shop database_password"), "{said}");
    let said = terminal.fails(&["add", "nowhere.toml"]).await;
    assert!(said.contains("nowhere.toml") && said.contains("Check that the file exists"), "{said}");
    assert_eq!(files_in(&terminal.connections()), [""; 0]);

    terminal.write("shop.toml", &shop);
    let said = terminal.succeeds(&["add", "shop.toml"]).await;
    let next = "Store its secret: understudy secret set shop admin_token\n";
    assert_eq!(said, format!("Added Shop as `shop`.\n{next}"));
    for again in [&["add", "shop.toml"][..], &["add", "--replace", "shop.toml"]] {
        let said = terminal.succeeds(again).await;
        assert_eq!(said, format!("Nothing changed: Shop was added as `shop` before.\n{next}"));
    }
    let kept = terminal.connections().join("shop.toml");
    assert_eq!(std::fs::read_to_string(&kept).expect("it is there"), shop);

    terminal.write("shop.toml", &shop.replace("Shop", "Another"));
    let said = terminal.fails(&["add", "shop.toml"]).await;
    assert!(
        said.contains("There is already a connection `shop`") && said.contains("Rename your file"),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(&kept).expect("it is there"), shop);
    assert_eq!(files_in(&terminal.connections()), ["shop.toml"]);

    // The suggested command works. A faulty file still changes nothing.
    assert!(said.contains("understudy add --replace shop.toml"), "{said}");
    let said = terminal.succeeds(&["add", "--replace", "shop.toml"]).await;
    assert!(said.starts_with("Updated Another as `shop`.\n"), "{said}");
    assert!(std::fs::read_to_string(&kept).expect("it is there").contains("Another"));
    terminal.write("shop.toml", &replace_line(&shop, "table", "tabel = \"users\""));
    assert!(terminal.fails(&["add", "--replace", "shop.toml"]).await.contains("directory.tabel"));
    assert!(std::fs::read_to_string(&kept).expect("it is there").contains("Another"));
    terminal.write("new.toml", &shop);
    assert!(terminal.succeeds(&["add", "--replace", "new.toml"]).await.starts_with("Added Shop as `new`.\n"));
}

#[tokio::test]
async fn a_password_is_asked_for_where_the_database_may_want_one() {
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    let server = replace_line(&shop, "url = \"sqlite", "url = \"postgres://reader@db.internal/shop\"");
    terminal.write("shop.toml", &server);
    let said = terminal.succeeds(&["add", "shop.toml"]).await;
    assert!(
        said.contains("Store its secret: understudy secret set shop admin_token\n")
            && said
                .contains("If its database needs a password: understudy secret set shop database_password\n"),
        "{said}"
    );
}

#[tokio::test]
async fn a_connection_is_removed_with_its_secrets_after_the_question() {
    let terminal = Terminal::new().await;
    terminal.write("shop.toml", &terminal.shop().await);
    assert!(terminal.fails(&["remove", "shop"]).await.contains("There is no connection `shop`"));
    terminal.succeeds(&["add", "shop.toml"]).await;
    terminal.type_in(&["secret", "set", "shop", "admin_token"], CANARY).await.succeeded();

    // Without a terminal there is no one to ask; then, at one, the answer is no.
    let said = terminal.fails(&["remove", "shop"]).await;
    assert!(
        said.contains("Its secrets are removed from the keyring too: admin_token.") && said.contains("--yes"),
        "{said}"
    );
    let said = terminal.answer(&["remove", "shop"], "n\n").await;
    assert!(said.contains("Remove it? [y/N]") && said.contains("Nothing was removed."), "{said}");
    assert_eq!(files_in(&terminal.connections()), ["shop.toml"]);
    assert_eq!(terminal.stored("shop/admin_token").await.as_deref(), Some(CANARY));

    let said = terminal.run(&["remove", "shop", "--keep-secrets", "--yes"]).await;
    assert!(said.code == 0 && said.err.contains("stay in the keyring: admin_token"), "{said:?}");
    assert_eq!(terminal.stored("shop/admin_token").await.as_deref(), Some(CANARY));
    terminal.succeeds(&["add", "shop.toml"]).await;
    let said = terminal.answer(&["remove", "shop"], "y\n").await;
    assert!(said.contains("Removed `shop`."), "{said}");
    assert_eq!(files_in(&terminal.connections()), [""; 0]);
    assert_eq!(terminal.stored("shop/admin_token").await, None);
}

#[tokio::test]
async fn check_finds_what_is_right_and_what_is_wrong_with_a_file_or_an_added_connection() {
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    terminal.write("shop.toml", &shop);

    let said = terminal.succeeds(&["check", "shop.toml"]).await;
    for line in [
        "ok    Connection file  Shop · staging\n",
        "warn  Secrets          Not stored yet: admin_token\n",
        "→ Store them: understudy secret set shop admin_token\n",
        "ok    Directory        SQLite ",
        "ok    Columns          id = id (integer), email = email (text)\n",
        "ok    Users            3 users; ",
        "warn  Sign-in          Not tested yet. It would send POST https://shop.example/login, then open https://shop.example/\n",
        "id=7  email=ada@example.com\n",
    ] {
        assert!(said.contains(line), "no {line:?} in {said}");
    }
    assert_eq!(files_in(&terminal.connections()), [""; 0], "to check is not to add");

    // As JSON, for a program.
    let report: Value =
        serde_json::from_str(&terminal.succeeds(&["check", "shop.toml", "--json"]).await).expect("JSON");
    assert_eq!(report["ok"], true);
    assert_eq!(report["steps"][2]["status"], "warning");
    assert_eq!(report["sample"][0]["id"], "9", "the newest user");

    // By name once it has been added, even if there is a folder with the same name.
    let said = terminal.fails(&["check", "shop"]).await;
    assert!(
        said.contains("neither a file nor a connection") && said.contains("There are no connections yet"),
        "{said}"
    );
    terminal.succeeds(&["add", "shop.toml"]).await;
    std::fs::create_dir(terminal.here.path().join("shop")).expect("made");
    assert!(terminal.succeeds(&["check", "shop"]).await.contains("Shop · staging"));
    let said = terminal.fails(&["check", "shpo"]).await;
    assert!(said.contains("Connections: shop."), "{said}");

    // A file whose name is not a valid ID is checked under the name it would be added as.
    terminal.write("For you (1).toml", &shop.replace("Shop", "Second shop"));
    let said = terminal.succeeds(&["check", "For you (1).toml"]).await;
    assert!(said.contains("understudy secret set second-shop admin_token"), "{said}");
    assert!(terminal.succeeds(&["add", "For you (1).toml"]).await.contains("as `second-shop`"));

    // A fault in the file, and one that only the database can find.
    terminal.write("shop.toml", &replace_line(&shop, "table", "tabel = \"users\""));
    let said = terminal.run(&["check", "shop.toml"]).await;
    assert_eq!((said.code, said.err.as_str()), (1, ""), "the report is what was asked for");
    assert!(said.out.starts_with("FAIL  Connection file  shop.toml:5:1: directory.tabel: "), "{said:?}");
    terminal.write("shop.toml", &replace_line(&shop, "table", "table = \"user\""));
    let said = terminal.run(&["check", "shop.toml"]).await;
    assert_eq!(said.code, 1);
    assert!(said.out.contains("FAIL  Directory ") && said.out.contains("Did you mean `users`?"), "{said:?}");
    let said = terminal.run(&["check", "shop.toml", "--json"]).await;
    let report: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((said.code, &report["ok"]), (1, &Value::Bool(false)));
    let steps = report["steps"].as_array().expect("steps");
    let directory = steps.iter().find(|step| step["title"] == "Directory").expect("it was looked at");
    assert_eq!(directory["status"], "failed");
}

#[tokio::test]
async fn a_program_reads_a_report_of_a_check_that_could_not_begin() {
    let terminal = Terminal::new().await;
    terminal.write("shop.toml", &terminal.shop().await);
    terminal.succeeds(&["add", "shop.toml"]).await;
    terminal.type_in(&["secret", "set", "shop", "admin_token"], CANARY).await.succeeded();
    let said = terminal.run(&["check", "shop", "--user", "4711", "--json"]).await;
    let report: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((said.code, &report["ok"]), (1, &Value::Bool(false)));
    assert_eq!(
        (&report["outcome"], &report["exchanges"]),
        (&"No user has the ID 4711.".into(), &Value::Array(vec![]))
    );
    assert!(said.err.contains("No user has the ID 4711."), "{said:?}");

    let said = terminal.run(&["check", "shpo", "--json"]).await;
    let report: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(
        (said.code, &report["ok"], &report["steps"][0]["status"]),
        (1, &false.into(), &"failed".into())
    );
    assert_eq!(report["steps"][0]["detail"], "`shpo` is neither a file nor a connection.");
}

#[tokio::test]
async fn a_secret_goes_from_standard_input_to_the_keyring_and_out_of_it_and_is_never_shown() {
    let terminal = Terminal::new().await;
    terminal.write("shop.toml", &terminal.shop().await);
    let set = ["secret", "set", "shop", "admin_token"];
    let said = terminal.type_in(&set, CANARY).await.failed();
    assert!(said.contains("There is no connection `shop`") && said.contains("understudy add FILE"), "{said}");
    terminal.succeeds(&["add", "shop.toml"]).await;

    assert_eq!(terminal.succeeds(&["secret", "list", "shop"]).await, "admin_token: missing\n");
    let said = terminal.run(&["secret", "list", "shop", "admin_token"]).await;
    assert_eq!((said.code, said.out.as_str()), (1, "admin_token: missing\n"), "a script can ask");
    let said = terminal.type_in(&set, &format!("{CANARY}\n")).await.succeeded();
    assert_eq!(said, "Stored admin_token of shop in the keyring.\n");
    assert_eq!(terminal.stored("shop/admin_token").await.as_deref(), Some(CANARY));
    assert_eq!(terminal.succeeds(&["secret", "list", "shop"]).await, "admin_token: stored\n");
    assert_eq!(terminal.succeeds(&["secret", "list", "shop", "admin_token"]).await, "admin_token: stored\n");

    // Obvious mistakes leave the stored secret as it is.
    let said = terminal.type_in(&set, "\n").await.failed();
    assert!(said.contains("is empty"), "{said}");
    let other = terminal.type_in(&["secret", "set", "shop", "admin_tokn"], CANARY).await.failed();
    assert!(other.contains("`shop` uses no secret `admin_tokn`.\nIt uses: admin_token\n"), "{other}");
    assert_eq!(terminal.fails(&["secret", "list", "shop", "admin_tokn"]).await, other);
    let said = terminal.fails(&["secret", "list", "shpo", "admin_token"]).await;
    assert!(
        said.contains("There is no connection `shpo`.\nDid you mean `shop`? Connections: shop."),
        "{said}"
    );
    assert_eq!(terminal.run(&["secret", "set", "shop", "admin_token", "other"]).await.code, 2);
    assert_eq!(terminal.stored("shop/admin_token").await.as_deref(), Some(CANARY));

    // A private key has several lines, and all of them are kept.
    let key = format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----");
    terminal.type_in(&set, &format!("{key}\n")).await.succeeded();
    assert_eq!(terminal.stored("shop/admin_token").await.as_ref(), Some(&key));
    // PowerShell and Notepad's files begin with a byte order mark.
    terminal.type_in(&set, &format!("\u{feff}{CANARY}\r\n")).await.succeeded();
    assert_eq!(terminal.stored("shop/admin_token").await.as_deref(), Some(CANARY));

    let forget = ["secret", "forget", "shop", "admin_token"];
    assert_eq!(terminal.succeeds(&forget).await, "Forgot admin_token of shop.\n");
    assert_eq!(terminal.stored("shop/admin_token").await, None);
    assert_eq!(terminal.succeeds(&forget).await, "The keyring has no admin_token of shop.\n");
    assert_eq!(terminal.succeeds(&["secret", "list", "shop"]).await, "admin_token: missing\n");
}

/// The shop's file, but with its users in a database that records what it receives.
fn in_database(shop: &str, rogue: &Rogue) -> String {
    replace_line(shop, "url = \"sqlite", &format!("url = \"{}\"", rogue.url()))
}

#[tokio::test]
async fn a_file_named_like_a_connection_gets_none_of_its_secrets() {
    let (home, rogue) = (Rogue::database().await, Rogue::database().await);
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    terminal.write("shop.toml", &in_database(&shop, &home));
    terminal.succeeds(&["add", "shop.toml"]).await;
    terminal.type_in(&["secret", "set", "shop", "database_password"], CANARY).await.succeeded();
    terminal.type_in(&["secret", "set", "shop", "admin_token"], CANARY).await.succeeded();
    assert_eq!(terminal.run(&["check", "shop"]).await.code, 1, "it hangs up");
    assert!(home.learnt(CANARY), "it is sent where it was stored for");

    // A file with the same name, from someone else.
    let downloads = terminal.here.path().join("Downloads");
    std::fs::create_dir(&downloads).expect("made");
    std::fs::write(downloads.join("shop.toml"), in_database(&shop, &rogue)).expect("written");
    let said = terminal.fails(&["check", "Downloads/shop.toml", "--user", "7"]).await;
    assert!(said.contains("users are not in the same place as this text's"), "{said}");
    for more in [&[][..], &["--json"]] {
        let Said { code, out, err: said } =
            terminal.run(&[&["check", "Downloads/shop.toml"], more].concat()).await;
        assert_eq!((code, out.contains("was not used")), (1, more.contains(&"--json")), "{out}");
        assert!(
            said.contains(&format!(
                "was stored for   Database: PostgreSQL\n                     Server: {}",
                home.address
            )),
            "{said}"
        );
        assert!(
            said.contains("would go to") && said.contains(&format!("Server: {}", rogue.address)),
            "{said}"
        );
        assert!(
            said.contains("The secret was not used.") && said.contains("only has the same name"),
            "{said}"
        );
    }
    assert_eq!(rogue.heard(), "");

    // The added file itself changes on disk.
    let kept = terminal.connections().join("shop.toml");
    std::fs::write(&kept, in_database(&shop, &rogue)).expect("written");
    let said = terminal.fails(&["check", "shop"]).await;
    assert!(said.contains("understudy secret set shop database_password"), "{said}");
    assert_eq!(rogue.heard(), "");
    // The change was intended: a secret that is typed again is for the new destination.
    terminal.type_in(&["secret", "set", "shop", "database_password"], CANARY).await.succeeded();
    terminal.run(&["check", "shop"]).await;
    assert!(rogue.learnt(CANARY));
}

#[tokio::test]
async fn at_a_terminal_the_answer_is_asked_for_and_kept() {
    let (home, moved) = (Rogue::database().await, Rogue::database().await);
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    terminal.write("shop.toml", &in_database(&shop, &home));
    terminal.succeeds(&["add", "shop.toml"]).await;
    terminal.type_in(&["secret", "set", "shop", "database_password"], CANARY).await.succeeded();
    std::fs::write(terminal.connections().join("shop.toml"), in_database(&shop, &moved)).expect("written");

    let said = terminal.answer(&["check", "shop"], "n\n").await;
    assert!(said.contains("Use it there from now on? [y/N]") && said.contains("was not used"), "{said}");
    assert_eq!(moved.heard(), "");
    terminal.answer(&["check", "shop"], "y\n").await;
    assert!(moved.learnt(CANARY));
    let said = terminal.answer(&["check", "shop"], "").await;
    assert!(!said.contains("Use it there"), "it was answered: {said}");
}

#[tokio::test]
async fn an_unknown_file_needs_consent_to_run_programs_and_log_in() {
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    let trace = terminal.here.path().join("it ran");
    let program = |program: &str| {
        let url = "url = \"postgres://reader@127.0.0.1:1/shop\"";
        let command = format!("{url}\npassword_command = [\"{program}\", \"{}\"]", trace.display());
        replace_line(&shop, "url = \"sqlite", &command)
    };
    terminal.write("given.toml", &program("touch"));
    for more in [&[][..], &["--user", "7"]] {
        let said = terminal.fails(&[&["check", "given.toml"], more].concat()).await;
        assert!(said.contains(&format!("program  \"touch\" \"{}\"", trace.display())), "{said}");
        assert!(said.contains("Nothing was run.") && said.contains("--run-commands"), "{said}");
    }
    assert!(!trace.exists());
    let said = terminal.answer(&["check", "given.toml"], "n\n").await;
    assert!(said.contains("Run it? [y/N]") && !trace.exists(), "{said}");
    assert_eq!(
        terminal.run(&["check", "given.toml", "--run-commands"]).await.code,
        1,
        "nobody answers there"
    );
    assert!(trace.exists());
    std::fs::remove_file(&trace).expect("removed");

    // Adding it was consent. Another file with the same name has none.
    terminal.succeeds(&["add", "given.toml"]).await;
    terminal.run(&["check", "given.toml"]).await;
    assert!(trace.exists(), "the very same program");
    std::fs::remove_file(&trace).expect("removed");
    terminal.write("given.toml", &program("/usr/bin/touch"));
    terminal.fails(&["check", "given.toml"]).await;
    assert!(!trace.exists());

    let through = replace_line(
        &shop,
        "url = \"sqlite",
        "url = \"postgres://reader@db.internal/shop\"\nssh = { host = \"jump.example\", user = \"kim\", port = 2222 }",
    );
    terminal.write("through.toml", &through);
    let said = terminal.fails(&["check", "through.toml"]).await;
    assert!(said.contains("ssh      kim@jump.example:2222") && said.contains("Nothing was run."), "{said}");
}

#[tokio::test]
async fn a_programs_password_goes_only_to_the_agreed_destination() {
    let (home, rogue, third) = (Rogue::database().await, Rogue::database().await, Rogue::database().await);
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    let printed = terminal.write("printed", CANARY);
    let at = |place: &Rogue| {
        let command = format!("password_command = [\"cat\", \"{}\"]", printed.display());
        let url = format!("url = \"{}\"\n{command}", place.url());
        replace_line(&shop, "url = \"sqlite", &url)
    };
    terminal.write("shop.toml", &at(&home));
    terminal.succeeds(&["add", "shop.toml"]).await;
    terminal.type_in(&["secret", "set", "shop", "admin_token"], "a token").await.succeeded();
    assert_eq!(terminal.run(&["check", "shop"]).await.code, 1, "it hangs up");
    assert!(home.learnt(CANARY), "adding it let it run");

    // A file with the same name and command, from someone else.
    let downloads = terminal.here.path().join("Downloads");
    std::fs::create_dir(&downloads).expect("made");
    std::fs::write(downloads.join("shop.toml"), at(&rogue)).expect("written");
    let said = terminal.fails(&["check", "Downloads/shop.toml"]).await;
    assert!(said.contains("program  \"cat\"") && said.contains("Nothing was run."), "{said}");

    // The added file changes on disk, and the other one too, so both are the same.
    let kept = terminal.connections().join("shop.toml");
    std::fs::write(&kept, at(&rogue)).expect("written");
    for more in [&[][..], &["--json"], &["--user", "7"], &["--user", "7", "--json"]] {
        for file in ["shop", "Downloads/shop.toml"] {
            let Said { code, out, err: said } = terminal.run(&[&["check", file], more].concat()).await;
            assert_eq!((code, out.contains("Nothing was run.")), (1, more.contains(&"--json")), "{out}");
            for words in ["you allowed", &home.address, "would run", &rogue.address, "Nothing was run."] {
                assert!(said.contains(words), "{words}: {said}");
            }
        }
    }
    let said = terminal.answer(&["check", "shop"], "n\n").await;
    assert!(said.contains("Run it from now on? [y/N]"), "{said}");
    assert_eq!(rogue.heard(), "");
    // The change was intended, and the answer is kept.
    terminal.answer(&["check", "shop"], "y\n").await;
    assert!(rogue.learnt(CANARY));
    let said = terminal.run(&["check", "shop"]).await;
    assert!(!format!("{said:?}").contains("Nothing was run."), "{said:?}");

    // `--run-commands` is not remembered.
    std::fs::write(&kept, at(&third)).expect("written");
    terminal.run(&["check", "shop", "--run-commands"]).await;
    assert!(third.learnt(CANARY));
    let said = terminal.fails(&["check", "shop"]).await;
    assert!(said.contains("Nothing was run.") && said.contains("--run-commands"), "{said}");
}

#[tokio::test]
async fn without_a_keyring_nothing_is_stored_and_the_next_step_is_said() {
    let terminal = Terminal::with(Keyring::absent().expect("a folder"));
    terminal.write("shop.toml", &terminal.shop().await);
    terminal.succeeds(&["add", "shop.toml"]).await;
    let said = terminal.type_in(&["secret", "set", "shop", "admin_token"], CANARY).await.failed();
    assert!(said.contains("No keyring was found") && said.contains("Start a keyring service"), "{said}");
    assert!(!said.contains("caused by") && !said.contains("zbus") && !said.contains("I/O"), "{said}");
    let set = ["--verbose", "secret", "set", "shop", "admin_token"];
    let more = terminal.type_in(&set, CANARY).await.failed();
    let causes = more.strip_prefix(&said).expect("the same, and then the causes");
    assert!(causes.starts_with("caused by: "), "{more}");

    for list in [&["secret", "list", "shop"][..], &["secret", "list", "shop", "admin_token"]] {
        let listed = terminal.run(list).await;
        assert_eq!(listed.out, "admin_token: unknown: the keyring cannot be reached\n");
        assert!(listed.code == 1 && listed.err.contains("Start a keyring service"), "{listed:?}");
    }
    assert_eq!(files_in(terminal.home.path()), ["connections"]);
}

#[tokio::test]
async fn help_lists_the_commands_and_corrects_a_typo() {
    let terminal = Terminal::with(Keyring::absent().expect("a folder"));
    let help = terminal.succeeds(&["--help"]).await;
    for taught in [
        "demo",
        "add",
        "remove",
        "check",
        "secret",
        "schema",
        "understudy check acme.toml",
        "--json",
        "UNDERSTUDY_HOME",
    ] {
        assert!(help.contains(taught), "no {taught} in {help}");
    }
    let help = terminal.succeeds(&["help", "check"]).await;
    assert!(
        help.contains("Exits with 0")
            && ["--user <ID>", "--json", "--run-commands"].iter().all(|flag| help.contains(flag)),
        "{help}"
    );
    let help = terminal.succeeds(&["secret", "set", "--help"]).await;
    assert!(help.contains("without echo") && help.contains("< key.pem"), "{help}");

    let said = terminal.run(&["chekc"]).await;
    assert_eq!(said.code, 2);
    assert!(said.err.contains("unrecognized subcommand 'chekc'") && said.err.contains("'check'"), "{said:?}");
    let version = format!("understudy {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(terminal.succeeds(&["--version"]).await, version);
    assert_eq!(terminal.succeeds(&["schema"]).await, connection::render_schema(), "as it is shipped");
    assert_eq!(files_in(terminal.home.path()), [""; 0], "nothing was written");
}

#[tokio::test]
async fn anything_but_a_file_is_refused_at_once() {
    let terminal = Terminal::new().await;
    let at = |name: &str| terminal.here.path().join(name);
    let made = std::process::Command::new("mkfifo").arg(at("pipe.toml")).status().expect("it runs");
    assert!(made.success());
    std::os::unix::fs::symlink("/dev/zero", at("zero.toml")).expect("linked");
    std::fs::create_dir(at("folder.toml")).expect("made");
    for (name, what) in
        [("pipe.toml", "a named pipe"), ("zero.toml", "a device"), ("folder.toml", "a folder")]
    {
        for command in ["check", "add"] {
            // A folder may have the name of an added connection.
            if (command, name) != ("check", "folder.toml") {
                let said = terminal.fails(&[command, name]).await;
                assert!(said.contains(&format!("{name} is {what}, not a file.")), "{command}: {said}");
            }
        }
    }
    // In the connections folder, they are reported as problems and hide no other connection.
    std::fs::write(terminal.connections().join("shop.toml"), terminal.shop().await).expect("written");
    std::fs::rename(at("pipe.toml"), terminal.connections().join("pipe.toml")).expect("moved");
    assert!(terminal.succeeds(&["check", "shop", "--json"]).await.contains("Shop"));
    assert!(terminal.fails(&["check", "pipe"]).await.contains("is a named pipe, not a file."));
}

#[tokio::test]
async fn control_characters_never_reach_the_terminal() {
    let terminal = Terminal::new().await;
    let evil = "Shop\\u001B]0;owned\\u0007\\u202E\\u009B31m";
    let text = terminal.shop().await.replace("name = \"Shop\"", &format!("name = \"{evil}\""));
    terminal.write("shop.toml", &text);
    let users = terminal.here.path().join("users.sqlite");
    let database =
        sqlx::SqlitePool::connect(&format!("sqlite://{}", users.display())).await.expect("it opens");
    sqlx::query("UPDATE users SET email = ?")
        .bind("a\u{1b}[2J\u{7f}\u{9b}\u{2066}@x.example")
        .execute(&database)
        .await
        .expect("changed");
    database.close().await;
    let broken = text.replace("[sign_in]", "[sign_in]\n\"\\u001B[31m\" = 1");
    terminal.write("broken.toml", &broken);
    let said = [
        terminal.run(&["check", "shop.toml"]).await,
        terminal.run(&["check", "shop.toml", "--json"]).await,
        terminal.run(&["add", "shop.toml"]).await,
        terminal.run(&["check", "broken.toml"]).await,
        terminal.run(&["add", "broken.toml"]).await,
    ];
    for said in &said {
        let text = format!("{}{}", said.out, said.err);
        let bad =
            text.chars().find(|char| *char != '\n' && (char.is_control() || sanitize::is_hidden(*char)));
        assert_eq!(bad, None, "{text:?}");
    }
    assert!(said[0].out.contains("␛"), "what is hidden is shown: {:?}", said[0]);
    let report: Value = serde_json::from_str(&said[1].out).expect("JSON");
    assert!(report.to_string().contains("\u{202e}") || report.to_string().contains("@x.example"), "{report}");
    assert!(said[2].out.starts_with("Added Shop␛]0;owned␇‹U+202E›‹U+009B›31m as"), "{:?}", said[2]);
}

#[tokio::test]
async fn output_that_cannot_be_written_is_an_error() {
    let terminal = Terminal::new().await;
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_understudy"))
        .arg("schema")
        .env("UNDERSTUDY_HOME", terminal.home.path())
        .stdout(full)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.starts_with("understudy: Could not write the output: "), "{said}");
}

#[tokio::test]
async fn without_a_display_the_console_says_so() {
    let terminal = Terminal::new().await;
    for (display, told) in [(None, "DISPLAY is not set"), (Some(":987"), "DISPLAY is :987")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_understudy"));
        command
            .env("UNDERSTUDY_HOME", terminal.home.path())
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("DISPLAY");
        command.envs(display.map(|display| ("DISPLAY", display)));
        let output = command.output().await.expect("it runs");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("Understudy can't open its window: no display answers") && said.contains(told),
            "{said}"
        );
        assert!(said.contains("It needs a graphical desktop") && !said.contains("panicked"), "{said}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn check_says_whether_customers_pages_are_sandboxed_on_this_computer() {
    let terminal = Terminal::new().await;
    terminal.write("shop.toml", &terminal.shop().await);
    let said = terminal.succeeds(&["check", "shop.toml"]).await;
    assert!(
        said.contains("ok    Sandbox          Customers' pages run in the webview's sandbox.\n"),
        "{said}"
    );

    // On a computer where bubblewrap cannot do anything.
    let mut without = Command::new("bwrap");
    without.args(["--dev-bind", "/", "/", "--ro-bind", "/bin/false", "/usr/bin/bwrap"]);
    without.args([env!("CARGO_BIN_EXE_understudy"), "check", "shop.toml"]).envs(terminal.keyring.env());
    without.env("UNDERSTUDY_HOME", terminal.home.path()).current_dir(terminal.here.path());
    let output = run_to_end(&mut without, "").await.expect("it runs");
    let said = String::from_utf8(output.stdout).expect("text");
    let expected = "warn  Sandbox          Customers' pages run without WebKit's sandbox: bubblewrap cannot create \
                    namespaces on this system.\n";
    assert!(said.contains(expected) && said.contains("would give a page your rights"), "{said}");
    assert!(output.status.success(), "it is a warning: {said}");
}

#[tokio::test]
async fn a_command_that_holds_secrets_leaves_no_core_dump() {
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    std::fs::write(terminal.connections().join("shop.toml"), shop).expect("written");
    // It waits for the secret on its standard input, which stays open.
    let mut child = Command::new(env!("CARGO_BIN_EXE_understudy"))
        .args(["secret", "set", "shop", "admin_token"])
        .envs(terminal.keyring.env())
        .env("UNDERSTUDY_HOME", terminal.home.path())
        .stdin(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it runs");
    let pid = child.id().expect("it runs");
    // The limit is set first: until then, the process has read nothing.
    understudy_test_support::wait::until("the limit", async || {
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"))?;
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
        Ok(core.split_whitespace().skip(4).take(2).eq(["0", "0"]).then_some(()))
    })
    .await
    .expect("no core file");
    child.kill().await.expect("it ends");
}
