// Notes on a connection's directory that an agent has read and put away: such a note is there again when it says
// something else. This computer remembers a checksum of it, and no word.
import { SvelteMap } from "svelte/reactivity";
import type { Caution } from "../bindings/Caution";
import { remember, remembered } from "./remembered";

export class Notes {
  /** By connection, what was put away. */
  readonly #away = new SvelteMap<string, string>(read());

  isAway(connection: string, cautions: Caution[]): boolean {
    return this.#away.get(connection) === checksum(cautions);
  }

  putAway(connection: string, cautions: Caution[]): void {
    this.#away.set(connection, checksum(cautions));
    this.#keep();
  }

  bringBack(connection: string): void {
    this.#away.delete(connection);
    this.#keep();
  }

  #keep(): void {
    remember("notes", JSON.stringify([...this.#away]));
  }
}

function read(): [string, string][] {
  try {
    const kept: unknown = JSON.parse(remembered("notes") ?? "[]");
    const isEntry = (entry: unknown): entry is [string, string] =>
      Array.isArray(entry) && entry.length === 2 && entry.every((part) => typeof part === "string");
    return Array.isArray(kept) ? kept.filter(isEntry) : [];
  } catch {
    return [];
  }
}

/** FNV-1a: told apart is all that they have to be. */
function checksum(cautions: Caution[]): string {
  let hash = 0x811c9dc5;
  for (const char of cautions.map(({ message }) => message).join("\n")) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash.toString(16);
}
