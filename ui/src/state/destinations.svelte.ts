// Stored secrets that would go somewhere new: asks the agent one question at a time, and the same question once for
// everything that waits for its answer.
import type { Moved } from "../bindings/Moved";
import type { MovePrompt } from "../ipc";

export interface MovedQuestion {
  moved: Moved;
  /** Another value may be typed instead. */
  retype: boolean;
  answer: (agreed: boolean) => void;
}

export class Destinations {
  question: MovedQuestion | null = $state.raw(null);
  // Nothing shows these.
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  readonly #waiting = new Map<string, Promise<boolean>>();
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  readonly #declined = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();

  /** Whether the secrets may go there now. */
  decide(moved: Moved, { again, retype }: MovePrompt): Promise<boolean> {
    const about = keyOf(moved);
    const waiting = this.#waiting.get(about);
    if (waiting) return waiting;
    if (!again && this.#declined.has(about)) return Promise.resolve(false);
    const asked = this.#last
      .then(() => this.#ask(moved, retype))
      .then((agreed) => {
        this.#waiting.delete(about);
        if (agreed) this.#declined.delete(about);
        else this.#declined.add(about);
        return agreed;
      });
    this.#waiting.set(about, asked);
    this.#last = asked;
    return asked;
  }

  #ask(moved: Moved, retype: boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const answer = (agreed: boolean) => {
        this.question = null;
        resolve(agreed);
      };
      this.question = { moved, retype, answer };
    });
  }
}

function keyOf({ connection, secrets }: Moved): string {
  return JSON.stringify([connection, ...secrets.map(({ name, now }) => [name, now.print])]);
}
