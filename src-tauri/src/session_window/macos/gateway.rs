//! How a session's `WKWebView` reaches its gateway, and nothing else: `WKWebsiteDataStore.proxyConfigurations` with a
//! SOCKSv5 `nw_proxy_config_t` of Network.framework, both since macOS 14.

use std::ffi::{CString, c_char};

use objc2::rc::Retained;
use objc2::runtime::NSObject;
use objc2::{MainThreadMarker, msg_send, sel};
use objc2_foundation::{NSArray, NSObjectProtocol};
use objc2_web_kit::{WKWebViewConfiguration, WKWebsiteDataStore};
use secrecy::ExposeSecret;

use crate::session_window::stage::GatewayAccess;

// <Network/proxy_config.h> and <Network/endpoint.h>. All objects of Network.framework are Objective-C objects, and
// those that a `create` returns belong to the caller. `build.rs` links the framework weakly: the program also starts
// where it lacks these functions.
#[allow(unsafe_code, reason = "Network.framework has no Rust interface")]
unsafe extern "C" {
    fn nw_endpoint_create_host(host: *const c_char, port: *const c_char) -> *mut NSObject;
    fn nw_proxy_config_create_socksv5(endpoint: *mut NSObject) -> *mut NSObject;
    fn nw_proxy_config_set_username_and_password(
        config: *mut NSObject,
        user: *const c_char,
        password: *const c_char,
    );
    fn nw_proxy_config_set_failover_allowed(config: *mut NSObject, is_allowed: bool);
    fn nw_proxy_config_clear_excluded_domains(config: *mut NSObject);
}

/// A configuration with a data store in memory, all of whose connections go through the gateway. It is complete before
/// a web view uses it, because WebKit does not move connections to a proxy that is set later.
pub fn create_configuration(access: &GatewayAccess) -> Result<Retained<WKWebViewConfiguration>, String> {
    let main = MainThreadMarker::new().ok_or("windows are built on the main thread")?;
    // SAFETY: called on the main thread, as both classes demand.
    #[allow(unsafe_code, reason = "WebKit is foreign")]
    let (configuration, store) =
        unsafe { (WKWebViewConfiguration::new(main), WKWebsiteDataStore::nonPersistentDataStore(main)) };
    if !store.respondsToSelector(sel!(setProxyConfigurations:)) {
        return Err("this version of macOS can't send the session's requests through Understudy, which \
                    therefore could not control them. Update to macOS 14 or newer."
            .to_owned());
    }
    let proxies = NSArray::from_retained_slice(&[create_proxy(access)?]);
    // SAFETY: the store responds to the setter, which takes an array of proxy configurations.
    #[allow(unsafe_code, reason = "the property has no safe wrapper")]
    unsafe {
        let () = msg_send![&*store, setProxyConfigurations: &*proxies];
        configuration.setWebsiteDataStore(&store);
    }
    Ok(configuration)
}

/// SOCKSv5, because plain http, https and WebSockets then look alike to WebKit. Where the gateway does not answer,
/// there is no other way, and no host is exempt.
fn create_proxy(access: &GatewayAccess) -> Result<Retained<NSObject>, String> {
    let to_c = |text: &str| CString::new(text).map_err(|error| error.to_string());
    let (host, port) = (to_c(&access.address.ip().to_string())?, to_c(&access.address.port().to_string())?);
    let (user, password) = (to_c(access.user)?, to_c(access.password.expose_secret())?);
    // SAFETY: the functions exist wherever data stores have the property, which was tested. All strings outlive their
    // calls, and the objects that are created are owned here.
    #[allow(unsafe_code, reason = "Network.framework has no Rust interface")]
    unsafe {
        let endpoint = Retained::from_raw(nw_endpoint_create_host(host.as_ptr(), port.as_ptr()))
            .ok_or("macOS made no address for the session's proxy")?;
        let config =
            Retained::from_raw(nw_proxy_config_create_socksv5(Retained::as_ptr(&endpoint).cast_mut()))
                .ok_or("macOS made no proxy for the session")?;
        let proxy = Retained::as_ptr(&config).cast_mut();
        nw_proxy_config_set_username_and_password(proxy, user.as_ptr(), password.as_ptr());
        nw_proxy_config_set_failover_allowed(proxy, false);
        nw_proxy_config_clear_excluded_domains(proxy);
        Ok(config)
    }
}
