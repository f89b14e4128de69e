// Keys as people press and read them: ⌘ on macOS, Ctrl elsewhere.

export const mac = /Mac|iPhone|iPad/.test(navigator.platform);

/** Ctrl, or ⌘ on macOS; and not the other one, nor Alt (AltGr types characters). */
export function isMod(event: KeyboardEvent | MouseEvent): boolean {
  if (event.altKey) return false;
  return mac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
}

const words: Record<string, string> = {
  ...(mac ? { Mod: "⌘", Ctrl: "⌃", Shift: "⇧", Alt: "⌥" } : { Mod: "Ctrl" }),
  Enter: "⏎",
  Escape: "Esc",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "PgUp",
  PageDown: "PgDn",
  " ": "Space",
  Plus: "+",
  Minus: "−",
};

/** Signs that have a name in a chord, with what else their key types: Ctrl and = enlarge as well. */
const signs: Record<string, string[]> = { Plus: ["+", "="], Minus: ["-", "_"] };

/** Keys that layers handle themselves. */
export const SAVE = "Mod+S";

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

/** The event presses this chord, and no other modifier: `Mod+Shift+C`, `/`. */
export function presses(event: KeyboardEvent, chord: string): boolean {
  const { key, modifiers } = parts(chord);
  if (!holds(event, modifiers) || !isKey(event, key)) return false;
  if (!modifiers.includes("Mod") && (event.metaKey || event.ctrlKey !== modifiers.includes("Ctrl")))
    return false;
  if (!modifiers.includes("Alt") && event.altKey) return false;
  // A sign such as ? or a digit may need Shift on this keyboard; a letter or a named key says so.
  return key in signs || /^\P{L}$/u.test(key) || modifiers.includes("Shift") === event.shiftKey;
}

/** The event presses this chord, whatever else is held: Ctrl+F5 is F5, too. */
export function pressesAtLeast(event: KeyboardEvent, chord: string): boolean {
  const { key, modifiers } = parts(chord);
  return holds(event, modifiers) && isKey(event, key);
}

function parts(chord: string): { key: string; modifiers: string[] } {
  const modifiers = chord.split("+");
  return { key: modifiers.pop() ?? "", modifiers };
}

function holds(event: KeyboardEvent, modifiers: string[]): boolean {
  if (modifiers.includes("Mod") && !isMod(event)) return false;
  if (modifiers.includes("Ctrl") && (!event.ctrlKey || event.altKey || event.metaKey)) return false;
  if (modifiers.includes("Alt") && !(event.altKey && !event.ctrlKey && !event.metaKey)) return false;
  return !modifiers.includes("Shift") || event.shiftKey;
}

function isKey(event: KeyboardEvent, key: string): boolean {
  if (/^[0-9]$/.test(key)) return digitOf(event) === Number(key);
  if (key in signs) return signs[key]?.includes(event.key) === true && !meansDigit(event);
  return key.toLowerCase() === event.key.toLowerCase();
}

/** On French keyboards, - and _ are on the keys of 6 and 8, on Czech ones + is on that of 1. Only for - there is no
 * other key. */
function meansDigit({ key, code, shiftKey, altKey }: KeyboardEvent): boolean {
  return code.startsWith("Digit") && !shiftKey && (key !== "-" || altKey);
}

/** The digit that is pressed: the one that is typed, else the one of the key's place. Where digits need Shift, as on
 * French keyboards, the key alone types another sign, and on macOS so does the key with Alt. */
function digitOf(event: KeyboardEvent): number | null {
  // With Alt, Windows composes characters from the numeric keypad's digits.
  const composes = event.altKey && event.code.startsWith("Numpad");
  if (/^[0-9]$/.test(event.key)) return composes ? null : Number(event.key);
  return meansDigit(event) ? Number(event.code.slice("Digit".length)) : null;
}

/** The number of the session that a digit leads to. */
export function sessionOf(event: KeyboardEvent): number | null {
  return isMod(event) ? digitOf(event) || null : null;
}

/** The digit from 1 to 9 that is pressed with Alt. */
export function digitWithAlt(event: KeyboardEvent): number | null {
  if (!event.altKey || event.ctrlKey || event.metaKey) return null;
  return digitOf(event) || null;
}
