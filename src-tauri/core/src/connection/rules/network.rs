//! The way to the application: a proxy, an authority, a gateway, hosts that ask for a password.

use url::{Origin, Url};

use crate::connection::faults::KeyFaults;
use crate::connection::{HostLogin, Network, NetworkConfig};
use crate::template::{Scope, Template};

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
    Network { proxy, ca, authority: None, gateway_user, credentials: Vec::new() }
}

/// Checks `[[network.credentials]]`.
pub(in crate::connection) fn compile_credentials(
    part: &NetworkConfig,
    id: &str,
    scope: &Scope,
    faults: &mut KeyFaults,
) -> Vec<HostLogin> {
    let mut logins: Vec<HostLogin> = Vec::new();
    for (at, item) in part.credentials.iter().enumerate() {
        let key = format!("network.credentials[{at}]");
        let mut parse = |name: &str, text: &str| {
            let key = format!("{key}.{name}");
            let parsed =
                Template::parse(&key, text, scope).map_err(|fault| faults.add_fault(&key, fault.message));
            parsed.ok()
        };
        let (user, password) = (parse("user", &item.user), parse("password", &item.password));
        if item.user.trim().is_empty()
            || user.as_ref().is_some_and(|it| it.is_literal() && item.user.contains(':'))
        {
            faults.add_fault(&format!("{key}.user"), "has to be a user name without a colon");
        }
        if password.as_ref().is_some_and(|password| password.secret_names().is_empty()) {
            faults.add_fault(
                &format!("{key}.password"),
                format!(
                    "has to come from the keyring. Write `{{{{ secret.<name> }}}}` and store it with \
                     `understudy secret set {id} <name>`"
                ),
            );
        }
        let Some(origin) = parse_origin(&item.origin) else {
            let what = "has to be an origin: `https://` and a host, with a port if it is not the usual one";
            faults.add_fault(&format!("{key}.origin"), what);
            continue;
        };
        if logins.iter().any(|known| known.origin == origin) {
            faults.add_fault(&format!("{key}.origin"), "is there twice; one host gets one user name");
        }
        if let (Some(user), Some(password)) = (user, password) {
            logins.push(HostLogin { origin, user, password });
        }
    }
    logins
}

fn parse_origin(text: &str) -> Option<Origin> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let has_no_login = url.username().is_empty() && url.password().is_none();
    (["http", "https"].contains(&url.scheme()) && is_bare && has_no_login).then(|| url.origin())
}
