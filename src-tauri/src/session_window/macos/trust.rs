//! Which certificates a session's `WKWebView` accepts: those with the gateway's key
//! (`…didReceiveAuthenticationChallenge:completionHandler:` of `WKNavigationDelegate` and `WKDownloadDelegate`, and
//! Security.framework).

use std::ptr::null_mut;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use block2::DynBlock;
use objc2::rc::{Retained, Weak};
use objc2::runtime::{AnyObject, NSObject, ProtocolObject, Sel};
use objc2::{ClassType, DefinedClass, MainThreadMarker, MainThreadOnly, define_class, ffi, msg_send};
use objc2_foundation::{
    NSObjectProtocol, NSURLAuthenticationChallenge, NSURLAuthenticationMethodServerTrust, NSURLCredential,
    NSURLSessionAuthChallengeDisposition as Disposition,
};
use objc2_security::SecTrust;
use objc2_web_kit::{WKDownload, WKNavigationAction, WKNavigationDelegate, WKNavigationResponse, WKWebView};
use wry::{WebView, WebViewExtMacOS};

/// A P-256 key's SubjectPublicKeyInfo (RFC 5480) up to its point, which is all that Security.framework hands out. The
/// gateway's certificates have such keys.
const P256_HEADER: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// How an answer to a challenge is handed over.
type Answer = DynBlock<dyn Fn(Disposition, *mut NSURLCredential)>;

struct TrustParts {
    /// wry's delegate, of the web view or of its downloads, which gets everything else. Weak, because it owns this
    /// object.
    rest: Weak<AnyObject>,
    key_hash: String,
}

define_class!(
    // SAFETY: NSObject demands nothing of its subclasses, and this one does not implement Drop.
    #[unsafe(super(NSObject))]
    #[thread_kind = MainThreadOnly]
    #[ivars = TrustParts]
    struct GatewayTrust;

    // SAFETY: the signatures are those of NSObject and of WKDownloadDelegate.
    #[allow(unsafe_code, reason = "Objective-C methods are declared by hand")]
    impl GatewayTrust {
        #[unsafe(method(respondsToSelector:))]
        fn knows_message(&self, message: Sel) -> bool {
            // SAFETY: every object has this method; the first call is to NSObject's own.
            unsafe {
                let is_own: bool = msg_send![super(self), respondsToSelector: message];
                is_own
                    || self
                        .ivars()
                        .rest
                        .load()
                        .is_some_and(|rest| msg_send![&*rest, respondsToSelector: message])
            }
        }

        #[unsafe(method_id(forwardingTargetForSelector:))]
        fn forward_message(&self, _message: Sel) -> Option<Retained<AnyObject>> {
            self.ivars().rest.load()
        }

        #[unsafe(method(download:didReceiveAuthenticationChallenge:completionHandler:))]
        fn answer_download(
            &self,
            _download: &WKDownload,
            challenge: &NSURLAuthenticationChallenge,
            answer: &Answer,
        ) {
            self.answer_challenge(challenge, answer);
        }
    }

    unsafe impl NSObjectProtocol for GatewayTrust {}

    // SAFETY: the signatures are those of the protocol, and wry's delegate has both methods about downloads.
    #[allow(unsafe_code, reason = "Objective-C methods are declared by hand")]
    unsafe impl WKNavigationDelegate for GatewayTrust {
        #[unsafe(method(webView:didReceiveAuthenticationChallenge:completionHandler:))]
        fn answer_page(&self, _view: &WKWebView, challenge: &NSURLAuthenticationChallenge, answer: &Answer) {
            self.answer_challenge(challenge, answer);
        }

        #[unsafe(method(webView:navigationAction:didBecomeDownload:))]
        fn follow_action(&self, view: &WKWebView, action: &WKNavigationAction, download: &WKDownload) {
            if let Some(rest) = self.ivars().rest.load() {
                let () = unsafe {
                    msg_send![&*rest, webView: view, navigationAction: action, didBecomeDownload: download]
                };
            }
            self.guard_download(download);
        }

        #[unsafe(method(webView:navigationResponse:didBecomeDownload:))]
        fn follow_response(&self, view: &WKWebView, response: &WKNavigationResponse, download: &WKDownload) {
            if let Some(rest) = self.ivars().rest.load() {
                let () = unsafe {
                    msg_send![&*rest, webView: view, navigationResponse: response, didBecomeDownload: download]
                };
            }
            self.guard_download(download);
        }
    }
);

impl GatewayTrust {
    /// The object that stands before wry's delegate `rest`. What has delegates does not own them, so `rest` owns this
    /// one: it lives exactly as long as what it forwards to.
    fn stand_before(rest: &AnyObject, key_hash: &str, main: MainThreadMarker) -> Retained<Self> {
        static OWNED: u8 = 0;
        let (owner, key) = (std::ptr::from_ref(rest), std::ptr::from_ref(&OWNED).cast());
        // SAFETY: only this function uses the key, for objects of this class. Objective-C has `init` return one.
        #[allow(unsafe_code, reason = "the Objective-C runtime is foreign")]
        unsafe {
            let made = ffi::objc_getAssociatedObject(owner, key).cast_mut().cast::<Self>();
            if let Some(trust) = Retained::retain(made) {
                return trust;
            }
            let parts = TrustParts { rest: Weak::new(rest), key_hash: key_hash.to_owned() };
            let trust: Retained<Self> = msg_send![super(Self::alloc(main).set_ivars(parts)), init];
            ffi::objc_setAssociatedObject(
                owner.cast_mut(),
                key,
                Retained::as_ptr(&trust).cast_mut().cast(),
                ffi::OBJC_ASSOCIATION_RETAIN_NONATOMIC,
            );
            trust
        }
    }

    fn answer_challenge(&self, challenge: &NSURLAuthenticationChallenge, answer: &Answer) {
        let (disposition, credential) = decide_trust(challenge, &self.ivars().key_hash);
        let credential = credential.as_deref().map_or(null_mut(), |it| std::ptr::from_ref(it).cast_mut());
        answer.call((disposition, credential));
    }

    /// A download has a delegate of its own, and may need a connection of its own.
    fn guard_download(&self, download: &WKDownload) {
        // SAFETY: called on the main thread; a download only asks its delegate what it says it knows.
        #[allow(unsafe_code, reason = "WebKit is foreign")]
        unsafe {
            let rest: Option<Retained<AnyObject>> = msg_send![download, delegate];
            if let Some(rest) = rest {
                let trust = Self::stand_before(&rest, &self.ivars().key_hash, self.mtm());
                let () = msg_send![download, setDelegate: &*trust];
            }
        }
    }
}

/// Puts the session's own object between the web view and wry's navigation delegate. Called before anything loads.
pub fn trust_gateway(page: &WebView, key_hash: &str) -> Result<(), String> {
    let main = MainThreadMarker::new().ok_or("windows are built on the main thread")?;
    let view = page.webview();
    // SAFETY: called on the main thread; every delegate is an object.
    #[allow(unsafe_code, reason = "WebKit is foreign")]
    unsafe {
        let rest = view.navigationDelegate().ok_or("the web view has no navigation delegate")?;
        let trust = GatewayTrust::stand_before(&*Retained::as_ptr(&rest).cast(), key_hash, main);
        view.setNavigationDelegate(Some(ProtocolObject::from_ref(&*trust)));
    }
    Ok(())
}

/// A server without the gateway's key was reached around the gateway: that connection is cancelled. Other challenges,
/// such as for a password, get the system's default.
fn decide_trust(
    challenge: &NSURLAuthenticationChallenge,
    key_hash: &str,
) -> (Disposition, Option<Retained<NSURLCredential>>) {
    let space = challenge.protectionSpace();
    // SAFETY: reads a constant of Foundation.
    #[allow(unsafe_code, reason = "the constant is foreign")]
    let is_of_server = *space.authenticationMethod() == *unsafe { NSURLAuthenticationMethodServerTrust };
    if !is_of_server {
        return (Disposition::PerformDefaultHandling, None);
    }
    // SAFETY: both methods are as declared by Foundation; the protection space owns the trust, and outlives its use.
    #[allow(unsafe_code, reason = "the bindings leave out what names Security.framework")]
    unsafe {
        let trust: *mut SecTrust = msg_send![&*space, serverTrust];
        match trust.as_ref() {
            Some(trust) if hash_key(trust).is_some_and(|hash| hash == key_hash) => {
                let trust = std::ptr::from_ref(trust).cast_mut();
                let credential: Option<_> = msg_send![NSURLCredential::class(), credentialForTrust: trust];
                (Disposition::UseCredential, credential)
            }
            _ => (Disposition::CancelAuthenticationChallenge, None),
        }
    }
}

/// The SHA-256 of the server's key, in base64.
fn hash_key(trust: &SecTrust) -> Option<String> {
    let mut digest = Context::new(&SHA256);
    digest.update(&P256_HEADER);
    // SAFETY: the first certificate is the server's, and always there; no other thread has this challenge's trust. No
    // error is asked for, and nothing changes the bytes of the key.
    #[allow(unsafe_code, reason = "Security.framework is foreign")]
    #[allow(deprecated, reason = "the program would not start before macOS 12 with its successor")]
    unsafe {
        let key = trust.certificate_at_index(0)?.key()?;
        digest.update(key.external_representation(null_mut())?.as_bytes_unchecked());
    }
    Some(BASE64_STANDARD.encode(digest.finish()))
}
