// What a connection file can say and the form has no field for, by the form's part that says so.
import type { SignInKind } from "../bindings/SignInKind";

/** Of a sign-in that is written by hand, by its kind. */
const BY_KIND: Record<Exclude<SignInKind, "forest">, string[]> = {
  webhook: ["encoding", "expect", "block"],
  exchange: ["steps.follow", "steps.redirects", "steps.capture.claim", "cookie_origins", "block"],
  link: ["steps.follow", "steps.redirects", "steps.capture.claim", "block"],
  storage: [
    "steps.follow",
    "steps.redirects",
    "steps.capture.claim",
    "url",
    "method",
    "headers",
    "body",
    "encoding",
    "expect",
    "block",
  ],
};

export const IN_FILE = {
  directory: ["directory.page", "directory.masked", "directory.ssh", "directory.password_command"],
  verify: ["sign_in.verify.headers"],
  sign_out: ["sign_out.headers", "sign_out.body", "sign_out.encoding", "sign_out.steps"],
  ticket: ["ticket.note", "ticket.evidence"],
  notify: ["notify.url", "notify.method", "notify.headers", "notify.body", "notify.encoding"],
  policy: ["policy.record_lookups"],
  ...(Object.fromEntries(
    Object.entries(BY_KIND).map(([kind, keys]) => [kind, keys.map((key) => `sign_in.${key}`)]),
  ) as Record<keyof typeof BY_KIND, string[]>),
} satisfies Record<string, string[]>;

/** How the keys of a part begin; those of a sign-in by hand with `sign_in.`. */
export const SECTIONS: Partial<Record<keyof typeof IN_FILE, string>> = {
  directory: "directory.",
  verify: "sign_in.verify.",
  sign_out: "sign_out.",
  ticket: "ticket.",
  notify: "notify.",
  policy: "policy.",
};
