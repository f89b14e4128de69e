// The fields of a sign-in's form, between what is typed and what is sent.
import type { FormField } from "../bindings/FormField";

/** What a control holds: text, a tick, or the places of what is chosen among the choices. */
export type Draft = string | boolean | number[];

export type FormFault = "empty" | "number" | "large" | "date" | "date_time" | "time" | "json" | "unsupported";

export function draftOf({ kind, value, choices }: FormField): Draft {
  if (kind === "boolean") return value === true;
  if (kind === "choice" || kind === "choices") {
    const wanted: unknown[] = Array.isArray(value) ? value : [value];
    const chosen = wanted.map((one) => choices.findIndex((choice) => same(choice.value, one)));
    return chosen.filter((place) => place >= 0);
  }
  if (value === null || value === undefined) return "";
  if (kind === "json") return JSON.stringify(value, null, 2);
  if (Array.isArray(value)) return value.map(String).join("\n");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What is sent for it; what is not filled in is `null`, as Forest's own page has it. */
export function valueOf(field: FormField, draft: Draft): { value: unknown } | { fault: FormFault } {
  const read = unchecked(field, draft);
  if ("fault" in read || !field.required || field.read_only) return read;
  const { value } = read;
  const empty = value === null || (Array.isArray(value) && value.length === 0);
  return empty ? { fault: field.kind === "unsupported" ? "unsupported" : "empty" } : read;
}

function unchecked(field: FormField, draft: Draft): { value: unknown } | { fault: FormFault } {
  const { kind, choices } = field;
  if (kind === "unsupported") return { value: field.value ?? null };
  if (typeof draft === "boolean") return { value: draft };
  if (Array.isArray(draft)) {
    const values = draft.map((place) => choices[place]?.value as unknown);
    return { value: kind === "choice" ? (values[0] ?? null) : values };
  }
  const text = kind === "text" || kind === "long_text" ? draft : draft.trim();
  if (text.trim() === "") return { value: kind === "texts" || kind === "numbers" ? [] : null };
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  switch (kind) {
    case "number":
      return number(text);
    case "numbers": {
      const numbers = lines.map(number);
      const wrong = numbers.find((one) => "fault" in one);
      return wrong ?? { value: numbers.map((one) => ("value" in one ? one.value : null)) };
    }
    case "texts":
      return { value: lines };
    case "date":
      return isDay(text) ? { value: text } : { fault: "date" };
    case "time":
      return /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/.test(text) ? { value: text } : { fault: "time" };
    case "date_time":
      return dateTime(text);
    case "json":
      try {
        return { value: JSON.parse(text) as unknown };
      } catch {
        return { fault: "json" };
      }
    default:
      return { value: text };
  }
}

function number(text: string): { value: unknown } | { fault: FormFault } {
  const value = Number(text);
  if (!Number.isFinite(value)) return { fault: "number" };
  // Beyond 2^53 another number than the one that was typed would be sent.
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? { fault: "large" } : { value };
}

/** `2026-11-26 14:30` is the time here; a zone may be given. */
function dateTime(text: string): { value: unknown } | { fault: FormFault } {
  const [day = "", ...time] = text.split(/[T ]/);
  const at = new Date(`${day}T${time.join("") || "00:00"}`);
  return isDay(day) && !Number.isNaN(at.getTime()) ? { value: at.toISOString() } : { fault: "date_time" };
}

function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
