// How to sign in and out, as a form holds it: by a preset and its settings, or written by hand. To a form and back,
// without losing what the form does not show.
import type { ConnectionFile } from "../bindings/ConnectionFile";
import type { Method } from "../bindings/Method";
import type { Preset } from "../bindings/Preset";
import type { SignInKind } from "../bindings/SignInKind";
import type { SignInConfig } from "../bindings/SignInConfig";
import type { SignOutConfig } from "../bindings/SignOutConfig";
import { texts } from "../texts";
import { type StepForm, type StorageForm, toStep, toStepForm, toStorage, toStorageForm } from "./steps";
import { type Faults, said, whole } from "./written";

export interface Header {
  name: string;
  value: string;
}

/** What a sign-in that is written by hand starts from. */
const byHand: SignInConfig = {
  body: { adminToken: "{{ secret.admin_token }}", userId: "{{ user.id }}" },
  success: "Impersonating user {{ user.email }}",
};

/** The sign-in and sign-out of a file. */
export type Ways = Pick<ConnectionFile, "sign_in" | "sign_out">;
/** The same in a form. */
export interface WaysForm {
  sign_in: {
    /** What the application runs; `""`: the sign-in is written by hand. */
    preset: string;
    /** Whatever was typed for a setting, of this preset or of one that was looked at before. */
    settings: Record<string, string>;
    /** Of one that is written by hand. A Smart Action is shown as text only. */
    kind: SignInKind;
    url: string;
    method: Method | "";
    headers: Header[];
    body: string;
    /** The console's requests, and what of them the window gets. */
    steps: StepForm[];
    cookies: string;
    open: string;
    open_origins: string;
    storage: StorageForm[];
    success: string;
    redirect_to: string;
    timeout_ms: string;
  };
  verify: { url: string; expect: string };
  sign_out: { url: string; method: Method | "" };
}

/** What the other way to say it starts from: a preset where `file` is written by hand, and the reverse. */
export function otherWays(file: ConnectionFile): Ways {
  return { sign_in: file.sign_in.preset ? byHand : {}, sign_out: null };
}

export function toWaysForm({ sign_in, sign_out }: Ways): WaysForm {
  return {
    sign_in: {
      preset: sign_in.preset ?? "",
      settings: { ...sign_in.settings },
      kind: sign_in.kind ?? "webhook",
      url: sign_in.url ?? "",
      method: sign_in.method ?? "",
      headers: Object.entries(sign_in.headers ?? {}).map(([name, value]) => ({ name, value })),
      body: json(sign_in.body),
      steps: (sign_in.steps ?? []).map(toStepForm),
      cookies: (sign_in.cookies ?? []).join(", "),
      open: sign_in.open ?? "",
      open_origins: (sign_in.open_origins ?? []).join(", "),
      storage: toStorageForm(sign_in.storage),
      success: sign_in.success ?? "",
      redirect_to: sign_in.redirect_to ?? "",
      timeout_ms: sign_in.timeout_ms?.toString() ?? "",
    },
    verify: { url: sign_in.verify?.url ?? "", expect: sign_in.verify?.expect ?? "" },
    sign_out: { url: sign_out?.url ?? "", method: sign_out?.method ?? "" },
  };
}

/** The keys by which the file says more of the sign-in than the form shows. */
export function beyondForm({ sign_in: form }: WaysForm, { sign_in, sign_out }: Ways): string[] {
  const shown = ["preset", "settings", "kind", "success", "redirect_to", "timeout_ms", "verify"];
  const ofKind = form.preset === "" ? KEYS[form.kind] : [];
  const hidden = Object.entries(sign_in).filter(
    ([key, value]) => !shown.includes(key) && !ofKind.includes(key) && !isNothing(value),
  );
  const kind = form.preset !== "" && sign_in.kind ? ["kind"] : [];
  // It says that nothing is done.
  const out = form.preset !== "" && isNothing(sign_out) && sign_out ? ["sign_out"] : [];
  return [...kind, ...hidden.map(([key]) => key), ...out];
}

/** What the form shows of a sign-in that is written by hand, by its kind. */
const KEYS: Record<SignInKind, string[]> = {
  webhook: ["url", "method", "headers", "body"],
  exchange: ["steps", "cookies"],
  link: ["steps", "open", "open_origins"],
  storage: ["steps", "storage"],
  forest: [],
};

/** An absent value, as Rust writes it. */
function isNothing(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** The part of it that says how to sign in and out. */
export function toWays(form: WaysForm, base: Ways, presets: Preset[], faults: Faults): Ways {
  const { sign_in, verify } = form;
  // Of a Smart Action, the form shows nothing.
  if (sign_in.preset === "" && sign_in.kind === "forest")
    return { sign_in: base.sign_in, sign_out: base.sign_out ?? null };
  const own: SignInConfig =
    sign_in.preset !== ""
      ? { preset: sign_in.preset, settings: settings(sign_in, base.sign_in, presets) }
      : byHandOf(sign_in, base.sign_in, faults);
  return {
    sign_in: {
      ...base.sign_in,
      ...own,
      success: said(sign_in.success),
      redirect_to: said(sign_in.redirect_to),
      timeout_ms: whole("sign_in.timeout_ms", sign_in.timeout_ms, 1000, 120_000, faults) ?? null,
      verify:
        said(verify.url) === null && said(verify.expect) === null
          ? null
          : { ...base.sign_in.verify, url: verify.url.trim(), expect: verify.expect.trim() },
    },
    sign_out: signOut(form.sign_out, base.sign_out ?? null),
  };
}

/** What is said of a sign-in of this kind; what another kind had is left out. */
function byHandOf(form: WaysForm["sign_in"], base: SignInConfig, faults: Faults): SignInConfig {
  const before: SignInKind = base.kind ?? "webhook";
  const theirs = before === form.kind ? [] : [...KEYS[before], ...BESIDE[before]];
  const left = theirs.filter((key) => !KEYS[form.kind].includes(key));
  const without = Object.fromEntries(left.map((key) => [key, NOTHING[key] ?? null]));
  const kind = form.kind === "webhook" && !base.kind ? {} : { kind: form.kind };
  if (form.kind === "webhook")
    return {
      ...kind,
      ...without,
      url: said(form.url),
      method: form.method === "" ? null : form.method,
      headers: headers(form.headers, faults),
      body: body(form.body, faults),
    };
  const wrong = (what: string) => (faults["sign_in.steps"] ??= what);
  return {
    ...kind,
    ...without,
    steps: form.steps.map((step) => toStep(step, wrong)),
    ...(form.kind === "exchange" ? { cookies: names(form.cookies) } : {}),
    ...(form.kind === "link" ? { open: said(form.open), open_origins: names(form.open_origins) } : {}),
    ...(form.kind === "storage" ? { storage: toStorage(form.storage) } : {}),
  };
}

/** What the file may say of a kind beside what the form shows. */
const BESIDE: Record<SignInKind, string[]> = {
  webhook: ["encoding", "expect"],
  exchange: ["cookie_origins"],
  link: [],
  // Its own request, in the place of the console's.
  storage: ["url", "method", "headers", "body", "encoding", "expect"],
  forest: ["forest"],
};

/** How the file says that a key is not there. */
const NOTHING: Record<string, unknown> = {
  headers: {},
  expect: [],
  steps: [],
  cookies: [],
  cookie_origins: [],
  open_origins: [],
};

function names(text: string): string[] {
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** Those of the preset that are said; and what the file says beside them, as long as it is about the same preset. */
function settings(form: WaysForm["sign_in"], base: SignInConfig, presets: Preset[]): Record<string, string> {
  const preset = presets.find(({ name }) => name === form.preset);
  const before = base.preset === form.preset ? (base.settings ?? {}) : {};
  const now: Record<string, string> = {};
  for (const [name, value] of Object.entries(form.settings)) {
    const known = preset === undefined || preset.settings.some((setting) => setting.name === name);
    if (value === before[name]) now[name] = value;
    else if (known && said(value) !== null) now[name] = value.trim();
  }
  return now;
}

function signOut(form: WaysForm["sign_out"], base: SignOutConfig | null): SignOutConfig | null {
  const url = said(form.url);
  if (url !== null) return { ...base, url, method: form.method === "" ? null : form.method };
  // Without an endpoint there may still be requests that the console sends.
  if (said(base?.url ?? "") === null) return base;
  const { steps = [] } = base ?? {};
  return steps.length > 0 ? { steps } : null;
}

function headers(rows: Header[], faults: Faults): Record<string, string> {
  const said: Record<string, string> = {};
  const seen = new Set<string>();
  for (const row of rows) {
    const name = row.name.trim();
    if (name === "" && row.value.trim() === "") continue;
    if (name === "") faults["sign_in.headers"] = texts.setup.editor.faults.headerName;
    else if (seen.has(name.toLowerCase()))
      faults["sign_in.headers"] = texts.setup.editor.faults.headerTwice(name);
    seen.add(name.toLowerCase());
    said[name] = row.value;
  }
  return said;
}

function json(body: unknown): string {
  return body === undefined || body === null ? "" : JSON.stringify(body, null, 2);
}

function body(text: string, faults: Faults): unknown {
  if (text.trim() === "") return null;
  try {
    const value: unknown = JSON.parse(text);
    const big = tooBig(value);
    if (big !== null) faults["sign_in.body"] = texts.setup.editor.faults.bigNumber(String(big));
    return value;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    faults["sign_in.body"] = texts.setup.editor.faults.json(why);
    return null;
  }
}

/** A number in it that JavaScript cannot hold exactly. */
function tooBig(value: unknown): number | null {
  if (typeof value === "number")
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? value : null;
  if (typeof value !== "object" || value === null) return null;
  for (const inner of Object.values(value)) {
    const found = tooBig(inner);
    if (found !== null) return found;
  }
  return null;
}
