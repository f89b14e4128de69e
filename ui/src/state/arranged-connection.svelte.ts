// How the operator has arranged one connection (pinned users, saved searches, columns), and the users they know there.
import type { Arrangement } from "../bindings/Arrangement";
import type { LatestSession } from "../bindings/LatestSession";
import { asFailure } from "../errors";
import * as ipc from "../ipc";
import type { ListedUser } from "../text/standing";
import { Latest } from "./latest";
import { toasts } from "./toasts.svelte";

/** A user whom the operator signed in as lately, or pinned. */
export interface FamiliarUser extends ListedUser {
  latest: LatestSession | null;
}

const NOTHING: Arrangement = { pinned: [], details_width: null, searches: [], columns: [] };

export class ArrangedConnection {
  readonly connection: string;
  /** As it was kept, and changed since. */
  now: Arrangement = $state.raw(NOTHING);
  /** Recent users, newest first, then pinned ones. */
  familiar: FamiliarUser[] = $state.raw([]);
  readonly #latest = new Latest();
  #loaded: Promise<void> | null = null;
  #saving: Promise<void> = Promise.resolve();

  constructor(connection: string) {
    this.connection = connection;
  }

  /** Reads what was kept, once. */
  load(): Promise<void> {
    this.#loaded ??= ipc.arrangement(this.connection).then(
      (kept) => void (this.now = kept),
      (cause) => {
        this.#loaded = null;
        throw cause;
      },
    );
    return this.#loaded;
  }

  isPinned(user: string): boolean {
    return this.now.pinned.includes(user);
  }

  /** Whether it could be kept. */
  async togglePin(user: string): Promise<boolean> {
    const kept = await this.change(({ pinned }) => ({
      pinned: pinned.includes(user) ? pinned.filter((one) => one !== user) : [...pinned, user],
    }));
    if (kept) await this.lookUp();
    return kept;
  }

  /** Changes a part and keeps the whole; whether that succeeded. Else all is as it was before. */
  async change(how: (now: Arrangement) => Partial<Arrangement>): Promise<boolean> {
    try {
      await this.load();
      const before = this.now;
      const next = { ...before, ...how(before) };
      this.now = next;
      // One after the other, so that the last one stays.
      const saved = this.#saving.then(async () => void (await ipc.saveArrangement(this.connection, next)));
      this.#saving = saved.catch(() => {
        if (this.now === next) this.now = before;
      });
      await saved;
      return true;
    } catch (cause) {
      toasts.failed(asFailure(cause));
      return false;
    }
  }

  /** Reads anew which users are familiar. That they are not known is no failure worth a message: the search is there. */
  async lookUp(): Promise<void> {
    const isLatest = this.#latest.begin();
    try {
      const found = await ipc.familiarUsers(this.connection);
      if (isLatest())
        this.familiar = found.map(({ row, standing, latest }) => ({ ...row, standing, latest }));
    } catch {
      // It is tried again with the next session, and the next start.
    }
  }
}
