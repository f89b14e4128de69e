// What the bar shows, as Rust tells it, and what its buttons ask for.
import type { BarAction } from "../bindings/BarAction";
import type { BarState } from "../bindings/BarState";
import type { ContactLink } from "../bindings/ContactLink";
import type { FindStep } from "../bindings/FindStep";
import type { FoundText } from "../bindings/FoundText";
import type { SavedFile } from "../bindings/SavedFile";
import type { WaitingFiles } from "../bindings/WaitingFiles";
import type { Toast } from "../bindings/Toast";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { Latest } from "../state/latest";

/** Milliseconds: long enough for one line. */
const SAID_FOR = 8000;

/** Milliseconds: long enough to reach for its button. */
const SAVED_FOR = 20_000;

/** Of the bar with nothing unfolded, in px. */
export const LINE_HEIGHT = 46;
/** What the window gives the bar at most. */
export const MOST_HEIGHT = 420;

export class BarSession {
  /** `null` until Rust has answered. */
  state: BarState | null = $state.raw(null);
  failure: Failure | null = $state.raw(null);
  /** What just happened in this window, for a while. */
  said: Toast | null = $state.raw(null);
  /** How much of the page has loaded, from 0 to 1; `null`: it has. */
  progress: number | null = $state(null);
  /** What the search in the page has found. */
  found: FoundText = $state.raw({ count: 0, at: null });
  /** The file that was saved last, for a while. */
  saved: SavedFile | null = $state.raw(null);
  /** What waits for an answer whether it may be saved. */
  waiting: WaitingFiles | null = $state.raw(null);
  /** A link to an address that was pressed in the page. */
  contact: ContactLink | null = $state.raw(null);
  readonly #latest = new Latest();
  /** What the window was last asked for. */
  #height = LINE_HEIGHT;
  /** What it is to be asked for. */
  #wanted = LINE_HEIGHT;
  #isFitting = false;
  #hushed: ReturnType<typeof setTimeout> | undefined;

  /** Asks now and on every change, until the returned function is called. What `asked` has is called when the page has
   * heard its key, or when it leads to a contact. */
  async follow(
    asked: Record<"mode" | "find" | "contact" | "downloads" | "note", () => void>,
  ): Promise<() => void> {
    // Hearing comes first: a change between asking and hearing would be lost.
    const stops = [
      await ipc.onBarChanged(() => void this.ask()),
      await ipc.onSaid((said) => this.#say(said)),
      await ipc.onModeAsked(asked.mode),
      await ipc.onFindAsked(asked.find),
      await ipc.onNoteAsked(asked.note),
      await ipc.onFoundText((found) => (this.found = found)),
      await ipc.onBarProgress((progress) => (this.progress = progress)),
      await ipc.onFileSaved((file) => this.#saySaved(file)),
      await ipc.onDownloadsAsked((files) => {
        this.waiting = files;
        asked.downloads();
      }),
      await ipc.onContactAsked((link) => {
        this.contact = link;
        asked.contact();
      }),
    ];
    await this.ask();
    return () => {
      clearTimeout(this.#hushed);
      for (const stop of stops) stop();
    };
  }

  async ask(): Promise<void> {
    const isLatest = this.#latest.begin();
    try {
      const state = await ipc.barState();
      if (!isLatest()) return;
      this.state = state;
      this.progress = state.progress;
      this.failure = null;
    } catch (cause) {
      if (isLatest()) this.failure = asFailure(cause);
    }
  }

  #saySaved(file: SavedFile): void {
    this.said = null;
    this.saved = file;
    clearTimeout(this.#hushed);
    this.#hushed = setTimeout(() => (this.saved = null), SAVED_FOR);
  }

  async showSaved(): Promise<void> {
    if (!this.saved) return;
    try {
      await ipc.showSavedFile(this.saved.id);
    } catch (cause) {
      // Why it can't be shown takes the room.
      this.saved = null;
      this.failure = asFailure(cause);
    }
  }

  async answerDownloads(wanted: boolean): Promise<void> {
    this.waiting = null;
    try {
      await ipc.answerDownloads(wanted);
    } catch (cause) {
      this.failure = asFailure(cause);
    }
  }

  #say(said: Toast): void {
    this.saved = null;
    this.said = said;
    clearTimeout(this.#hushed);
    this.#hushed = setTimeout(() => (this.said = null), SAID_FOR);
  }

  /** Gives the bar the height of what it shows, and the keys if what has unfolded took the focus: the window may have
   * given them to the page meanwhile, because of what was folded before. One request at a time, for they could overtake
   * each other. */
  async fit(height: number): Promise<void> {
    this.#wanted = height;
    if (this.#isFitting) return;
    this.#isFitting = true;
    while (this.#height !== this.#wanted) {
      const takesKeys = this.#height === LINE_HEIGHT && Boolean(document.activeElement?.closest(".unfolded"));
      this.#height = this.#wanted;
      try {
        await ipc.setBarHeight(this.#height, takesKeys);
      } catch (cause) {
        this.failure = asFailure(cause);
      }
    }
    this.#isFitting = false;
  }

  async find(text: string, step: FindStep): Promise<void> {
    try {
      await ipc.findInPage(text, step);
    } catch (cause) {
      this.failure = asFailure(cause);
    }
  }

  async act(action: BarAction): Promise<void> {
    try {
      await ipc.barAct(action);
    } catch (cause) {
      this.failure = asFailure(cause);
    }
  }
}
