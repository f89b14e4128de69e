// Which secrets a connection names, read from what is typed: so that a field for each is there at once.
// What really is used is decided by Rust.
import type { ConnectionFile } from "../bindings/ConnectionFile";
import type { ConnectionForm } from "./form";

export const DATABASE_PASSWORD = "database_password";

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

/** `base`: the file that the form was made from. Secrets may stand in headers and bodies only; a program that
 * gives the database's password takes the place of one that is stored. */
export function secretsOfForm(form: ConnectionForm, base: ConnectionFile): string[] {
  const { sign_in, sign_out } = form;
  const hidden = base.sign_out ?? null;
  const signOut = hidden && sign_out.url.trim() !== "" ? [hidden.headers ?? {}, hidden.body ?? null] : [];
  const named = secretsIn(
    ...sign_in.headers.map(({ value }) => value),
    sign_in.body,
    ...signOut.map((part) => JSON.stringify(part)),
  );
  const asked = mayNeedPassword(form.directory.url) && !base.directory.password_command;
  return asked ? [DATABASE_PASSWORD, ...named] : named;
}

export function secretsOfText(text: string): string[] {
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line));
  const named = secretsIn(lines.join("\n"));
  const behind = lines.slice(lines.findIndex((line) => /^\s*\[\s*directory\s*\]/.test(line)) + 1);
  const directory = behind.slice(0, next(behind));
  const url = directory
    .map((line) => /^\s*url\s*=\s*["']+([^"']*)/.exec(line)?.[1])
    .find((found) => found !== undefined);
  const makesOne = directory.some((line) => /^\s*password_command\s*=/.test(line));
  return url !== undefined && mayNeedPassword(url) && !makesOne ? [DATABASE_PASSWORD, ...named] : named;
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
