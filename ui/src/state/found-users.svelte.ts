// The few users that the command palette or the quick window finds in a connection.
import { asFailure, type Failure } from "../errors";
import type { ListedUser } from "../text/standing";
import { Latest } from "./latest";

export class FoundUsers {
  rows: ListedUser[] = $state.raw([]);
  failure: Failure | null = $state.raw(null);
  /** What {@link rows} answer. */
  answered = $state("");
  readonly #search: (connection: string, text: string) => Promise<{ rows: ListedUser[] }>;
  readonly #latest = new Latest();
  #asked: Promise<void> = Promise.resolve();

  constructor(search: (connection: string, text: string) => Promise<{ rows: ListedUser[] }>) {
    this.#search = search;
  }

  /** Rows stay until the newer ones are there; asking anew is what cancels the question before. */
  ask(connection: string, text: string): Promise<void> {
    this.#asked = this.#ask(connection, text);
    return this.#asked;
  }

  /** When the latest question has been answered. */
  async settled(): Promise<void> {
    for (let waited: Promise<void> | null = null; waited !== this.#asked;) {
      waited = this.#asked;
      await waited;
    }
  }

  async #ask(connection: string, text: string): Promise<void> {
    const isLatest = this.#latest.begin();
    if (text === "") {
      this.rows = [];
      this.answered = "";
      this.failure = null;
      return;
    }
    try {
      const page = await this.#search(connection, text);
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
