// What a running session of the connection in the form holds back, live.
import type { HeldBackList } from "../bindings/HeldBackList";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";

export class HeldBackWatch {
  /** Of the session that was watched last, even after it has ended. `null`: none was watched. */
  list: HeldBackList | null = $state.raw(null);
  failure: Failure | null = $state.raw(null);
  #session: string | null = null;
  #asked = 0;

  /** Shows what this session holds back from now on. */
  watch(session: string): void {
    if (session === this.#session) return;
    this.#session = session;
    this.list = { total: 0, groups: [], rules: null };
    void this.#ask();
  }

  /** Hears what sessions hold back, until the returned function is called. */
  listen(): () => void {
    const listening = ipc.onSessionAccess((session) => {
      if (session === this.#session) void this.#ask();
    });
    return () => void listening.then((stop) => stop());
  }

  async #ask(): Promise<void> {
    const session = this.#session;
    if (session === null) return;
    const turn = ++this.#asked;
    try {
      const list = await ipc.heldBack(session);
      if (turn === this.#asked) [this.list, this.failure] = [list, null];
    } catch (cause) {
      const failure = asFailure(cause);
      // It has just ended: what was seen last stays.
      if (turn === this.#asked && failure.code !== "session_unknown") this.failure = failure;
    }
  }
}
