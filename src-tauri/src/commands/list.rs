//! The macro that turns the list of commands into code.

/// Turns a list of commands, grouped by the window that may call them, into functions for Tauri.
///
/// A command is written as `name [what Tauri passes] (what the window passes) -> result { … }`. If an argument's type
/// has no equivalent in TypeScript, `as` names the type that the UI passes.
macro_rules! commands {
    ($(
        $window:ident {
            $(
                $(#[$doc:meta])*
                $name:ident [$($from_tauri:ident: $tauri_type:ty),*]
                    ($($argument:ident: $type:ty $(as $typescript:literal)?),* $(,)?) -> $result:ty $body:block
            )*
        }
    )*) => {
        $($(
            $(#[$doc])*
            #[tauri::command]
            async fn $name($($from_tauri: $tauri_type,)* $($argument: $type),*) -> Result<$result> $body
        )*)*

        /// Handles the windows' calls.
        pub fn handle_commands(call: tauri::ipc::Invoke) -> bool {
            let handle: fn(tauri::ipc::Invoke) -> bool = tauri::generate_handler![$($($name),*),*];
            handle(call)
        }

        #[cfg(test)]
        fn list_commands(config: &ts_rs::Config) -> Vec<list::Signature> {
            vec![$($(list::Signature {
                window: stringify!($window),
                name: stringify!($name),
                arguments: vec![$((
                    stringify!($argument),
                    name_in_typescript!(config, $type $(, $typescript)?),
                )),*],
                result: <$result as TS>::name(config),
            }),*),*]
        }
    };
}

#[cfg(test)]
macro_rules! name_in_typescript {
    ($config:expr, $type:ty) => {
        <$type as TS>::name($config)
    };
    ($config:expr, $type:ty, $typescript:literal) => {
        String::from($typescript)
    };
}

/// A command's signature, for the generated files.
#[cfg(test)]
pub struct Signature {
    /// The window that may call it.
    pub window: &'static str,
    pub name: &'static str,
    /// Names in Rust, types in TypeScript.
    pub arguments: Vec<(&'static str, String)>,
    pub result: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;
    use std::path::Path;

    use ts_rs::Config;

    use super::Signature;

    const NOTE: &str = "Written by the Rust tests from src-tauri/src/commands. Do not edit.";

    /// Each window's name in `src-tauri/capabilities`, and the description of its permission.
    const WINDOWS: [(&str, &str); 3] = [
        ("console", "Everything the console's window asks for"),
        ("quick", "What the quick window asks for: to search, and to open in the console what was chosen"),
        ("bar", "What the bar of a session's window asks for, about its own session only"),
    ];

    /// Commands that another window than their own may call as well.
    const SHARED: [(&str, &[&str]); 1] = [("quick", &["directory_info", "familiar_users"])];

    /// Tauri fills the argument `forget_secrets` from the page's `forgetSecrets`.
    fn camel_case(name: &str) -> String {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |mut camel, word| {
            let (initial, rest) = word.split_at(1);
            camel.push_str(&initial.to_uppercase());
            camel.push_str(rest);
            camel
        })
    }

    fn write_typescript(commands: &[Signature]) -> String {
        let mut imports = BTreeSet::new();
        let mut body = String::new();
        for Signature { name, arguments, result, .. } in commands {
            for text in arguments.iter().map(|(_, text)| text).chain([result]) {
                let words = text.split(|c: char| !c.is_alphanumeric());
                imports.extend(
                    words
                        .filter(|word| word.starts_with(char::is_uppercase))
                        .filter(|word| !["Array", "Record"].contains(word)),
                );
            }
            let arguments: Vec<String> =
                arguments.iter().map(|(name, text)| format!("{}: {text}", camel_case(name))).collect();
            let arguments = if arguments.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", arguments.join(", "))
            };
            writeln!(body, "  {name}: {{ args: {arguments}, result: {result} }},").unwrap();
        }
        let imports: Vec<String> =
            imports.iter().map(|name| format!("import type {{ {name} }} from \"./{name}\";\n")).collect();
        let imports = imports.concat();
        format!(
            "// {NOTE}\n{imports}\n/** What the windows may call: names in the page, and types. */\nexport type Commands = {{\n{body}}};\n"
        )
    }

    fn write_permissions(commands: &[Signature]) -> String {
        let mut text = format!(
            "# {NOTE}\n# Which window may call which command. A session's page is no window of Tauri's and can call none.\n"
        );
        for (window, description) in WINDOWS {
            let shared = SHARED.iter().filter(|(other, _)| *other == window).flat_map(|(_, names)| *names);
            let shared: Vec<&str> = shared.copied().collect();
            let is_own = |command: &&Signature| command.window == window || shared.contains(&command.name);
            let names = commands.iter().filter(is_own);
            let names: Vec<String> = names.map(|command| format!("  \"{}\",\n", command.name)).collect();
            let names = names.concat();
            write!(
                text,
                "\n[[permission]]\nidentifier = \"{window}\"\ndescription = \"{description}\"\ncommands.allow = [\n{names}]\n"
            )
            .unwrap();
        }
        text
    }

    #[test]
    fn the_ui_and_the_windows_permissions_know_the_commands() {
        let commands = super::super::list_commands(&Config::default().with_large_int("number"));
        for Signature { window, name, .. } in &commands {
            assert!(WINDOWS.iter().any(|(known, _)| known == window), "{name} has no window");
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::write(root.join("ui/src/bindings/commands.ts"), write_typescript(&commands)).unwrap();
        // The program under test was built with the previous content.
        let path = root.join("src-tauri/permissions/windows.toml");
        let permissions = write_permissions(&commands);
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &permissions).unwrap();
        assert_eq!(before, permissions, "the file is written anew: build again, and commit it");
    }
}
