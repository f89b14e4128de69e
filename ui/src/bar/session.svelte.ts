// What the bar shows, as Rust tells it, and what its buttons ask for.
import type { BarAction } from "../bindings/BarAction";
import type { BarState } from "../bindings/BarState";
import type { Toast } from "../bindings/Toast";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { Latest } from "../state/latest";

/** Milliseconds: long enough for one line. */
const SAID_FOR = 8000;

/** Of the bar with nothing unfolded, in px. */
export const LINE_HEIGHT = 46;
/** What the window gives the bar at most. */
export const MOST_HEIGHT = 420;

export class BarSession {
  /** `null` until Rust has answered. */
  state: BarState | null = $state.raw(null);
  failure: Failure | null = $state.raw(null);
  /** What just happened in this window, for a while. */
  said: Toast | null = $state.raw(null);
  readonly #latest = new Latest();
  /** What the window was last asked for. */
  #height = LINE_HEIGHT;
  #hushed: ReturnType<typeof setTimeout> | undefined;

  /** Asks now and on every change, until the returned function is called. `pressMode`: the page has heard its key. */
  async follow(pressMode: () => void): Promise<() => void> {
    // Hearing comes first: a change between asking and hearing would be lost.
    const stops = [
      await ipc.onBarChanged(() => void this.ask()),
      await ipc.onSaid((said) => this.#say(said)),
      await ipc.onModeAsked(pressMode),
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

  /** Gives the bar the height of what it shows. */
  async fit(height: number): Promise<void> {
    if (height === this.#height) return;
    this.#height = height;
    try {
      await ipc.setBarHeight(height);
    } catch (cause) {
      this.failure = asFailure(cause);
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
