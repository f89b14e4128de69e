//! Recognises file names that Windows reserves for devices in every folder. No system should create them, since files
//! travel between computers.

/// Whether Windows may treat this file name as a device, whatever its case and extension: `aux`, `Con.toml`,
/// `com1.tar.gz`, `nul .txt`.
///
/// <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>
pub fn is_device(file_name: &str) -> bool {
    // A colon ends a name too; after it comes the name of an alternate stream.
    let stem =
        file_name.split(['.', ':']).next().unwrap_or_default().trim_end_matches(' ').to_ascii_lowercase();
    let is_port = |rest: &str| {
        let mut rest = rest.chars();
        matches!((rest.next(), rest.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    };
    ["con", "prn", "aux", "nul", "conin$", "conout$"].contains(&stem.as_str())
        || ["com", "lpt"].iter().filter_map(|port| stem.strip_prefix(port)).any(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_devices_name_is_known_however_it_is_written() {
        for device in [
            "con",
            "prn",
            "aux",
            "nul",
            "com1",
            "com9",
            "com0",
            "lpt1",
            "lpt9",
            "CON",
            "Aux",
            "nUL",
            "COM¹",
            "com²",
            "LPT³",
            "con.toml",
            "nul.tar.gz",
            "aux.",
            "aux..",
            "prn ",
            "prn . ",
            "com1 .csv",
            "nul:",
            "con:stream",
            "CONIN$",
            "conout$",
        ] {
            assert!(is_device(device), "{device}");
        }
        for plain in [
            "",
            ".",
            ".con",
            "acme",
            "console",
            "con-2",
            "con1",
            "nul_",
            "auxiliary",
            "com",
            "com10",
            "com⁴",
            "comx",
            "lpt",
            "lpt11",
            "a.con",
            "acme.nul",
            " con",
            "my con",
        ] {
            assert!(!is_device(plain), "{plain}");
        }
    }
}
