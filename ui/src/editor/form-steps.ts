// The form in three steps, each of which stands on its own: where the database is, who its users are, and how to sign
// in as one of them under which policy.
import type { Editor } from "./editor.svelte";

export const STEPS = ["database", "users", "sign_in"] as const;
export type FormStep = (typeof STEPS)[number];

/** `open`: not tried yet, or changed since. */
export type StepState = "good" | "faulty" | "open";

/** Fields of the directory that say how the database is reached, and not who its users are. */
const OF_DATABASE = ["directory.url", "directory.timeout_ms", "directory.patience"];

/** The step that a field is in. */
export function stepOf(field: string): FormStep {
  if (["name", "environment", ...OF_DATABASE].includes(field)) return "database";
  return field.startsWith("directory.") ? "users" : "sign_in";
}

export function stateOf(step: FormStep, editor: Editor): StepState {
  if (Object.keys(editor.faults).some((field) => stepOf(field) === step)) return "faulty";
  const { discovery } = editor;
  const report = editor.reportIsStale ? null : editor.report;
  // What failed in a test of the whole connection, by how far it came.
  const failed: FormStep | null =
    report === null || report.ok || report.steps.length === 0
      ? null
      : report.info === null
        ? "database"
        : report.sample.length === 0
          ? "users"
          : "sign_in";
  if (failed === step) return "faulty";
  switch (step) {
    case "database":
      if (discovery.urlFault !== null || discovery.failure !== null) return "faulty";
      if (editor.form.name.trim() === "") return "open";
      return discovery.found !== null || report?.info ? "good" : "open";
    case "users": {
      const { preview, previewable } = discovery;
      if (discovery.unknown || Object.keys(discovery.missing).length > 0) return "faulty";
      if (previewable !== null && preview.about === previewable) {
        if (preview.failure !== null) return "faulty";
        if (preview.answer !== null) return preview.answer.rows.length > 0 ? "good" : "open";
      }
      return report !== null && report.sample.length > 0 ? "good" : "open";
    }
    case "sign_in":
      if (editor.rehearsal === null || editor.rehearsalIsStale) return "open";
      return editor.rehearsal.ok ? "good" : "faulty";
  }
}
