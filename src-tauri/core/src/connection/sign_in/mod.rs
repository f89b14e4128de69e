//! Compiles `[sign_in]` and `[sign_out]`: which keys each kind of sign-in has, and what they mean. `recipe` compiles
//! what is particular to a kind, `steps` the console's steps, `requests` a request in any place.

mod recipe;
mod requests;
mod steps;

use std::collections::BTreeSet;
use std::time::Duration;

use url::Origin;

pub(super) use self::requests::RequestConfig;
use super::parse::ConnectionCompiler;
use super::rules::RequestSender;
use super::{
    ConnectionFile, Recipe, SignIn, SignInConfig, SignOut, SignOutConfig, Verify, VerifyConfig, presets,
};
use crate::template::{Expression, Template};

/// The default time limit for each of the application's answers.
const TIMEOUT_MS: u32 = 30_000;

/// A session must be able to end while the keyring is locked. Steps fall back to the values that the sign-in was given.
const WITHOUT_KEYRING: &str =
    "the sign-out has to work without the keyring (only `[[sign_out.steps]]` can use secrets)";

impl ConnectionCompiler<'_> {
    pub(super) fn sign_in_and_out(&mut self, file: &ConnectionFile) -> Option<(SignIn, SignOut)> {
        let (sign_in, sign_out) = if let Some(name) = &file.sign_in.preset {
            presets::expand_preset(name, &file.sign_in, file.sign_out.as_ref(), &mut self.faults)?
        } else {
            if !file.sign_in.settings.is_empty() {
                self.faults
                    .add_fault("sign_in.settings", "are for a preset, but `sign_in.preset` is not set");
            }
            (file.sign_in.clone(), file.sign_out.clone().unwrap_or_default())
        };
        let mut captured = BTreeSet::new();
        let sign_in = self.sign_in(&sign_in, &mut captured);
        let sign_out = self.sign_out(&sign_out, &mut captured);
        Some((sign_in?, sign_out?))
    }

    fn sign_in(&mut self, part: &SignInConfig, captured: &mut BTreeSet<String>) -> Option<SignIn> {
        let kind = part.kind.unwrap_or_default();
        self.only_keys_of(kind, part);
        let steps = self.compile_steps("sign_in.steps", &part.steps, captured);
        let recipe = self.compile_recipe(kind, part, captured);
        let redirect_to =
            part.redirect_to.as_ref().map(|text| self.compile_url("sign_in.redirect_to", text, captured));
        let own_origin = match &recipe {
            Some(Recipe::Webhook(request) | Recipe::Storage { request: Some(request), .. }) => {
                request.url.origin().cloned()
            }
            _ => None,
        };
        let origin = own_origin.or_else(|| redirect_to.as_ref()?.as_ref()?.origin().cloned());
        if recipe.is_some() && origin.is_none() && part.redirect_to.is_none() {
            self.faults.add_fault(
                "sign_in.redirect_to",
                format!("is missing. With `kind = \"{}\"`, it says where the session begins", kind.as_str()),
            );
        }
        let success = part.success.as_ref().map(|text| {
            let scope = self.session_scope("this text is shown to people");
            self.ok_or_fault("sign_in.success", Template::parse_words("sign_in.success", text, &scope))
        });
        let verify = part.verify.as_ref().map(|part| self.compile_verify(part, origin.as_ref(), captured));
        for (at, path) in part.block.iter().enumerate() {
            if !path.starts_with('/') || path.len() < 2 || path.contains(['*', '?', '#', ' ']) {
                self.faults.add_fault(
                    &format!("sign_in.block[{at}]"),
                    "has to be the beginning of a path: `/hijack/`",
                );
            }
        }
        let timeout = Duration::from_millis(part.timeout_ms.unwrap_or(TIMEOUT_MS).into());
        let mut recipe = recipe?;
        let origin = origin?;
        if let Recipe::Link { origins, .. } = &mut recipe
            && origins.is_empty()
        {
            origins.push(origin.clone());
        }
        Some(SignIn {
            recipe,
            steps: steps?,
            origin,
            timeout,
            success: success.flatten(),
            redirect_to: redirect_to.flatten(),
            verify: verify.flatten(),
            block: part.block.clone(),
        })
    }

    fn sign_out(&mut self, part: &SignOutConfig, captured: &mut BTreeSet<String>) -> Option<SignOut> {
        let described = part.url.as_ref().map(|url| RequestConfig {
            url,
            method: part.method,
            headers: &part.headers,
            body: part.body.as_ref(),
            encoding: part.encoding,
            expect: &[],
        });
        let request = described.map(|described| {
            self.compile_request("sign_out", &described, RequestSender::Window, &BTreeSet::new())
        });
        if part.url.is_none() && (part.method.is_some() || !part.headers.is_empty() || part.body.is_some()) {
            self.faults.add_fault("sign_out.url", "is missing. It says where the sign-out is sent");
        }
        let steps = self.compile_steps("sign_out.steps", &part.steps, captured);
        Some(SignOut { request: request.flatten(), steps: steps? })
    }

    fn compile_verify(
        &mut self,
        part: &VerifyConfig,
        origin: Option<&Origin>,
        captured: &BTreeSet<String>,
    ) -> Option<Verify> {
        let url = self.compile_url("sign_in.verify.url", &part.url, captured);
        // Here, `response` is the sign-in's own answer.
        let scope = self
            .session_scope("who is signed in does not depend on a secret")
            .with_response()
            .with_captured(captured);
        let by_console = url.as_ref().zip(origin).is_some_and(|(url, origin)| url.origin() != Some(origin));
        let sender = if by_console { RequestSender::Console } else { RequestSender::Window };
        let headers = self.compile_headers("sign_in.verify", &part.headers, sender, &scope);
        let expect = Expression::parse("sign_in.verify.expect", &part.expect, &scope);
        let expect = self.ok_or_fault("sign_in.verify.expect", expect);
        let verify = Verify { url: url?, headers, by_console, expect: expect?, source: part.expect.clone() };
        if let Some(origin) = origin.filter(|_| by_console && !verify.shows_a_token()) {
            self.faults.add_fault(
                "sign_in.verify.url",
                format!(
                    "has to begin with {}, as the session does, because its cookies are sent only there (elsewhere, \
                     `sign_in.verify.headers` needs a captured value)",
                    origin.ascii_serialization()
                ),
            );
        }
        Some(verify)
    }
}
