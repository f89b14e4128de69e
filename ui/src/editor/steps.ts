// The console's own requests as a form holds them, and what becomes of their answers. To a form and back, without losing
// what the form does not show.
import type { CaptureConfig } from "../bindings/CaptureConfig";
import type { Expected } from "../bindings/Expected";
import type { Method } from "../bindings/Method";
import type { StepConfig } from "../bindings/StepConfig";
import type { StorageConfig } from "../bindings/StorageConfig";
import { texts } from "../texts";
import type { Header } from "./ways";

/** Where a value stands in an answer. */
export const PLACES = ["json", "cookie", "header", "form", "link"] as const;
export type CapturePlace = (typeof PLACES)[number];

/** `{{ captured.<name> }}`: a value of an answer. */
export interface CaptureForm {
  name: string;
  place: CapturePlace;
  value: string;
  /** What the form does not show. */
  was: CaptureConfig;
}

export interface StepForm {
  name: string;
  method: Method | "";
  url: string;
  headers: Header[];
  /** JSON; `""`: none. */
  body: string;
  encoding: "" | "form";
  /** Statuses and expressions, one per line. */
  expect: string;
  capture: CaptureForm[];
  /** What the form does not show: `follow`, `redirects`. */
  was: StepConfig;
}

/** An entry of the page's storage. */
export interface StorageForm {
  of: "local" | "session";
  name: string;
  /** A text, or JSON for anything else. */
  value: string;
}

export const emptyStep = (): StepForm => toStepForm({});
export const emptyCapture = (): CaptureForm => ({ name: "", place: "json", value: "", was: {} });
export const emptyStorage = (): StorageForm => ({ of: "local", name: "", value: "" });

export function toStepForm(step: StepConfig): StepForm {
  return {
    name: step.name ?? "",
    method: step.method ?? "",
    url: step.url ?? "",
    headers: Object.entries(step.headers ?? {}).map(([name, value]) => ({ name, value })),
    body: step.body === undefined || step.body === null ? "" : JSON.stringify(step.body, null, 2),
    encoding: step.encoding === "form" ? "form" : "",
    expect: (step.expect ?? []).join("\n"),
    capture: Object.entries(step.capture ?? {}).map(([name, was]) => {
      const place = PLACES.find((place) => (was[place] ?? null) !== null) ?? "json";
      return { name, place, value: was[place] ?? "", was };
    }),
    was: step,
  };
}

/** `wrong` hears what cannot even be written into a file. */
export function toStep(form: StepForm, wrong: (what: string) => void): StepConfig {
  const name = form.name.trim();
  const url = form.url.trim();
  const step: StepConfig = {
    ...form.was,
    name: name === "" ? null : name,
    url: url === "" ? null : url,
    method: form.method === "" ? null : form.method,
    headers: Object.fromEntries(
      form.headers.filter(({ name }) => name.trim() !== "").map(({ name, value }) => [name.trim(), value]),
    ),
    body: toBody(form.body, wrong),
    encoding: form.encoding === "" ? null : form.encoding,
    expect: toExpected(form.expect),
    capture: Object.fromEntries(
      form.capture
        .filter(({ name, value }) => name.trim() !== "" || value.trim() !== "")
        .map(({ name, place, value, was }) => [name.trim(), toCapture(place, value, was)]),
    ),
  };
  // What is not said is left out, unless the file says that it is nothing.
  const isSaid = ([key, value]: [string, unknown]) =>
    key in form.was || (value !== null && (typeof value !== "object" || Object.keys(value).length > 0));
  return Object.fromEntries(Object.entries(step).filter(isSaid));
}

function toCapture(place: CapturePlace, value: string, was: CaptureConfig): CaptureConfig {
  const { claim } = was;
  return { ...((claim ?? null) === null ? {} : { claim: claim ?? null }), [place]: value };
}

function toBody(text: string, wrong: (what: string) => void): unknown {
  if (text.trim() === "") return null;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    wrong(texts.setup.editor.faults.json(cause instanceof Error ? cause.message : String(cause)));
    return null;
  }
}

/** What is a number is a status; anything else is an expression. */
function toExpected(text: string): Expected[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "")
    .flatMap<Expected>((line) => (/^[\d\s,]+$/.test(line) ? line.split(/[\s,]+/).map(Number) : [line]));
}

export function toStorageForm(storage: StorageConfig | null | undefined): StorageForm[] {
  const rows = (of: "local" | "session") =>
    Object.entries((storage?.[of] ?? {}) as Record<string, unknown>).map(([name, value]) => ({
      of,
      name,
      value: typeof value === "string" ? value : JSON.stringify(value),
    }));
  return [...rows("local"), ...rows("session")];
}

export function toStorage(rows: StorageForm[]): StorageConfig {
  const of = (place: "local" | "session") =>
    Object.fromEntries(
      rows
        .filter((row) => row.of === place && row.name.trim() !== "")
        .map(({ name, value }) => [name.trim(), structured(value)]),
    );
  return { local: of("local"), session: of("session") };
}

/** An object or a list is one; anything else is the text that it is. */
function structured(text: string): unknown {
  if (!/^\s*[[{]/.test(text) || /^\s*\{[{%]/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
