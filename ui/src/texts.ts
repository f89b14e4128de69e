// Every text of the UI, in one place.
//
// A translation replaces these files, and beyond them what Rust says: the sentences of its errors and messages (here are
// only their titles), the launch page, dialogs and notifications of the desktop (src-tauri/src), labels and hints of the
// presets (*.toml), names and results of the steps of `check`, and the labels that columns get from their names. Words
// are put together in English order here and there (`count`, `filterBy`, `sortedBy`).
import { bar } from "./texts/bar";
import { console } from "./texts/console";
import { destination } from "./texts/destination";
import { setup } from "./texts/setup";
import { shared } from "./texts/shared";

export { locale } from "./texts/shared";

export const texts = { ...shared, ...console, setup, bar, destination };
