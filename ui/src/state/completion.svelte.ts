// What may be typed next in the search field: open only while there is something to take.
import type { Suggestion } from "../bindings/Suggestion";
import { Latest } from "./latest";

/** A word that may become a column's name is mostly just a word: only a pause in it asks. */
const REST_MS = 180;

export class Completion {
  readonly #suggest: (text: string, caret: number) => Promise<Suggestion[]>;
  suggestions: Suggestion[] = $state.raw([]);
  /** Place of the chosen one; -1 as long as no arrow was pressed, so that Enter stays the list's. */
  chosen = $state(-1);

  readonly #latest = new Latest();
  #rest: ReturnType<typeof setTimeout> | undefined;

  constructor(suggest: (text: string, caret: number) => Promise<Suggestion[]>) {
    this.#suggest = suggest;
  }

  get open(): boolean {
    return this.suggestions.length > 0;
  }

  /** The text was typed so far, with the caret there. */
  async ask(text: string, caret: number): Promise<void> {
    const isLatest = this.#latest.begin();
    clearTimeout(this.#rest);
    let found: Suggestion[] = [];
    try {
      found = await this.#suggest(text, caret);
    } catch {
      // Help that does not come is none.
    }
    if (!isLatest()) return;
    const isName = found.some(({ insert }) => insert.endsWith(":"));
    if (!isName || this.open) return this.#show(found);
    this.#rest = setTimeout(() => this.#show(found), REST_MS);
  }

  close(): void {
    this.#latest.cancel();
    clearTimeout(this.#rest);
    this.#show([]);
  }

  /** Beyond the first one is none again. */
  move(by: 1 | -1): void {
    const last = this.suggestions.length - 1;
    this.chosen =
      this.chosen === -1 && by === -1 ? last : this.chosen === last && by === 1 ? -1 : this.chosen + by;
  }

  #show(suggestions: Suggestion[]): void {
    this.suggestions = suggestions;
    this.chosen = -1;
  }
}
