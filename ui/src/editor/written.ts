// What is typed into a field, as the value that it stands for.
import { texts } from "../texts";
import type { FieldName } from "../texts/setup";

/** What cannot even be written into a file, by field. Whether the rest makes sense is for Rust to say. */
export type Faults = Partial<Record<FieldName, string>>;

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
