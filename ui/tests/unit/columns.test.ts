import { expect, test } from "vitest";
import { changed, keptColumns, moved, placedColumns, shownColumns } from "../../src/text/columns";
import { columns } from "../fake/people";

const names = (placed: ReturnType<typeof placedColumns>) => placed.map(({ column }) => column.name);
const usual = placedColumns(columns, []);

test("unarranged, it is the list as ever: who first, the ID not shown", () => {
  expect(names(shownColumns(usual)).slice(0, 2)).toEqual(["full_name", "email"]);
  expect(usual.filter(({ hidden }) => hidden).map(({ column }) => column.name)).toEqual(["id"]);
});

test("what is arranged comes back, and a column that is new in the database is shown behind it", () => {
  const kept = keptColumns(
    changed(changed(usual, "plan", { pinned: true, width: 90 }), "email", { hidden: true }),
  );
  const added = { ...columns[3], name: "new", label: "New" } as (typeof columns)[number];
  const again = placedColumns([...columns, added], kept);
  expect(names(again)[0]).toBe("plan");
  expect(again[0]).toMatchObject({ width: 90, pinned: true });
  expect(names(shownColumns(again))).not.toContain("email");
  expect(names(shownColumns(again)).at(-1)).toBe("new");
});

test("a column moves among those of its kind, and not beyond", () => {
  const pinned = placedColumns(columns, keptColumns(changed(usual, "plan", { pinned: true })));
  expect(names(moved(pinned, "plan", 1))).toEqual(names(pinned));
  const order = names(shownColumns(moved(usual, "full_name", 1)));
  expect(order.slice(0, 2)).toEqual(["email", "full_name"]);
  expect(names(moved(usual, "full_name", -1))).toEqual(names(usual));
});

test("the last column that is shown can't be hidden", () => {
  let placed = usual;
  for (const { column } of usual) placed = changed(placed, column.name, { hidden: true });
  expect(shownColumns(placed)).toHaveLength(1);
});
