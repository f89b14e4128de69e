// A number of users, counted when it is asked for: counting reads all that it counts.
import type { Count } from "../bindings/Count";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";

/** A wait shorter than this is not shown. */
const SLOW_MS = 200;

export class Counting {
  readonly #connection: string;
  /** What was counted, and for which text. */
  #counted: { text: string; count: Count } | null = $state.raw(null);
  failure: Failure | null = $state.raw(null);
  under = $state(false);
  slow = $state(false);
  #turn = 0;

  constructor(connection: string) {
    this.#connection = connection;
  }

  of(text: string): Count | null {
    return this.#counted?.text === text ? this.#counted.count : null;
  }

  /** Counts; while that is under way, stops it. */
  async toggle(text: string): Promise<void> {
    if (this.under) return this.stop();
    const turn = ++this.#turn;
    this.under = true;
    this.failure = null;
    const patience = setTimeout(() => (this.slow = true), SLOW_MS);
    try {
      const count = await ipc.countUsers(this.#connection, text);
      if (turn === this.#turn) this.#counted = { text, count };
    } catch (cause) {
      const failure = asFailure(cause);
      if (turn === this.#turn && failure.code !== "cancelled") this.failure = failure;
    } finally {
      clearTimeout(patience);
      if (turn === this.#turn) this.under = this.slow = false;
    }
  }

  /** What was counted is kept for its own text. */
  stop(): void {
    if (!this.under) return;
    this.#turn++;
    this.under = this.slow = false;
    // That it cannot be stopped is nothing to the agent: its answer is not waited for any more.
    ipc.stopCount(this.#connection).catch(() => {});
  }

  forget(): void {
    this.stop();
    this.#counted = null;
    this.failure = null;
  }
}
