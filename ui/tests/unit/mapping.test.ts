// The form's mapping and what a table offers: what is filled in, what stays, what does not fit.
import { describe, expect, test } from "vitest";
import type { TableOffer } from "../../src/bindings/TableOffer";
import { template, toForm } from "../../src/editor/form";
import { filledIn, fitting, mappingOf, missing, offered, type Mapping } from "../../src/editor/mapping";
import { tables } from "../fake/people";

const [users, customers] = tables.tables as [TableOffer, TableOffer];
const begun = mappingOf(toForm(template).directory);

describe("filling in", () => {
  test("takes the guess for what nobody wrote", () => {
    expect(filledIn(begun, users, begun)).toEqual({
      table: "users",
      id: "id",
      name: "full_name",
      email: "email",
      created_at: "created_at",
      columns: "plan, company_name, last_login_at",
      search: "",
    });
  });

  test("keeps what somebody wrote, as long as the table has it", () => {
    const wrote: Mapping = { ...begun, name: "company_name", columns: "plan,settings", email: "e_mail" };
    const filled = filledIn(wrote, users, begun);
    expect(filled).toMatchObject({ name: "company_name", columns: "plan,settings", email: "email" });
    // From the one table to the other: what was filled in goes, and so does what is not there.
    expect(filledIn(filled, customers, filled)).toEqual({
      table: "crm.customers",
      id: "customer_no",
      name: "first_name",
      email: "mail",
      created_at: "",
      columns: "last_name",
      search: "mail, first_name, last_name",
    });
  });

  test("leaves the columns alone where they are not known", () => {
    const unknown = { ...users, name: "big", columns: [] };
    expect(filledIn(begun, unknown, begun)).toEqual({ ...begun, table: "big" });
  });
});

test("a table is found with its schema and without, quoted or not", () => {
  for (const name of ["users", "public.users", ' "users" ', '"public"."users"']) {
    expect(offered(tables, name)).toBe(users);
  }
  expect(offered(tables, "crm.customers")).toBe(customers);
  for (const name of ["customers", "Users", "crm.users", ""]) expect(offered(tables, name)).toBeNull();
});

test("what a table does not have is named", () => {
  expect(missing("email", "emial", users)).toBe("emial");
  expect(missing("columns", "plan, seats ,company_name, age", users)).toBe("seats");
  expect(missing("columns", "plan, password_hash", users)).toBeNull();
  expect(missing("name", "settings->>name", users)).toBeNull();
  expect(missing("name", "", users)).toBeNull();
  expect(missing("name", "rare.path", { ...users, kind: "collection" })).toBeNull();
});

test("a field's likeliest columns come first", () => {
  const names = (field: keyof Mapping) => fitting(field, users).map(({ name }) => name);
  expect(names("created_at").slice(0, 2)).toEqual(["created_at", "last_login_at"]);
  expect(names("name")[0]).toBe("full_name");
  expect(names("columns")).toEqual(users.columns.map(({ name }) => name));
});
