// Tries again by itself what could not be reached: later each time, one attempt at a time, and only while somebody
// may be looking.

/** How long is waited before the first, the second, … attempt; the last one again and again. */
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

  /** Plans the next attempt, in the place of one that is planned. */
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

  /** Plans nothing; the waiting does not begin anew. */
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
