import { expect, test } from "vitest";
import type { Column } from "../../src/bindings/Column";
import { filterExamples } from "../../src/text/filter-examples";

const column = (name: string, kind: Column["kind"], role: Column["role"] = "other"): Column => ({
  name,
  label: name,
  role,
  kind,
  sortable: false,
  company: false,
});
const examples = (columns: Column[], ...rows: (string | null)[][]) =>
  filterExamples(
    columns,
    rows.map((cells) => ({ id: "", cells })),
  ).map(({ filter }) => filter);

test("each kind of column has its own, with the value that is most common", () => {
  const columns = [
    column("plan", "text"),
    column("seats", "integer"),
    column("active", "boolean"),
    column("seen_at", "time"),
    column("joined", "time", "created_at"),
  ];
  expect(
    examples(
      columns,
      ["Free", "5", "true", null, null],
      ["North Star", "9", null, null, null],
      ["North Star", "9", "false", null, null],
    ),
  ).toEqual(['plan:="North Star"', "seats:>=9", "active:yes", "seen_at:30d", "created:7d"]);
});

test("what would need quoting, teaches nothing or is about a person is left out", () => {
  expect(
    examples(
      [
        column("name", "text", "name"),
        column("odd", "text"),
        column("profile->>x", "text"),
        column("none", "text"),
        column("more", "json"),
      ],
      ["Ada", 'a "b" c', "x", null, "{}"],
    ),
  ).toEqual([]);
});
