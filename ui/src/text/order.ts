// The order of a list, in words.
import type { Column } from "../bindings/Column";
import type { Sort } from "../bindings/Sort";
import { texts } from "../texts";

/** "A to Z", "newest first", "smallest first". */
export function orderWords({ descending }: Sort, column: Column | undefined): string {
  const { orders } = texts.status;
  const kinds: Partial<Record<Column["kind"], readonly string[]>> = {
    text: orders.text,
    time: orders.time,
    integer: orders.number,
    number: orders.number,
  };
  const [ascending, other] = (column && kinds[column.kind]) ?? orders.other;
  return (descending ? other : ascending) ?? "";
}
