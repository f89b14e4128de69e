// What is unfolded under the bar's line: one thing at a time, and switching the mode, which may need to ask first.
import type { SessionMode } from "../bindings/SessionMode";
import type { SessionView } from "../bindings/SessionView";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";

export type PanelKind = "mode" | "held_back" | "page" | "find" | "contact" | "downloads" | "note";

export class BarPanel {
  open: PanelKind | null = $state(null);
  /** The switch is under way. */
  isSwitching = $state(false);
  /** Why the mode could not be switched. */
  failure: Failure | null = $state.raw(null);

  /** Counts how often the search was asked for: its field then has the focus. */
  findAsked = $state(0);

  show(kind: PanelKind): void {
    if (this.open !== kind) this.close();
    this.open = kind;
    if (kind === "find") this.findAsked += 1;
  }

  toggle(kind: PanelKind): void {
    const open = this.open === kind ? null : kind;
    this.close();
    this.open = open;
  }

  close(): void {
    // Where the page is gone, its marks are too.
    if (this.open === "find") ipc.stopFinding().catch(() => undefined);
    this.open = null;
    this.failure = null;
  }

  /** The mode's button or key: switches at once, or unfolds what stands in the way. */
  async pressMode({ mode, may_unlock }: SessionView): Promise<void> {
    if (mode === "read_only" && may_unlock !== "always") this.toggle("mode");
    else await this.switchMode(mode === "full" ? "read_only" : "full", null);
  }

  async switchMode(mode: SessionMode, reason: string | null): Promise<void> {
    if (this.isSwitching) return;
    this.isSwitching = true;
    try {
      await ipc.setSessionMode(mode, reason);
      if (this.open === "mode") this.close();
    } catch (cause) {
      this.failure = asFailure(cause);
      this.open = "mode";
    } finally {
      this.isSwitching = false;
    }
  }
}
