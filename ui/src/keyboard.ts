// Keys that work anywhere in the console. While a layer lies over it they are the layer's, but for a few; moving in
// the list from the search field and the grid is here too, so that both move alike.
import { actions } from "./actions";
import { onCellKey } from "./cell-keys";
import { digitWithAlt, isTextField, presses, sessionOf } from "./keys";
import type { App } from "./state/app.svelte";
import { toasts } from "./state/toasts.svelte";

/** How far PageUp and PageDown go: told by the grid, in rows. */
export interface Reach {
  page: number;
}

export function onKeydown(event: KeyboardEvent, app: App, reach: Reach): void {
  if (event.defaultPrevented || event.isComposing) return;
  const done =
    (!app.layers.open && onCellKey(event, app)) ||
    acts(event, app) ||
    goesToSession(event, app) ||
    (!app.layers.open &&
      (takesOffer(event, app) || switchesConnection(event, app) || moves(event, app, reach)));
  if (done) event.preventDefault();
}

/** As in a session's window: the same digit leads to the same session from everywhere. */
function goesToSession(event: KeyboardEvent, app: App): boolean {
  const number = sessionOf(event);
  return number !== null && app.goToSession(number);
}

/** While other searches are offered, their digits are meant. */
function takesOffer(event: KeyboardEvent, app: App): boolean {
  const digit = digitWithAlt(event);
  return digit !== null && (app.search?.takeOffer(digit - 1) ?? false);
}

function switchesConnection(event: KeyboardEvent, app: App): boolean {
  const digit = digitWithAlt(event);
  if (digit === null) return false;
  app.goToPlace(digit - 1);
  return true;
}

function acts(event: KeyboardEvent, app: App): boolean {
  for (const action of actions) {
    if (!action.chords.some((chord) => presses(event, chord))) continue;
    if (app.layers.open && !action.overLayers) continue;
    if (action.single && (!app.settings.single_keys || isTextField(event.target))) continue;
    if (action.chords[0] === "Enter" && !inList(event.target)) continue;
    if (action.id.startsWith("copy-") && textIsSelected(event.target)) continue;
    if (action.possible(app)) action.run(app);
    else if (action.otherwise) toasts.info(action.otherwise(app));
    else continue;
    return true;
  }
  return false;
}

function moves(event: KeyboardEvent, app: App, reach: Reach): boolean {
  const { search } = app;
  // A menu takes the focus a moment after it is seen.
  if (!search || app.layers.menu || event.ctrlKey || event.metaKey || event.altKey) return false;
  const list = inList(event.target);
  // In a text field Shift marks text; in the grid it marks users.
  if (event.shiftKey && list !== "grid") return false;
  if (list === "grid" && event.key === "Escape" && search.marked.length > 0) {
    search.marked = [];
    return true;
  }
  const letters = app.settings.single_keys && !isTextField(event.target) && !inOtherControl(event.target);
  if (list === "grid" && (event.key === "Home" || event.key === "End")) {
    if (event.key === "Home") search.first();
    else search.last();
    return true;
  }
  const to: Record<string, number | false> = {
    ArrowDown: list && search.selected + 1,
    ArrowUp: list && search.selected - 1,
    PageDown: list && search.selected + reach.page,
    PageUp: list && search.selected - reach.page,
    j: letters && search.selected + 1,
    k: letters && search.selected - 1,
  };
  const target = to[event.key];
  if (target === undefined || target === false) return false;
  if (event.shiftKey) search.markTo(target);
  else {
    if (list === "grid") search.marked = [];
    search.select(target);
  }
  return true;
}

/** Where the keys of the list work: in the search field, in the grid, or nowhere in particular. */
function inList(target: EventTarget | null): "field" | "grid" | false {
  if (!(target instanceof HTMLElement) || target === document.body) return "grid";
  if (target.getAttribute("role") === "searchbox") return "field";
  return target.getAttribute("role") === "grid" ? "grid" : false;
}

/** Typing ahead belongs to menus and lists of choices. */
function inOtherControl(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest("[role=menu], [role=listbox], [role=dialog]") !== null
  );
}

function textIsSelected(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) {
    return target.selectionStart !== target.selectionEnd;
  }
  return window.getSelection()?.isCollapsed === false;
}
