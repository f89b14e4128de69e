//! How a session's WebView2 reaches its gateway, and nothing else: Chromium's switches by
//! `ICoreWebView2EnvironmentOptions::put_AdditionalBrowserArguments`, and the gateway's password by
//! `ICoreWebView2_10::add_BasicAuthenticationRequested` (Runtime 98 and newer).

use secrecy::ExposeSecret;
use url::Url;
use webview2_com::Microsoft::Web::WebView2::Win32::ICoreWebView2_10;
use webview2_com::{BasicAuthenticationRequestedEventHandler, take_pwstr};
use windows::core::{HSTRING, Interface, PWSTR};
use wry::{WebView, WebViewExtWindows};

use crate::session_window::stage::GatewayAccess;

/// What wry passes on if it is given no arguments (0.57).
const WRY_ARGUMENTS: &str = "--disable-features=msWebOOUI,msPdfOOUI,msSmartScreenProtection \
                             --autoplay-policy=no-user-gesture-required";

/// The arguments of the session's own browser process. Everything goes to the proxy, loopback addresses too, or
/// nowhere. Of the certificates that Chromium cannot verify, only those with the gateway's key pass.
pub fn format_arguments(access: &GatewayAccess) -> String {
    format!(
        "{WRY_ARGUMENTS} --proxy-server=http://{} --proxy-bypass-list=<-loopback> \
         --ignore-certificate-errors-spki-list={} --force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        access.address, access.key_hash
    )
}

/// Gives the gateway its password, and cancels what any other server asks for, without a dialog: the gateway itself
/// answers for the servers whose credentials are known. Called before anything loads.
pub fn answer_challenges(page: &WebView, access: &GatewayAccess) -> Result<(), String> {
    let gateway =
        Url::parse(&format!("http://{}", access.address)).map_err(|error| error.to_string())?.origin();
    let (user, password) = (HSTRING::from(access.user), access.password.clone());
    let answer = BasicAuthenticationRequestedEventHandler::create(Box::new(move |_, arguments| {
        let Some(arguments) = arguments else { return Ok(()) };
        // SAFETY: COM calls on the thread that owns the web view, with pointers that outlive them.
        #[allow(unsafe_code, reason = "WebView2 is COM")]
        unsafe {
            let mut asking = PWSTR::null();
            arguments.Uri(&mut asking)?;
            // For the challenge of a proxy, this is the proxy's address.
            if !Url::parse(&take_pwstr(asking)).is_ok_and(|asking| asking.origin() == gateway) {
                return arguments.SetCancel(true);
            }
            let response = arguments.Response()?;
            response.SetUserName(&user)?;
            response.SetPassword(&HSTRING::from(password.expose_secret()))
        }
    }));
    let mut token = 0;
    // SAFETY: as above.
    #[allow(unsafe_code, reason = "WebView2 is COM")]
    let listening = page
        .webview()
        .cast::<ICoreWebView2_10>()
        .and_then(|view| unsafe { view.add_BasicAuthenticationRequested(&answer, &mut token) });
    listening.map_err(|cause| {
        format!(
            "this computer's WebView2 Runtime is too old to send the session's requests through Understudy ({cause}). \
             Update the Microsoft Edge WebView2 Runtime."
        )
    })
}
