//! Connection files in their folders: what is listed, refused, saved and added.

use super::*;

fn text(name: &str) -> String {
    format!(
        "# ours\nname = \"{name}\"\nenvironment = \"staging\"\n[directory]\nurl = \"sqlite:///u.db\"\n\
         table = \"users\"\nid = \"id\"\n[sign_in]\nurl = \"https://app.acme.com/login\"\n"
    )
}

struct Desk {
    base: tempfile::TempDir,
    connections: Connections,
}

impl Desk {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let connections = Connections::new(Home::in_folder(base.path()));
        Self { base, connections }
    }

    /// Puts a file into one of the folders, bypassing Understudy.
    fn put(&self, file: &str, text: &str) -> PathBuf {
        let path = self.base.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn ids(&self) -> Vec<String> {
        self.connections.load_all().0.into_iter().map(|one| one.id).collect()
    }
}

#[test]
fn a_connection_is_saved_changed_copied_exported_and_removed() {
    let desk = Desk::new();
    assert_eq!(desk.ids(), Vec::<String>::new());
    let saved = desk.connections.save(None, &text("Acme GmbH")).unwrap();
    assert_eq!(saved.id, "acme-gmbh");
    assert_eq!(saved.path, Some(desk.base.path().join("connections/acme-gmbh.toml")));
    assert_eq!(desk.connections.save(None, &text("Acme GmbH")).unwrap().id, "acme-gmbh-2");

    let changed = desk.connections.save(Some("acme-gmbh"), &text("Zeta")).unwrap();
    assert_eq!((changed.id.as_str(), changed.file.name.as_str()), ("acme-gmbh", "Zeta"));
    assert_eq!(desk.ids(), ["acme-gmbh-2", "acme-gmbh"], "by name");

    let names = |id| desk.connections.duplicate(id).map(|copy| (copy.id, copy.file.name));
    assert_eq!(names("acme-gmbh").unwrap(), ("zeta-copy".into(), "Zeta copy".into()));
    assert_eq!(names("acme-gmbh").unwrap(), ("zeta-copy-2".into(), "Zeta copy 2".into()));
    let draft = desk.connections.read_draft("zeta-copy").unwrap();
    assert_eq!(draft.text, text("Zeta copy"), "with its comments");
    assert_eq!((draft.file.unwrap().name.as_str(), draft.source), ("Zeta copy", ConnectionSource::Own));

    let exported = desk.base.path().join("for-a-colleague.toml");
    desk.connections.export("acme-gmbh", &exported).unwrap();
    assert_eq!(Connections::draft_file(&exported).unwrap().text, text("Zeta"));

    let aside = desk.connections.set_aside("acme-gmbh").unwrap();
    assert_eq!(desk.connections.read_draft("acme-gmbh").unwrap_err().code, Code::ConnectionUnknown);
    let error = no_such_connection("acme-gnbh", &["acme-gmbh".into(), "beta".into()]);
    assert_eq!(error.to_string(), "There is no connection `acme-gnbh`.\nDid you mean `acme-gmbh`?");
    aside.put_back().unwrap();
    assert_eq!(desk.connections.read_draft("acme-gmbh").unwrap().text, text("Zeta"));
    desk.connections.set_aside("acme-gmbh").unwrap().remove().unwrap();
    assert_eq!(desk.connections.set_aside("acme-gmbh").err().unwrap().code, Code::ConnectionUnknown);
    let left = std::fs::read_dir(desk.base.path().join("connections")).unwrap().count();
    assert_eq!(left, 3, "the other one and its copies");
}

#[cfg(unix)]
#[test]
fn a_saved_file_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let path = desk.connections.save(None, &text("Acme")).unwrap().path.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn what_is_not_valid_is_not_saved() {
    let desk = Desk::new();
    let path = desk.connections.save(None, &text("Acme")).unwrap().path.unwrap();
    let error = desk.connections.save(Some("acme"), &text("Acme").replace("https", "http")).unwrap_err();
    assert_eq!(error.code, Code::ConnectionInvalid);
    assert!(error.message.starts_with("acme.toml:9:7: sign_in.url: has to be https"), "{error}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), text("Acme"));
    assert_eq!(desk.connections.save(Some("other"), &text("A")).unwrap_err().code, Code::ConnectionUnknown);
}

#[test]
fn one_faulty_file_does_not_hide_the_others() {
    let desk = Desk::new();
    desk.put("connections/good.toml", &text("Good"));
    desk.put("connections/bad.toml", &text("Bad").replace("table", "tabel"));
    desk.put("connections/Bad Name.toml", &text("Bad"));
    desk.put("connections/notes.txt", "not a connection");
    let (connections, problems) = desk.connections.load_all();
    assert_eq!(connections.len(), 1);
    let told: Vec<(&str, &str)> =
        problems.iter().map(|problem| (problem.id.as_str(), problem.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (
                "Bad Name",
                "`Bad Name` cannot be a connection's name: use at most 64 lower-case letters, digits, `-` and \
                 `_`.\n\
                 Name the file `bad-name.toml`, for example."
            ),
            ("bad", "bad.toml:6:1: directory.tabel: unknown key; did you mean `table`?"),
        ]
    );
    let places: Vec<_> = problems[1].faults.iter().map(|one| (one.line, one.column, &*one.key)).collect();
    assert_eq!(places, [(6, 1, "directory.tabel")]);
    // It can still be opened for repair, and says what is wrong.
    let draft = desk.connections.read_draft("bad").unwrap();
    assert!(draft.file.is_none() && draft.text.contains("tabel"));
    assert_eq!(draft.problem.unwrap().faults, problems[1].faults);
    // A file with valid keys and types but a wrong meaning can be shown as a form, and still reports its fault.
    let path = desk.put("connections/meant.toml", &text("Meant").replace("https", "http"));
    for draft in [desk.connections.read_draft("meant").unwrap(), Connections::draft_file(&path).unwrap()] {
        let problem = draft.problem.unwrap();
        assert!(draft.file.is_some() && problem.message.starts_with("meant.toml:9:7: sign_in.url"));
        assert_eq!((problem.faults[0].line, &*problem.faults[0].key), (9, "sign_in.url"));
    }
    std::fs::remove_file(path).unwrap();
    desk.connections.save(Some("bad"), &text("Bad")).unwrap();
    assert_eq!(desk.ids(), ["bad", "good"]);
}

#[test]
fn what_it_hands_out_is_locked_and_wins() {
    let desk = Desk::new();
    desk.put("system/connections/acme.toml", &text("Acme of IT"));
    desk.put("connections/acme.toml", &text("Acme of mine"));
    let (connections, problems) = desk.connections.load_all();
    let [connection] = connections.as_slice() else { panic!("{connections:?}") };
    assert_eq!((connection.file.name.as_str(), connection.source), ("Acme of IT", ConnectionSource::System));
    assert_eq!(
        problems[0].message,
        "acme.toml: not used, because IT handed out a connection of this name.\n\
         Rename the file to keep both, or remove it."
    );
    assert_eq!(desk.connections.read_draft("acme").unwrap().source, ConnectionSource::System);
    for refused in
        [desk.connections.save(Some("acme"), &text("X")).err(), desk.connections.set_aside("acme").err()]
    {
        assert_eq!(refused.unwrap().code, Code::ConnectionLocked);
    }
    assert_eq!(desk.connections.duplicate("acme").unwrap().source, ConnectionSource::Own);
    assert_eq!(desk.ids(), ["acme", "acme-of-it-copy"]);
}

#[cfg(unix)]
#[test]
fn what_others_could_have_handed_out_is_told_once_and_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let system = desk.put("system/connections/acme.toml", &text("Acme of whoever"));
    desk.put("system/connections/evil.toml", &text("Evil"));
    desk.put("connections/acme.toml", &text("Acme of mine"));
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(system.parent().unwrap(), 0o777);
    let (connections, problems) = desk.connections.load_all();
    let [connection] = connections.as_slice() else { panic!("{connections:?}") };
    assert_eq!((connection.file.name.as_str(), connection.source), ("Acme of mine", ConnectionSource::Own));
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(
        problem.message.contains("others can write to") && problem.message.contains("777"),
        "{problem:?}"
    );
    assert_eq!(desk.connections.read_draft("acme").unwrap().source, ConnectionSource::Own);
    assert_eq!(desk.connections.read_draft("evil").unwrap_err().code, Code::ConnectionUnknown);

    mode(system.parent().unwrap(), 0o755);
    mode(&system, 0o666);
    let (connections, problems) = desk.connections.load_all();
    let names: Vec<&str> = connections.iter().map(|one| one.file.name.as_str()).collect();
    assert_eq!(names, ["Evil"], "the folder counts again, and one's own file takes nothing's place");
    assert!(problems.iter().all(|problem| problem.id == "acme"), "{problems:?}");
    assert_eq!(desk.connections.read_draft("acme").unwrap_err().code, Code::ConnectionLocked);
    assert_eq!(desk.connections.save(None, &text("Acme")).unwrap().id, "acme-2");
}

#[cfg(unix)]
#[test]
fn ones_own_file_does_not_take_the_place_of_what_it_hands_out_unreadably() {
    let desk = Desk::new();
    desk.put("connections/acme.toml", &text("Acme of mine"));
    std::fs::create_dir_all(desk.base.path().join("system/connections/acme.toml")).unwrap();
    let (connections, problems) = desk.connections.load_all();
    assert!(connections.is_empty(), "{connections:?}");
    assert!(problems[0].message.contains("acme.toml is a folder, not a file"), "{problems:?}");
    // If the folder from IT cannot be read, it may contain a file of any name.
    std::fs::remove_dir_all(desk.base.path().join("system")).unwrap();
    desk.put("system/connections", "not a folder");
    let (connections, problems) = desk.connections.load_all();
    assert!(connections.is_empty(), "{connections:?}");
    assert!(problems.iter().any(|one| one.id == "acme" && one.message.contains("IT may have handed out")));
    assert_eq!(desk.connections.read_draft("acme").unwrap_err().code, Code::ConnectionLocked);
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_can_write_to_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let file = desk.put("connections/acme.toml", &text("Acme"));
    std::fs::set_permissions(file.parent().unwrap(), std::fs::Permissions::from_mode(0o770)).unwrap();
    let (connections, problems) = desk.connections.load_all();
    assert_eq!(connections.len(), 1);
    assert!(problems[0].message.starts_with("Others can write to"), "{problems:?}");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_hides_no_other_and_keeps_nobody_waiting() {
    let desk = Desk::new();
    desk.put("connections/acme.toml", &text("Acme"));
    let at = |name: &str| desk.base.path().join("connections").join(name);
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe.toml"), rustix::fs::Mode::RUSR).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("zero.toml")).unwrap();
    std::fs::create_dir(at("folder.toml")).unwrap();
    std::fs::File::create(at("huge.toml")).unwrap().set_len(1 << 40).unwrap();
    desk.put(
        "connections/deep.toml",
        &format!("{}[policy]\nprotect = [\"{}1\"]", text("Deep"), "not ".repeat(10_000)),
    );
    desk.put(
        "connections/nested.toml",
        &format!("{}body = {}{}", text("Nested"), "[".repeat(20_000), "]".repeat(20_000)),
    );
    desk.put("connections/dotted.toml", &format!("{}body{} = 1", text("Dotted"), ".a".repeat(20_000)));
    let (connections, problems) = desk.connections.load_all();
    assert_eq!(connections.len(), 1, "{connections:?}");
    let said: Vec<(&str, &str)> = problems
        .iter()
        .map(|one| (one.id.as_str(), one.message.lines().next().unwrap_or_default()))
        .collect();
    for (id, part) in [
        ("pipe", "is a named pipe"),
        ("zero", "is a device"),
        ("folder", "is a folder"),
        ("huge", "is larger than the 256 KiB"),
        ("deep", "deep.toml:11:12: policy.protect[0]: has 10000 operators"),
        ("nested", "nested.toml:10:88: is nested too deeply"),
        ("dotted", "dotted.toml:10:1: is nested too deeply"),
    ] {
        assert!(said.iter().any(|(of, what)| *of == id && what.contains(part)), "{id}: {said:#?}");
    }
    assert_eq!(desk.connections.save(None, &text("Zeta")).unwrap().id, "zeta");
    assert!(desk.connections.add(&at("pipe.toml")).unwrap_err().message.contains("named pipe"));
}

#[test]
fn a_file_of_nothing_but_faults_is_told_shortly() {
    let faults: Vec<String> = (0..20_000).map(|number| format!("k{number}=1\n")).collect();
    let mut many = text("Many") + &faults.concat();
    let error = Connection::parse("many", &many, ConnectionSource::Own, None).unwrap_err();
    assert_eq!(error.message.lines().count(), 21, "{error}");
    many.push_str(&"# more\n".repeat(40_000));
    let error = Connection::parse("many", &many, ConnectionSource::Own, None).unwrap_err();
    assert_eq!(error.message, "many.toml:1:1: is larger than 256 KiB; no connection file needs to be");
}

#[test]
fn a_file_is_added_under_its_own_name() {
    let desk = Desk::new();
    let given = desk.put("given/acme-eu.toml", &text("Acme"));
    assert_eq!(desk.connections.add(&given).unwrap().0.id, "acme-eu");
    let (again, outcome) = desk.connections.add(&given).unwrap();
    assert_eq!(outcome, AddOutcome::Unchanged);
    assert_eq!(again.path, Some(desk.base.path().join("connections/acme-eu.toml")));
    desk.put("given/acme-eu.toml", &text("Another"));
    let error = desk.connections.add(&given).unwrap_err();
    assert!(error.message.starts_with("There is already a connection `acme-eu`: "), "{error}");
    let spaced = desk.put("given/For You (1).toml", &text("Beta"));
    assert_eq!(desk.connections.add(&spaced).unwrap().0.id, "beta");
    let demo = desk.put("given/demo.toml", &text("Demo"));
    assert_eq!(desk.connections.add(&demo).unwrap().0.id, "demo-2", "the demo's own id is kept free");
    let faulty = desk.put("given/Faulty File.toml", &text("X").replace("table", "tabel"));
    let error = desk.connections.add(&faulty).unwrap_err();
    assert!(error.message.starts_with("Faulty File.toml:6:1: directory.tabel"), "{error}");
    assert_eq!(desk.connections.add(Path::new("/nowhere/x.toml")).unwrap_err().code, Code::FileFailed);
}

/// Files travel between computers, and on Windows, a file with such a name would open a device.
#[test]
fn no_connection_has_the_name_of_a_device_of_windows() {
    let desk = Desk::new();
    // The ID comes from the connection's name, or from the file's.
    assert_eq!(desk.connections.save(None, &text("Aux")).unwrap().id, "aux-2");
    assert_eq!(desk.connections.save(None, &text("AUX")).unwrap().id, "aux-3");
    for id in ["con", "nul", "prn", "com1", "lpt9"] {
        assert_eq!(desk.connections.read_draft(id).unwrap_err().code, Code::ConnectionUnknown, "{id}");
    }
    // Windows itself cannot have files with these names.
    if cfg!(windows) {
        return;
    }
    let given = desk.put("given/nul.toml", &text("Acme"));
    assert_eq!(desk.connections.add(&given).unwrap().0.id, "acme");
    for found in ["con.toml", "COM1.toml", "lpt¹.toml", "nul .toml"] {
        let path = desk.put(&format!("connections/{found}"), &text("Beta"));
        let (connections, problems) = desk.connections.load_all();
        assert_eq!(connections.len(), 3, "{found}");
        let id = found.strip_suffix(".toml").unwrap();
        let told = &problems[0].message;
        assert!(
            told.contains(&format!(
                "`{id}` cannot be a connection's name: on Windows, it is the name of a device"
            )),
            "{told}"
        );
        assert!(told.contains("Name the file `"), "{told}");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn an_id_from_outside_never_leaves_the_folder() {
    let desk = Desk::new();
    let secret = desk.put("secret.toml", &text("Secret"));
    desk.connections.save(None, &text("Acme")).unwrap();
    for id in ["../secret", "..", "", "/etc/passwd", "acme/../../secret"] {
        assert_eq!(desk.connections.read_draft(id).unwrap_err().code, Code::ConnectionUnknown, "{id}");
        assert_eq!(desk.connections.set_aside(id).err().unwrap().code, Code::ConnectionUnknown, "{id}");
    }
    assert!(secret.exists());
}
