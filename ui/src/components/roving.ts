// Several controls as one stop of the Tab key: arrows move among them (WAI-ARIA, "Managing focus within components using
// a roving tabindex").

interface Options {
  /** Which of the descendants. */
  items: string;
  /** The arrows that move. */
  axis: "horizontal" | "vertical";
  /** The ancestors whose items stand side by side: the other arrows move among those. */
  rows?: string;
}

/** A Svelte action; what comes and goes inside is followed. */
export function roving(node: HTMLElement, { items, axis, rows }: Options): { destroy(): void } {
  const all = () => [...node.querySelectorAll<HTMLElement>(items)];
  const across = ["ArrowLeft", "ArrowRight"] as const;
  const along = ["ArrowUp", "ArrowDown"] as const;
  const [[back, on], side] = axis === "horizontal" ? [across, along] : [along, across];
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

  function place(key: string, found: HTMLElement[], at: number): number | undefined {
    const row = (one: HTMLElement | undefined) => (rows && one ? one.closest(rows) : (one ?? null));
    const ends: Record<string, number> = { Home: 0, End: found.length - 1 };
    if (!rows) return { ...ends, [back]: at - 1, [on]: at + 1 }[key];
    const here = row(found[at]);
    const first = found.findIndex((one) => row(one) === here);
    const next = found.findIndex((one, place) => place > at && row(one) !== here);
    const previous = row(found[first - 1]);
    return {
      ...ends,
      [back]: first === 0 ? first : found.findIndex((one) => row(one) === previous),
      [on]: next < 0 ? at : next,
      [side[0]]: Math.max(at - 1, first),
      [side[1]]: Math.min(at + 1, (next < 0 ? found.length : next) - 1),
    }[key];
  }

  function onkeydown(event: KeyboardEvent) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const found = all();
    const at = found.findIndex((one) => one === event.target);
    if (at < 0) return;
    const to = place(event.key, found, at);
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
