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
  asText: (kind: SignInKind) => `This sign-in is of kind “${kind}” and is edited as text.`,
  editText: "Edit the file",
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
  took: (ms: number) => `${ms.toLocaleString(locale)} ms`,
  headers: "Headers",
  body: "Body",
  answer: "Answer",
  taken: "Taken from it",
  nothing: "Sent without headers and body; the answer is empty.",
};
