// Moving from cell to cell of the list, and what a cell's keys do. The focus stays on the grid, which says which cell
// is meant (ARIA's grid pattern with aria-activedescendant).
import { presses } from "./keys";
import type { App } from "./state/app.svelte";
import { toasts } from "./state/toasts.svelte";
import { placedColumns, shownColumns } from "./text/columns";
import { texts } from "./texts";
import { cellId } from "./views/grid";

/** The key belongs to the cell that is meant. Rows are left to the keys of the list, which keep the column. */
export function onCellKey(event: KeyboardEvent, app: App): boolean {
  const { search } = app;
  if (!search?.info || app.layers.menu || !isGrid(event.target)) return false;
  if (search.cell === null) {
    if (!presses(event, "ArrowRight") || search.row === null) return false;
    search.cell = 0;
    return true;
  }
  const { cell, row, selected } = search;
  const shown = shownColumns(placedColumns(search.info.columns, app.arranged?.now.columns ?? []));
  const last = shown.length - 1;
  const to = { ArrowRight: cell + 1, ArrowLeft: cell - 1, Home: 0, End: last }[event.key];
  if (to !== undefined && presses(event, event.key)) {
    search.cell = Math.min(Math.max(to, 0), last);
    return true;
  }
  if (presses(event, "Escape")) {
    search.cell = null;
    return true;
  }
  if (presses(event, "Enter")) {
    openMenu(selected);
    return true;
  }
  if (presses(event, "Mod+C") || (app.settings.single_keys && presses(event, "c"))) {
    const meant = shown[cell];
    const value = meant && row ? (row.cells[meant.index] ?? null) : null;
    if (meant?.column.masked && value !== null) toasts.info(texts.copying.isMasked(meant.column.label));
    else if (meant && value !== null) void app.copy(meant.column.label, value);
    return true;
  }
  return false;
}

/** The menu opens as by the right mouse button, at the cell. */
function openMenu(row: number): void {
  const cell = document.getElementById(cellId(row));
  const { left, bottom } = cell?.getBoundingClientRect() ?? { left: 0, bottom: 0 };
  const at = { bubbles: true, cancelable: true, clientX: left + 8, clientY: bottom - 4 };
  cell?.dispatchEvent(new PointerEvent("contextmenu", at));
}

function isGrid(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.getAttribute("role") === "grid";
}
