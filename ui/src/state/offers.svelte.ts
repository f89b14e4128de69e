// What to search for instead when there are no matches. Asked for once the empty answer has arrived.
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

  /** `text` has no matches. */
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

  /** There are matches, or another search begins. */
  forget(): void {
    this.#latest.cancel();
    this.list = [];
  }
}
