// Every text that the UI has of its own, in one place.
//
// A translation replaces these files. Most sentences that people read beside them are Rust's, and stand in the code that
// says them, without a list of their own:
// - errors, their hints and reports: src-tauri/core/src, src-tauri/audit/src, src-tauri/directory/src, src-tauri/files/src.
//   Here are only the titles of errors (`errors.titles`).
// - steps of a check and of a sign-in test: core/src/check.rs, trial.rs and sign_in/
// - the launch page, titles, dialogs and notifications of the desktop: src-tauri/src. Its command line: src-tauri/src/cli
// - labels and hints of the presets: core/src/connection/presets/*.toml
// - labels that columns get from their names, kinds of filters and their faults: directory/src/schema and query
// The names of the pages before they are loaded are in index.html, bar.html and quick.html. Words are put together in English order
// here and there (`count`, `filterBy`, `sortedBy`).
import { auditLog } from "./texts/audit-log";
import { bar } from "./texts/bar";
import { console } from "./texts/console";
import { destination } from "./texts/destination";
import { evidence } from "./texts/evidence";
import { setup } from "./texts/setup";
import { shared } from "./texts/shared";
import { summary } from "./texts/summary";
import { team } from "./texts/team";

export { locale } from "./texts/shared";

export const texts = { ...shared, ...console, setup, bar, destination, evidence, summary, team, auditLog };
