// A question to Rust of which only the newest counts, with what the form shows while it waits.
import { asFailure, type Failure } from "../errors";
import { Latest } from "../state/latest";

/** Waiting that is shorter goes unnoticed. */
const SLOW_MS = 200;

export class LatestAnswer<T> {
  answer: T | null = $state.raw(null);
  failure: Failure | null = $state.raw(null);
  busy = $state(false);
  slow = $state(false);
  /** What the newest question was about. */
  about: string | null = $state(null);
  readonly #latest = new Latest();

  /** Whether the answer came, and to the newest question. */
  async ask(about: string, question: () => Promise<T>): Promise<boolean> {
    const isLatest = this.#latest.begin();
    this.about = about;
    this.busy = true;
    this.slow = false;
    const timer = setTimeout(() => isLatest() && (this.slow = true), SLOW_MS);
    try {
      const answer = await question();
      if (!isLatest()) return false;
      this.answer = answer;
      this.failure = null;
      return true;
    } catch (cause) {
      if (!isLatest()) return false;
      this.failure = asFailure(cause);
      this.answer = null;
      return false;
    } finally {
      clearTimeout(timer);
      if (isLatest()) this.busy = this.slow = false;
    }
  }

  forget(): void {
    this.#latest.cancel();
    this.about = this.answer = this.failure = null;
    this.busy = this.slow = false;
  }
}
