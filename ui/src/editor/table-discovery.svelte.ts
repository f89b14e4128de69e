// What the form sees of its database: the tables to choose from, and a preview of what is written so far. The
// database is not queried before its URL was typed or its tables are asked for: a file from another person has to be
// read first.
import type { DirectoryConfig } from "../bindings/DirectoryConfig";
import type { Preview } from "../bindings/Preview";
import type { ProtectedCount } from "../bindings/ProtectedCount";
import type { DiscoveredTables } from "../bindings/DiscoveredTables";
import type { TableOffer } from "../bindings/TableOffer";
import * as ipc from "../ipc";
import { texts } from "../texts";
import { inFormWords } from "./faults";
import { template, toForm } from "./form";
import { LatestAnswer } from "./latest-answer.svelte";
import { filledIn, type Mapping, MAPPED, mappingOf, missing, offered, same } from "./mapping";

/** Of an address as it is typed: a host, or a file. */
const COMPLETE = /^\s*[a-z][a-z0-9+]*:\/{2,3}[^\s/]+/i;

/** Databases that can be read, by how their addresses begin. */
const KNOWN = /^\s*(postgres(ql)?|mysql|mariadb|mongodb(\+srv)?|sqlite):/i;

/** Of the editor, what is needed here. */
interface Form {
  readonly connection: string | null;
  readonly locked: boolean;
  readonly form: { directory: Mapping & { url: string } };
  readonly directory: DirectoryConfig;
  readonly password: string | null;
  /** Of the policy, those that protect users. */
  readonly rules: string[];
  /** No mapping was typed, so that one may be chosen without asking. */
  readonly untouched: boolean;
}

export class TableDiscovery {
  readonly #editor: Form;
  readonly tables = new LatestAnswer<DiscoveredTables>();
  readonly preview = new LatestAnswer<Preview>();
  /** Whom the policy's rules cover. */
  readonly protection = new LatestAnswer<ProtectedCount>();
  /** The last choice was made without asking. */
  byItself = $state(false);

  /** As it was filled in last, or as a new form begins: not typed. */
  #filled: Mapping = mappingOf(toForm(template).directory);
  /** What stood there before, and what was filled in. */
  #fill: { before: Mapping; after: Mapping } | null = $state.raw(null);
  /** The URL when its field last lost focus. */
  #left: string | null = $state(null);
  #passwordLeft: string | null = null;

  constructor(editor: Form) {
    this.#editor = editor;
  }

  /** How to get to the database, without what the form says of a table. */
  readonly #way = $derived.by(() =>
    // In one order, whatever the file says and in which.
    JSON.stringify({ ...NOT_THE_WAY, ...this.#editor.directory, ...NOT_THE_WAY }),
  );
  /** Of the database that the form names now. */
  readonly found = $derived(this.tables.about === this.#way ? this.tables.answer : null);
  readonly failure = $derived(this.tables.about === this.#way ? this.tables.failure : null);
  /** Why the URL is none, once its field has lost focus. */
  readonly urlFault: string | null = $derived.by(() => {
    const { url } = this.#editor.form.directory;
    if (url.trim() !== "" && url === this.#left && !KNOWN.test(url)) return texts.setup.editor.faults.scheme;
    const { failure } = this;
    if (failure?.code !== "connection_invalid") return null;
    return inFormWords([failure.message, failure.hint ?? ""].join(" ").trim());
  });
  /** In which order a UUID's bytes are read. */
  readonly #order = $derived.by(() => this.#editor.directory.uuid_bytes ?? null);
  readonly #related = $derived.by(() => this.#editor.directory.related ?? []);
  readonly mapping = $derived.by(() => mappingOf(this.#editor.form.directory));
  /** The table that the form names, if it is there. */
  readonly table: TableOffer | null = $derived(
    this.found === null ? null : offered(this.found, this.mapping.table),
  );
  /** The form names a table that is not there. */
  readonly unknown = $derived(
    this.found !== null &&
      this.found.tables.length > 0 &&
      this.found.left_out === 0 &&
      this.mapping.table.trim() !== "" &&
      this.table === null,
  );
  /** By field, what it names and the table does not have. */
  readonly missing: Partial<Mapping> = $derived.by(() => {
    const { table } = this;
    if (table === null) return {};
    const found = MAPPED.map((field) => [field, missing(field, this.mapping[field], table)] as const);
    return Object.fromEntries(found.filter(([, name]) => name !== null));
  });
  /** What a preview would be of; `null`: there is none to be had yet. */
  readonly previewable = $derived(
    this.found !== null &&
      this.found.tables.length > 0 &&
      !this.unknown &&
      Object.keys(this.missing).length === 0 &&
      this.mapping.table.trim() !== "" &&
      this.mapping.id.trim() !== ""
      ? this.#way + JSON.stringify([this.mapping, this.#order, this.#related])
      : null,
  );
  readonly canUndo = $derived(this.#fill !== null && same(this.#fill.after, this.mapping));

  /** The URL field lost focus: reads the tables if the URL was typed. */
  leftUrl(before: string): void {
    const { url } = this.#editor.form.directory;
    if (url === before || url === this.#left) return;
    this.#left = url;
    if (KNOWN.test(url) && COMPLETE.test(url)) void this.ask();
  }

  /** The password was typed: what failed for want of it is tried again. */
  leftPassword(): void {
    const { password } = this.#editor;
    if (password === this.#passwordLeft) return;
    this.#passwordLeft = password;
    if (this.failure !== null) void this.ask();
  }

  /** A list of tables or columns is opened. */
  want(): void {
    if (this.found === null && !(this.tables.busy && this.tables.about === this.#way)) void this.ask();
  }

  async ask(): Promise<void> {
    if (this.#editor.locked) return;
    const { directory } = this.#editor;
    const came = await this.tables.ask(this.#way, () =>
      ipc.discoverTables(this.#editor.connection, { ...directory, ...NO_TABLE }, this.#secrets()),
    );
    if (!came) return;
    const first = this.found?.tables[0];
    if (first?.likely && this.#editor.untouched) {
      this.choose(first);
      this.byItself = true;
    }
  }

  /** Where the stored password would go, for the agent to decide. Typing never opens that question. */
  async compare(): Promise<void> {
    const moved = this.failure?.moved;
    if (moved && (await ipc.decideMoved(moved, { again: true, retype: false }))) await this.ask();
  }

  choose(offer: TableOffer): void {
    const before = this.mapping;
    const after = filledIn(before, offer, this.#filled);
    this.byItself = false;
    this.#fill = null;
    if (same(before, after)) return;
    Object.assign(this.#editor.form.directory, after);
    this.#filled = after;
    this.#fill = { before, after };
  }

  undo(): void {
    if (this.#fill === null) return;
    Object.assign(this.#editor.form.directory, this.#fill.before);
    this.#fill = null;
    this.byItself = false;
  }

  /** Previews what is written; the same thing once, unless it is to be tried `again`. */
  async show(again = false): Promise<void> {
    const about = this.previewable;
    if (about === null || (about === this.preview.about && !again)) return;
    const { connection, directory } = this.#editor;
    await this.preview.ask(about, () => ipc.previewDirectory(connection, directory, this.#secrets()));
  }

  /** What a count of the protected users would be of; `null`: there is none to be had yet. */
  readonly countable = $derived.by(() => {
    const { rules } = this.#editor;
    return this.previewable === null || rules.length === 0 ? null : JSON.stringify([this.previewable, rules]);
  });

  /** Counts whom the rules protect; the same thing once, unless it is to be tried `again`. */
  async count(again = false): Promise<void> {
    const about = this.countable;
    if (about === null || (about === this.protection.about && !again)) return;
    const { connection, directory, rules } = this.#editor;
    await this.protection.ask(about, () => ipc.countProtected(connection, directory, rules, this.#secrets()));
  }

  /** The form is left, or holds something else now. */
  stop(): void {
    const busy = this.tables.busy || this.preview.busy || this.protection.busy;
    this.protection.forget();
    this.tables.forget();
    this.preview.forget();
    this.#fill = null;
    if (busy) ipc.stopDiscovery().catch(() => {});
  }

  #secrets(): Record<string, string> {
    const { password } = this.#editor;
    return password === null ? {} : { database_password: password };
  }
}

const NO_TABLE = {
  table: "",
  id: "",
  email: null,
  name: null,
  created_at: null,
  columns: [],
  search: null,
  related: [],
} satisfies Partial<DirectoryConfig>;

/** What makes no difference to how the database is reached. */
const NOT_THE_WAY = { ...NO_TABLE, uuid_bytes: null, timeout_ms: 0, patience: 0 };
