import { describe, expect, test } from "vitest";
import type { Column } from "../../src/bindings/Column";
import { avatarHue, initials } from "../../src/text/avatar";
import { gridColumns, whoIs } from "../../src/text/user";
import { columns } from "../fake/people";

const names = (some: Column[]) => gridColumns(some).map(({ column }) => column.name);
const without = (...roles: string[]) => columns.filter(({ role }) => !roles.includes(role));

describe("the grid's columns", () => {
  test("are name, e-mail, others, created last", () => {
    expect(names(columns)).toEqual([
      "full_name",
      "email",
      "plan",
      "company_name",
      "last_login_at",
      "created_at",
    ]);
  });
  test("begin with the e-mail where there is no name, with the id where there is neither", () => {
    expect(names(without("name"))[0]).toBe("email");
    expect(names(without("name", "email"))[0]).toBe("id");
  });
  test("keep their places in a row's cells", () => {
    expect(gridColumns(columns).at(-1)?.index).toBe(6);
  });
});

describe("who a row is", () => {
  const row = (name: string | null, email: string | null) => ({ id: "7", cells: ["7", name, email] });
  test("is said by name, else e-mail, else id", () => {
    expect(whoIs(columns, row("Ann", "a@x"))).toBe("Ann");
    expect(whoIs(columns, row("  ", "a@x"))).toBe("a@x");
    expect(whoIs(columns, row(null, null))).toBe("7");
  });
  test("is short and hides nothing", () => {
    expect(whoIs(columns, row("x".repeat(10_000), null)).length).toBeLessThan(100);
    expect(whoIs(columns, row("a\u202eb", null))).toBe("a‹U+202E›b");
  });
});

describe("an avatar", () => {
  test.each([
    ["Anna Svensson", "AS"],
    ["anna maria svensson", "AS"],
    ["Ángela", "Á"],
    ["anna.svensson@x.example", "AE"],
    ["<img src=x>", "IX"],
    ["👩 Family", "F"],
    ["…", "?"],
    [null, "?"],
  ])("of %s", (name, wanted) => expect(initials(name)).toBe(wanted));

  test("of a connection takes two letters", () => expect(initials("Acme", 2)).toBe("AC"));

  test("has the same colour every time, and not one for all", () => {
    const hues = Array.from({ length: 200 }, (_, id) => avatarHue(String(id)));
    expect(hues).toEqual(Array.from({ length: 200 }, (_, id) => avatarHue(String(id))));
    expect(new Set(hues).size).toBe(8);
  });
});
