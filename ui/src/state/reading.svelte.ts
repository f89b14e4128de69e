// The parsed search text, requested from Rust at each keystroke: filters, their faults, and unknown column names.
import type { Highlights } from "../bindings/Highlights";
import { carried, NOTHING_READ } from "../text/filters";

export class SearchReading {
  readonly #ask: (text: string) => Promise<Highlights>;
  #read: { text: string; reading: Highlights } = $state.raw({ text: "", reading: NOTHING_READ });
  #under: { text: string; reading: Promise<Highlights> } | null = null;

  constructor(ask: (text: string) => Promise<Highlights>) {
    this.#ask = ask;
  }

  /** As far as it is known: what was read before goes along with the edit until the text is read. */
  of(text: string): Highlights {
    return carried(this.#read.reading, this.#read.text, text);
  }

  /** Reads `text`; one and the same text once. A reading is help: that it fails takes nothing from the search. */
  async read(text: string): Promise<Highlights> {
    // What is no filter has no colon, and most searches have none.
    if (this.#under?.text !== text) {
      const reading = text.includes(":")
        ? this.#ask(text).catch(() => NOTHING_READ)
        : Promise.resolve(NOTHING_READ);
      this.#under = { text, reading };
    }
    const under = this.#under;
    const reading = await under.reading;
    if (this.#under === under) this.#read = { text, reading };
    return reading;
  }
}
