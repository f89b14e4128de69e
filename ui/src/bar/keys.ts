// The bar's keys. The window handles the same ones while the application's page has the focus.
import type { BarAction } from "../bindings/BarAction";
import { isMod, mac } from "../keys";

export function actionOf(event: KeyboardEvent): BarAction | null {
  if (event.key === "F12") return "inspect";
  if (event.key === "F5") return "reload";
  if (event.altKey && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    if (event.key === "ArrowLeft") return "back";
    if (event.key === "ArrowRight") return "forward";
    return null;
  }
  if (!isMod(event)) return null;
  switch (event.key.toLowerCase()) {
    case "w":
      return "end";
    case "r":
      return "reload";
    case "+":
    case "=":
      return "zoom_in";
    case "-":
    case "_":
      return "zoom_out";
    case "0":
      return "zoom_reset";
    case "[":
      return mac ? "back" : null;
    case "]":
      return mac ? "forward" : null;
    default:
      return null;
  }
}

/** As tooltips teach them, in the notation of {@link ../keys.keyWords}. */
export const chords = {
  back: "Alt+←",
  forward: "Alt+→",
  reload: "Mod+R",
  zoom_in: "Mod+Plus",
  zoom_out: "Mod+Minus",
  zoom_reset: "Mod+0",
  end: "Mod+W",
} as const;
