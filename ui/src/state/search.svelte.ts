// The search of one connection: what is asked, what was answered, who is selected. It outlives a switch to
// another connection, so that coming back finds everything as it was.
import type { How } from "../bindings/How";
import type { Info } from "../bindings/Info";
import type { Place } from "../bindings/Place";
import type { Query } from "../bindings/Query";
import type { Reading } from "../bindings/Reading";
import type { Row } from "../bindings/Row";
import type { Sort } from "../bindings/Sort";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { freeText } from "../text/filters";
import { SearchReading } from "./reading.svelte";

/** Rows asked for at once: four screens of an ordinary window. */
const PAGE = 100;
/** A wait shorter than this is not shown. */
const SLOW_MS = 200;

/** The question that the rows on the screen answer. */
export interface Answered {
  text: string;
  /** The text without its filters: what is marked in the rows. */
  free: string;
  sort: Sort | null;
  how: How;
}

export class UserSearch {
  readonly connection: string;

  text = $state("");
  sort: Sort | null = $state(null);

  info: Info | null = $state.raw(null);
  /** Names of the searched columns; `null` when the connection does not tell. */
  searched: string[] | null = $state.raw(null);

  rows: Row[] = $state.raw([]);
  answered: Answered | null = $state.raw(null);
  failure: Failure | null = $state.raw(null);
  /** Why what stands in the field is no question, such as for a filter's value. The rows stay: mostly it is not
   * typed to its end yet. */
  invalid: Failure | null = $state.raw(null);

  /** A question is under way. */
  asking = $state(false);
  /** ... for so long that it has to be shown. */
  slow = $state(false);

  loadingMore = $state(false);
  moreFailure: Failure | null = $state.raw(null);

  /** Place of the selected row; -1 when there is no row. */
  selected = $state(-1);
  readonly row: Row | null = $derived(this.rows[this.selected] ?? null);

  readonly #reader: SearchReading;

  #next: string | null = $state(null);
  #turn = 0;
  #interrupted = false;
  /** Loading on waits for {@link resume}: asking again at once would take the place of who took this one's. */
  #moreInterrupted = $state(false);
  #waiting: (() => void)[] = [];

  constructor(connection: string) {
    this.connection = connection;
    this.#reader = new SearchReading(connection);
  }

  /** What stands in the field, read: its filters and what is wrong with them. */
  get reading(): Reading {
    return this.#reader.of(this.text);
  }

  /** How many rows the list has, as far as it is known. */
  get count(): number {
    return this.rows.length;
  }

  /** There are more rows than are loaded. */
  get hasMore(): boolean {
    return this.#next !== null;
  }

  /** Nothing was asked yet. */
  get untouched(): boolean {
    return this.#turn === 0;
  }

  /** Opens the directory and asks what stands in the field; again after a failure or a change of the connection. */
  async open(): Promise<void> {
    await this.#ask(async () => {
      const [info, searched] = await Promise.all([
        ipc.directoryInfo(this.connection),
        // Only words of the empty state hang on this: that it cannot be read is said elsewhere.
        ipc.readConnection(this.connection).then(searchedColumns, () => null),
      ]);
      return { info, searched };
    }, this.row?.id ?? null);
  }

  /** A keystroke: the rows stay until the answer is there. */
  type(text: string): void {
    const same = text.trim() === this.text.trim();
    this.text = text;
    if (this.info) void this.#reader.read(text);
    if (same && this.answered && !this.failure && !this.invalid) return;
    if (this.info) void this.#ask(null, null);
    else void this.open();
  }

  /** Shows what `text` finds, with that user selected. */
  async show(text: string, user: string): Promise<void> {
    this.text = text;
    this.sort = null;
    await this.#ask(null, user);
  }

  /** Descending, ascending, not at all. */
  sortBy(column: string): void {
    const mine = this.sort?.column === column ? this.sort : null;
    this.sort =
      mine === null ? { column, descending: true } : mine.descending ? { column, descending: false } : null;
    void this.#ask(null, null);
  }

  /** Asks again, opening the directory if that was what failed. */
  retry(): void {
    if (this.info && this.failure?.code !== "connection_unknown") void this.#ask(null, this.row?.id ?? null);
    else void this.open();
  }

  /** Asks again if the last question failed, such as for want of a secret that is there by now. */
  retryFailed(): void {
    if (this.failure) this.retry();
  }

  /** Asks again when somebody else's search of this connection took this one's place. */
  resume(): void {
    this.#moreInterrupted = false;
    if (this.#interrupted) this.retry();
  }

  /** Loads the next page, unless that is under way, there is none, or a question is. */
  async more(): Promise<void> {
    if (this.#next === null || this.asking || this.loadingMore || this.failure || this.#moreInterrupted)
      return;
    const turn = this.#turn;
    this.loadingMore = true;
    this.moreFailure = null;
    try {
      const page = await ipc.searchUsers(this.connection, this.#query({ after: this.#next }));
      if (turn !== this.#turn) return;
      this.rows = [...this.rows, ...page.rows];
      this.#next = page.next;
    } catch (cause) {
      const failure = asFailure(cause);
      if (turn !== this.#turn) return;
      if (failure.code === "cancelled") this.#moreInterrupted = true;
      else this.moreFailure = failure;
    } finally {
      if (turn === this.#turn) this.loadingMore = false;
    }
  }

  select(index: number): void {
    this.selected = this.rows.length === 0 ? -1 : Math.min(Math.max(index, 0), this.rows.length - 1);
  }

  /** When what stands in the field has been answered: acting on a row then means the row that was asked for. */
  settled(): Promise<void> {
    if (!this.asking) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #query(place: Place): Query {
    return { text: this.text.trim(), sort: this.sort, place, limit: PAGE, everywhere: false };
  }

  /** Asks the first page; `keep` is selected if it is still there, else the first row. Only the newest turn counts. */
  async #ask(
    before: (() => Promise<{ info: Info; searched: string[] | null }>) | null,
    keep: string | null,
  ): Promise<void> {
    const turn = ++this.#turn;
    this.asking = true;
    this.#interrupted = false;
    this.#moreInterrupted = false;
    this.loadingMore = false;
    this.moreFailure = null;
    const patience = setTimeout(() => {
      if (turn === this.#turn) this.slow = true;
    }, SLOW_MS);
    try {
      if (before) {
        const { info, searched } = await before();
        if (turn !== this.#turn && this.info) return;
        this.info = info;
        this.searched = searched;
        if (turn !== this.#turn) return;
        if (this.sort && !info.columns.some(({ name, sortable }) => sortable && name === this.sort?.column)) {
          this.sort = null;
        }
      }
      const query = this.#query("start");
      const text = this.text;
      const [page, reading] = await Promise.all([
        ipc.searchUsers(this.connection, query),
        this.#reader.read(text),
      ]);
      if (turn !== this.#turn) return;
      this.rows = page.rows;
      this.#next = page.next;
      this.answered = { text: query.text, free: freeText(text, reading), sort: query.sort, how: page.how };
      this.failure = null;
      this.invalid = null;
      const kept = keep === null ? -1 : page.rows.findIndex((row) => row.id === keep);
      this.selected = kept >= 0 ? kept : page.rows.length > 0 ? 0 : -1;
    } catch (cause) {
      if (turn !== this.#turn) return;
      const failure = asFailure(cause);
      if (failure.code === "cancelled") this.#interrupted = true;
      else if (failure.code === "query_invalid" && this.answered && !this.failure) this.invalid = failure;
      else this.#fail(failure);
    } finally {
      clearTimeout(patience);
      if (turn === this.#turn) {
        this.slow = false;
        this.asking = false;
        for (const resolve of this.#waiting.splice(0)) resolve();
      }
    }
  }

  /** The rows go: they would answer another question. The text stays. */
  #fail(failure: Failure): void {
    this.failure = failure;
    this.invalid = null;
    this.rows = [];
    this.#next = null;
    this.selected = -1;
  }
}

function searchedColumns(draft: Awaited<ReturnType<typeof ipc.readConnection>>): string[] | null {
  const directory = draft.file?.directory;
  if (!directory) return null;
  const named = directory.search ?? [directory.email, directory.name];
  return [directory.id, ...named].filter((name): name is string => typeof name === "string");
}
