// One text, asked of all connections at once: each answers when it can, none waits for another.
import type { Column } from "../bindings/Column";
import type { ConnectionSummary } from "../bindings/ConnectionSummary";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import type { ListedUser } from "../text/standing";
import { Latest } from "./latest";

/** While letters follow each other faster than this, nobody is asked. */
const PAUSE_MS = 120;

/** Whom one connection knows. */
export interface Known {
  connection: ConnectionSummary;
  /** What was asked. */
  text: string;
  columns: Column[];
  rows: ListedUser[];
  /** It may know others besides. */
  more: boolean;
}

/** Why one connection could not be asked. */
export interface Unasked {
  connection: ConnectionSummary;
  failure: Failure;
}

export class AllConnectionsSearch {
  text = $state("");
  /** In the order of the answers, so that nothing moves under the agent's hands. Those of the text before stay until
   * somebody is found, or nobody. */
  known: Known[] = $state.raw([]);
  unasked: Unasked[] = $state.raw([]);
  /** Connections that have not answered yet. */
  waiting = $state(0);
  /** Connections that know nobody, and have not searched what no index covers. */
  partly = $state(0);
  /** {@link known} answers an earlier text. */
  stale = $state(false);
  /** The agent never used these: they are asked when the agent says so. */
  others: ConnectionSummary[] = $state.raw([]);
  /** Those that are asked. */
  asked: ConnectionSummary[] = $state.raw([]);
  /** Which connections are used could not be told. */
  failure: Failure | null = $state.raw(null);

  readonly #connections: ConnectionSummary[];
  readonly #latest = new Latest();
  #pause: ReturnType<typeof setTimeout> | undefined;
  #lookUp: ipc.LookUp | null = null;

  constructor(connections: ConnectionSummary[]) {
    this.#connections = connections;
  }

  /** Finds out who is to be asked, and asks what stands in the field by then. */
  async begin(text: string): Promise<void> {
    this.text = text;
    try {
      const used = await ipc.usedConnections();
      this.asked = this.#connections.filter(({ id }) => used.includes(id));
    } catch (cause) {
      this.failure = asFailure(cause);
    }
    this.others = this.#connections.filter((one) => !this.asked.includes(one));
    this.ask();
  }

  /** A keystroke. */
  type(text: string): void {
    const same = text.trim() === this.text.trim();
    this.text = text;
    if (same) return;
    clearTimeout(this.#pause);
    this.#latest.cancel();
    this.stale = true;
    this.#pause = setTimeout(() => this.ask(), PAUSE_MS);
  }

  /** Asks all of them anew. */
  ask(): void {
    clearTimeout(this.#pause);
    this.#latest.begin();
    this.unasked = [];
    this.waiting = 0;
    this.partly = 0;
    this.stale = true;
    if (this.text.trim() === "") {
      this.#clear();
      void ipc.stopLookups();
      return;
    }
    this.#lookUp = ipc.beginLookups();
    for (const connection of this.asked) void this.#askOne(connection);
    if (this.waiting === 0) this.#clear();
  }

  /** Asks also those that were never used, from now on. */
  askOthers(): void {
    const { others } = this;
    this.asked = [...this.asked, ...others];
    this.others = [];
    if (this.text.trim() !== "" && this.#lookUp)
      for (const connection of others) void this.#askOne(connection);
  }

  /** The view closes: nobody waits for an answer. */
  close(): void {
    clearTimeout(this.#pause);
    this.#latest.cancel();
    void ipc.stopLookups();
  }

  async #askOne(connection: ConnectionSummary): Promise<void> {
    const isLatest = this.#latest.current();
    const text = this.text.trim();
    this.waiting++;
    try {
      const found = await this.#lookUp?.(connection.id, text);
      if (!isLatest() || !found) return;
      if (found.page.rows.length > 0) {
        const { columns, page } = found;
        // The rows that are named come first, then those that contain the text: those are not looked for here.
        const isNamed = ["id", "email", "related"].includes(page.how.tier);
        const more = page.next !== null && !isNamed;
        if (this.stale) this.#clear();
        this.known = [...this.known, { connection, text, columns, rows: page.rows, more }];
      } else if (found.page.left_out) this.partly++;
    } catch (cause) {
      if (!isLatest()) return;
      this.unasked = [...this.unasked, { connection, failure: asFailure(cause) }];
    }
    this.waiting--;
    if (this.waiting === 0 && this.stale) this.#clear();
  }

  #clear(): void {
    this.known = [];
    this.stale = false;
  }
}
