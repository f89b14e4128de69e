// Texts of the sign-in in the connection form: what the application runs, and trying it.
import type { SignInKind } from "../bindings/SignInKind";
import { locale } from "./shared";

export const recipe = {
  label: "What the application runs",
  byHand: "Written by hand",
  byHandAbout: "A request of your own that answers with the session cookie of the user.",
  unknown: (name: string) => `${name} (not known)`,
  unknownText: (name: string) =>
    `This version of Understudy does not know “${name}”. Its settings stay in the file as they are.`,
  empty: "Empty:",
  mayBeEmpty: "May be left empty.",
  secrets: "Secrets it needs",
  secretsElsewhere: "Sign-in secrets are in the Sign-in section.",
  more: "More",
  moreText: "Fields left empty here follow the preset.",
  firstPage: "Where the session begins. Empty: as in the preset.",
  logout:
    "Called whenever a session ends, instead of everything the preset would do then. Empty: as in the preset.",
  alsoSaid: (keys: string[]) =>
    `The file says more about the sign-in, which stays as it is: ${keys.join(", ")}.`,
  alsoSaidFirst: (keys: string[]) =>
    `The file says this itself, and it goes before the preset: ${keys.join(", ")}.`,
  kind: "Sign-in method",
  kinds: {
    webhook: "The window sends a request, and keeps its cookies",
    exchange: "The console signs in, and the window gets the cookies",
    link: "The console asks for a one-time link, and the window opens it",
    storage: "The console asks for a token, and the page's storage gets it",
    forest: "A Smart Action of Forest Admin",
  } satisfies Record<SignInKind, string>,
  asText: (kind: SignInKind) => `This sign-in is of kind “${kind}” and is edited as text.`,
  editText: "Edit the file",
};

/** The console's own requests. */
export const steps = {
  label: "Requests by the console",
  hint: "Sent one after the other, with cookies of their own. Strings may be templates.",
  step: (n: number) => `Request ${n.toLocaleString(locale)}`,
  remove: (n: number) => `Remove request ${n.toLocaleString(locale)}`,
  add: "Add a request",
  name: "What it does",
  nameExample: "the login form",
  url: "Address",
  follows: (name: string) => `Goes to the link that was taken as “${name}”.`,
  method: "Method",
  methodOfFollow: "GET (default)",
  body: "Body, as JSON",
  encoding: "Sent as",
  asForm: "form",
  expect: "What means yes",
  expectHint: "Statuses, or expressions over response, one per line. Empty: 200 to 299.",
  captures: (n: number) => `Taken from the answer to request ${n.toLocaleString(locale)}`,
  take: "Take from the answer",
  captureName: (n: number) => `Name of value ${n.toLocaleString(locale)}`,
  capturePlace: (n: number) => `Where value ${n.toLocaleString(locale)} is`,
  captureValue: (n: number) => `What value ${n.toLocaleString(locale)} is called there`,
  removeCapture: (name: string) => (name ? `Take ${name} no longer` : "Remove this value"),
  addCapture: "Add a value",
  places: { json: "in the JSON", cookie: "cookie", header: "header", form: "form field", link: "link" },
  placeExamples: {
    json: "/data/token",
    cookie: "session",
    header: "location",
    form: "csrf_token",
    link: "/impersonate/",
  },
};

export const storage = {
  label: "The page's storage",
  hint: "Filled before the page's first script runs. A value may be a template, or JSON.",
  of: (n: number) => `Which storage entry ${n.toLocaleString(locale)} goes to`,
  name: (n: number) => `Name of entry ${n.toLocaleString(locale)}`,
  value: (n: number) => `Value of entry ${n.toLocaleString(locale)}`,
  remove: (name: string) => (name ? `Remove entry ${name}` : "Remove this entry"),
  add: "Add an entry",
};

export const trial = {
  title: "Try the sign-in",
  text: "Signs in as one user, request by request, and out again. No window opens.",
  audited: "This is recorded in the audit log.",
  production:
    "This is production: it really signs in as that user for a moment, and records that in the audit log.",
  user: "User's id",
  userHint: "Preferably a test account.",
  choose: "Choose: User's id",
  noUser: "Type a user's id, or choose one.",
  start: "Try it",
  busy: "Signing in…",
  stop: "Stop",
  stopping: "Stopping…",
  list: "Requests",
  fine: "OK",
  failed: "Failed",
  byWindow: "session's window",
  byConsole: "console",
  noAnswer: "no answer",
  redirect: "redirect",
  leadsTo: (status: string, url: string) => `${status} to ${url}`,
  notes: "Not as the file says",
  took: (ms: number) => `${ms.toLocaleString(locale)} ms`,
  headers: "Headers",
  body: "Body",
  answer: "Answer",
  taken: "Taken from it",
  nothing: "Sent without headers and body; the answer is empty.",
};
