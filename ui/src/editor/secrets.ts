// Which secrets a connection names, read from what is typed: so that a field for each is there at once.
// What really is used is decided by Rust.
import type { ConnectionFile } from "../bindings/ConnectionFile";
import type { Preset } from "../bindings/Preset";
import type { ConnectionForm } from "./form";

export const DATABASE_PASSWORD = "database_password";
/** Of a server in front of the application; no template names it. */
const GATEWAY_PASSWORD = "gateway_password";
/** Of a Forest Admin backend; no template names it. */
const FOREST_SECRET = "forest_auth_secret";

const USE = /\bsecret\s*(?:\.\s*([A-Za-z_]\w*)|\[\s*\\?["']([^"'\\]+)\\?["']\s*\])/g;

/** Names used in `{{ … }}` of any of the texts, in order, each once. */
export function secretsIn(...texts: string[]): string[] {
  const names = new Set<string>();
  for (const text of texts) {
    for (const [expression] of text.matchAll(/\{[{%][^]*?[%}]\}/g)) {
      for (const [, dotted, indexed] of expression.matchAll(USE)) {
        const name = dotted ?? indexed;
        if (name !== undefined) names.add(name);
      }
    }
  }
  return [...names];
}

/** The database asks for a password: all that come over a network may. */
export function mayNeedPassword(url: string): boolean {
  return /^\s*[a-z][a-z0-9+]*:/i.test(url) && !/^\s*sqlite:/i.test(url);
}

/** `base`: the file that the form was made from. Secrets may stand in headers, bodies and what is stored only; a
 * program that gives the database's password takes the place of one that is stored. */
export function secretsOfForm(form: ConnectionForm, base: ConnectionFile, presets: Preset[] = []): string[] {
  const { sign_in, sign_out } = form;
  const { headers, body, steps, forest, storage } = base.sign_in;
  const byHand = sign_in.preset === "" && sign_in.kind !== "forest";
  const requests = sign_in.kind === "webhook" ? [sign_in] : sign_in.steps;
  const own = requests.flatMap(({ headers, body }) => [...headers.map(({ value }) => value), body]);
  // The one request of a storage is the file's to say.
  const beside = sign_in.kind === "storage" && base.sign_in.kind === "storage" ? [headers, body] : [];
  const hidden = byHand ? beside : [headers, body, steps, forest, storage];
  const said = base.sign_out;
  const out = said && (sign_out.url.trim() !== "" || !said.url) ? [said.headers, said.body] : [];
  const named = [
    ...secretsOfPreset(sign_in.preset, presets),
    ...(sign_in.preset === "" && sign_in.kind === "forest" ? [FOREST_SECRET] : []),
    ...secretsIn(
      ...(byHand ? own : []),
      ...form.network.credentials.flatMap(({ user, password }) => [user, password]),
      ...[...hidden, ...out, said?.steps].map((part) => JSON.stringify(part ?? null)),
    ),
  ];
  const asked = mayNeedPassword(form.directory.url) && !base.directory.password_command;
  const all = form.network.gateway_user.trim() === "" ? named : [...named, GATEWAY_PASSWORD];
  return each(asked ? [DATABASE_PASSWORD, ...all] : all);
}

export function secretsOfText(text: string, presets: Preset[] = []): string[] {
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line));
  const directory = section("directory", lines);
  const signIn = section("sign_in", lines);
  const url = said("url", directory);
  const makesOne = directory.some((line) => /^\s*password_command\s*=/.test(line));
  const named = [
    ...secretsOfPreset(said("preset", signIn) ?? "", presets),
    ...(said("kind", signIn) === "forest" ? [FOREST_SECRET] : []),
    ...secretsIn(lines.join("\n")),
    ...(said("gateway_user", section("network", lines)) === undefined ? [] : [GATEWAY_PASSWORD]),
  ];
  return each(url !== undefined && mayNeedPassword(url) && !makesOne ? [DATABASE_PASSWORD, ...named] : named);
}

function secretsOfPreset(name: string, presets: Preset[]): string[] {
  return presets.find((preset) => preset.name === name)?.secrets.map((secret) => secret.name) ?? [];
}

function each(names: string[]): string[] {
  return [...new Set(names)];
}

/** The lines below a heading, up to the next one. */
function section(name: string, lines: string[]): string[] {
  const at = lines.findIndex((line) => /^\s*\[\s*(\w+)\s*\]/.exec(line)?.[1] === name);
  if (at < 0) return [];
  const behind = lines.slice(at + 1);
  return behind.slice(0, next(behind));
}

/** The text that a key says. */
function said(key: string, lines: string[]): string | undefined {
  const line = new RegExp(`^\\s*${key}\\s*=\\s*["']+([^"']*)`);
  return lines.map((text) => line.exec(text)?.[1]).find((found) => found !== undefined);
}

function next(lines: string[]): number {
  const at = lines.findIndex((line) => /^\s*\[/.test(line));
  return at < 0 ? lines.length : at;
}

/** Takes the password out of an address that was pasted with one; `null` when there is none in it. */
export function withoutPassword(url: string): { url: string; password: string } | null {
  const parts = /^(\s*[a-z][a-z0-9+]*:\/\/[^/?#@:]*):([^/?#]*)@(.*)$/is.exec(url);
  if (!parts || parts[2] === "") return null;
  const [, before = "", written = "", after = ""] = parts;
  return { url: `${before}@${after}`, password: decoded(written) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
