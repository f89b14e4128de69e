//! The one question to Windows: a file's owner and access list, as text.

use std::path::Path;

use windows::Win32::Foundation::{HLOCAL, LocalFree};
use windows::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, GetNamedSecurityInfoW, SDDL_REVISION_1,
    SE_FILE_OBJECT,
};
use windows::Win32::Security::{DACL_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR};
use windows::core::{HSTRING, PWSTR, Result};

/// `O:…D:…`, in the security descriptor definition language.
pub(super) fn security_of(path: &Path) -> Result<String> {
    let name = HSTRING::from(path.as_os_str());
    let wanted = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let mut descriptor = PSECURITY_DESCRIPTOR::default();
    let mut text = PWSTR::null();
    // SAFETY: the name lives through the call; Windows allocates the descriptor and the text, which are copied and
    // then freed as it says, once each.
    #[allow(unsafe_code, reason = "Windows has no other way to ask for permissions")]
    unsafe {
        GetNamedSecurityInfoW(&name, SE_FILE_OBJECT, wanted, None, None, None, None, &mut descriptor).ok()?;
        let converted = ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor,
            SDDL_REVISION_1,
            wanted,
            &mut text,
            None,
        );
        let read = converted.map(|()| text.to_string().unwrap_or_default());
        LocalFree(Some(HLOCAL(text.0.cast())));
        LocalFree(Some(HLOCAL(descriptor.0)));
        read
    }
}
