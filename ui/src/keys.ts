// Keys as people press and read them: ⌘ on macOS, Ctrl elsewhere.

export const mac = /Mac|iPhone|iPad/.test(navigator.platform);

/** Ctrl, or ⌘ on macOS; and not the other one, nor Alt (AltGr types characters). */
export function isMod(event: KeyboardEvent | MouseEvent): boolean {
  if (event.altKey) return false;
  return mac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
}

const words: Record<string, string> = mac
  ? { Mod: "⌘", Shift: "⇧", Alt: "⌥", Enter: "⏎" }
  : { Mod: "Ctrl", Shift: "Shift", Alt: "Alt", Enter: "⏎" };

/** `Mod+Shift+C` as this system writes it: "Ctrl Shift C", "⌘⇧C". */
export function keyWords(chord: string): string {
  const parts = chord.split("+").map((part) => words[part] ?? part);
  return parts.join(mac ? "" : " ");
}

/** Tauri's notation of a shortcut (`CommandOrControl+Shift+U`) as this system writes it. */
export function shortcutWords(shortcut: string): string {
  return keyWords(shortcut.replace(/CommandOrControl|CmdOrCtrl/i, "Mod"));
}

/** Typing goes here: single-letter keys have to stay out of it. */
export function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/** The event presses this chord: `Mod+Shift+C`, `/`. */
export function presses(event: KeyboardEvent, chord: string): boolean {
  const parts = chord.split("+");
  const key = parts.pop() ?? "";
  const wantsMod = parts.includes("Mod");
  if (wantsMod !== isMod(event)) return false;
  if (!wantsMod && (event.ctrlKey || event.metaKey || event.altKey)) return false;
  if (event.key.toLowerCase() !== key.toLowerCase()) return false;
  // A sign such as ? or / may need Shift on this keyboard; a letter or a named key says so.
  return /^[^\p{L}\p{N}]$/u.test(key) || parts.includes("Shift") === event.shiftKey;
}
