// Whether the log is what was written: asked in the background, and told in the words of `understudy audit verify`.
import type { VerificationReport } from "../bindings/VerificationReport";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { Latest } from "../state/latest";
import { logs, type LogSource } from "./sources";

/** How often it is asked how far it is. */
const LOOK_MS = 400;

export class LogVerification {
  /** The log that was asked about last. */
  source: LogSource = $state("computer");
  running = $state(false);
  /** How far it is, once that is known. */
  percent: number | null = $state(null);
  report: VerificationReport | null = $state.raw(null);
  failure: Failure | null = $state.raw(null);
  readonly #latest = new Latest();

  async start(source: LogSource): Promise<void> {
    if (this.running) return;
    this.source = source;
    const isLatest = this.#latest.begin();
    this.running = true;
    this.percent = null;
    const looking = setInterval(() => void this.#look(isLatest), LOOK_MS);
    this.report = null;
    this.failure = null;
    try {
      const report = await logs[source].verify();
      if (isLatest()) this.report = report;
    } catch (cause) {
      if (isLatest()) this.failure = asFailure(cause);
    }
    clearInterval(looking);
    if (isLatest()) this.running = false;
  }

  async #look(isLatest: () => boolean): Promise<void> {
    // It is only told how far it is; what fails says so itself.
    const percent = await ipc.verificationPercent().catch(() => null);
    if (isLatest()) this.percent = percent;
  }

  /** Nothing waits for the answer any longer. */
  stop(): void {
    if (!this.running) return;
    this.#latest.cancel();
    this.running = false;
    void logs[this.source].stopVerification().catch(() => undefined);
  }

  dismiss(): void {
    this.report = null;
    this.failure = null;
  }
}
