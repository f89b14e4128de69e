//! The console's steps, and what each takes from its answer.

use std::collections::BTreeSet;

use super::requests::RequestConfig;
use crate::connection::parse::ConnectionCompiler;
use crate::connection::rules::RequestSender;
use crate::connection::{Capture, CaptureConfig, CapturePlace, Method, SignInStep, StepConfig};

impl ConnectionCompiler<'_> {
    pub(in crate::connection) fn compile_steps(
        &mut self,
        key: &str,
        parts: &[StepConfig],
        captured: &mut BTreeSet<String>,
    ) -> Option<Vec<SignInStep>> {
        let mut steps: Vec<Option<SignInStep>> = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let before = steps.last().and_then(Option::as_ref).cloned();
            let step = self.compile_step(&format!("{key}[{at}]"), part, before.as_ref(), captured);
            steps.push(step);
        }
        steps.into_iter().collect()
    }

    fn compile_step(
        &mut self,
        key: &str,
        part: &StepConfig,
        before: Option<&SignInStep>,
        captured: &mut BTreeSet<String>,
    ) -> Option<SignInStep> {
        let mut url = part.url.clone();
        if let Some(name) = &part.follow {
            if url.is_some() {
                self.faults.add_fault(&format!("{key}.follow"), "replaces `url`, but `url` is set too");
            } else if !captured.contains(name) {
                self.faults.add_fault(&format!("{key}.follow"), format!("no step before captures `{name}`"));
            }
            if before.is_none() {
                self.faults.add_fault(
                    &format!("{key}.follow"),
                    "needs a step before it, because it stays within that step's origin",
                );
            }
            // The origin of the step before is what counts: a captured URL must not lead anywhere else.
            url = before.map(|step| step.request.url.source().to_owned());
        } else if url.is_none() {
            self.faults
                .add_fault(&format!("{key}.url"), "is missing. It says where the console sends this request");
        }
        let method = part.method.or(part.follow.as_ref().map(|_| Method::Get));
        let described = RequestConfig {
            url: url.as_ref()?,
            method,
            headers: &part.headers,
            body: part.body.as_ref(),
            encoding: part.encoding,
            expect: &part.expect,
        };
        let request = self.compile_request(key, &described, RequestSender::Console, captured);
        let mut capture = Vec::new();
        for (name, place) in &part.capture {
            let key = format!("{key}.capture.{name}");
            if !is_name(name) {
                self.faults.add_fault(
                    &key,
                    "is not a valid name for a value; use lower-case letters, digits and `_`",
                );
            }
            captured.insert(name.clone());
            capture.extend(self.compile_capture(&key, name, place));
        }
        let name = part.name.clone().unwrap_or_default();
        let redirects = part.redirects.unwrap_or(0);
        Some(SignInStep { name, request: request?, follow: part.follow.clone(), redirects, capture })
    }

    fn compile_capture(&mut self, key: &str, name: &str, part: &CaptureConfig) -> Option<Capture> {
        let CaptureConfig { json, cookie, header, form, link, claim } = part.clone();
        if json.as_ref().is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
            self.faults.add_fault(
                &format!("{key}.json"),
                "has to be a path that begins with `/`, as in `/data/token` (RFC 6901)",
            );
        }
        if link.as_ref().is_some_and(|start| !start.starts_with('/')) {
            self.faults
                .add_fault(&format!("{key}.link"), "has to be how the link's path begins: `/users/switch`");
        }
        let given = [
            json.map(CapturePlace::Json),
            cookie.map(CapturePlace::Cookie),
            header.map(CapturePlace::Header),
            form.map(CapturePlace::Form),
            link.map(CapturePlace::Link),
        ];
        let mut given: Vec<CapturePlace> = given.into_iter().flatten().collect();
        if given.len() != 1 {
            self.faults.add_fault(key, "has to name one place: `json`, `cookie`, `header`, `form` or `link`");
        }
        Some(Capture { name: name.to_owned(), place: given.pop()?, claim })
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|char: char| char.is_ascii_lowercase())
        && name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
}
