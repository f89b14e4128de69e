//! Asks Windows for a file's owner and access list, and for the current account, both as text.

use std::path::Path;

use windows::Win32::Foundation::{CloseHandle, HANDLE, HLOCAL, LocalFree};
use windows::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW, GetNamedSecurityInfoW,
    SDDL_REVISION_1, SE_FILE_OBJECT,
};
use windows::Win32::Security::{
    DACL_SECURITY_INFORMATION, GetTokenInformation, OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR,
    TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use windows::core::{HSTRING, PWSTR, Result};

/// `O:…D:…`, in the security descriptor definition language.
pub(super) fn security_of(path: &Path) -> Result<String> {
    let name = HSTRING::from(path.as_os_str());
    let wanted = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let mut descriptor = PSECURITY_DESCRIPTOR::default();
    let mut text = PWSTR::null();
    // SAFETY: the name outlives the call; Windows allocates the descriptor and the text, which are copied and then
    // freed as documented, once each.
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

/// The account that runs this process, as `S-1-…`.
pub(super) fn own_account() -> Result<String> {
    // `u64`, for the alignment of the structure at its start.
    let mut answer = [0_u64; 32];
    let mut length = u32::try_from(size_of_val(&answer)).unwrap_or_default();
    let mut token = HANDLE::default();
    let mut text = PWSTR::null();
    // SAFETY: Windows writes at most `length` bytes into the answer, and the account in it points into the same buffer.
    // It allocates the text, which is copied and then freed as documented. The token is closed once.
    #[allow(unsafe_code, reason = "Windows has no other way to ask who one is")]
    unsafe {
        OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token)?;
        let told =
            GetTokenInformation(token, TokenUser, Some(answer.as_mut_ptr().cast()), length, &mut length);
        let _ = CloseHandle(token);
        told?;
        let user = &*answer.as_ptr().cast::<TOKEN_USER>();
        ConvertSidToStringSidW(user.User.Sid, &mut text)?;
        let own = text.to_string().unwrap_or_default();
        LocalFree(Some(HLOCAL(text.0.cast())));
        Ok(own)
    }
}
