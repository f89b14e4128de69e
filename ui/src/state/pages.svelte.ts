// The list's rows, in pages: all of them have their place, and the ones near what is looked at are loaded.
//
// A page that is let go of leaves behind where it begins and how long it is, so that the list keeps its height and
// the page can be asked for again: a hundred rows become some bytes.
import type { Place } from "../bindings/Place";
import type { ListedUser, UserPage } from "../text/standing";

/** Rows that are kept, in whole pages: sixty screens of an ordinary window, thirty on either side of what is looked at. */
const KEPT = 2000;

interface Slot {
  /** What gives it. */
  place: Place;
  /** Place of its first row in the list. */
  start: number;
  size: number;
  /** `null`: let go of. */
  rows: ListedUser[] | null;
  /** The directory has changed since: the rows stay until they are read again. */
  outdated?: boolean;
}

export class Pages {
  #slots: Slot[] = $state.raw([]);
  /** Before the first page; `null` when there is nothing. */
  previous: string | null = $state(null);
  /** Behind the last page; `null` when there is nothing. */
  next: string | null = $state(null);
  /** Rows that were put before those that were there: all places have moved by so many. */
  moved = $state(0);

  /** Rows in all, loaded or not. */
  readonly count: number = $derived.by(() => {
    const last = this.#slots.at(-1);
    return last ? last.start + last.size : 0;
  });

  /** Those that are loaded, in order. */
  get loaded(): ListedUser[] {
    return this.#slots.flatMap(({ rows }) => rows ?? []);
  }

  at(index: number): ListedUser | null {
    const slot = this.#slots[this.#slotOf(index)];
    return slot?.rows?.[index - slot.start] ?? null;
  }

  /** Where this user is among the loaded rows; -1: nowhere. */
  placeOf(id: string): number {
    for (const { rows, start } of this.#slots) {
      const at = rows?.findIndex((row) => row.id === id) ?? -1;
      if (at >= 0) return start + at;
    }
    return -1;
  }

  /** A list that is known by this page alone. */
  begin(place: Place, { rows, previous, next }: UserPage): void {
    this.#slots = rows.length > 0 ? [{ place, start: 0, size: rows.length, rows }] : [];
    this.previous = previous;
    this.next = next;
    this.moved = 0;
  }

  clear(): void {
    this.#slots = [];
    this.previous = this.next = null;
    this.moved = 0;
  }

  /** The page behind the last one. */
  append(place: Place, { rows, next }: UserPage): void {
    if (rows.length > 0)
      this.#slots = [...this.#slots, { place, start: this.count, size: rows.length, rows }];
    this.next = rows.length > 0 ? next : null;
  }

  /** The page before the first one: every place moves. */
  prepend(place: Place, { rows, previous }: UserPage): void {
    const by = rows.length;
    if (by > 0) {
      const behind = this.#slots.map((slot) => ({ ...slot, start: slot.start + by }));
      this.#slots = [{ place, start: 0, size: by, rows }, ...behind];
      this.moved += by;
    }
    this.previous = by > 0 ? previous : null;
  }

  /** The directory has changed: all that is loaded is to be read again where it is looked at. */
  outdate(): void {
    this.#slots = this.#slots.map((slot) => ({ ...slot, outdated: true }));
  }

  /** The place of a page that is wanted between these two rows and has to be read, if there is one. */
  missing(first: number, last: number): Place | null {
    const from = Math.min(Math.max(first, 0), this.count - 1);
    for (let at = Math.max(this.#slotOf(from), 0); at < this.#slots.length; at++) {
      const slot = this.#slots[at];
      if (!slot || slot.start > last) break;
      if (slot.rows === null || slot.outdated) return slot.place;
    }
    return null;
  }

  /** How many rows the page at this place has. */
  sizeOf(place: Place): number {
    return this.#slots.find((slot) => slot.place === place)?.size ?? 0;
  }

  /** A page that was let go of, again. What has come or gone in the directory meanwhile does not move the others. */
  refill(place: Place, { rows }: UserPage): void {
    this.#slots = this.#slots.map((slot) => {
      if (slot.place !== place) return slot;
      // A page that ends where another begins loses its first rows rather than its last ones.
      const backward = place === "end" || (typeof place === "object" && "before" in place);
      return {
        ...slot,
        rows: backward ? rows.slice(-slot.size) : rows.slice(0, slot.size),
        outdated: false,
      };
    });
  }

  /** Lets go of the pages that are farthest from these rows. */
  letGo(first: number, last: number): void {
    const loaded = this.#slots.filter(({ rows }) => rows !== null);
    const middle = (first + last) / 2;
    const distance = ({ start, size }: Slot) => Math.abs(start + size / 2 - middle);
    let kept = 0;
    const isTooMuch = ({ size }: Slot) => (kept += size) > KEPT;
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- used up at once
    const gone = new Set(loaded.sort((a, b) => distance(a) - distance(b)).filter(isTooMuch));
    if (gone.size === 0) return;
    this.#slots = this.#slots.map((slot) => (gone.has(slot) ? { ...slot, rows: null } : slot));
  }

  /** The slot that holds this row; -1: none. */
  #slotOf(index: number): number {
    let low = 0;
    let high = this.#slots.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const slot = this.#slots[middle];
      if (!slot) break;
      if (index < slot.start) high = middle - 1;
      else if (index >= slot.start + slot.size) low = middle + 1;
      else return middle;
    }
    return -1;
  }
}
