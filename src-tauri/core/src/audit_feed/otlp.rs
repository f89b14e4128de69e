//! OpenTelemetry: entries as log records (<https://opentelemetry.io/docs/specs/otlp/>, OTLP/HTTP with protobuf).
//!
//! The types are those of the `opentelemetry-proto` crate, and the sending is our own: the SDK's batch processor keeps
//! records in memory, and loses them when the process ends or the collector is down for longer than its queue is long.

use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use serde_json::Value;

use super::batch::Batch;
use crate::audit::lines::ChainLine;
use crate::audit::reader::StoredEntry;
use crate::audit::to_ocsf;
use crate::error::{Error, Result};

/// The kind of the body, and of a collector's answer.
pub(super) const CONTENT_TYPE: &str = "application/x-protobuf";

const SCOPE: &str = "understudy.audit";

/// The request's body: the same bytes whenever the same entries are sent again.
pub(super) fn render_body(batch: &Batch) -> Result<Vec<u8>> {
    let mut resources: Vec<ResourceLogs> = Vec::new();
    for line in &batch.lines {
        let entry = StoredEntry::from_line(&line.line, &line.hash).map_err(Error::internal)?;
        let resource = describe_resource(&entry);
        let record = describe_record(&batch.log, line, &entry);
        match resources.last_mut() {
            // In the order of the log.
            Some(last) if last.resource.as_ref() == Some(&resource) => {
                last.scope_logs[0].log_records.push(record);
            }
            _ => resources.push(ResourceLogs {
                resource: Some(resource),
                scope_logs: vec![ScopeLogs {
                    scope: Some(InstrumentationScope {
                        name: SCOPE.into(),
                        ..InstrumentationScope::default()
                    }),
                    log_records: vec![record],
                    schema_url: String::new(),
                }],
                schema_url: String::new(),
            }),
        }
    }
    Ok(ExportLogsServiceRequest { resource_logs: resources }.encode_to_vec())
}

/// What the collector says that it has not taken, although it has answered with 200; it must not be sent again.
pub(super) fn read_rejection(answer: &[u8]) -> Option<(i64, String)> {
    let partial = ExportLogsServiceResponse::decode(answer).ok()?.partial_success?;
    (partial.rejected_log_records > 0).then_some((partial.rejected_log_records, partial.error_message))
}

/// The program that wrote the entry, which may be another version, on another computer with the same log.
fn describe_resource(entry: &StoredEntry) -> Resource {
    let attributes = [
        ("service.name", "understudy".to_owned()),
        ("service.version", entry.text("app_version")),
        ("host.name", entry.text("host")),
    ];
    let known = attributes.into_iter().filter(|(_, value)| !value.is_empty());
    Resource { attributes: known.map(|(key, value)| text(key, value)).collect(), ..Resource::default() }
}

fn describe_record(log: &str, line: &ChainLine, entry: &StoredEntry) -> LogRecord {
    let event = to_ocsf(entry);
    let (severity, severity_text) = match event["severity_id"].as_i64() {
        Some(1) => (SeverityNumber::Info, "INFO"),
        Some(4) => (SeverityNumber::Error, "ERROR"),
        _ => (SeverityNumber::Warn, "WARN"),
    };
    let mut attributes = vec![
        // By which a receiver can tell that it has an entry already.
        text("log.record.uid", line.hash.clone()),
        // What the hash covers.
        text("log.record.original", line.line.clone()),
        text("understudy.log", log.to_owned()),
        KeyValue { key: "understudy.entry".into(), value: Some(int(line.id)), ..KeyValue::default() },
    ];
    flatten("ocsf", &event, &mut attributes);
    let nanoseconds = u64::try_from(line.at_ms).unwrap_or_default().saturating_mul(1_000_000);
    LogRecord {
        time_unix_nano: nanoseconds,
        observed_time_unix_nano: nanoseconds,
        severity_number: severity.into(),
        severity_text: severity_text.into(),
        body: Some(string(event["message"].as_str().unwrap_or_default().to_owned())),
        attributes,
        event_name: format!("{SCOPE}.{}", entry.text("event")),
        ..LogRecord::default()
    }
}

/// One attribute for each value, under its path with dots: few stores can search in maps.
fn flatten(path: &str, value: &Value, attributes: &mut Vec<KeyValue>) {
    let found = match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&format!("{path}.{name}"), value, attributes);
            }
            return;
        }
        Value::String(text) => string(text.clone()),
        Value::Bool(is_so) => AnyValue { value: Some(any_value::Value::BoolValue(*is_so)) },
        Value::Number(number) => int(number.as_i64().unwrap_or_default()),
        other => string(other.to_string()),
    };
    attributes.push(KeyValue { key: path.to_owned(), value: Some(found), ..KeyValue::default() });
}

fn text(key: &str, value: String) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(string(value)), ..KeyValue::default() }
}

fn string(text: String) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text)) }
}

fn int(number: i64) -> AnyValue {
    AnyValue { value: Some(any_value::Value::IntValue(number)) }
}
