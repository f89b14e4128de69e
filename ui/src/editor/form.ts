// A connection file as a form holds it: everything as it is typed. To a form and back, without losing what the
// form does not show.
import type { ConnectionFile } from "../bindings/ConnectionFile";
import type { DirectoryPart } from "../bindings/DirectoryPart";
import type { Environment } from "../bindings/Environment";
import type { Method } from "../bindings/Method";
import type { ReasonRule } from "../bindings/ReasonRule";
import type { RequestPart } from "../bindings/RequestPart";
import { texts } from "../texts";
import type { FieldName } from "../texts/setup";

export interface Header {
  name: string;
  value: string;
}

/** Numbers are text and lists are separated text; `""` is what is not said. */
export interface ConnectionForm {
  name: string;
  environment: Environment;
  directory: {
    url: string;
    table: string;
    id: string;
    email: string;
    name: string;
    created_at: string;
    columns: string;
    search: string;
    timeout_ms: string;
  };
  sign_in: {
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
  policy: { reason: ReasonRule; max_minutes: string; protect: string };
}

/** What cannot even be written into a file, by field. Whether the rest makes sense is for Rust to say. */
export type Faults = Partial<Record<FieldName, string>>;

/** What a new connection starts from: a webhook, and the columns most tables have. Red until somebody says
 * otherwise: an environment taken too seriously does no harm. */
export const template: ConnectionFile = {
  name: "",
  environment: "production",
  directory: { url: "", table: "users", id: "id", email: "email", name: "name", created_at: "created_at" },
  sign_in: {
    url: "",
    body: { adminToken: "{{ secret.admin_token }}", userId: "{{ user.id }}" },
    success: "Impersonating user {{ user.email }}",
  },
  policy: { reason: "required", max_minutes: 60, protect: [] },
};

export function toForm(file: ConnectionFile): ConnectionForm {
  const { directory, sign_in, sign_out, policy } = file;
  return {
    name: file.name,
    environment: file.environment,
    directory: {
      url: directory.url,
      table: directory.table,
      id: directory.id,
      email: directory.email ?? "",
      name: directory.name ?? "",
      created_at: directory.created_at ?? "",
      columns: (directory.columns ?? []).join(", "),
      search: (directory.search ?? []).join(", "),
      timeout_ms: directory.timeout_ms?.toString() ?? "",
    },
    sign_in: {
      url: sign_in.url,
      method: sign_in.method ?? "",
      headers: Object.entries(sign_in.headers ?? {}).map(([name, value]) => ({ name, value })),
      body: json(sign_in.body),
      success: sign_in.success ?? "",
      redirect_to: sign_in.redirect_to ?? "",
      timeout_ms: sign_in.timeout_ms?.toString() ?? "",
    },
    verify: { url: sign_in.verify?.url ?? "", expect: sign_in.verify?.expect ?? "" },
    sign_out: { url: sign_out?.url ?? "", method: sign_out?.method ?? "" },
    policy: {
      reason: policy?.reason ?? "required",
      max_minutes: policy?.max_minutes?.toString() ?? "",
      protect: (policy?.protect ?? []).join("\n"),
    },
  };
}

/** `base`: the file that the form was made from, for what the form does not show and for what was not touched. */
export function toFile(form: ConnectionForm, base: ConnectionFile): { file: ConnectionFile; faults: Faults } {
  const faults: Faults = {};
  const { sign_in, verify, policy } = form;
  const before = toForm(base);

  const file: ConnectionFile = {
    name: form.name.trim(),
    environment: form.environment,
    directory: toDirectory(form, base, faults),
    sign_in: {
      ...base.sign_in,
      url: sign_in.url.trim(),
      method: sign_in.method === "" ? null : sign_in.method,
      headers: headers(sign_in.headers, faults),
      body: body(sign_in.body, faults),
      success: said(sign_in.success),
      redirect_to: said(sign_in.redirect_to),
      timeout_ms: whole("sign_in.timeout_ms", sign_in.timeout_ms, 1000, 120_000, faults),
      verify:
        said(verify.url) === null && said(verify.expect) === null
          ? null
          : { url: verify.url.trim(), expect: verify.expect.trim() },
    },
    sign_out: signOut(form.sign_out, base.sign_out ?? null),
    policy: {
      reason: policy.reason,
      max_minutes: whole("policy.max_minutes", policy.max_minutes, 1, 1440, faults) ?? null,
      protect: list(policy.protect, before.policy.protect, base.policy?.protect, "\n") ?? [],
    },
  };
  return { file, faults };
}

/** The part of it that says where users are read from. */
export function toDirectory(form: ConnectionForm, base: ConnectionFile, faults: Faults = {}): DirectoryPart {
  const { directory } = form;
  const before = toForm(base).directory;
  return {
    ...base.directory,
    url: directory.url.trim(),
    table: directory.table.trim(),
    id: directory.id.trim(),
    email: said(directory.email),
    name: said(directory.name),
    created_at: said(directory.created_at),
    columns: list(directory.columns, before.columns, base.directory.columns, ",") ?? [],
    search: list(directory.search, before.search, base.directory.search, ","),
    timeout_ms: whole("directory.timeout_ms", directory.timeout_ms, 100, 60_000, faults),
  };
}

/** What was not touched is as it was: an item may have the separator in it. */
function list(
  now: string,
  then: string,
  was: string[] | null | undefined,
  separator: string,
): string[] | null {
  return now === then ? (was ?? null) : split(now, separator);
}

function whole(
  field: FieldName,
  text: string,
  least: number,
  most: number,
  faults: Faults,
): number | undefined {
  if (text.trim() === "") return undefined;
  const number = Number(text.trim());
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  faults[field] = texts.setup.editor.faults.whole(least, most);
  return undefined;
}

function said(text: string): string | null {
  return text.trim() === "" ? null : text.trim();
}

function split(text: string, separator: string): string[] | null {
  const parts = text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return parts.length > 0 ? parts : null;
}

function signOut(form: ConnectionForm["sign_out"], base: RequestPart | null): RequestPart | null {
  if (said(form.url) === null) return null;
  return { ...base, url: form.url.trim(), method: form.method === "" ? null : form.method };
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
