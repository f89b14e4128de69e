// Texts of what sessions may do: the fields of the connection form.
import type { Environment } from "../bindings/Environment";

export const accessFields = {
  "policy.mode": {
    label: "Sessions begin",
    hint: "A read-only session holds back requests that may change something in the application.",
  },
  "policy.may_unlock": {
    label: "Agents can switch to full access",
    hint: "Each switch, and its reason, is recorded in the audit log.",
  },
  "policy.origins": {
    label: "Where pages may lead without asking",
    hint: "Besides the application and its start page. Separated by commas; *. stands for all subdomains.",
    example: "https://id.acme.com, *.acme.com",
  },
  "policy.allow": {
    label: "Requests that pass in read-only sessions",
    hint: "For requests that look like writes but only read, such as a search by POST. In a path, * stands for one part, and /** at its end for everything below it. Enter a server only if it's not the application itself.",
  },
  "policy.hosts.block": {
    label: "Blocked hosts",
    hint: "No session reaches them. Separated by commas.",
    example: "*.hotjar.com",
  },
  "policy.mask": {
    label: "Hidden in the evidence picture",
    hint: "CSS selectors, one to a line. A grey area covers what they select.",
    example: ".iban",
  },
};

export const access = {
  modes: {
    default: (environment: Environment) =>
      environment === "production" ? "Read-only (default in production)" : "With full access (default)",
    read_only: "Read-only",
    full: "With full access",
  },
  unlocking: {
    default: (environment: Environment) =>
      environment === "production" ? "With a reason (default in production)" : "Yes (default)",
    yes: "Yes",
    with_reason: "With a reason",
    no: "No",
  },
  request: (n: number) => `Request ${n}`,
  method: (n: number) => `Method of request ${n}`,
  origin: (n: number) => `Server of request ${n}`,
  originExample: "the application",
  path: (n: number) => `Path of request ${n}`,
  why: (n: number) => `Purpose of request ${n}`,
  whyExample: "the search field",
  webSocket: "Web socket",
  add: "Allow a request",
  remove: (path: string) => (path ? `Remove ${path}` : "Remove this request"),
  telemetry: "Analytics, session replay and chat",
  telemetryHint:
    "Blocks about 40 hosts of well-known services, so that they don't record what an agent does as if the customer had done it.",
  telemetryOptions: { pass: "Not blocked", block: "Blocked" },
};

/** A session that shows what read-only sessions hold back. */
export const session = {
  title: "Try a session",
  text: "Opens the start page as the user above, in a read-only session. Open the pages that agents need, and allow here what only reads. The session is recorded in the audit log.",
  unsaved: "Save the connection first.",
  changed: "The session uses the connection as it was saved, without your changes.",
  start: "Try a session",
  show: "Show the session",
  busy: "Opening…",
  opening: "Signing in…",
  refused: "The sign-in was refused. The session's window says why.",
  runs: (name: string) => `Signed in as ${name}. What the session holds back appears here.`,
  full: (name: string) =>
    `The session as ${name} has full access, so nothing is held back. Make it read-only in its bar.`,
  ended: "The session has ended.",
  none: "Nothing has been held back so far.",
  list: "Requests that were held back",
  judge:
    "Allow a request only if it never does more than read, no matter what is sent with it. It passes in sessions that begin after you save.",
  allowOne: "Allow",
  allow: (method: string, address: string) => `Allow ${method} ${address}`,
  allowedOne: "Allowed",
  isAllowed: (method: string, address: string) => `${method} ${address} is allowed`,
  allowAll: (n: number) => `Allow all ${n}`,
  allowed: (n: number) =>
    n === 1
      ? "Added to the connection. Save to keep it."
      : `${n} requests added to the connection. Save to keep them.`,
  /** The rule, if it allows more than the one request. */
  as: (rule: string) => `as ${rule}`,
};
