// How to sign in and out, as a form holds it: by a preset and its settings, or written by hand. To a form and back,
// without losing what the form does not show.
import type { ConnectionFile } from "../bindings/ConnectionFile";
import type { Method } from "../bindings/Method";
import type { Preset } from "../bindings/Preset";
import type { SignInKind } from "../bindings/SignInKind";
import type { SignInPart } from "../bindings/SignInPart";
import type { SignOutPart } from "../bindings/SignOutPart";
import { texts } from "../texts";
import { type Faults, said, whole } from "./written";

export interface Header {
  name: string;
  value: string;
}

/** What a sign-in that is written by hand starts from. */
const byHand: SignInPart = {
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
    /** Of one that is written by hand. All but a webhook are shown as text only. */
    kind: SignInKind;
    url: string;
    method: Method | "";
    headers: Header[];
    body: string;
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
  const ofWebhook = ["url", "method", "headers", "body"];
  const hidden = Object.entries(sign_in).filter(
    ([key, value]) =>
      !shown.includes(key) && !(form.preset === "" && ofWebhook.includes(key)) && !isNothing(value),
  );
  const kind = form.preset !== "" && sign_in.kind ? ["kind"] : [];
  // It says that nothing is done.
  const out = form.preset !== "" && isNothing(sign_out) && sign_out ? ["sign_out"] : [];
  return [...kind, ...hidden.map(([key]) => key), ...out];
}

/** An absent value, as Rust writes it. */
function isNothing(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** The part of it that says how to sign in and out. */
export function toWays(form: WaysForm, base: Ways, presets: Preset[], faults: Faults): Ways {
  const { sign_in, verify } = form;
  // Of another kind, the form shows nothing.
  if (sign_in.preset === "" && sign_in.kind !== "webhook")
    return { sign_in: base.sign_in, sign_out: base.sign_out ?? null };
  const own: SignInPart =
    sign_in.preset !== ""
      ? { preset: sign_in.preset, settings: settings(sign_in, base.sign_in, presets) }
      : {
          url: said(sign_in.url),
          method: sign_in.method === "" ? null : sign_in.method,
          headers: headers(sign_in.headers, faults),
          body: body(sign_in.body, faults),
        };
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
          : { url: verify.url.trim(), expect: verify.expect.trim() },
    },
    sign_out: signOut(form.sign_out, base.sign_out ?? null),
  };
}

/** Those of the preset that are said; and what the file says beside them, as long as it is about the same preset. */
function settings(form: WaysForm["sign_in"], base: SignInPart, presets: Preset[]): Record<string, string> {
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

function signOut(form: WaysForm["sign_out"], base: SignOutPart | null): SignOutPart | null {
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
