//! From a text to a valid [`Connection`]: everything that can be checked without the database, the vault and the
//! application is checked here, once.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::faults::KeyFaults;
use super::{
    ConnectionFile, ConnectionSource, ConnectionSummary, DirectoryConfig, Encoding, ForestConfig, Method,
    ReasonRule, access, rules, shape,
};
use crate::access::AccessPolicy;
use crate::directory::engine_name;
use crate::directory::json_path::to_dotted_name;
use crate::error::{Code, Error, Result, SecretName};
use crate::template::{Expression, JsonTemplate, Scope, SignInContext, Template};
use understudy_files::device_name::is_device;
use understudy_files::regular_file;
use understudy_gateway::HostCredentials;

/// The name of the directory's password; it is never sent to the application.
pub const DATABASE_PASSWORD: &str = "database_password";

/// The name of the secret that a Forest Admin backend signs its tokens with: `FOREST_AUTH_SECRET`.
pub const FOREST_SECRET: &str = "forest_auth_secret";

/// The name of the password for a gateway in front of the application (HTTP Basic).
pub const GATEWAY_PASSWORD: &str = "gateway_password";

pub(super) const SECRETS_IN_URL: &str = "a URL is written to logs and histories";

/// A connection that can be used: valid by construction.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The file's name without `.toml`; also the account prefix in the vault.
    pub id: String,
    pub source: ConnectionSource,
    /// `None` for the demo and other connections without a file.
    pub path: Option<PathBuf>,
    /// The file's text, including comments.
    pub text: String,
    pub file: ConnectionFile,
    pub sign_in: SignIn,
    pub sign_out: SignOut,
    pub policy: Policy,
    pub network: Network,
}

/// How the application is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// `http` or `socks5`, with host and port.
    pub proxy: Option<::url::Url>,
    /// A PEM file with certificates to trust in addition to the system's.
    pub ca: Option<PathBuf>,
    /// The content of `ca`, once it has been read for a sign-in: see `Connection::with_authority`.
    pub authority: Option<Arc<[u8]>>,
    /// The user name for the gateway in front of the application (HTTP Basic with [`GATEWAY_PASSWORD`]).
    pub gateway_user: Option<String>,
}

impl Network {
    /// The PEM text of the authorities to trust besides the system's; empty if the file names none.
    ///
    /// Fails with [`Code::FileFailed`] if the file cannot be read or contains no certificate.
    pub(crate) fn read_authority(&self) -> Result<Vec<u8>> {
        let Some(path) = &self.ca else { return Ok(Vec::new()) };
        let pem = match &self.authority {
            Some(read) => read.to_vec(),
            None => regular_file::read_bytes(path, regular_file::OF_CERTIFICATES)?,
        };
        if understudy_gateway::read_certificates(&pem).is_empty() {
            let message = format!("{} contains no PEM certificate.", path.display());
            return Err(Error::new(Code::FileFailed, message).with_hint(
                "Correct `network.ca`: it must name a file that contains `-----BEGIN CERTIFICATE-----`.",
            ));
        }
        Ok(pem)
    }
}

/// A request as the file describes it. The session's page sends it, or the console does.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    /// Absolute, https or loopback, with a literal [`Template::origin`]; without secrets.
    pub url: Template,
    /// Sorted by name.
    pub headers: Vec<(String, Template)>,
    pub body: Option<JsonTemplate>,
    pub encoding: Encoding,
    /// The statuses that mean success; if empty, the default ones.
    pub expect: Vec<u16>,
    /// Conditions on the answer, in addition to the status.
    pub that: Vec<Expression>,
}

impl Request {
    /// The names of the secrets in the request.
    pub fn secret_names(&self) -> BTreeSet<String> {
        let in_headers = self.headers.iter().flat_map(|(_, value)| value.secret_names());
        in_headers.chain(self.body.iter().flat_map(JsonTemplate::secret_names)).collect()
    }
}

#[derive(Debug, Clone)]
pub struct SignIn {
    pub recipe: Recipe,
    /// Requests that the console sends before anything else.
    pub steps: Vec<SignInStep>,
    /// The application's origin, where the session begins and its cookies belong.
    pub origin: ::url::Origin,
    /// How long each of the application's answers may take.
    pub timeout: Duration,
    /// The message for a successful sign-in; without secrets.
    pub success: Option<Template>,
    /// The first page, as a URL template; `None` is the root of [`Self::origin`].
    pub redirect_to: Option<Template>,
    pub verify: Option<Verify>,
    /// Path prefixes that the session's window may not reach.
    pub block: Vec<String>,
}

/// How the session's window gets signed in, after the console has taken its steps.
#[derive(Debug, Clone)]
pub enum Recipe {
    /// The window sends this request.
    Webhook(Request),
    /// The window gets the cookies with these names that belong to the application or to one of these origins.
    Exchange {
        cookies: Vec<String>,
        origins: Vec<url::Url>,
    },
    /// The window opens the URL captured under this name, if it has one of these origins.
    Link {
        open: String,
        origins: Vec<::url::Origin>,
    },
    /// The window sends this request, if there is one; then the items are put into its page's storage.
    Storage {
        request: Option<Request>,
        items: Vec<StorageItem>,
    },
    Forest(Forest),
}

/// One entry of a page's storage.
#[derive(Debug, Clone)]
pub struct StorageItem {
    /// Whether it belongs to sessionStorage rather than localStorage.
    pub of_session: bool,
    pub name: String,
    /// A string is stored as it is, anything else as JSON.
    pub value: JsonTemplate,
}

/// A Smart Action of Forest Admin.
#[derive(Debug, Clone)]
pub struct Forest {
    pub part: ForestConfig,
    /// The action's URL.
    pub url: Template,
    /// Values for the action's form.
    pub values: Vec<(String, JsonTemplate)>,
}

/// One request that the console sends.
#[derive(Debug, Clone)]
pub struct SignInStep {
    /// Shown to people; may be empty.
    pub name: String,
    pub request: Request,
    /// The name of the captured URL to request instead of the request's own, if its origin is the same.
    pub follow: Option<String>,
    /// How many redirects are followed, within the origin.
    pub redirects: u32,
    pub capture: Vec<Capture>,
}

/// A value to take from an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    pub name: String,
    pub place: CapturePlace,
    /// If set, the value is a JWT and this claim of it is taken.
    pub claim: Option<String>,
}

/// Where in an answer the value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CapturePlace {
    /// A JSON pointer (RFC 6901).
    Json(String),
    Cookie(String),
    Header(String),
    /// A form field or a `<meta>` of the page.
    Form(String),
    /// The first link whose path begins like this.
    Link(String),
}

#[derive(Debug, Clone, Default)]
pub struct SignOut {
    /// Sent by the session's window.
    pub request: Option<Request>,
    /// Sent by the console after `request`.
    pub steps: Vec<SignInStep>,
}

/// Asks the application who is signed in.
#[derive(Debug, Clone)]
pub struct Verify {
    pub url: Template,
    /// Without secrets.
    pub headers: Vec<(String, Template)>,
    /// Whether the console asks, with `headers` only, because the URL has another origin and the window's cookies would
    /// not be sent there.
    pub by_console: bool,
    /// Uses `response.status`, `response.json`, `response.text` and what the request knows, without secrets.
    pub expect: Expression,
    /// `expect` as it is in the file.
    pub source: String,
}

/// The default of `policy.max_extensions`.
const MAX_EXTENSIONS: u32 = 2;

#[derive(Debug, Clone)]
pub struct Policy {
    pub reason: ReasonRule,
    /// 1 to 1440; `None` means no limit.
    pub max_minutes: Option<u32>,
    /// How often a session may be extended by `max_minutes`.
    pub max_extensions: u32,
    /// Each rule as it is in the file, and compiled over `user`.
    pub protect: Vec<(String, Expression)>,
    pub access: AccessPolicy,
}

impl Verify {
    /// Whether it can only be rendered once the sign-in has been answered.
    pub fn needs_response(&self) -> bool {
        self.url.uses("response") || self.headers.iter().any(|(_, value)| value.uses("response"))
    }

    /// Whether it authenticates with a captured or answered value rather than just the window's cookies.
    pub fn shows_a_token(&self) -> bool {
        let names = |template: &Template| !template.captured_names().is_empty() || template.uses("response");
        self.headers.iter().any(|(_, value)| names(value)) || names(&self.url)
    }
}

impl Connection {
    /// Fails with [`Code::ConnectionInvalid`] and all faults of the text, each with line, column and key.
    pub fn parse(id: &str, text: &str, source: ConnectionSource, path: Option<PathBuf>) -> Result<Self> {
        if !is_id(id) {
            return Err(invalid_id(id));
        }
        let name = path.as_deref().and_then(std::path::Path::file_name);
        let name = name.map_or_else(|| format!("{id}.toml"), |name| name.to_string_lossy().into_owned());
        let mut faults = KeyFaults::new(name, without_bom(text));
        let Some(file) = shape::parse_file(without_bom(text), &mut faults) else {
            return Err(faults.into_error());
        };
        if file.name.trim().is_empty() {
            faults.add_fault("name", "cannot be empty");
        }
        rules::check_directory(&file.directory, id, &mut faults);
        let network = rules::compile_network(file.network.as_ref(), &mut faults);
        let mut parts = ConnectionCompiler { id, fields: user_fields(&file.directory), faults };
        let compiled = parts.sign_in_and_out(&file);
        let policy = parts.compile_policy(&file, compiled.as_ref().map(|(sign_in, _)| sign_in));
        let faults = parts.faults;
        match (compiled, policy) {
            // A missing part is either absent from the file or faulty; the fault tells which.
            (Some((sign_in, sign_out)), Some(policy)) if faults.is_empty() => Ok(Self {
                id: id.to_owned(),
                source,
                path,
                text: text.to_owned(),
                file,
                sign_in,
                sign_out,
                policy,
                network,
            }),
            _ => Err(faults.into_error()),
        }
    }

    /// The names of all secrets that signing in and out needs, sorted, without the database password.
    pub fn sign_in_secret_names(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        let (sign_in, sign_out) = (&self.sign_in, &self.sign_out);
        let own = match &sign_in.recipe {
            Recipe::Webhook(request) => Some(request),
            Recipe::Storage { request, .. } => request.as_ref(),
            Recipe::Exchange { .. } | Recipe::Link { .. } => None,
            Recipe::Forest(forest) => {
                names.insert(FOREST_SECRET.to_owned());
                names.extend(forest.values.iter().flat_map(|(_, value)| value.secret_names()));
                None
            }
        };
        names.extend(self.network.gateway_user.as_ref().map(|_| GATEWAY_PASSWORD.to_owned()));
        let steps = sign_in.steps.iter().chain(&sign_out.steps).map(|step| &step.request);
        names.extend(own.into_iter().chain(steps).chain(&sign_out.request).flat_map(Request::secret_names));
        names.into_iter().collect()
    }

    /// The names of the secrets that the console's sign-out steps need, sorted. The window's sign-out needs none.
    pub fn sign_out_secrets(&self) -> Vec<String> {
        let names: BTreeSet<String> =
            self.sign_out.steps.iter().flat_map(|step| step.request.secret_names()).collect();
        names.into_iter().collect()
    }

    /// The connection with the content of `network.ca` as it is now. What the operator agreed to is then exactly what
    /// is trusted, even if the file changes in between.
    ///
    /// Fails with [`Code::FileFailed`] if it cannot be read.
    pub(crate) fn with_authority(mut self) -> Result<Self> {
        if let Some(path) = &self.network.ca {
            self.network.authority =
                Some(regular_file::read_bytes(path, regular_file::OF_CERTIFICATES)?.into());
        }
        Ok(self)
    }

    /// The login for a gateway in front of the application, with the password from `context`; `None` if there is no
    /// gateway.
    pub fn gateway_for(&self, context: &SignInContext) -> Option<HostCredentials> {
        self.gateway_with(context.secret(GATEWAY_PASSWORD)?.clone())
    }

    /// The same with this password.
    pub(crate) fn gateway_with(&self, password: SecretString) -> Option<HostCredentials> {
        let user = self.network.gateway_user.clone()?;
        Some(HostCredentials { origin: self.sign_in.origin.clone(), user, password })
    }

    /// The name of the directory's password in the vault.
    pub fn database_secret(&self) -> SecretName {
        SecretName::new(&self.id, DATABASE_PASSWORD)
    }

    /// The names of all secrets that the connection can use: the database password, and those of its templates.
    pub fn secret_names(&self) -> Vec<String> {
        let mut names = self.sign_in_secret_names();
        if self.may_need_password() {
            names.insert(0, DATABASE_PASSWORD.into());
        }
        names
    }

    /// Whether the directory's password comes from the vault: a file needs none, and a command prints its own.
    pub fn may_need_password(&self) -> bool {
        self.file.directory.may_need_password()
    }

    fn engine_name(&self) -> &'static str {
        engine_name(&self.file.directory.url).unwrap_or("PostgreSQL")
    }

    pub fn to_summary(&self) -> ConnectionSummary {
        ConnectionSummary {
            id: self.id.clone(),
            name: self.file.name.clone(),
            environment: self.file.environment,
            source: self.source,
            reason: self.policy.reason,
            max_minutes: self.policy.max_minutes,
            engine: self.engine_name().to_owned(),
            has_form: matches!(self.sign_in.recipe, Recipe::Forest(_)),
        }
    }
}

/// Reads a file for the form: keys and types must be right, their meaning is not checked. `name` is the file's name for
/// people.
pub fn read_file(name: &str, text: &str) -> Result<ConnectionFile> {
    let mut faults = KeyFaults::new(name, without_bom(text));
    shape::parse_file(without_bom(text), &mut faults).ok_or_else(|| faults.into_error())
}

/// Windows editors put a byte order mark at the beginning; it is not part of the text.
pub(super) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// `[a-z0-9][a-z0-9-_]{0,63}`, and not a Windows device name: safe as a file name everywhere and as part of a vault's
/// account.
pub fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    id.len() <= 64
        && id.bytes().next().is_some_and(plain)
        && id.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'_')
        && !is_device(id)
}

fn invalid_id(id: &str) -> Error {
    let good = id_for(id, |_| false);
    let why = if is_device(id) {
        "on Windows, it is the name of a device"
    } else {
        "use at most 64 lower-case letters, digits, `-` and `_`"
    };
    Error::new(Code::ConnectionInvalid, format!("`{id}` cannot be a connection's name: {why}."))
        .with_hint(format!("Name the file `{good}.toml`, for example."))
}

/// A free ID for a connection of this name: `Acme GmbH` becomes `acme-gmbh`, or `acme-gmbh-2` if that is taken.
pub fn id_for(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut id = String::new();
    for char in name.to_lowercase().chars() {
        if char.is_ascii_alphanumeric() {
            id.push(char);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    // Leaves room for a number.
    id.truncate(56);
    let id = id.trim_end_matches('-');
    let id = if id.is_empty() { "connection" } else { id };
    if !is_device(id) && !taken(id) {
        return id.to_owned();
    }
    (2..=u32::MAX)
        .map(|number| format!("{id}-{number}"))
        .find(|id| !taken(id))
        .expect("numbers do not run out")
}

/// The fields of `user` in templates: the mapped roles, and each mapped column by its own name, in which paths have
/// dots.
fn user_fields(part: &DirectoryConfig) -> Vec<String> {
    let roles = [("email", &part.email), ("name", &part.name), ("created_at", &part.created_at)];
    let mut fields = vec!["id".to_owned(), part.id.clone()];
    for (role, column) in roles {
        fields.extend(column.iter().flat_map(|column| [role.to_owned(), column.clone()]));
    }
    fields.extend(part.columns.iter().cloned());
    fields.iter().map(|field| to_dotted_name(field)).collect()
}

/// Compiles the parts of one file and collects their faults. A faulty part is `None` or incomplete, and then there is
/// always a fault.
pub(super) struct ConnectionCompiler<'a> {
    pub(super) id: &'a str,
    fields: Vec<String>,
    pub(super) faults: KeyFaults<'a>,
}

impl ConnectionCompiler<'_> {
    pub(super) fn session_scope(&self, why_no_secrets: &'static str) -> Scope {
        Scope::for_session(self.fields.iter().cloned(), why_no_secrets)
    }

    fn compile_policy(&mut self, file: &ConnectionFile, sign_in: Option<&SignIn>) -> Option<Policy> {
        let part = &file.policy;
        let scope = Scope::for_user(self.fields.iter().cloned());
        let mut protect = Vec::new();
        for (at, text) in part.protect.iter().enumerate() {
            let key = format!("policy.protect[{at}]");
            let expression = Expression::parse(&key, text, &scope);
            protect.push((text.clone(), self.ok_or_fault(&key, expression)?));
        }
        let max_extensions = part.max_extensions.unwrap_or(MAX_EXTENSIONS);
        let access = access::compile_access(part, file.environment, sign_in, &mut self.faults);
        Some(Policy { reason: part.reason, max_minutes: part.max_minutes, max_extensions, protect, access })
    }

    pub(super) fn compile_url(
        &mut self,
        key: &str,
        text: &str,
        captured: &BTreeSet<String>,
    ) -> Option<Template> {
        rules::no_secret_in_query(key, text, &mut self.faults);
        let scope = self.session_scope(SECRETS_IN_URL).with_captured(captured);
        self.ok_or_fault(key, Template::parse_url(key, text, &scope))
    }

    pub(super) fn ok_or_fault<T>(
        &mut self,
        key: &str,
        parsed: Result<T, crate::template::TemplateFault>,
    ) -> Option<T> {
        parsed.map_err(|fault| self.faults.add_fault(key, fault.message)).ok()
    }
}
