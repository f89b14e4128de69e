// What is typed into a field, as the value that it stands for.
import { texts } from "../texts";
import type { FieldName } from "../texts/setup";

/** A setting of the chosen preset, as a field. */
export type SettingName = `sign_in.settings.${string}`;

/** What is wrong, by field: what cannot even be written into a file is found here, whether the rest makes sense is for
 * Rust to say (faults.ts). */
export type Faults = Partial<Record<FieldName | SettingName, string>>;

export function whole(
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

export function said(text: string): string | null {
  return text.trim() === "" ? null : text.trim();
}

/** A key that is left out where nothing is said, unless the file says that. */
export function optional<K extends string, V>(
  key: K,
  value: V | undefined,
  was: object | null | undefined,
): Partial<Record<K, V | null>> {
  if (value === undefined && !(was && key in was)) return {};
  return { [key]: value ?? null } as Partial<Record<K, V | null>>;
}

/** What was not touched is as it was: an item may have the separator in it. */
export function list(
  now: string,
  then: string,
  was: string[] | null | undefined,
  separator: string,
): string[] | null {
  return now === then ? (was ?? null) : split(now, separator);
}

function split(text: string, separator: string): string[] | null {
  const parts = text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return parts.length > 0 ? parts : null;
}
