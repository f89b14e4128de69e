// A number of users, counted when it is asked for: counting reads all that it counts.
import type { Count } from "../bindings/Count";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { Latest } from "./latest";

/** A wait shorter than this is not shown. */
const SLOW_MS = 200;

export class Counting {
  readonly #connection: string;
  /** What was counted, and for which text. */
  #counted: { text: string; count: Count } | null = $state.raw(null);
  failure: Failure | null = $state.raw(null);
  under = $state(false);
  slow = $state(false);
  readonly #latest = new Latest();

  constructor(connection: string) {
    this.#connection = connection;
  }

  of(text: string): Count | null {
    return this.#counted?.text === text ? this.#counted.count : null;
  }

  /** Counts; while that is under way, stops it. */
  async toggle(text: string): Promise<void> {
    if (this.under) return this.stop();
    const isLatest = this.#latest.begin();
    this.under = true;
    this.failure = null;
    const patience = setTimeout(() => (this.slow = true), SLOW_MS);
    try {
      const count = await ipc.countUsers(this.#connection, text);
      if (isLatest()) this.#counted = { text, count };
    } catch (cause) {
      const failure = asFailure(cause);
      if (isLatest() && failure.code !== "cancelled") this.failure = failure;
    } finally {
      clearTimeout(patience);
      if (isLatest()) this.under = this.slow = false;
    }
  }

  /** What was counted is kept for its own text. */
  stop(): void {
    if (!this.under) return;
    this.#latest.cancel();
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
