// What to search for instead, where nobody was found: asked for once the empty answer is there.
import type { Wider } from "../bindings/Wider";
import * as ipc from "../ipc";
import { Latest } from "./latest";

export class Offers {
  readonly #connection: string;
  list: Wider[] = $state.raw([]);
  readonly #latest = new Latest();

  constructor(connection: string) {
    this.#connection = connection;
  }

  /** A word that exists is nearer than reading a whole table. */
  get hasMeant(): boolean {
    return this.list[0]?.how === "meant";
  }

  /** `text` found nobody. */
  async ask(text: string): Promise<void> {
    const isLatest = this.#latest.begin();
    this.list = [];
    let found: Wider[] = [];
    try {
      found = await ipc.widenSearch(this.#connection, text);
    } catch {
      // Help that does not come is none.
    }
    if (isLatest()) this.list = found;
  }

  /** Somebody was found, or something else is asked. */
  forget(): void {
    this.#latest.cancel();
    this.list = [];
  }
}
