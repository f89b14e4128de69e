// What the bar shows, as Rust tells it, and what its buttons ask for.
import type { BarAction } from "../bindings/BarAction";
import type { BarState } from "../bindings/BarState";
import type { Toast } from "../bindings/Toast";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { Latest } from "../state/latest";

/** Milliseconds: long enough for one line. */
const SAID_FOR = 8000;

export class BarSession {
  /** `null` until Rust has answered. */
  state: BarState | null = $state.raw(null);
  failure: Failure | null = $state.raw(null);
  /** What just happened in this window, for a while. */
  said: Toast | null = $state.raw(null);
  readonly #latest = new Latest();
  #hushed: ReturnType<typeof setTimeout> | undefined;

  /** Asks now and on every change, until the returned function is called. */
  async follow(): Promise<() => void> {
    // Hearing comes first: a change between asking and hearing would be lost.
    const stops = [
      await ipc.onBarChanged(() => void this.ask()),
      await ipc.onSaid((said) => this.#say(said)),
    ];
    await this.ask();
    return () => {
      clearTimeout(this.#hushed);
      for (const stop of stops) stop();
    };
  }

  async ask(): Promise<void> {
    const isLatest = this.#latest.begin();
    try {
      const state = await ipc.barState();
      if (!isLatest()) return;
      this.state = state;
      this.failure = null;
    } catch (cause) {
      if (isLatest()) this.failure = asFailure(cause);
    }
  }

  #say(said: Toast): void {
    this.said = said;
    clearTimeout(this.#hushed);
    this.#hushed = setTimeout(() => (this.said = null), SAID_FOR);
  }

  async act(action: BarAction): Promise<void> {
    try {
      await ipc.barAct(action);
    } catch (cause) {
      this.failure = asFailure(cause);
    }
  }
}
