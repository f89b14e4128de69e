// What time it is, for everything on the screen that counts.

class Clock {
  /** Milliseconds since the epoch, every second. */
  now = $state(Date.now());
  /** The same, every half minute: for words such as "2 min ago". */
  coarse = $derived(Math.ceil(this.now / 30_000) * 30_000);

  /** Ticks until the returned function is called. */
  start(): () => void {
    const tick = setInterval(() => (this.now = Date.now()), 1000);
    return () => clearInterval(tick);
  }
}

export const clock = new Clock();
