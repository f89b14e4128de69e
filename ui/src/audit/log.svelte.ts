// The audit log as its view sees it: what is searched for, the entries found so far, and the session of the selected one.
import type { Highlights } from "../bindings/Highlights";
import type { ListedEntry } from "../bindings/ListedEntry";
import type { SessionCounts } from "../bindings/SessionCounts";
import type { TeamLogState } from "../bindings/TeamLogState";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { Latest } from "../state/latest";
import { SearchReading } from "../state/reading.svelte";
import { entryKey } from "./ids";
import { logs, type LogPage, type LogPlace, type LogSource } from "./sources";

/** While letters follow each other faster than this, nothing is searched for. */
const PAUSE_MS = 120;
/** So many entries are loaded at a time at least, as far as there are any. */
const ENOUGH = 50;

export class AuditLogSearch {
  source: LogSource = $state("computer");
  text = $state("");
  /** The newest first. Those of the text before stay until the first answer. */
  entries: ListedEntry[] = $state.raw([]);
  /** There may be more, from here on. */
  next: LogPlace | null = $state.raw(null);
  /** How far back it was searched so far: milliseconds since the epoch. */
  searchedTo: number | null = $state(null);
  asking = $state(false);
  failure: Failure | null = $state.raw(null);
  /** Another file took the log's place while it was read. */
  replaced = $state(false);
  /** Place in {@link entries}; -1: none. */
  selected = $state(-1);
  /** All entries of the selected one's session, the oldest first; none while they are read. */
  session: ListedEntry[] = $state.raw([]);
  /** The session has more of them than can be shown. */
  sessionIsCut = $state(false);
  sessionFailure: Failure | null = $state.raw(null);
  counts: SessionCounts | null = $state.raw(null);
  /** How far the team's log has these entries; none if the team has no log. */
  team: TeamLogState | null = $state.raw(null);

  readonly #reader = new SearchReading((text) => ipc.readLogSearch(text));
  readonly #latest = new Latest();
  readonly #sessionLatest = new Latest();
  #log: string | null = null;
  #pause: ReturnType<typeof setTimeout> | undefined;

  constructor(source: LogSource) {
    this.source = source;
  }

  get reading(): Highlights {
    return this.#reader.of(this.text);
  }

  get entry(): ListedEntry | null {
    return this.entries[this.selected] ?? null;
  }

  /** A keystroke. */
  type(text: string): void {
    const same = text.trim() === this.text.trim();
    this.text = text;
    void this.#reader.read(text);
    if (same) return;
    clearTimeout(this.#pause);
    this.#latest.cancel();
    this.asking = true;
    this.#pause = setTimeout(() => void this.#search(), PAUSE_MS);
  }

  /** Searches for the same text in the other log. */
  async show(source: LogSource): Promise<void> {
    if (this.source === source) return;
    this.#leave();
    this.source = source;
    this.entries = [];
    this.next = null;
    this.searchedTo = null;
    this.selected = -1;
    this.session = [];
    this.sessionFailure = null;
    this.counts = null;
    this.replaced = false;
    this.#log = null;
    await this.load();
  }

  /** Searches for the text at once. */
  async searchFor(text: string): Promise<void> {
    this.text = text;
    await Promise.all([this.#reader.read(text), this.counts ? this.#search() : this.load()]);
  }

  /** Reads the newest entries, and who became whom. */
  async load(): Promise<void> {
    void this.#count();
    await this.#search();
  }

  /** Reads the newest entries; the selected one stays selected if it is among them. */
  async #search(): Promise<void> {
    clearTimeout(this.#pause);
    const isLatest = this.#latest.begin();
    const kept = this.entry;
    await this.#read(null, isLatest);
    if (!isLatest()) return;
    this.selected = kept ? this.entries.findIndex((one) => entryKey(one) === entryKey(kept)) : -1;
    void this.#showSession();
  }

  /** Reads older ones, if there are any. */
  async loadMore(): Promise<void> {
    if (this.asking || this.failure || this.next === null) return;
    await this.#read(this.next, this.#latest.begin());
  }

  select(at: number): void {
    const last = this.entries.length - 1;
    this.selected = Math.max(-1, Math.min(at, last));
    if (this.selected > last - 20) void this.loadMore();
    void this.#showSession();
  }

  /** The view closes. */
  close(): void {
    this.#leave();
  }

  /** No answer of this log is waited for any longer. */
  #leave(): void {
    clearTimeout(this.#pause);
    this.#latest.cancel();
    this.#sessionLatest.cancel();
    if (this.source === "team") void ipc.leaveTeamLog().catch(() => undefined);
  }

  async #read(from: LogPlace | null, isLatest: () => boolean): Promise<void> {
    this.asking = true;
    this.failure = null;
    const text = this.text.trim();
    let before = from;
    let found: ListedEntry[] = from === null ? [] : this.entries;
    const before_ = found.length;
    try {
      do {
        const page: LogPage = await logs[this.source].list(text, before);
        if (!isLatest()) return;
        if (this.#log !== null && this.#log !== page.log) {
          this.replaced = true;
          // What was found in the other file is not this one's.
          if (before !== null) {
            this.#log = page.log;
            found = [];
            before = null;
            continue;
          }
        }
        this.#log = page.log;
        found = [...found, ...page.entries];
        this.entries = found;
        this.next = before = page.next;
        this.searchedTo = page.searchedTo;
        this.team = page.team;
      } while (before !== null && found.length - before_ < ENOUGH);
      if (this.entries !== found) this.entries = found;
    } catch (cause) {
      if (!isLatest()) return;
      this.failure = asFailure(cause);
      if (from === null) {
        this.entries = [];
        this.next = null;
      }
    }
    this.asking = false;
  }

  async #showSession(): Promise<void> {
    const isLatest = this.#sessionLatest.begin();
    const { entry } = this;
    this.sessionFailure = null;
    this.sessionIsCut = false;
    if (!entry || entry.session === "") {
      this.session = [];
      return;
    }
    const shown = this.session[0];
    if (shown?.session !== entry.session || shown.console?.log !== entry.console?.log) this.session = [];
    try {
      const { entries, is_cut } = await logs[this.source].session(entry);
      if (!isLatest()) return;
      this.session = entries;
      this.sessionIsCut = is_cut;
    } catch (cause) {
      if (isLatest()) this.sessionFailure = asFailure(cause);
    }
  }

  /** That it fails, the list says. */
  async #count(): Promise<void> {
    const { source } = this;
    const counts = await logs[source].count().catch(() => null);
    if (this.source === source) this.counts = counts;
  }
}
