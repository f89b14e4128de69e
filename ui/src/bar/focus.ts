// Where the focus goes when what has unfolded in the bar is gone.
import { tick } from "svelte";

/** A Svelte action: if the focus went away with this element, it goes to what `to` gives. */
export function returnsFocus(
  _node: HTMLElement,
  to: () => { focus(): void } | null | undefined,
): { destroy(): void } {
  return {
    destroy() {
      void tick().then(() => {
        if (document.activeElement === null || document.activeElement === document.body) to()?.focus();
      });
    },
  };
}
