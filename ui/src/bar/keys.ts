// The bar's keys. The window handles the same ones while the application's page has the focus.
import type { BarAction } from "../bindings/BarAction";
import { mac, pressesAtLeast } from "../keys";

/** In the notation of {@link ../keys.keyWords}; the first one is shown beside its button. */
export const chords: Record<BarAction, [string, ...string[]]> = {
  back: ["Alt+ArrowLeft", ...(mac ? ["Mod+["] : [])],
  forward: ["Alt+ArrowRight", ...(mac ? ["Mod+]"] : [])],
  // What holds more keys comes first: with Shift, Mod+R is another one.
  reload_fresh: ["Mod+Shift+R", "Mod+F5"],
  reload: ["Mod+R", "F5"],
  stop: ["Escape"],
  find: ["Mod+F"],
  find_previous: ["Shift+F3", "Mod+Shift+G"],
  find_next: ["F3", "Mod+G"],
  print: ["Mod+P"],
  copy_address: ["Mod+Shift+C"],
  open_in_browser: ["Mod+Shift+O"],
  zoom_in: ["Mod+Plus"],
  zoom_out: ["Mod+Minus"],
  zoom_reset: ["Mod+0"],
  note: ["Mod+Shift+N"],
  copy_summary: ["Mod+Shift+S"],
  send_summary: ["Mod+Shift+Enter"],
  inspect: ["F12", "Mod+Shift+I"],
  switch_mode: ["Mod+Shift+M"],
  extend: ["Mod+Shift+L"],
  end: ["Mod+W"],
  close_window: ["Mod+W"],
  previous_window: ["Ctrl+Shift+Tab"],
  next_window: ["Ctrl+Tab"],
  take_evidence: ["Mod+Shift+E"],
  open_palette: ["Mod+K"],
};

/** `isFirst`: in the session's first window, whose end is that of the session. */
export function actionOf(event: KeyboardEvent, isFirst: boolean): BarAction | null {
  const actions = (Object.keys(chords) as BarAction[]).filter(
    (action) => action !== (isFirst ? "close_window" : "end"),
  );
  return actions.find((action) => chords[action].some((chord) => pressesAtLeast(event, chord))) ?? null;
}
