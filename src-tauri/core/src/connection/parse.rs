//! From a text to a valid [`Connection`]: everything that can be known without the database, the
//! vault and the application is checked here, once.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::faults::Faults;
use super::{
    ConnectionFile, ConnectionSummary, DirectoryPart, Method, Origin, PolicyPart, ReasonRule, RequestPart,
    SignInPart, rules, shape,
};
use crate::error::{Code, Error, Result, SecretName};
use crate::json_path::dotted;
use crate::template::{Expression, JsonTemplate, Scope, Template};

/// The secret that opens the directory; it is never sent to the application.
pub const DATABASE_PASSWORD: &str = "database_password";

const SECRETS_IN_URL: &str = "a URL is written to logs and histories";

/// A connection that can be used: valid by construction.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The file's name without `.toml`; also the account prefix in the vault.
    pub id: String,
    pub origin: Origin,
    /// `None` for one that is in no file.
    pub path: Option<PathBuf>,
    /// As it is written, comments and all.
    pub text: String,
    pub file: ConnectionFile,
    pub sign_in: SignIn,
    pub sign_out: Option<Request>,
    pub policy: Policy,
}

/// What the session's page sends.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    /// Absolute, https or loopback, with a literal [`Template::origin`]; without secrets.
    pub url: Template,
    /// In the order of their names.
    pub headers: Vec<(String, Template)>,
    pub body: Option<JsonTemplate>,
}

#[derive(Debug, Clone)]
pub struct SignIn {
    pub request: Request,
    /// For the application's answer.
    pub timeout: Duration,
    /// What people are told when it worked; without secrets.
    pub success: Option<Template>,
    /// Where the session begins, a URL's template; `None`: at the root of the request's origin.
    pub redirect_to: Option<Template>,
    pub verify: Option<Verify>,
}

/// Who am I now?
#[derive(Debug, Clone)]
pub struct Verify {
    /// Of the same origin as the sign-in's request.
    pub url: Template,
    /// Over `response.status`, `response.json` and what the request knows, without secrets.
    pub expect: Expression,
    /// `expect` as it stands in the file.
    pub source: String,
}

#[derive(Debug, Clone)]
pub struct Policy {
    pub reason: ReasonRule,
    /// 1 to 1440; `None`: no limit.
    pub max_minutes: Option<u32>,
    /// Each as it stands in the file, and compiled over `user`.
    pub protect: Vec<(String, Expression)>,
}

impl Connection {
    /// Fails with [`Code::ConnectionInvalid`] and all faults of the text, each with line, column and key.
    pub fn parse(id: &str, text: &str, origin: Origin, path: Option<PathBuf>) -> Result<Self> {
        if !is_id(id) {
            return Err(invalid_id(id));
        }
        let name = path.as_deref().and_then(std::path::Path::file_name);
        let name = name.map_or_else(|| format!("{id}.toml"), |name| name.to_string_lossy().into_owned());
        let mut faults = Faults::new(name, without_bom(text));
        let Some(file) = shape::read(without_bom(text), &mut faults) else {
            return Err(faults.into_error());
        };
        if file.name.trim().is_empty() {
            faults.add("name", "cannot be empty");
        }
        rules::directory(&file.directory, id, &mut faults);
        let mut parts = Parts { id, fields: user_fields(&file.directory), faults };
        let sign_in = parts.sign_in(&file.sign_in);
        let sign_out = file.sign_out.as_ref().map(|part| parts.request("sign_out", part));
        let policy = parts.policy(&file.policy);
        let faults = parts.faults;
        match (sign_in, policy) {
            // Parts that are missing for a fault are told apart from parts that are not there by the fault.
            (Some(sign_in), Some(policy)) if faults.is_empty() => {
                let sign_out = sign_out.flatten();
                Ok(Self {
                    id: id.to_owned(),
                    origin,
                    path,
                    text: text.to_owned(),
                    file,
                    sign_in,
                    sign_out,
                    policy,
                })
            }
            _ => Err(faults.into_error()),
        }
    }

    /// Names of all secrets that signing in and out need, sorted; the database's password is not among them.
    pub fn secrets(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        for request in std::iter::once(&self.sign_in.request).chain(&self.sign_out) {
            names.extend(request.headers.iter().flat_map(|(_, value)| value.secrets()));
            names.extend(request.body.iter().flat_map(JsonTemplate::secrets));
        }
        names.into_iter().collect()
    }

    /// Where the password of the directory is kept in the vault.
    pub fn database_secret(&self) -> SecretName {
        SecretName { connection: self.id.clone(), name: DATABASE_PASSWORD.to_owned() }
    }

    /// Whether the vault is asked for the directory's password: a file has none, and a command gives its own.
    pub fn may_need_password(&self) -> bool {
        self.file.directory.may_need_password()
    }

    fn engine(&self) -> &'static str {
        match self.file.directory.url.split(':').next() {
            Some("sqlite") => "SQLite",
            Some("mysql") => "MySQL",
            Some("mariadb") => "MariaDB",
            Some("mongodb" | "mongodb+srv") => "MongoDB",
            _ => "PostgreSQL",
        }
    }

    pub fn summary(&self) -> ConnectionSummary {
        ConnectionSummary {
            id: self.id.clone(),
            name: self.file.name.clone(),
            environment: self.file.environment,
            origin: self.origin,
            reason: self.policy.reason,
            max_minutes: self.policy.max_minutes,
            engine: self.engine().to_owned(),
        }
    }
}

/// Reads a file for the form: keys and types have to be right, but not yet what they mean.
/// `name` is what people know the file by.
pub fn read_file(name: &str, text: &str) -> Result<ConnectionFile> {
    let mut faults = Faults::new(name, without_bom(text));
    shape::read(without_bom(text), &mut faults).ok_or_else(|| faults.into_error())
}

/// Windows' editors put a byte order mark first; it is no part of the text.
pub(super) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// `[a-z0-9][a-z0-9-_]{0,63}`: safe as a file's name everywhere and as a part of a vault's account.
pub fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    id.len() <= 64
        && id.bytes().next().is_some_and(plain)
        && id.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'_')
}

fn invalid_id(id: &str) -> Error {
    let good = id_for(id, |_| false);
    Error::new(
        Code::ConnectionInvalid,
        format!("`{id}` cannot be a connection's name: small letters, digits, `-` and `_` can, at most 64."),
    )
    .hint(format!("Name the file `{good}.toml`, for example."))
}

/// An id for a connection of this name that is not taken: `Acme GmbH` becomes `acme-gmbh`, then `acme-gmbh-2`.
pub fn id_for(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut id = String::new();
    for char in name.to_lowercase().chars() {
        if char.is_ascii_alphanumeric() {
            id.push(char);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    // Room for a number behind it.
    id.truncate(56);
    let id = id.trim_end_matches('-');
    let id = if id.is_empty() { "connection" } else { id };
    if !taken(id) {
        return id.to_owned();
    }
    (2..=u32::MAX)
        .map(|number| format!("{id}-{number}"))
        .find(|id| !taken(id))
        .expect("numbers do not run out")
}

/// What `user` has in templates: the roles that are mapped, and every mapped column by its own name, in
/// which paths have dots.
fn user_fields(part: &DirectoryPart) -> Vec<String> {
    let roles = [("email", &part.email), ("name", &part.name), ("created_at", &part.created_at)];
    let mut fields = vec!["id".to_owned(), part.id.clone()];
    for (role, column) in roles {
        fields.extend(column.iter().flat_map(|column| [role.to_owned(), column.clone()]));
    }
    fields.extend(part.columns.iter().cloned());
    fields.iter().map(|field| dotted(field)).collect()
}

/// Compiles the parts of one file and collects their faults; a part with a fault is `None`
/// or incomplete, and then there is a fault.
struct Parts<'a> {
    id: &'a str,
    fields: Vec<String>,
    faults: Faults<'a>,
}

impl Parts<'_> {
    fn session(&self, why_no_secrets: &'static str) -> Scope {
        Scope::session(self.fields.iter().cloned(), why_no_secrets)
    }

    fn sign_in(&mut self, part: &SignInPart) -> Option<SignIn> {
        let request = RequestPart {
            url: part.url.clone(),
            method: part.method,
            headers: part.headers.clone(),
            body: part.body.clone(),
        };
        let request = self.request("sign_in", &request);
        let success = part.success.as_ref().map(|text| {
            let scope = self.session("this text is shown to people");
            self.take("sign_in.success", Template::parse_words("sign_in.success", text, &scope))
        });
        let redirect_to = part.redirect_to.as_ref().map(|text| self.url("sign_in.redirect_to", text));
        let verify = part.verify.as_ref().map(|part| {
            let url = self.url("sign_in.verify.url", &part.url);
            let origin = request.as_ref().and_then(|request| request.url.origin());
            if let (Some(url), Some(origin)) = (&url, origin)
                && url.origin() != Some(origin)
            {
                self.faults.add(
                    "sign_in.verify.url",
                    format!(
                        "has to begin with {}, as sign_in.url does: only there the session's cookies are sent",
                        origin.ascii_serialization()
                    ),
                );
            }
            let scope = self.session("what is expected does not depend on a secret").with_response();
            let expect = Expression::parse("sign_in.verify.expect", &part.expect, &scope);
            let expect = self.take("sign_in.verify.expect", expect);
            Some(Verify { url: url?, expect: expect?, source: part.expect.clone() })
        });
        Some(SignIn {
            request: request?,
            timeout: Duration::from_millis(part.timeout_ms.into()),
            success: success.flatten(),
            redirect_to: redirect_to.flatten(),
            verify: verify.flatten(),
        })
    }

    /// `key` is the table's: `sign_in` or `sign_out`.
    fn request(&mut self, key: &str, part: &RequestPart) -> Option<Request> {
        let method = part.method.unwrap_or(Method::Post);
        let url = self.url(&format!("{key}.url"), &part.url);
        let scope = self.session(SECRETS_IN_URL).with_secrets();
        let mut headers = Vec::new();
        let mut seen = BTreeSet::new();
        for (name, value) in &part.headers {
            let key = format!("{key}.headers.{name}");
            rules::header(&key, name, value, &mut self.faults);
            if !seen.insert(name.to_lowercase()) {
                self.faults.add(&key, "is there twice: upper and lower case do not count in a header's name");
            }
            rules::no_secret_in_text(&key, name, value, self.id, &scope, &mut self.faults);
            let value = Template::parse(&key, value, &scope);
            headers.extend(self.take(&key, value).map(|value| (name.clone(), value)));
        }
        let body_key = format!("{key}.body");
        rules::body_allowed(&body_key, method, part.body.is_some(), &mut self.faults);
        let body = part.body.as_ref().map(|json| {
            rules::no_secret_in_json(&body_key, "", json, self.id, &scope, &mut self.faults);
            JsonTemplate::parse(&body_key, json, &scope)
                .map_err(|found| {
                    for (key, fault) in found {
                        self.faults.add(&key, fault.message);
                    }
                })
                .ok()
        });
        Some(Request { method, url: url?, headers, body: body.flatten() })
    }

    fn policy(&mut self, part: &PolicyPart) -> Option<Policy> {
        let scope = Scope::user(self.fields.iter().cloned());
        let mut protect = Vec::new();
        for (at, text) in part.protect.iter().enumerate() {
            let key = format!("policy.protect[{at}]");
            let expression = Expression::parse(&key, text, &scope);
            protect.push((text.clone(), self.take(&key, expression)?));
        }
        Some(Policy { reason: part.reason, max_minutes: part.max_minutes, protect })
    }

    fn url(&mut self, key: &str, text: &str) -> Option<Template> {
        rules::no_secret_in_query(key, text, &mut self.faults);
        let scope = self.session(SECRETS_IN_URL);
        self.take(key, Template::parse_url(key, text, &scope))
    }

    fn take<T>(&mut self, key: &str, parsed: Result<T, crate::template::TemplateFault>) -> Option<T> {
        parsed.map_err(|fault| self.faults.add(key, fault.message)).ok()
    }
}
