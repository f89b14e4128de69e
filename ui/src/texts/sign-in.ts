// Texts of the sign-in in the connection form: its method, its requests, and its test.
import type { SignInKind } from "../bindings/SignInKind";
import { locale } from "./shared";

export const recipe = {
  label: "Sign-in method",
  byHand: "Custom request",
  byHandAbout: "A request of your own whose response sets the user's session cookie.",
  unknown: (name: string) => `${name} (unknown)`,
  unknownText: (name: string) =>
    `This version of Understudy does not know “${name}”. Its settings are kept in the file.`,
  empty: "Default:",
  mayBeEmpty: "Optional.",
  secrets: "Required secrets",
  secretsElsewhere: "Sign-in secrets are in the step “Sign-in and policy”.",
  more: "More",
  moreText: "Fields left empty here follow the preset.",
  firstPage: "Where the session begins. Default: as in the preset.",
  logout: "Called whenever a session ends, instead of the preset's own sign-out. Default: as in the preset.",
  alsoSaid: (keys: string[]) => `The file also sets these, which are kept: ${keys.join(", ")}.`,
  alsoSaidFirst: (keys: string[]) =>
    `The file sets these itself, which overrides the preset: ${keys.join(", ")}.`,
  kind: "Kind of sign-in",
  kinds: {
    webhook: "The window sends a request and keeps its cookies",
    exchange: "The console signs in and hands the cookies to the window",
    link: "The console requests a one-time link and the window opens it",
    storage: "The console requests a token and puts it into the page's storage",
    forest: "A Smart Action of Forest Admin",
  } satisfies Record<SignInKind, string>,
  asText: (kind: SignInKind) => `A sign-in of kind “${kind}” is edited as text.`,
  editText: "Edit the file",
};

/** The console's own requests. */
export const steps = {
  label: "Requests by the console",
  hint: "Sent one after another, with their own cookies. Strings can be templates.",
  step: (n: number) => `Request ${n.toLocaleString(locale)}`,
  remove: (n: number) => `Remove request ${n.toLocaleString(locale)}`,
  add: "Add a request",
  name: "What it does",
  nameExample: "the login form",
  url: "URL",
  follows: (name: string) => `Opens the link captured as “${name}”.`,
  method: "Method",
  methodOfFollow: "GET (default)",
  body: "Body, as JSON",
  encoding: "Sent as",
  asForm: "form",
  expect: "Counts as success",
  expectHint: "Statuses, or expressions that use response, one per line. Default: 200 to 299.",
  captures: (n: number) => `Captured from response ${n.toLocaleString(locale)}`,
  captureName: (n: number) => `Name of value ${n.toLocaleString(locale)}`,
  capturePlace: (n: number) => `Place of value ${n.toLocaleString(locale)}`,
  captureValue: (n: number) => `Key of value ${n.toLocaleString(locale)}`,
  removeCapture: (name: string) => (name ? `Remove value ${name}` : "Remove this value"),
  addCapture: "Add a value",
  places: { json: "JSON", cookie: "cookie", header: "header", form: "form field", link: "link" },
  placeExamples: {
    json: "/data/token",
    cookie: "session",
    header: "location",
    form: "csrf_token",
    link: "/impersonate/",
  },
};

export const storage = {
  label: "Page storage",
  hint: "Filled before the page's first script runs. Values can be templates or JSON.",
  of: (n: number) => `Storage of entry ${n.toLocaleString(locale)}`,
  name: (n: number) => `Name of entry ${n.toLocaleString(locale)}`,
  value: (n: number) => `Value of entry ${n.toLocaleString(locale)}`,
  remove: (name: string) => (name ? `Remove entry ${name}` : "Remove this entry"),
  add: "Add an entry",
};

export const trial = {
  title: "Test the sign-in",
  text: "Signs in as one user, request by request, and out again. No window opens.",
  audited: "This is recorded in the audit log.",
  production:
    "This is production: the test really signs in as that user for a moment, and is recorded in the audit log.",
  user: "User ID",
  userHint: "Preferably a test account.",
  choose: "Choose: User ID",
  noUser: "Enter a user ID, or choose one.",
  start: "Test sign-in",
  busy: "Signing in…",
  stop: "Stop",
  stopping: "Stopping…",
  list: "Requests",
  fine: "OK",
  failed: "Failed",
  byWindow: "session window",
  byConsole: "console",
  noAnswer: "no answer",
  redirect: "redirect",
  leadsTo: (status: string, url: string) => `${status} to ${url}`,
  notes: "Differs from the file",
  took: (ms: number) => `${ms.toLocaleString(locale)} ms`,
  headers: "Headers",
  body: "Body",
  answer: "Response",
  taken: "Captured",
  nothing: "Sent without headers or body. The response is empty.",
};
