//! Guesses the roles of a table's columns from the names that frameworks give them.
//!
//! Columns that hold secrets have been removed before.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::discovery::FoundColumn;
use crate::model::FieldKind;
use crate::schema::name_words::{normalize_name, split_name};

/// The guessed values for the connection file's `[directory]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Guess {
    pub id: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
    pub created_at: Option<String>,
    /// More columns that are worth showing.
    pub columns: Vec<String>,
    /// `None`: email and name, the default.
    pub search: Option<Vec<String>>,
}

// Names with their separators removed, best first.
const IDS: &[&str] = &["id", "userid", "uid", "uuid", "guid", "pk", "customerid", "accountid", "memberid"];

const EMAILS: &[&str] = &[
    "email",
    "emailaddress",
    "useremail",
    "mail",
    "primaryemail",
    "loginemail",
    "emailsaddress",
    "accountemail",
    "customeremail",
    "contactemail",
    "workemail",
];

const NAMES: &[&str] = &[
    "fullname",
    "displayname",
    "name",
    "realname",
    "userfullname",
    "namefull",
    "namedisplay",
    "completename",
    "customername",
    "membername",
    "personname",
    "contactname",
    "publicname",
];

const HANDLES: &[&str] =
    &["username", "userlogin", "login", "loginname", "nickname", "handle", "screenname", "usernicename"];

const FIRST_NAMES: &[&str] = &["firstname", "givenname", "forename", "namefirst", "namegiven", "fname"];

const LAST_NAMES: &[&str] = &["lastname", "surname", "familyname", "namelast", "namefamily", "lname"];

const CREATED: &[&str] = &[
    "createdat",
    "created",
    "createdon",
    "datejoined",
    "joinedat",
    "joined",
    "registeredat",
    "userregistered",
    "registered",
    "registrationdate",
    "registeredon",
    "signedupat",
    "signupdate",
    "signupat",
    "datecreated",
    "createddate",
    "creationdate",
    "createdtime",
    "creationtime",
    "createdtimestamp",
    "insertedat",
    "membersince",
    "createtime",
    "usercreated",
    "usercreatedat",
];

/// Columns worth showing, in this order; only the first match in each line is used.
const OTHERS: &[&[&str]] = &[
    &["plan", "planname", "tier", "subscription", "subscriptionplan", "subscriptiontier", "pricingplan"],
    &[
        "companyname",
        "company",
        "organizationname",
        "organisationname",
        "organization",
        "organisation",
        "team",
        "tenant",
    ],
    &["role", "userrole", "isadmin", "admin", "isstaff"],
    &["issuperuser"],
    &["status", "userstatus", "accountstatus", "state"],
    &[
        "isactive",
        "active",
        "enabled",
        "disabled",
        "suspended",
        "banned",
        "isblocked",
        "blocked",
        "suspendedat",
    ],
    &[
        "lastloginat",
        "lastlogin",
        "lastsigninat",
        "currentsigninat",
        "lastseenat",
        "lastseen",
        "lastactiveat",
        "lastactivityat",
        "lastaccess",
    ],
    &["phone", "phonenumber", "mobile"],
    &["country", "countrycode"],
    &["locale", "language"],
    &["deletedat", "deleted", "isdeleted"],
];

/// The maximum number of columns besides the roles, so that a row can be taken in at a glance.
const MOST_OTHERS: usize = 6;

/// Words in columns that relate to an email address but do not hold the current one.
const NO_EMAIL: &[&str] = &[
    "at",
    "backup",
    "bounced",
    "canonical",
    "confirmed",
    "constraint",
    "count",
    "enabled",
    "hash",
    "id",
    "is",
    "new",
    "normalized",
    "notification",
    "notifications",
    "old",
    "opt",
    "optin",
    "recovery",
    "sent",
    "status",
    "template",
    "type",
    "unconfirmed",
    "verified",
    "verification",
];

/// Documents keep a person's own data below one of these.
const OWN: &[&str] =
    &["account", "attributes", "contact", "data", "details", "info", "personal", "person", "profile", "user"];

impl Guess {
    pub(crate) fn from_columns(columns: &[FoundColumn]) -> Self {
        // Lists in the form are separated by commas, and real columns have none in their names.
        let columns: Vec<ColumnCandidate> = columns
            .iter()
            .filter(|column| !column.name.contains(','))
            .map(ColumnCandidate::from_column)
            .collect();
        let first = |names: &[&str], fits: &dyn Fn(&ColumnCandidate) -> bool| -> Option<String> {
            let ranked = columns.iter().filter(|column| fits(column)).filter_map(|column| {
                let rank = names.iter().position(|name| column.plain == *name)?;
                Some(((rank, column.depth), column))
            });
            ranked.min_by_key(|(rank, _)| *rank).map(|(_, column)| column.name.to_owned())
        };
        let is_text = |column: &ColumnCandidate| column.kind == FieldKind::Text;
        let any = |_: &ColumnCandidate| true;

        let key = columns.iter().find(|column| column.is_key).map(|column| column.name.to_owned());
        let id = key
            .or_else(|| first(IDS, &|column| column.depth == 0))
            .or_else(|| columns.first().map(|column| column.name.to_owned()));
        // For a list of addresses, all are searched and the first is shown.
        let email = first(EMAILS, &is_text).map(|path| without_places(&path)).or_else(|| {
            let speaks = |column: &&ColumnCandidate| {
                is_text(column)
                    && (column.plain.contains("email") || column.words.iter().any(|word| word == "mail"))
                    && !column.words.iter().any(|word| NO_EMAIL.contains(&word.as_str()))
            };
            columns.iter().find(speaks).map(|column| column.name.to_owned())
        });
        let first_name = first(FIRST_NAMES, &is_text);
        let last_name = first(LAST_NAMES, &is_text);
        let handle = first(HANDLES, &is_text);
        let name = first(NAMES, &is_text).or_else(|| handle.clone()).or_else(|| first_name.clone());
        let created_at = first(CREATED, &|column| column.kind == FieldKind::Time)
            // SQLite stores times as text, Keycloak as milliseconds.
            .or_else(|| {
                first(CREATED, &|column| matches!(column.kind, FieldKind::Text | FieldKind::Integer))
            });

        let taken = [&id, &email, &name, &created_at];
        let is_taken = |column: &String| taken.iter().any(|taken| taken.as_ref() == Some(column));
        let has_names = first_name.is_some() && last_name.is_some();
        let people =
            has_names.then(|| [first_name.clone(), last_name.clone()]).into_iter().flatten().flatten();
        let others = OTHERS.iter().filter_map(|names| first(names, &any));
        let columns: Vec<String> =
            people.chain(others).filter(|column| !is_taken(column)).take(MOST_OTHERS).collect();

        // What people say when asked who they are.
        let mut search: Vec<String> = [&email, &name].into_iter().flatten().cloned().collect();
        let by_default = search.len();
        for spoken in [&handle, &first_name, &last_name].into_iter().flatten() {
            if !search.contains(spoken) {
                search.push(spoken.clone());
            }
        }
        let search = (search.len() > by_default).then_some(search);
        Self { id, email, name, created_at, columns, search }
    }
}

/// Turns `emails.0.address` into the path of all addresses: `emails.address`.
fn without_places(path: &str) -> String {
    let names = path.split('.').enumerate();
    let kept = names.filter(|(at, name)| *at == 0 || name.parse::<usize>().is_err()).map(|(_, name)| name);
    kept.collect::<Vec<_>>().join(".")
}

/// A column with its name split up.
struct ColumnCandidate<'a> {
    name: &'a str,
    kind: FieldKind,
    is_key: bool,
    words: Vec<String>,
    /// The name without array indexes, and without segments that only mark the person's own data.
    plain: String,
    /// How deep in a document it is.
    depth: usize,
}

impl<'a> ColumnCandidate<'a> {
    fn from_column(column: &'a FoundColumn) -> Self {
        let segments: Vec<&str> = column.name.split('.').collect();
        let (last, above) = segments.split_last().unwrap_or((&"", &[]));
        let telling = above
            .iter()
            .filter(|segment| {
                segment.parse::<usize>().is_err() && !OWN.contains(&normalize_name(segment).as_str())
            })
            .chain(std::iter::once(last));
        Self {
            name: &column.name,
            kind: column.kind,
            is_key: column.is_key,
            words: split_name(&column.name),
            plain: telling.map(|segment| normalize_name(segment)).collect(),
            depth: above.len(),
        }
    }
}
