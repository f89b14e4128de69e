// What to search for instead, where nobody was found: asked for once the empty answer is there.
import type { Wider } from "../bindings/Wider";
import * as ipc from "../ipc";

export class Offers {
  readonly #connection: string;
  list: Wider[] = $state.raw([]);
  #turn = 0;

  constructor(connection: string) {
    this.#connection = connection;
  }

  /** A word that exists is nearer than reading a whole table. */
  get hasMeant(): boolean {
    return this.list[0]?.how === "meant";
  }

  /** `text` found nobody. */
  async ask(text: string): Promise<void> {
    const turn = ++this.#turn;
    this.list = [];
    let found: Wider[] = [];
    try {
      found = await ipc.widenSearch(this.#connection, text);
    } catch {
      // Help that does not come is none.
    }
    if (turn === this.#turn) this.list = found;
  }

  /** Somebody was found, or something else is asked. */
  forget(): void {
    this.#turn++;
    this.list = [];
  }
}
