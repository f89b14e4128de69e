// The search of one connection: what is asked, what was answered, who is selected. It outlives a switch to
// another connection, so that coming back finds everything as it was.
import type { How } from "../bindings/How";
import type { Info } from "../bindings/Info";
import type { LeftOut } from "../bindings/LeftOut";
import type { Place } from "../bindings/Place";
import type { ListRequest } from "../bindings/ListRequest";
import type { PastedText } from "../bindings/PastedText";
import type { Highlights } from "../bindings/Highlights";
import type { Sort } from "../bindings/Sort";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { freeText, isTyped, without } from "../text/filters";
import type { ListedUser, UserPage } from "../text/standing";
import { Counting } from "./count.svelte";
import { Latest } from "./latest";
import { Offers } from "./offers.svelte";
import { Pages } from "./pages.svelte";
import { SearchReading } from "./reading.svelte";
import { remember, remembered } from "./remembered";

/** Rows asked for first: four screens of an ordinary window. */
const PAGE = 100;
/** Rows asked for as the list is scrolled on. To take a page in costs a frame, so it is done seldom. */
const FURTHER = 400;
/** A wait shorter than this is not shown. */
const SLOW_MS = 200;
/** Rows that are loaded before they are scrolled to. */
const AHEAD = 30;

/** The question that the rows on the screen answer. */
export interface Answered {
  text: string;
  /** The text without its filters: what is marked in the rows. */
  free: string;
  sort: Sort | null;
  /** Also what no index serves was searched. */
  everywhere: boolean;
  how: How;
  /** What was looked for in it, if it was read as a pasted text. */
  pasted: PastedText | null;
  /** The IDs of the users whom the text names, by ID, address or what belongs to them; others that contain it may
   * follow. */
  named: readonly string[];
}

/** How a question is asked. */
interface SearchRequest {
  /** Opens the directory first. */
  opening?: boolean;
  sort?: Sort | null;
  everywhere?: boolean;
  place?: Place;
  /** Selected if it is still there, else the first row; with the list's end, the last one. */
  keep?: string | null;
  /** An order was asked for: an answer that says what it would take is no answer yet. */
  ordering?: boolean;
  /** In the background: the selection and scroll position stay, and a failure is not shown. */
  quiet?: boolean;
  /** The same question once more: the selection and what is in sight stay. */
  again?: boolean;
}

export class UserSearch {
  /** The console starts with what was searched for when it was left; a setting. */
  static isRemembered = true;

  readonly connection: string;

  text = $state("");
  /** The text is that of the last run: typing replaces it. */
  isOfLastRun = false;
  sort: Sort | null = $state.raw(null);

  info: Info | null = $state.raw(null);
  /** Names of the searched columns; `null` when the connection does not tell. */
  searched: string[] | null = $state.raw(null);

  readonly pages = new Pages();
  answered: Answered | null = $state.raw(null);
  /** Why the last question has no answer. The rows that were there stay, greyed. */
  failure: Failure | null = $state.raw(null);
  /** When the first of the questions was asked that have failed since the last answer. */
  failingSince: number | null = $state(null);
  /** Why what stands in the field is no question, such as for a filter's value. The rows stay: mostly it is not
   * typed to its end yet. */
  invalid: Failure | null = $state.raw(null);

  /** What the rows leave out, because no index serves it; told at the list's end. */
  leftOut: LeftOut | null = $state.raw(null);
  /** An id that several rows have: it identifies none of them. */
  doubled: string | null = $state.raw(null);
  /** An order that reads all rows, waiting for a yes. */
  costly: { sort: Sort; leftOut: LeftOut } | null = $state.raw(null);
  /** All rows are being read: since when, and how long that may take, in milliseconds. */
  readingAll: { since: number; limit: number } | null = $state.raw(null);
  /** Why reading all rows came to no end; the rows that were there still are. */
  allFailure: Failure | null = $state.raw(null);

  /** The database was reached and is starting: it was paused while idle. */
  waking = $state(false);
  /** A question is under way. */
  asking = $state(false);
  /** ... for so long that it has to be shown. */
  slow = $state(false);

  loadingMore = $state(false);
  moreFailure: Failure | null = $state.raw(null);

  /** Place of the selected row; -1 when there is no row. */
  selected = $state(-1);
  /** The selected row; kept when its page is let go of. */
  row: ListedUser | null = $state.raw(null);
  /** Which of the columns shown the keyboard means, in the selected row; `null`: the row. */
  cell: number | null = $state(null);
  /** Users that are marked besides, to be copied or compared, in the order in which they were. */
  marked: ListedUser[] = $state.raw([]);
  /** How often the selection was moved, or put somewhere by an answer: then it has to be in sight. */
  moves = $state(0);

  readonly total: Counting;
  readonly found: Counting;
  /** What to search for instead when there are no matches. */
  readonly offers: Offers;
  readonly #reader: SearchReading;

  readonly #latest = new Latest();
  #interrupted = false;
  /** Loading on waits for {@link resume}: asking again at once would take the place of who took this one's. */
  #moreInterrupted = $state(false);
  /** What stood on the screen last, and so has to be loaded. */
  #sight = { first: 0, last: 0 };
  /** How long reading all rows may take, in milliseconds: the connection's time limit, once it was told. */
  #limit = 3000;
  #waiting: (() => void)[] = [];

  constructor(connection: string) {
    this.connection = connection;
    this.#reader = new SearchReading((text) => ipc.readSearch(connection, text));
    this.total = new Counting(connection);
    this.found = new Counting(connection);
    this.offers = new Offers(connection);
  }

  /** What stands in the field, read: its filters and what is wrong with them. */
  get reading(): Highlights {
    return this.#reader.of(this.text);
  }

  /** How many rows the list has, as far as it is known. */
  get count(): number {
    return this.pages.count;
  }

  /** Those that are loaded. */
  get rows(): ListedUser[] {
    return this.pages.loaded;
  }

  /** There are more rows behind those that are known. */
  get hasMore(): boolean {
    return this.pages.next !== null;
  }

  /** There are more rows before those that are known. */
  get hasBefore(): boolean {
    return this.pages.previous !== null;
  }

  /** The length of the whole list; `null` until it is counted. */
  get length(): number | null {
    if (!this.hasMore && !this.hasBefore) return this.count;
    if (!this.answered || this.leftOut) return null;
    const { text } = this.answered;
    const count = (text === "" ? this.total : this.found).of(text);
    if (count) return count.capped ? null : count.users;
    return text === "" && this.info?.total_is_exact === true ? this.info.estimated_total : null;
  }

  /** Rows before those that have a place, as far as that is known. */
  get rowsBefore(): number {
    return this.hasBefore && this.length !== null ? Math.max(0, this.length - this.count) : 0;
  }

  /** Nothing was asked yet. */
  get untouched(): boolean {
    return this.#latest.untouched;
  }

  /** The rows answer an earlier question: the last one failed. */
  get stale(): boolean {
    return this.failure !== null && this.answered !== null && this.count > 0;
  }

  /** Opens the directory and asks what stands in the field; again after a failure or a change of the connection. */
  async open(): Promise<void> {
    this.total.forget();
    this.found.forget();
    await this.#ask({ opening: true, everywhere: this.#sameText && this.#everywhere, ...this.#again() });
  }

  /** Reads everything anew: what the database holds, how many they are, the rows. */
  async reload(): Promise<void> {
    if (this.readingAll || this.asking) return;
    this.total.forget();
    this.found.forget();
    await this.#ask({
      opening: true,
      everywhere: this.#sameText && this.#everywhere,
      ...this.#again(),
    });
  }

  /** Begins with what was searched for when the console was left, if that was in this connection. */
  restore(): void {
    const [connection, text] = readLeft(remembered("search"));
    if (connection !== this.connection || !this.untouched) return;
    this.text = text;
    this.isOfLastRun = text !== "";
  }

  /** The console starts with this search if it is left now. Of a customer's email, nothing is kept. */
  remember(): void {
    if (!UserSearch.isRemembered) return;
    remember("search", JSON.stringify([this.connection, isTyped(this.text) ? this.text : ""]));
  }

  #write(text: string): void {
    this.text = text;
    this.isOfLastRun = false;
    this.remember();
  }

  /** A keystroke: the rows stay until the answer is there. */
  type(text: string): void {
    const same = text.trim() === this.text.trim();
    this.#write(text);
    if (this.info) void this.#reader.read(text);
    if (same && this.answered && !this.failure && !this.invalid) return;
    // An order was chosen for one question: another one is answered by how well a user matches.
    void this.#ask({ opening: !this.info, sort: same ? this.sort : null });
  }

  /** Narrows the search by `filter`, in the place of another filter on the same column. Free text that named one user
   * has found them: it goes. */
  filterBy(column: string, filter: string): void {
    const { chips } = this.reading;
    const kept = chips.filter((chip) => chip.column !== column || chip.negated);
    const found = this.answered && this.answered.named.length > 0 && this.answered.text === this.text.trim();
    const rest = found
      ? kept.map(({ start, end }) => this.text.slice(start, end)).join(" ")
      : chips
          .filter((chip) => !kept.includes(chip))
          .reduceRight(without, this.text)
          .trim();
    this.type(rest === "" ? filter : `${rest} ${filter}`);
  }

  /** Shows what `text` finds, with that user selected. */
  async show(text: string, user: string): Promise<void> {
    this.#write(text);
    if (this.info) void this.#reader.read(text);
    await this.#ask({ opening: !this.info, sort: null, keep: user });
  }

  /** Texts from A, numbers from the largest and times from the newest; then the other way round; then not at all. An
   * order that no index gives may have to be said yes to. */
  sortBy(column: string): void {
    const mine = this.sort?.column === column ? this.sort : null;
    const first = this.#descendsFirst(column);
    const sort =
      mine === null
        ? { column, descending: first }
        : mine.descending === first
          ? { column, descending: !first }
          : null;
    // The other way round costs what was said yes to already.
    const everywhere = mine !== null && sort !== null && this.#everywhere;
    void this.#ask({ sort, everywhere, ordering: true });
  }

  /** Orders by {@link costly}, whatever it takes. */
  sortAnyway(): void {
    if (this.costly) void this.#ask({ sort: this.costly.sort, everywhere: true });
  }

  /** Asks the same also of what no index serves. */
  searchEverywhere(): void {
    if (this.leftOut && !this.asking) void this.#ask({ everywhere: true, keep: this.row?.id ?? null });
  }

  /** Runs the offer at this place instead of the search without matches. */
  takeOffer(at: number): boolean {
    const offer = this.offers.list[at];
    if (!offer) return false;
    this.type(offer.text);
    return true;
  }

  /** Gives up reading all rows, or the order that would. */
  stopReadingAll(): void {
    this.costly = null;
    this.allFailure = null;
    if (!this.readingAll) return;
    this.#latest.cancel();
    this.sort = this.answered?.sort ?? null;
    this.#settle();
    ipc.stopSearch(this.connection).catch(() => {});
  }

  /** Gives up waiting for a database that wakes up. */
  stopWaiting(): void {
    ipc.stopWaiting(this.connection).catch(() => {});
  }

  /** The order of the question alone. */
  unsort(): void {
    if (this.sort) void this.#ask({ sort: null });
  }

  /** Asks again, and looks at the database anew, unless a failure is to be mended. */
  retry(): void {
    this.#askAgain(!this.failure || this.failure.code === "connection_unknown");
  }

  #askAgain(anew: boolean): void {
    const opening = anew || !this.info;
    void this.#ask({ opening, everywhere: this.#sameText && this.#everywhere, ...this.#again() });
  }

  /** Asks again if the last question failed, such as for want of a secret that is there by now. */
  retryFailed(): void {
    if (this.failure) this.retry();
  }

  /** Searches again after another search of this connection replaced this one. */
  resume(): void {
    this.#moreInterrupted = false;
    if (this.#interrupted) this.#askAgain(false);
    else void this.#load();
  }

  /** The directory has changed: what is shown is read again, with nothing moving under the agent's hands. */
  async refresh(): Promise<void> {
    await this.settled();
    if (!this.answered || this.failure || this.costly || this.text.trim() !== this.answered.text) return;
    if (this.#everywhere || this.#isDeep) {
      this.pages.outdate();
      await this.#load();
      return;
    }
    this.total.forget();
    this.found.forget();
    await this.#ask({ keep: this.row?.id ?? null, quiet: true });
  }

  /** These rows stand on the screen: what is missing of them, and what comes next to them, is loaded. */
  look(first: number, last: number): void {
    // The list may have become shorter than what was looked at.
    const end = Math.max(0, this.count - 1);
    this.#sight = { first: Math.min(first, end), last: Math.min(last, end) };
    void this.#load();
  }

  /** Loads the next page, unless that is under way, there is none, or a question is. Whether it did. */
  async more(): Promise<boolean> {
    const { next } = this.pages;
    if (next === null) return false;
    const place = { after: next };
    return this.#loadPage(place, FURTHER, (page) => {
      this.pages.append(place, page);
      if (page.next === null) this.#leave(page.left_out);
      this.doubled ??= page.doubled;
    });
  }

  /** Loads the page before the first one, likewise. */
  async before(): Promise<boolean> {
    const { previous } = this.pages;
    if (previous === null) return false;
    const place = { before: previous };
    return this.#loadPage(place, FURTHER, (page) => {
      this.pages.prepend(place, page);
      this.doubled ??= page.doubled;
      const by = page.rows.length;
      if (this.selected >= 0) this.selected += by;
      this.#sight = { first: this.#sight.first + by, last: this.#sight.last + by };
    });
  }

  /** Tries again what could not be loaded. */
  loadAgain(): void {
    this.moreFailure = null;
    void this.#load();
  }

  select(index: number): void {
    this.#put(index);
    this.moves++;
  }

  /** Marks this row, or no longer. With the first one, the selected row is marked too: it is the one begun from. */
  toggleMark(index: number): void {
    const row = this.pages.at(index);
    if (!row) return;
    const begun = this.marked.length === 0 && this.row && this.row.id !== row.id ? [this.row] : this.marked;
    this.marked = begun.some(({ id }) => id === row.id)
      ? begun.filter(({ id }) => id !== row.id)
      : [...begun, row];
    this.select(index);
  }

  /** Moves the selection and marks what it comes over, as Shift does in lists. */
  markTo(index: number): void {
    const { row: from } = this;
    this.select(index);
    const seen = [from, this.row].filter((row) => row !== null);
    this.marked = [...this.marked, ...seen.filter(({ id }) => this.marked.every((one) => one.id !== id))];
  }

  /** Those that an action on rows is for: the marked ones, else the selected one. */
  get chosen(): ListedUser[] {
    if (this.marked.length > 0) return this.marked;
    return this.row ? [this.row] : [];
  }

  /** To the first row of all. */
  first(): void {
    if (this.hasBefore) void this.#ask({ everywhere: this.#everywhere, place: "start" });
    else this.select(0);
  }

  /** To the last row of all. */
  last(): void {
    if (this.hasMore) void this.#ask({ everywhere: this.#everywhere, place: "end" });
    else this.select(this.count - 1);
  }

  /** When what stands in the field has been answered: acting on a row then means the row that was asked for. */
  settled(): Promise<void> {
    if (!this.asking) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The list is one of everything. */
  get #everywhere(): boolean {
    return this.answered?.everywhere === true;
  }

  /** What stands in the field is what the rows answer. */
  get #sameText(): boolean {
    return this.answered?.text === this.text.trim();
  }

  /** How the same question is asked once more, or another one after a failure. */
  #again(): Pick<SearchRequest, "keep" | "again"> {
    return { keep: this.row?.id ?? null, again: this.#sameText };
  }

  #isSortable(column: string): boolean {
    return this.info?.columns.some(({ name, sortable }) => sortable && name === column) ?? false;
  }

  #descendsFirst(column: string): boolean {
    const kind = this.info?.columns.find(({ name }) => name === column)?.kind;
    return kind === "time" || kind === "integer" || kind === "number";
  }

  /** More stands on the screen, or is selected, than a first page holds. */
  get #isDeep(): boolean {
    return Math.max(this.#sight.last, this.selected) >= PAGE || this.hasBefore;
  }

  /** One page at a time: first what is looked at, then what comes next to it. */
  async #load(): Promise<void> {
    for (let loaded = true; loaded;) {
      const { first, last } = this.#sight;
      const place = this.pages.missing(first - AHEAD, last + AHEAD);
      if (place !== null) {
        const size = this.pages.sizeOf(place);
        loaded = await this.#loadPage(place, size, (page) => this.#refill(place, page));
      } else if (last >= this.count - AHEAD && this.hasMore) loaded = await this.more();
      else if (first < AHEAD && this.hasBefore) loaded = await this.before();
      else loaded = false;
    }
  }

  /** Unless a page is under way, or a question is: it would take that one's place. */
  async #loadPage(place: Place, limit: number, put: (page: UserPage) => void): Promise<boolean> {
    const { answered } = this;
    if (!answered || this.asking || this.loadingMore || this.failure || this.#moreInterrupted) return false;
    const isLatest = this.#latest.current();
    this.loadingMore = true;
    this.moreFailure = null;
    try {
      const { text, sort, everywhere } = answered;
      const page = await ipc.searchUsers(this.connection, { text, sort, place, limit, everywhere });
      if (!isLatest()) return false;
      put(page);
      this.pages.letGo(this.#sight.first, this.#sight.last);
      return true;
    } catch (cause) {
      const failure = asFailure(cause);
      if (!isLatest()) return false;
      if (failure.code === "cancelled") this.#moreInterrupted = true;
      // That is not about this page: the banner says it once, and tries again.
      else if (failure.code === "directory_unreachable") this.#fail(failure);
      else this.moreFailure = failure;
      return false;
    } finally {
      if (isLatest()) this.loadingMore = false;
    }
  }

  /** Selects without bringing it in sight. */
  #put(index: number): void {
    this.selected = this.count === 0 ? -1 : Math.min(Math.max(index, 0), this.count - 1);
    this.row = this.pages.at(this.selected);
  }

  #refill(place: Place, page: UserPage): void {
    this.pages.refill(place, page);
    const chosen = this.pages.at(this.selected);
    if (this.row === null || chosen?.id === this.row.id) this.row = chosen;
    else if (chosen) {
      // Rows were added or removed: the user stays selected, not the position.
      const place = this.pages.placeOf(this.row.id);
      if (place >= 0) this.selected = place;
    }
  }

  /** Asks a question anew. Only the newest question counts. */
  async #ask(asking: SearchRequest): Promise<void> {
    const { opening = false, everywhere = false, place = "start", keep = null } = asking;
    const { ordering = false, quiet = false, again = false } = asking;
    const isLatest = this.#latest.begin();
    const asked = Date.now();
    const before = this.sort;
    if (asking.sort !== undefined) this.sort = asking.sort;
    this.asking = true;
    this.readingAll = everywhere ? { since: Date.now(), limit: this.#limit } : null;
    this.costly = null;
    this.allFailure = null;
    this.#interrupted = false;
    this.#moreInterrupted = false;
    this.loadingMore = false;
    this.moreFailure = null;
    this.offers.forget();
    const patience = setTimeout(() => {
      if (isLatest()) this.slow = true;
    }, SLOW_MS);
    try {
      if (opening) {
        const [info, searched] = await Promise.all([
          ipc.directoryInfo(this.connection, this.info !== null),
          // Only words of the empty state hang on this: that it cannot be read is said elsewhere.
          ipc.readConnection(this.connection).then(searchedColumns, () => null),
        ]);
        if (!isLatest() && this.info) return;
        this.info = info;
        this.searched = searched;
        if (!isLatest()) return;
        if (this.sort && !this.#isSortable(this.sort.column)) this.sort = null;
      }
      const { text, sort } = this;
      const query: ListRequest = { text: text.trim(), sort, place, limit: PAGE, everywhere };
      const [page, reading] = await Promise.all([
        ipc.searchUsers(this.connection, query),
        this.#reader.read(text),
      ]);
      if (!isLatest()) return;
      const orders = page.left_out !== null && !page.left_out.spellings;
      if (ordering && sort && page.left_out && orders && page.rows.length === 0) {
        this.sort = before;
        this.costly = { sort, leftOut: page.left_out };
        this.#limit = page.left_out.limit_ms;
        return;
      }
      this.failure = null;
      this.failingSince = null;
      this.invalid = null;
      if (again && this.#isDeep && this.count > 0) {
        // The rows far down are read again where they are.
        this.pages.outdate();
        return;
      }
      const stays = quiet || again;
      this.pages.begin(place, page);
      // Marks are of one list.
      if (!stays) this.marked = [];
      this.#leave(page.left_out);
      this.doubled = page.doubled;
      const edge = place === "end" ? this.count - 1 : 0;
      if (!stays) this.#sight = { first: edge, last: edge };
      this.answered = {
        text: query.text,
        free: page.pasted ? (page.pasted.taken ?? "") : freeText(text, reading),
        pasted: page.pasted ?? null,
        sort,
        everywhere,
        how: page.how,
        named: ["id", "email", "related"].includes(page.how.tier) ? page.rows.map(({ id }) => id) : [],
      };
      if (this.count > 0 || query.text === "") this.offers.forget();
      else void this.offers.ask(query.text);
      const kept = keep === null ? -1 : this.pages.placeOf(keep);
      if (stays && kept >= 0) this.#put(kept);
      else this.select(kept >= 0 ? kept : stays ? this.selected : edge);
    } catch (cause) {
      if (!isLatest()) return;
      const failure = asFailure(cause);
      if (failure.code === "cancelled") this.#interrupted = true;
      else if (quiet) return;
      else if (failure.code === "query_invalid" && this.answered && !this.failure) this.invalid = failure;
      else if (this.readingAll) {
        // The rows answer the same question, as far as indexes do.
        this.sort = before;
        this.allFailure = failure;
      } else this.#fail(failure, asked);
    } finally {
      clearTimeout(patience);
      if (isLatest()) {
        this.#settle();
        if (again && !this.failure) void this.#load();
      }
    }
  }

  #leave(leftOut: LeftOut | null): void {
    this.leftOut = leftOut;
    if (leftOut) this.#limit = leftOut.limit_ms;
  }

  #settle(): void {
    this.slow = false;
    this.asking = false;
    this.readingAll = null;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The rows stay, as the last that is known; the text stays. */
  #fail(failure: Failure, since = Date.now()): void {
    this.failure = failure;
    this.failingSince ??= since;
    this.invalid = null;
  }
}

function searchedColumns(draft: Awaited<ReturnType<typeof ipc.readConnection>>): string[] | null {
  const directory = draft.file?.directory;
  if (!directory) return null;
  const named = directory.search ?? [directory.email, directory.name];
  return [directory.id, ...named].filter((name): name is string => typeof name === "string");
}

/** The connection and the text that were left. */
function readLeft(kept: string | null): [string | null, string] {
  try {
    const [connection, text] = JSON.parse(kept ?? "[]") as unknown[];
    return typeof connection === "string" && typeof text === "string" ? [connection, text] : [null, ""];
  } catch {
    return [null, ""];
  }
}
