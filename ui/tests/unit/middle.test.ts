// Cutting an address before its end.
import { expect, test } from "vitest";
import { splitBeforeEnd } from "../../src/text/middle";

test.each([
  [
    "app.acme.example/api/v2/organisations/48213/invoices",
    "app.acme.example/api/v2/organisations/48213",
    "/invoices",
  ],
  ["app.acme.example/api/v2/organisations/48213/", "app.acme.example/api/v2/organisations", "/48213/"],
  ["app.acme.example/graphql", "", "app.acme.example/graphql"],
  ["app.acme.example/" + "x".repeat(40), "app.acme.example/" + "x".repeat(12), "x".repeat(28)],
  ["/" + "y".repeat(40), "/" + "y".repeat(12), "y".repeat(28)],
  ["", "", ""],
])("%s", (text, head, tail) => {
  expect(splitBeforeEnd(text)).toEqual([head, tail]);
});

test("never inside of a character, and nothing gets lost", () => {
  for (const sign of ["😀", "e\u0301", "👩\u200d🔧"]) {
    for (let before = 20; before < 30; before++) {
      const text = "a".repeat(before) + sign + "b".repeat(26);
      const [head, tail] = splitBeforeEnd(text);
      expect(head + tail).toBe(text);
      expect(tail.length).toBeLessThanOrEqual(28);
      expect(tail).not.toMatch(/^(?:\p{M}|\u200d|[\udc00-\udfff])/u);
    }
  }
});
