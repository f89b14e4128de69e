//! The way to the application: a proxy, an authority, a gateway.

use url::Url;

use crate::connection::faults::KeyFaults;
use crate::connection::{Network, NetworkConfig};

/// Checks `[network]`.
pub(in crate::connection) fn compile_network(
    part: Option<&NetworkConfig>,
    faults: &mut KeyFaults,
) -> Network {
    let Some(part) = part else { return Network::default() };
    let proxy = part.proxy.as_ref().and_then(|text| {
        let url = Url::parse(text).ok().filter(|url| {
            let is_bare =
                matches!(url.path(), "" | "/") && url.query().is_none() && url.username().is_empty();
            ["http", "socks5"].contains(&url.scheme())
                && url.host_str().is_some_and(|host| !host.is_empty())
                && is_bare
        });
        if url.is_none() {
            faults.add_fault(
                "network.proxy",
                "has to be `http://host:port` or `socks5://host:port`, without a password",
            );
        }
        url
    });
    let ca = part.ca.as_ref().map(std::path::PathBuf::from);
    if ca.as_ref().is_some_and(|path| !path.is_absolute()) {
        faults.add_fault("network.ca", "has to be the full path of a PEM file");
    } else if part.ca.as_ref().is_some_and(|text| text.starts_with("\\\\") || text.starts_with("//")) {
        // Windows would log in to that computer before the operator has agreed.
        faults.add_fault("network.ca", "has to be a file on this computer, not on a network share");
    }
    let gateway_user = part.gateway_user.clone();
    if gateway_user
        .as_ref()
        .is_some_and(|user| user.is_empty() || user.contains(':') || user.chars().any(char::is_control))
    {
        faults.add_fault(
            "network.gateway_user",
            "has to be a user name without a colon; its password is the secret `gateway_password`",
        );
    }
    Network { proxy, ca, authority: None, gateway_user }
}
