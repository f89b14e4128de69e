//! Reads Windows' permissions as text (SDDL) for one question: who can change this file?
//! <https://learn.microsoft.com/windows/win32/secauthz/security-descriptor-string-format>

/// SYSTEM, Administrators, the local and the domain's administrator accounts, the owner's own rights, and
/// `TrustedInstaller`.
const ADMINISTRATORS: &[&str] = &[
    "SY",
    "BA",
    "LA",
    "DA",
    "EA",
    "OW",
    "S-1-5-18",
    "S-1-5-32-544",
    "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
];

/// The rights to delete, to change permissions, to take ownership and to delete children.
const REPLACE: u32 = 0x0001_0000 | 0x0004_0000 | 0x0008_0000 | 0x0000_0040 | 0x1000_0000;

/// Also the rights to write and to append.
const WRITE: u32 = REPLACE | 0x0000_0002 | 0x0000_0004 | 0x4000_0000;

/// Two letters each, concatenated.
const RIGHTS: &[(&str, u32)] = &[
    ("GA", 0x1000_0000),
    ("GR", 0x8000_0000),
    ("GW", 0x4000_0000),
    ("GX", 0x2000_0000),
    ("RC", 0x0002_0000),
    ("SD", 0x0001_0000),
    ("WD", 0x0004_0000),
    ("WO", 0x0008_0000),
    ("FA", 0x001f_01ff),
    ("FR", 0x0012_0089),
    ("FW", 0x0012_0116),
    ("FX", 0x0012_00a0),
    ("CC", 0x1),
    ("DC", 0x2),
    ("LC", 0x4),
    ("SW", 0x8),
    ("RP", 0x10),
    ("WP", 0x20),
    ("DT", 0x40),
    ("LO", 0x80),
    ("CR", 0x100),
];

/// Fails with the account, other than administrators and `own`, that can change it. For a folder above (`is_parent`),
/// only the right to replace its content counts: everyone may create folders in `C:\` and `C:\ProgramData`.
pub(super) fn only_changed_by(own: Option<&str>, sddl: &str, is_parent: bool) -> Result<(), String> {
    let is_trusted = |who: &str| ADMINISTRATORS.contains(&who) || own == Some(who);
    let owner = find_section(sddl, "O:").unwrap_or_default();
    if !is_trusted(owner) {
        return Err(format!("its owner ({owner})"));
    }
    let Some(list) = find_section(sddl, "D:") else { return Err("everyone: it has no access list".into()) };
    let flags = &list[..list.find('(').unwrap_or(list.len())];
    if flags.contains("NO_ACCESS_CONTROL") {
        return Err("everyone: it has no access list".into());
    }
    for entry in list.split('(').skip(1) {
        let fields: Vec<&str> = entry.split(')').next().unwrap_or_default().split(';').collect();
        let &[kind, inheritance, rights, _, _, who, ..] = fields.as_slice() else {
            return Err("someone: its access list cannot be read".into());
        };
        let allows = matches!(kind, "A" | "OA" | "XA" | "ZA");
        // Inherit-only: applies to what is created inside, not to the folder itself.
        let only_inherited = inheritance.as_bytes().chunks(2).any(|flag| flag == b"IO");
        let wanted = if is_parent { REPLACE } else { WRITE };
        if allows && !only_inherited && !is_trusted(who) && parse_rights(rights) & wanted != 0 {
            return Err(who.to_owned());
        }
    }
    Ok(())
}

/// The text after a mark, up to the next one.
fn find_section<'a>(sddl: &'a str, mark: &str) -> Option<&'a str> {
    let rest = &sddl[sddl.find(mark)? + mark.len()..];
    let end = ["O:", "G:", "D:", "S:"].iter().filter_map(|mark| rest.find(mark)).min();
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// Rights that cannot be parsed count as all rights.
fn parse_rights(rights: &str) -> u32 {
    if let Some(hex) = rights.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).unwrap_or(u32::MAX);
    }
    if let Ok(number) = rights.parse() {
        return number;
    }
    let letters = rights.as_bytes().chunks(2).map(|letters| {
        RIGHTS.iter().find(|(name, _)| name.as_bytes() == letters).map_or(u32::MAX, |(_, mask)| *mask)
    });
    letters.fold(0, |all, mask| all | mask)
}

#[cfg(test)]
mod tests {
    use super::only_changed_by;

    fn check(sddl: &str, is_parent: bool) -> Result<(), String> {
        only_changed_by(None, sddl, is_parent)
    }

    #[test]
    fn what_an_installer_made_for_administrators_counts() {
        let own = "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)";
        assert_eq!(check(own, false), Ok(()));
        assert_eq!(check("O:SYG:SYD:AI(A;ID;FA;;;SY)(A;ID;FRFX;;;BU)S:AI", false), Ok(()));
        // C:\ProgramData and C:\ as Windows sets them up.
        let program_data = "O:SYG:SYD:AI(A;OICIIO;GA;;;CO)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)\
                            (A;CI;DCLCRPCR;;;BU)";
        assert_eq!(check(program_data, true), Ok(()));
        let root = "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464G:SYD:PAI(A;OICI;FA;;;BA)\
                    (A;OICI;FA;;;SY)(A;OICI;0x1200a9;;;BU)(A;OICIIO;SDGXGWGR;;;AU)(A;;LC;;;AU)";
        assert_eq!(check(root, true), Ok(()));
    }

    #[test]
    fn what_any_user_could_have_made_or_changed_does_not() {
        // Created by a user below C:\ProgramData.
        let users = "O:S-1-5-21-1-2-3-1001G:DUD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)";
        assert_eq!(check(users, false), Err("its owner (S-1-5-21-1-2-3-1001)".into()));
        for (list, who) in [
            ("D:(A;;FA;;;WD)", "WD"),
            ("D:(A;;FW;;;BU)", "BU"),
            ("D:(A;CI;DCLCRPCR;;;BU)", "BU"),
            ("D:AI(A;;0x1301bf;;;AU)", "AU"),
            ("D:(A;;GW;;;S-1-5-21-1-2-3-1001)", "S-1-5-21-1-2-3-1001"),
            ("D:(XA;;FA;;;WD;(@User.a==1))", "WD"),
            ("D:(A;;??;;;BU)", "BU"),
        ] {
            assert_eq!(check(&format!("O:BAG:SY{list}"), false), Err(who.into()), "{list}");
        }
        assert!(check("O:BAG:SY", false).is_err() && check("O:BAG:SYD:NO_ACCESS_CONTROL", false).is_err());
        for list in ["D:(A;;FA;;;BU)", "D:(A;;DT;;;BU)", "D:(A;;SD;;;BU)", "D:(A;;WD;;;BU)", "D:(A;;WO;;;BU)"]
        {
            assert_eq!(check(&format!("O:BAG:SY{list}"), true), Err("BU".into()), "{list}");
        }
        assert_eq!(check("O:BAG:SYD:(D;;FA;;;BU)(A;;FA;;;BA)", false), Ok(()), "a denial gives nothing");
    }

    #[test]
    fn in_a_home_of_ones_own_what_one_made_oneself_counts() {
        let own = Some("S-1-5-21-1-2-3-1001");
        let made =
            "O:S-1-5-21-1-2-3-1001G:DUD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;;FA;;;S-1-5-21-1-2-3-1001)";
        assert_eq!(only_changed_by(own, made, false), Ok(()));
        assert!(only_changed_by(Some("S-1-5-21-1-2-3-1002"), made, false).is_err());
        let open = format!("{made}(A;;FW;;;BU)");
        assert_eq!(only_changed_by(own, &open, false), Err("BU".into()));
    }
}
