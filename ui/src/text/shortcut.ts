// Keys as they are pressed, in the notation that Tauri's global shortcuts are written in.
import { mac } from "../keys";

/** A shortcut; or why what is held is none (yet): only modifiers, none of them, or a key that cannot be one. */
export type Pressed = { shortcut: string } | "incomplete" | "weak" | "unknown";

/** By `KeyboardEvent.code`, where the name differs from the notation's. */
const NAMES: Record<string, string> = {
  ArrowUp: "Up",
  ArrowDown: "Down",
  ArrowLeft: "Left",
  ArrowRight: "Right",
  Comma: ",",
  Period: ".",
  Slash: "/",
  Semicolon: ";",
  Quote: "'",
  BracketLeft: "[",
  BracketRight: "]",
  Backslash: "\\",
  Backquote: "`",
  Minus: "-",
  Equal: "=",
};
const SAME = new Set([
  "Space",
  "Enter",
  "Backspace",
  "Delete",
  "Insert",
  "Home",
  "End",
  "PageUp",
  "PageDown",
]);
const MODIFIERS = new Set(["Control", "Shift", "Alt", "Meta", "AltGraph", "OS", "Super", "Hyper"]);

export function shortcutOf(event: KeyboardEvent): Pressed {
  if (MODIFIERS.has(event.key)) return "incomplete";
  const key = keyOf(event.code);
  if (key === null) return "unknown";
  const modifiers: string[] = [];
  if (mac ? event.metaKey : event.ctrlKey) modifiers.push("CommandOrControl");
  if (mac ? event.ctrlKey : event.metaKey) modifiers.push(mac ? "Control" : "Super");
  if (event.altKey) modifiers.push("Alt");
  // Alone, Shift only makes a letter large.
  const weak = modifiers.length === 0 && !/^F\d/.test(key);
  if (event.shiftKey) modifiers.push("Shift");
  return weak ? "weak" : { shortcut: [...modifiers, key].join("+") };
}

function keyOf(code: string): string | null {
  const plain = /^(?:Key([A-Z])|Digit(\d)|(F\d{1,2}))$/.exec(code);
  if (plain) return plain[1] ?? plain[2] ?? plain[3] ?? null;
  return NAMES[code] ?? (SAME.has(code) ? code : null);
}
