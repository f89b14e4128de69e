//! From a text to a valid [`Connection`]: everything that can be checked without the database, the vault and the
//! application is checked here, once.
//!
//! `sign_in_parts` is what a valid `[sign_in]` means, `ids` what a connection may be called.

mod ids;
mod network;
mod secret_names;
mod sign_in_parts;

use std::collections::BTreeSet;
use std::path::PathBuf;

use understudy_files::regular_file;

use self::ids::invalid_id;
use super::faults::KeyFaults;
use super::{
    ApprovalRule, ConnectionFile, ConnectionSource, ConnectionSummary, DirectoryConfig, NetworkConfig,
    ReasonRule, access, rules, shape,
};
use crate::access::AccessPolicy;
use crate::directory::RelatedTable;
use crate::directory::engine_name;
use crate::directory::json_path::to_dotted_name;
use crate::error::Result;
use crate::template::{Expression, Scope, Template};

pub use ids::{id_for, is_id};
pub use network::{HostLogin, Network};
pub use secret_names::{DATABASE_PASSWORD, FOREST_SECRET, GATEWAY_PASSWORD};
pub use sign_in_parts::{
    Capture, CapturePlace, Forest, Recipe, Request, SignIn, SignInStep, SignOut, StorageItem, Verify,
};

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
    /// Sends a session's summary into its ticket.
    pub ticket_note: Option<Request>,
    /// Tells the application of a session that has ended.
    pub notify: Option<Request>,
    /// The requests that add evidence to a ticket, in order; empty if the file has none.
    pub ticket_evidence: Vec<SignInStep>,
    /// The page about a user in the team's own tool.
    pub user_page: Option<Template>,
    /// The pages about the rows of each related table, if it has any.
    pub record_pages: Vec<Option<Template>>,
}

/// The longest name of a connection. It is in each entry of the audit log.
const NAME_CHARS: usize = 200;

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
    /// Searches and opened details are in the audit log too.
    pub record_lookups: bool,
    /// Who has to approve a session before it begins.
    pub approval: Option<ApprovalRule>,
    /// A session may begin without that approval, with a reason.
    pub break_glass: bool,
}

impl Connection {
    /// Fails with [`Code::ConnectionInvalid`](crate::error::Code::ConnectionInvalid) and all faults of the text, each
    /// with line, column and key.
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
        if file.name.chars().count() > NAME_CHARS {
            faults.add_fault("name", format!("has more than {NAME_CHARS} characters"));
        }
        rules::check_directory(&file.directory, id, &mut faults);
        let mut network = rules::compile_network(file.network.as_ref(), &mut faults);
        let mut parts = ConnectionCompiler { id, fields: user_fields(&file.directory), faults };
        network.credentials = parts.compile_credentials(file.network.as_ref());
        let user_page = parts.compile_user_page(&file.directory);
        let record_pages = parts.compile_record_pages(&file.directory);
        let compiled = parts.sign_in_and_out(&file);
        let ticket_note = file.ticket.as_ref().and_then(|part| parts.compile_ticket_note(part));
        let notify = file.notify.as_ref().and_then(|part| parts.compile_notify(part));
        let ticket_evidence =
            file.ticket.as_ref().map(|part| parts.compile_ticket_evidence(part)).unwrap_or_default();
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
                ticket_note,
                notify,
                ticket_evidence,
                user_page,
                record_pages,
            }),
            _ => Err(faults.into_error()),
        }
    }

    /// The connection with the content of `network.ca` as it is now. What the operator agreed to is then exactly what
    /// is trusted, even if the file changes in between.
    ///
    /// Fails with [`Code::FileFailed`](crate::error::Code::FileFailed) if it cannot be read.
    pub(crate) fn with_authority(mut self) -> Result<Self> {
        if let Some(path) = &self.network.ca {
            self.network.authority =
                Some(regular_file::read_bytes(path, regular_file::OF_CERTIFICATES)?.into());
        }
        Ok(self)
    }

    /// The helpdesk's origin, if summaries can be sent there.
    pub fn ticket_origin(&self) -> Option<String> {
        self.ticket_note.as_ref()?.url.origin().map(::url::Origin::ascii_serialization)
    }

    /// The helpdesk's origin, if evidence can be sent there.
    pub fn evidence_origin(&self) -> Option<String> {
        self.ticket_evidence.first()?.request.url.origin().map(::url::Origin::ascii_serialization)
    }

    /// Every request to the helpdesk.
    pub fn ticket_requests(&self) -> impl Iterator<Item = &Request> {
        self.ticket_note.iter().chain(self.ticket_evidence.iter().map(|step| &step.request))
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
            needs_approval: self.policy.approval.is_some(),
            may_break_glass: self.policy.break_glass,
            engine: self.engine_name().to_owned(),
            has_form: matches!(self.sign_in.recipe, Recipe::Forest(_)),
            has_user_page: self.user_page.is_some(),
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
pub(crate) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The fields of `user` in templates: the mapped roles, and each mapped column by its own name, in which paths have
/// dots.
pub(crate) fn user_fields(part: &DirectoryConfig) -> Vec<String> {
    let roles = [("email", &part.email), ("name", &part.name), ("created_at", &part.created_at)];
    let mut fields = vec!["id".to_owned(), part.id.clone()];
    for (role, column) in roles {
        fields.extend(column.iter().flat_map(|column| [role.to_owned(), column.clone()]));
    }
    fields.extend(part.columns.iter().cloned());
    fields.iter().map(|field| to_dotted_name(field)).collect()
}

/// The fields of `record` in the URL of a related table's rows: `id`, `created_at` if it is mapped, and each mapped
/// column by its own name, in which paths have dots.
fn record_fields(related: &RelatedTable) -> Vec<String> {
    let created_at = related.created_at.iter().flat_map(|column| ["created_at".to_owned(), column.clone()]);
    let user = related.through.is_none().then_some(&related.user);
    let columns = related.id.iter().chain(user).chain(&related.identify).chain(&related.describe);
    let fields = ["id".to_owned()].into_iter().chain(created_at).chain(columns.cloned());
    fields.map(|field| to_dotted_name(&field)).collect()
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

    fn compile_credentials(&mut self, network: Option<&NetworkConfig>) -> Vec<HostLogin> {
        let scope = self.session_scope("").with_secrets();
        let network = network.filter(|network| !network.credentials.is_empty());
        network
            .map(|part| rules::compile_credentials(part, self.id, &scope, &mut self.faults))
            .unwrap_or_default()
    }

    /// Masked columns are not there: an address is written to histories.
    fn compile_user_page(&mut self, part: &DirectoryConfig) -> Option<Template> {
        const KEY: &str = "directory.page";
        let url = part.page.as_ref()?;
        rules::no_secret_in_query(KEY, url, &mut self.faults);
        let masked: Vec<String> = part.masked.iter().map(|name| to_dotted_name(name)).collect();
        let shown = self.fields.iter().filter(|&field| !masked.contains(field)).cloned();
        let scope = Scope::for_page("user", shown);
        self.ok_or_fault(KEY, Template::parse_url(KEY, url, &scope))
    }

    fn compile_record_pages(&mut self, part: &DirectoryConfig) -> Vec<Option<Template>> {
        let compiled = part.related.iter().enumerate().map(|(at, related)| {
            let key = format!("directory.related[{at}].url");
            let url = related.url.as_ref()?;
            rules::no_secret_in_query(&key, url, &mut self.faults);
            let scope = Scope::for_page("record", record_fields(related));
            self.ok_or_fault(&key, Template::parse_url(&key, url, &scope))
        });
        compiled.collect()
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
        if part.break_glass && part.approval.is_none() {
            self.faults
                .add_fault("policy.break_glass", "needs `approval`: there is nothing to go on without");
        }
        let max_extensions = part.max_extensions.unwrap_or(MAX_EXTENSIONS);
        let access = access::compile_access(part, file.environment, sign_in, &mut self.faults);
        Some(Policy {
            reason: part.reason,
            max_minutes: part.max_minutes,
            max_extensions,
            protect,
            access,
            record_lookups: part.record_lookups,
            approval: part.approval,
            break_glass: part.break_glass,
        })
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
