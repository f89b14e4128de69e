// What is typed into a sign-in's form, and what is sent of it.
import { describe, expect, test } from "vitest";
import type { FormField } from "../../src/bindings/FormField";
import { draftOf, valueOf } from "../../src/text/form-values";
import { question } from "../fake/understudy";

const field = (more: Partial<FormField>) => question("a", more);
const choices = [
  { label: "One", value: 1 },
  { label: "Two", value: { id: 2 } },
];

describe("what is typed", () => {
  test.each([
    ["text", " as it is ", " as it is "],
    ["text", "  ", null],
    ["number", " 4.5 ", 4.5],
    ["date", "2026-11-26", "2026-11-26"],
    ["time", "14:30", "14:30"],
    ["texts", "a\n\n b \n", ["a", "b"]],
    ["texts", "", []],
    ["numbers", "1\n2.5", [1, 2.5]],
    ["json", '{"a": [1]}', { a: [1] }],
    ["date_time", "2026-11-26T14:30:00Z", "2026-11-26T14:30:00.000Z"],
  ] as const)("%s: %j", (kind, typed, sent) => {
    expect(valueOf(field({ kind }), typed)).toEqual({ value: sent });
  });

  test.each([
    ["number", "four", "number"],
    ["number", "9007199254740993", "large"],
    ["numbers", "1\nx", "number"],
    ["date", "2026-02-30", "date"],
    ["date", "26.11.2026", "date"],
    ["time", "24:00", "time"],
    ["date_time", "2026-02-30 10:00", "date_time"],
    ["json", "{a: 1}", "json"],
  ] as const)("%s refuses %j", (kind, typed, fault) => {
    expect(valueOf(field({ kind }), typed)).toEqual({ fault });
  });

  test("a time without a zone is the time here", () => {
    const at = new Date("2026-11-26T14:30").toISOString();
    expect(valueOf(field({ kind: "date_time" }), "2026-11-26 14:30")).toEqual({ value: at });
  });
});

describe("what is chosen", () => {
  test("is the choice's own value, whatever that is", () => {
    expect(valueOf(field({ kind: "choice", choices }), [1])).toEqual({ value: { id: 2 } });
    expect(valueOf(field({ kind: "choices", choices }), [0, 1])).toEqual({ value: [1, { id: 2 }] });
    expect(valueOf(field({ kind: "choice", choices }), [])).toEqual({ value: null });
    expect(valueOf(field({ kind: "boolean" }), true)).toEqual({ value: true });
  });

  test("is found again among the choices", () => {
    expect(draftOf(field({ kind: "choice", choices, value: { id: 2 } }))).toEqual([1]);
    expect(draftOf(field({ kind: "choices", choices, value: [1, "gone"] }))).toEqual([0]);
    expect(draftOf(field({ kind: "choice", choices }))).toEqual([]);
  });
});

describe("what is required", () => {
  test.each([
    ["text", ""],
    ["choice", []],
    ["choices", []],
    ["texts", " "],
  ] as const)("%s cannot be %j", (kind, draft) => {
    const draft_ = typeof draft === "string" ? draft : [...draft];
    expect(valueOf(field({ kind, choices, required: true }), draft_)).toEqual({ fault: "empty" });
  });

  test("a tick that is not set is an answer, and what is only shown is not asked", () => {
    expect(valueOf(field({ kind: "boolean", required: true }), false)).toEqual({ value: false });
    expect(valueOf(field({ required: true, read_only: true }), "")).toEqual({ value: null });
  });

  test("a file that is wanted is said to be impossible", () => {
    expect(valueOf(field({ kind: "unsupported", required: true }), "")).toEqual({ fault: "unsupported" });
  });
});

test.each(["text", "long_text", "number", "texts", "json"] as const)("%s comes back as it was", (kind) => {
  const values = { text: "a", long_text: "a\nb", number: 4.5, texts: ["a", "b"], json: { a: [1] } };
  const shown = field({ kind, value: values[kind] });
  expect(valueOf(shown, draftOf(shown))).toEqual({ value: values[kind] });
});
