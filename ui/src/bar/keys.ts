// The bar's keys. The window handles the same ones while the application's page has the focus.
import type { BarAction } from "../bindings/BarAction";
import { mac, pressesAtLeast } from "../keys";

/** In the notation of {@link ../keys.keyWords}; the first one is shown beside its button. */
export const chords: Record<BarAction, [string, ...string[]]> = {
  back: ["Alt+ArrowLeft", ...(mac ? ["Mod+["] : [])],
  forward: ["Alt+ArrowRight", ...(mac ? ["Mod+]"] : [])],
  reload: ["Mod+R", "F5"],
  zoom_in: ["Mod+Plus"],
  zoom_out: ["Mod+Minus"],
  zoom_reset: ["Mod+0"],
  inspect: ["F12", "Mod+Shift+I"],
  switch_mode: ["Mod+Shift+M"],
  extend: ["Mod+Shift+L"],
  end: ["Mod+W"],
  close_window: ["Mod+W"],
};

/** `isFirst`: in the session's first window, whose end is that of the session. */
export function actionOf(event: KeyboardEvent, isFirst: boolean): BarAction | null {
  const actions = (Object.keys(chords) as BarAction[]).filter(
    (action) => action !== (isFirst ? "close_window" : "end"),
  );
  return actions.find((action) => chords[action].some((chord) => pressesAtLeast(event, chord))) ?? null;
}
