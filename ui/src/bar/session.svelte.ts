// What the bar shows, as Rust tells it, and what its buttons ask for.
import type { BarAction } from "../bindings/BarAction";
import type { BarState } from "../bindings/BarState";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";

export class BarSession {
  /** `null` until Rust has answered. */
  state: BarState | null = $state.raw(null);
  failure: Failure | null = $state.raw(null);
  #asked = 0;

  /** Asks now and on every change, until the returned function is called. */
  async follow(): Promise<() => void> {
    // Hearing comes first: a change between asking and hearing would be lost.
    const stop = await ipc.onBarChanged(() => void this.ask());
    await this.ask();
    return stop;
  }

  async ask(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const state = await ipc.barState();
      if (asked !== this.#asked) return;
      this.state = state;
      this.failure = null;
    } catch (cause) {
      if (asked === this.#asked) this.failure = asFailure(cause);
    }
  }

  async act(action: BarAction): Promise<void> {
    try {
      await ipc.barAct(action);
    } catch (cause) {
      this.failure = asFailure(cause);
    }
  }
}
