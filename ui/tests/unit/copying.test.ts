import { describe, expect, test } from "vitest";
import type { Column } from "../../src/bindings/Column";
import type { FieldKind } from "../../src/bindings/FieldKind";
import { copied } from "../../src/text/copying";

const column = (name: string, kind: FieldKind = "text"): Column => ({
  name,
  label: name,
  role: "other",
  kind,
  sortable: false,
  company: false,
});
const columns = [column("id", "integer"), column("name"), column("on", "boolean"), column("more", "json")];
const row = (...cells: (string | null)[]) => ({ id: cells[0] ?? "", cells });

describe("JSON", () => {
  test("has values of their kind; one row is one object", () => {
    expect(JSON.parse(copied("json", columns, [row("7", "Ada", "true", '{"a":[1]}')]))).toEqual({
      id: 7,
      name: "Ada",
      on: true,
      more: { a: [1] },
    });
    expect(JSON.parse(copied("json", columns, [row("1"), row("2")]))).toHaveLength(2);
  });
  test("rounds no number, and keeps what is no JSON", () => {
    expect(JSON.parse(copied("json", columns, [row("9007199254740993", null, null, "{cut")]))).toEqual({
      id: "9007199254740993",
      name: null,
      on: null,
      more: "{cut",
    });
  });
});

describe("CSV", () => {
  const value = (name: string) => copied("csv", [column("name")], [row(name), row("end")]).split("\r\n")[1];

  test.each([
    ["=HYPERLINK(1)", "'=HYPERLINK(1)"],
    ["+4930", "'+4930"],
    ["-2+3", "'-2+3"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["  =1", "'  =1"],
    ["\t=1", "'\t=1"],
    ['=A,"B"', `"'=A,""B"""`],
    ["a,b", '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ["Ada", "Ada"],
  ])("%j is written as %s", (name, written) => {
    expect(value(name)).toBe(written);
  });

  test("a negative number stays one, and what only says so does not", () => {
    const numbers = [column("n", "number")];
    expect(copied("csv", numbers, [row("-5"), row("-5+cmd")])).toBe("n\r\n-5\r\n'-5+cmd\r\n");
  });

  test("a column's name is no formula either", () => {
    expect(copied("csv", [column("=x")], [])).toBe("'=x\r\n");
  });
});

describe("SQL", () => {
  test("quotes names and texts, and leaves numbers as they are", () => {
    const odd = [column('a"b'), column("n", "number"), column("on", "boolean")];
    expect(
      copied("sql", odd, [row("O'Hara'); DROP TABLE x;--", "-1.5", "false"), row("b", "1; DROP", null)]),
    ).toBe(
      `INSERT INTO "users" ("a""b", "n", "on") VALUES ('O''Hara''); DROP TABLE x;--', -1.5, FALSE);\n` +
        `INSERT INTO "users" ("a""b", "n", "on") VALUES ('b', '1; DROP', NULL);`,
    );
  });
});
