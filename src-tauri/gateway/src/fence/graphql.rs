//! GraphQL requests (graphql.github.io/graphql-over-http): one that has nothing but queries only reads.

use std::collections::HashSet;
use std::fmt;

use apollo_parser::Parser;
use apollo_parser::cst::Definition;
use http::HeaderMap;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::media_type::ContentType;

/// More than any client's queries need, and little enough to parse at once.
const RECURSION_LIMIT: usize = 200;
const TOKEN_LIMIT: usize = 50_000;

/// The keys of a GraphQL request. A body with other keys belongs to another kind of API.
const KEYS: [&str; 5] = ["query", "operationName", "variables", "extensions", "id"];

/// Why a GraphQL request does not count as one that only reads. `Display` completes "…, and …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "graphql", rename_all = "snake_case")]
pub enum GraphqlFault {
    Mutation,
    Subscription,
    /// Named by a hash: only the server knows what it does.
    Persisted,
    /// Too long or too deep to parse.
    TooComplex,
}

/// How a body holds a GraphQL request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyForm {
    Document,
    Json,
}

/// `None` if a server may read the body as something else than what is checked here: as a form, or in a charset in
/// which other signs stand there.
fn read_form(headers: &HeaderMap) -> Option<BodyForm> {
    let ContentType::Named(media_type) = ContentType::of(headers) else { return None };
    if !media_type.parameters.iter().all(|(name, value)| name == "charset" && value == "utf-8") {
        return None;
    }
    match media_type.essence.as_str() {
        "application/json" | "application/graphql+json" => Some(BodyForm::Json),
        "application/graphql" => Some(BodyForm::Document),
        _ => None,
    }
}

/// Whether a body of this type may be a GraphQL request.
pub(super) fn may_be_graphql(headers: &HeaderMap) -> bool {
    read_form(headers).is_some()
}

/// `None` if the body is not a GraphQL request.
pub(super) fn check_body(headers: &HeaderMap, body: &[u8]) -> Option<Result<(), GraphqlFault>> {
    if read_form(headers)? == BodyForm::Document {
        return check_document(std::str::from_utf8(body).ok()?);
    }
    if names_a_key_twice(body) {
        // The server may read the one that is not looked at here.
        return None;
    }
    match serde_json::from_slice(body).ok()? {
        Value::Object(request) => check_request(&request),
        Value::Array(batch) if !batch.is_empty() => {
            let checked: Option<Vec<_>> =
                batch.iter().map(|request| check_request(request.as_object()?)).collect();
            Some(checked?.into_iter().collect())
        }
        _ => None,
    }
}

/// A query in a URL passes. A mutation does not, although no server that follows the specification would run it.
pub(super) fn check_url(url: &Url) -> Result<(), GraphqlFault> {
    for (name, value) in url.query_pairs() {
        if name == "query"
            && let Some(Err(fault @ (GraphqlFault::Mutation | GraphqlFault::TooComplex))) =
                check_document(&value)
        {
            return Err(fault);
        }
    }
    Ok(())
}

fn check_request(request: &Map<String, Value>) -> Option<Result<(), GraphqlFault>> {
    if !request.keys().all(|key| KEYS.contains(&key.as_str())) {
        return None;
    }
    // A server that knows the stored query runs it, whatever the text beside it says.
    if request.get("id").is_some_and(|id| !id.is_null()) {
        return Some(Err(GraphqlFault::Persisted));
    }
    match request.get("query") {
        Some(Value::String(_)) if !has_known_extensions(request) => Some(Err(GraphqlFault::Persisted)),
        Some(Value::String(document)) => check_document(document),
        None | Some(Value::Null) => {
            let extensions = request.get("extensions");
            let is_persisted = extensions.is_some_and(|them| them.get("persistedQuery").is_some());
            is_persisted.then_some(Err(GraphqlFault::Persisted))
        }
        Some(_) => None,
    }
}

/// Extensions may name a stored query, which some servers run in place of the text. The hash of an automatic persisted
/// query is compared with the text.
fn has_known_extensions(request: &Map<String, Value>) -> bool {
    match request.get("extensions") {
        None | Some(Value::Null) => true,
        Some(Value::Object(extensions)) => {
            extensions.keys().all(|key| ["persistedQuery", "clientLibrary"].contains(&key.as_str()))
        }
        Some(_) => false,
    }
}

/// Whether a request, or one of a batch, has one of its keys twice. Parsers differ in which they take.
fn names_a_key_twice(body: &[u8]) -> bool {
    struct Keys(bool);

    impl<'de> Deserialize<'de> for Keys {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(KeysVisitor)
        }
    }

    struct KeysVisitor;

    impl<'de> Visitor<'de> for KeysVisitor {
        type Value = Keys;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a GraphQL request or a batch of them")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
            let (mut seen, mut twice) = (HashSet::new(), false);
            while let Some(key) = map.next_key::<String>()? {
                map.next_value::<IgnoredAny>()?;
                twice |= !seen.insert(key);
            }
            Ok(Keys(twice))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut batch: A) -> Result<Keys, A::Error> {
            let mut twice = false;
            while let Some(Keys(one)) = batch.next_element()? {
                twice |= one;
            }
            Ok(Keys(twice))
        }
    }

    serde_json::from_slice(body).is_ok_and(|Keys(twice)| twice)
}

/// Every operation of the document has to be a query, no matter which of them is run. `None` if the text is not
/// GraphQL.
fn check_document(document: &str) -> Option<Result<(), GraphqlFault>> {
    let tree = Parser::new(document).recursion_limit(RECURSION_LIMIT).token_limit(TOKEN_LIMIT).parse();
    if tree.errors().any(apollo_parser::Error::is_limit) {
        return Some(Err(GraphqlFault::TooComplex));
    }
    if tree.errors().next().is_some() {
        return None;
    }
    let mut has_query = false;
    for definition in tree.document().definitions() {
        match definition {
            Definition::FragmentDefinition(_) => {}
            Definition::OperationDefinition(operation) => match operation.operation_type() {
                Some(kind) if kind.mutation_token().is_some() => return Some(Err(GraphqlFault::Mutation)),
                Some(kind) if kind.subscription_token().is_some() => {
                    return Some(Err(GraphqlFault::Subscription));
                }
                _ => has_query = true,
            },
            _ => return None,
        }
    }
    has_query.then_some(Ok(()))
}

impl fmt::Display for GraphqlFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Mutation => "a GraphQL mutation may change something",
            Self::Subscription => "a GraphQL subscription is not a plain query",
            Self::Persisted => {
                "a persisted GraphQL query may change something: only the server knows its text"
            }
            Self::TooComplex => "the GraphQL query is too large to be checked",
        })
    }
}
