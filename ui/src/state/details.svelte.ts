// The user in the details panel, read again from the directory, and who became them before.
import { SvelteMap } from "svelte/reactivity";
import type { UserDetails } from "../bindings/UserDetails";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { type IsLatest, Latest } from "./latest";

/** Moving through the list with a held key reads no details. Resting on a user does. */
const REST_MS = 120;

export class Details {
  /** Of the user last asked for; `null` until it is there. */
  found: UserDetails | null = $state.raw(null);
  failure: Failure | null = $state.raw(null);

  /** Masked values that the agent has revealed, by column; `null`: there is none any more. */
  readonly revealed = new SvelteMap<string, string | null>();

  /** How often all of them were hidden: what is revealed too late stays hidden. */
  #hidden = 0;

  readonly #latest = new Latest();
  #rest: ReturnType<typeof setTimeout> | undefined;
  #shown = "";

  /** Reads this user. What is shown of another one goes at once; of the same one it stays until the answer is there. */
  show(connection: string, user: string): void {
    const key = JSON.stringify([connection, user]);
    if (key !== this.#shown) this.clear();
    this.#shown = key;
    const isLatest = this.#latest.begin();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => void this.#read(isLatest, connection, user), REST_MS);
  }

  clear(): void {
    this.#latest.cancel();
    clearTimeout(this.#rest);
    this.#shown = "";
    this.found = null;
    this.failure = null;
    this.hideAll();
  }

  /** Shows a masked value of this user. That is recorded; if it can't be, the value stays hidden. */
  async reveal(connection: string, user: string, column: string): Promise<void> {
    const times = this.#hidden;
    try {
      const value = await ipc.revealValue(connection, user, column);
      if (this.#hidden !== times) return;
      this.revealed.set(column, value);
      this.failure = null;
    } catch (cause) {
      if (this.#hidden === times) this.failure = asFailure(cause);
    }
  }

  hide(column: string): void {
    this.revealed.delete(column);
  }

  hideAll(): void {
    this.#hidden++;
    this.revealed.clear();
  }

  async #read(isLatest: IsLatest, connection: string, user: string): Promise<void> {
    try {
      const found = await ipc.userDetails(connection, user);
      if (!isLatest()) return;
      this.found = found;
      this.failure = null;
    } catch (cause) {
      const failure = asFailure(cause);
      if (isLatest() && failure.code !== "cancelled") this.failure = failure;
    }
  }
}
