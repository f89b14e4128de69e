// Several controls as one stop of the Tab key: arrows move among them (WAI-ARIA, "Managing focus within components using
// a roving tabindex").

interface Options {
  /** Which of the descendants. */
  items: string;
  /** The arrows that move. */
  axis: "horizontal" | "vertical";
}

/** A Svelte action; what comes and goes inside is followed. */
export function roving(node: HTMLElement, { items, axis }: Options): { destroy(): void } {
  const all = () => [...node.querySelectorAll<HTMLElement>(items)];
  const [back, on] = axis === "horizontal" ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
  let current: HTMLElement | null = null;

  function settle() {
    const found = all();
    if (!current || !found.includes(current)) current = found[0] ?? null;
    for (const one of found) {
      const index = one === current ? 0 : -1;
      if (one.tabIndex !== index) one.tabIndex = index;
    }
  }

  function onfocusin(event: FocusEvent) {
    const item = all().find((one) => one === event.target);
    if (item) current = item;
    settle();
  }

  function onkeydown(event: KeyboardEvent) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const found = all();
    const at = found.findIndex((one) => one === event.target);
    if (at < 0) return;
    const to = { [back]: at - 1, [on]: at + 1, Home: 0, End: found.length - 1 }[event.key];
    if (to === undefined) return;
    // The list of users has these keys as well.
    event.preventDefault();
    event.stopPropagation();
    found[Math.min(Math.max(to, 0), found.length - 1)]?.focus();
  }

  settle();
  const watching = new MutationObserver(settle);
  watching.observe(node, { childList: true, subtree: true });
  node.addEventListener("focusin", onfocusin);
  node.addEventListener("keydown", onkeydown);
  return {
    destroy() {
      watching.disconnect();
      node.removeEventListener("focusin", onfocusin);
      node.removeEventListener("keydown", onkeydown);
    },
  };
}
