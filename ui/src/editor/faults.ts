// The faults of a connection's text, as the form tells them: by the field that says it, and in the form's words. What
// the form has no field for is told by its place in the file.
import type { FileFault } from "../bindings/FileFault";
import { texts } from "../texts";
import type { FieldName } from "../texts/setup";
import type { Faults } from "./written";

/** Key of the file → field of the form; a key stands for all below it. */
export const FIELDS: Record<string, FieldName> = {
  name: "name",
  "directory.url": "directory.url",
  "directory.table": "directory.table",
  "directory.collection": "directory.table",
  "directory.id": "directory.id",
  "directory.email": "directory.email",
  "directory.name": "directory.name",
  "directory.created_at": "directory.created_at",
  "directory.columns": "directory.columns",
  "directory.search": "directory.search",
  "directory.uuid_bytes": "directory.uuid_bytes",
  "directory.timeout_ms": "directory.timeout_ms",
  "directory.patience": "directory.patience",
  "directory.related": "directory.related",
  "sign_in.url": "sign_in.url",
  "sign_in.method": "sign_in.method",
  "sign_in.headers": "sign_in.headers",
  "sign_in.body": "sign_in.body",
  "sign_in.steps": "sign_in.steps",
  "sign_in.cookies": "sign_in.cookies",
  "sign_in.open": "sign_in.open",
  "sign_in.open_origins": "sign_in.open_origins",
  "sign_in.storage": "sign_in.storage",
  "sign_in.success": "sign_in.success",
  "sign_in.redirect_to": "sign_in.redirect_to",
  "sign_in.timeout_ms": "sign_in.timeout_ms",
  "sign_in.verify.url": "verify.url",
  "sign_in.verify.expect": "verify.expect",
  "sign_in.verify": "verify.url",
  "sign_out.url": "sign_out.url",
  "sign_out.method": "sign_out.method",
  "network.proxy": "network.proxy",
  "network.ca": "network.ca",
  "network.gateway_user": "network.gateway_user",
  "network.credentials": "network.credentials",
  "policy.max_minutes": "policy.max_minutes",
  "policy.max_extensions": "policy.max_extensions",
  "policy.approval": "policy.approval",
  "policy.break_glass": "policy.approval",
  "policy.protect": "policy.protect",
  "policy.mode": "policy.mode",
  "policy.may_unlock": "policy.may_unlock",
  "policy.origins": "policy.origins",
  "policy.mask": "policy.mask",
  "policy.allow": "policy.allow",
  "policy.hosts.block": "policy.hosts.block",
};

/** A field of rows → what a row of it is called. */
const ROWS: Partial<Record<string, (n: number) => string>> = {
  "policy.allow": texts.setup.editor.access.request,
  "sign_in.steps": texts.setup.editor.steps.step,
  "directory.related": texts.setup.editor.related.table,
  "network.credentials": texts.setup.editor.credentials.host,
};

const SETTINGS = "sign_in.settings.";

/** What a form's field is called: one of its own, or a setting of the chosen preset. */
export function labelOf(field: string, settings: Record<string, string> = {}): string {
  if (field in texts.setup.editor.fields) return texts.setup.editor.fields[field as FieldName].label;
  return settings[field.slice(SETTINGS.length)] ?? field;
}

export interface Sorted {
  /** By field. */
  faults: Faults;
  /** Keys of what is wrong within rows, such as `policy.allow[1].path`. */
  cells: string[];
  /** What the form has no field for. */
  beyond: FileFault[];
}

/** `settings`: labels of the chosen preset's settings, by name. */
export function sortFaults(found: FileFault[], settings: Record<string, string> = {}): Sorted {
  const faults: Faults = {};
  const cells: string[] = [];
  const beyond: FileFault[] = [];
  for (const fault of found) {
    const field = fieldOf(fault.key, settings);
    if (field === null) beyond.push(fault);
    else {
      const place = rowOf(fault, field);
      if (place !== "") cells.push(fault.key);
      const said = place + asSentence(inFormWords(fault.message));
      const before = faults[field];
      // The same fault is listed only once.
      if (before === undefined) faults[field] = said;
      else if (!before.includes(said)) faults[field] = `${before}\n${said}`;
    }
  }
  return { faults, cells, beyond };
}

function fieldOf(key: string, settings: Record<string, string>): keyof Faults | null {
  if (key.startsWith(SETTINGS)) {
    const name = key.slice(SETTINGS.length).split(/[.[]/)[0] ?? "";
    return name in settings ? `${SETTINGS}${name}` : null;
  }
  for (let at = key; at !== ""; at = at.slice(0, Math.max(at.lastIndexOf("."), at.lastIndexOf("["), 0))) {
    const field = Object.hasOwn(FIELDS, at) ? FIELDS[at] : undefined;
    if (field) return field;
  }
  return null;
}

/** Which row of a field the fault is in: a field with several rows tells all of their faults. */
function rowOf({ key, line }: FileFault, field: string): string {
  const named = ROWS[field];
  const [, index, within] = /^\[(\d+)\](?:\.(.+))?$/.exec(key.slice(field.length)) ?? [];
  if (!named || index === undefined) return "";
  return texts.setup.editor.faults.inRow(named(Number(index) + 1), within ?? "", line);
}

const KEYS = Object.keys(FIELDS)
  .filter((key) => key.includes("."))
  .sort((one, other) => other.length - one.length)
  .map((key) => key.replaceAll(".", "\\."));
const WRITTEN = new RegExp(`\`(${KEYS.join("|")})\`|(?<![\\w.])(${KEYS.join("|")})(?!\\w|\\.\\w)`, "g");

/** A sentence of Rust's, whose keys are the form's labels. */
export function inFormWords(text: string): string {
  return text.replace(WRITTEN, (_, quoted: string | undefined, plain: string | undefined) => {
    const field = FIELDS[quoted ?? plain ?? ""];
    return field ? `“${texts.setup.editor.fields[field].label}”` : (quoted ?? plain ?? "");
  });
}

function asSentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
