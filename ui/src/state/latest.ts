// Of several questions, only the newest counts: an answer to an older one is dropped when it arrives.

/** Whether the question is still the newest. */
export type IsLatest = () => boolean;

export class Latest {
  #turn = 0;

  /** No question was begun yet. */
  get untouched(): boolean {
    return this.#turn === 0;
  }

  /** Begins a question: all before it are outdated. */
  begin(): IsLatest {
    this.#turn++;
    return this.current();
  }

  /** Joins the newest question: outdated together with it. */
  current(): IsLatest {
    const turn = this.#turn;
    return () => turn === this.#turn;
  }

  /** Outdates every question so far. */
  cancel(): void {
    this.#turn++;
  }
}
