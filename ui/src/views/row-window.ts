// Which rows of the list are drawn, and by which elements: a fixed number of them, each of which shows another row
// when its own has left the window. Scrolling then changes texts and places, and makes no elements.
import { ROW_HEIGHT } from "./grid";

/** An element of the pool and the row that it shows. */
export interface Slot {
  key: number;
  /** Place in the list. */
  index: number;
}

/** Of the element that shows the selected row while it is elsewhere. */
const SELECTED = -1;

export interface RowWindow {
  slots: Slot[];
  /** The rows in the window: the first one, and the one behind the last. */
  begin: number;
  end: number;
}

export const noRows: RowWindow = { slots: [], begin: 0, end: 0 };

interface Sight {
  /** How far the list is scrolled, in px. */
  top: number;
  /** What is in sight of the rows, in px. */
  height: number;
  count: number;
  selected: number;
  /** Rows drawn beyond what is in sight, on either side. */
  ahead: number;
  /** At rest, the elements are in the order of the list, as they are read. Moving an element costs as much as making
   * one, so while the list is scrolled they stay where they are. */
  scrolling: boolean;
}

/** `before`: its slots that show the same rows are used again, so that nothing is done for these. */
export function rowWindow(
  before: RowWindow,
  { top, height, count, selected, ahead, scrolling }: Sight,
): RowWindow {
  // As many at every place: elements that come and go would be made anew.
  const size = Math.ceil(height / ROW_HEIGHT) + 1 + 2 * ahead;
  const begin = Math.min(Math.max(0, Math.floor(top / ROW_HEIGHT) - ahead), Math.max(0, count - size));
  const end = Math.min(begin + size, count);
  const known = new Map(before.slots.map((slot) => [slot.key, slot]));
  const slot = (key: number, index: number): Slot => {
    const old = known.get(key);
    return old?.index === index ? old : { key, index };
  };
  const slots = Array.from({ length: end - begin }, (_, at) => slot((begin + at) % size, begin + at));
  // The selected row is always there: aria-activedescendant points at it.
  if (selected >= 0 && selected < count && (selected < begin || selected >= end)) {
    if (selected < begin) slots.unshift(slot(SELECTED, selected));
    else slots.push(slot(SELECTED, selected));
  }
  if (scrolling) slots.sort((a, b) => a.key - b.key);
  return { slots, begin, end };
}

/** How far to scroll so that the row is in sight, or `null` if it is. */
export function reveal(index: number, top: number, height: number): number | null {
  const start = index * ROW_HEIGHT;
  if (start < top) return start;
  if (start + ROW_HEIGHT > top + height) return start + ROW_HEIGHT - height;
  return null;
}
