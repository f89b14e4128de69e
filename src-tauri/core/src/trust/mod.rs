//! Who can change a file: a connection from IT is used only if no one else could have put it there.
//!
//! On Unix, owner and mode tell; on Windows, the owner and the access list, which `sddl` reads as text.

#[cfg(any(windows, test))]
mod sddl;
#[cfg(windows)]
mod windows;

use std::path::{Path, PathBuf};

/// Whose files are trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedOwners {
    /// Only the system's administrators.
    Administrators,
    /// Administrators, and the account that runs this process.
    Myself,
}

/// Checks that only trusted accounts can change what is at `path`, including every folder above it and the targets of
/// links. The error completes a sentence that says why.
pub fn only_changed_by(trusted: TrustedOwners, path: &Path) -> Result<(), String> {
    let real = path.canonicalize().map_err(|cause| format!("{} cannot be found: {cause}", path.display()))?;
    let mut checked: Vec<PathBuf> = Vec::new();
    for (is_parent, place) in list_ancestors(path).chain(list_ancestors(&real)) {
        if checked.iter().all(|before| *before != place) {
            only_this_changed_by(trusted, &place, is_parent)?;
            checked.push(place);
        }
    }
    Ok(())
}

/// The path and its ancestors, each with whether it is an ancestor.
fn list_ancestors(path: &Path) -> impl Iterator<Item = (bool, PathBuf)> {
    path.ancestors()
        .filter(|place| !place.as_os_str().is_empty())
        .map(Path::to_path_buf)
        .enumerate()
        .map(|(at, place)| (at > 0, place))
}

#[cfg(unix)]
fn only_this_changed_by(trusted: TrustedOwners, place: &Path, is_parent: bool) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(place)
        .map_err(|cause| format!("{} cannot be checked: {cause}", place.display()))?;
    let is_own = trusted == TrustedOwners::Myself && metadata.uid() == rustix::process::geteuid().as_raw();
    let shown = place.display();
    if metadata.uid() != 0 && !is_own {
        return Err(format!("{shown} belongs to another account (user id {})", metadata.uid()));
    }
    // In a sticky folder such as /tmp, users can't move each other's files.
    let is_sticky = is_parent && metadata.mode() & 0o1000 != 0;
    if metadata.mode() & 0o022 != 0 && !is_sticky {
        return Err(format!("others can write to {shown} (mode {:o})", metadata.mode() & 0o7777));
    }
    Ok(())
}

#[cfg(windows)]
fn only_this_changed_by(trusted: TrustedOwners, place: &Path, is_parent: bool) -> Result<(), String> {
    let failed = |cause| format!("the permissions of {} cannot be read: {cause}", place.display());
    let text = windows::security_of(place).map_err(failed)?;
    let own = match trusted {
        TrustedOwners::Administrators => None,
        TrustedOwners::Myself => Some(windows::own_account().map_err(failed)?),
    };
    sddl::only_changed_by(own.as_deref(), &text, is_parent)
        .map_err(|who| format!("{} can be changed by {who}", place.display()))
}

/// Whether others than the owner can write to this folder of the operator's; `false` if unknown.
pub fn others_can_write(folder: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(folder).is_ok_and(|metadata| metadata.mode() & 0o022 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("one's own");
    }

    #[test]
    fn nothing_counts_that_others_can_write_to_neither_itself_nor_above() {
        let base = tempfile::tempdir().expect("a folder");
        let folder = base.path().join("a/b");
        std::fs::create_dir_all(&folder).expect("made");
        let file = folder.join("acme.toml");
        std::fs::write(&file, "").expect("written");
        for place in [base.path().join("a"), folder.clone()] {
            mode(&place, 0o755);
        }
        mode(&file, 0o644);
        let check = || only_changed_by(TrustedOwners::Myself, &file);
        assert_eq!(check(), Ok(()));
        for (place, open, shut) in [
            (&file, 0o664, 0o644),
            (&file, 0o646, 0o644),
            (&folder, 0o777, 0o755),
            (&base.path().join("a"), 0o775, 0o755),
        ] {
            mode(place, open);
            let why = check().expect_err("others can write");
            assert!(
                why.contains(&place.display().to_string()) && why.contains(&format!("{open:o}")),
                "{why}"
            );
            mode(place, shut);
        }
        // A sticky folder protects what is in it, but others can add files.
        mode(&base.path().join("a"), 0o1777);
        assert_eq!(check(), Ok(()));
        assert!(only_changed_by(TrustedOwners::Myself, &base.path().join("a")).is_err());
    }

    #[test]
    fn a_link_is_followed_to_who_can_change_its_target() {
        let base = tempfile::tempdir().expect("a folder");
        let (good, open) = (base.path().join("good"), base.path().join("open"));
        for folder in [&good, &open] {
            std::fs::create_dir(folder).expect("made");
        }
        mode(&good, 0o755);
        mode(&open, 0o777);
        let file = open.join("acme.toml");
        std::fs::write(&file, "").expect("written");
        mode(&file, 0o644);
        symlink(&file, good.join("acme.toml")).expect("linked");
        let why =
            only_changed_by(TrustedOwners::Myself, &good.join("acme.toml")).expect_err("its folder is open");
        assert!(why.contains("open"), "{why}");
        assert!(only_changed_by(TrustedOwners::Myself, &base.path().join("nothing")).is_err());
    }

    #[test]
    fn what_belongs_to_another_account_does_not_count() {
        let base = tempfile::tempdir().expect("a folder");
        let file = base.path().join("acme.toml");
        std::fs::write(&file, "").expect("written");
        mode(&file, 0o644);
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            std::os::unix::fs::chown(&file, Some(65_534), None).expect("root may");
        }
        // Without root, the tester's own file is another account's in the eyes of `Administrators`.
        let trusted = if is_root { TrustedOwners::Myself } else { TrustedOwners::Administrators };
        let why = only_changed_by(trusted, &file).expect_err("not theirs");
        assert!(why.contains("belongs to another account"), "{why}");
    }
}
