// Retries automatically what could not be reached: with growing pauses, one attempt at a time, and only while the
// window can be seen.

/** Pauses before the first, the second, … attempt; the last one repeats. */
const DELAYS_MS = [5_000, 10_000, 20_000, 40_000, 60_000];

export class Retrying {
  /** When the next attempt is made, in milliseconds since the epoch; `null`: none is planned. */
  next: number | null = $state(null);
  readonly #attempt: () => void;
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(attempt: () => void) {
    this.#attempt = attempt;
  }

  /** Plans the next attempt, replacing one that is already planned. */
  plan(): void {
    const delay = DELAYS_MS[Math.min(this.#attempts, DELAYS_MS.length - 1)] ?? 0;
    clearTimeout(this.#timer);
    this.next = Date.now() + delay;
    this.#timer = setTimeout(() => this.now(), delay);
  }

  now(): void {
    this.pause();
    this.#attempts++;
    this.#attempt();
  }

  /** Cancels the planned attempt, without resetting the pauses. */
  pause(): void {
    clearTimeout(this.#timer);
    this.next = null;
  }

  /** It works, or something else is asked. */
  forget(): void {
    this.pause();
    this.#attempts = 0;
  }
}

/** Follows whether the window can be seen, until the returned function is called. */
export function followVisibility(tell: (visible: boolean) => void): () => void {
  const look = () => tell(document.visibilityState !== "hidden");
  look();
  document.addEventListener("visibilitychange", look);
  return () => document.removeEventListener("visibilitychange", look);
}
