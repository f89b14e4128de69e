// The users that the command palette finds in the current connection.
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import type { ListedUser } from "../text/standing";
import { Latest } from "./latest";

const AT_MOST = 6;

export class PaletteUsers {
  rows: ListedUser[] = $state.raw([]);
  failure: Failure | null = $state.raw(null);
  /** What {@link rows} answer. */
  answered = $state("");
  readonly #latest = new Latest();

  /** Rows stay until the newer ones are there; asking anew is what cancels the question before. */
  async ask(connection: string, text: string): Promise<void> {
    const isLatest = this.#latest.begin();
    if (text === "") {
      this.rows = [];
      this.answered = "";
      this.failure = null;
      return;
    }
    try {
      const page = await ipc.searchUsers(connection, {
        text,
        sort: null,
        place: "start",
        limit: AT_MOST,
        everywhere: false,
      });
      if (!isLatest()) return;
      this.rows = page.rows;
      this.answered = text;
      this.failure = null;
    } catch (cause) {
      const failure = asFailure(cause);
      if (!isLatest() || failure.code === "cancelled") return;
      this.rows = [];
      this.failure = failure;
    }
  }
}
