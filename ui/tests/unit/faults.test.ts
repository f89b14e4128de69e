// Faults of a file, sorted to the fields of the form.
import { describe, expect, test } from "vitest";
import { inFormWords, labelOf, sortFaults } from "../../src/editor/faults";

const fault = (key: string, message = "is wrong") => ({ key, line: 1, column: 1, message });

describe("the field of a key", () => {
  test.each([
    ["name", "name"],
    ["directory.collection", "directory.table"],
    ["directory.columns[2]", "directory.columns"],
    ["sign_in.body.user.ids[0]", "sign_in.body"],
    ["sign_in.headers.x-operator", "sign_in.headers"],
    ["sign_in.verify.expect", "verify.expect"],
    ["policy.protect[1]", "policy.protect"],
    ["network.proxy", "network.proxy"],
    ["directory.patience", "directory.patience"],
    ["sign_in.settings.app", "sign_in.settings.app"],
  ])("%s is %s", (key, field) => {
    expect(Object.keys(sortFaults([fault(key)], { app: "Application" }).faults)).toEqual([field]);
  });

  test.each(["", "network", "directory", "directory.ssh.host", "sign_in.settings.typo", "constructor"])(
    "the form has none for %j",
    (key) => {
      const sorted = sortFaults([fault(key)], { app: "Application" });
      expect([sorted.faults, sorted.beyond]).toEqual([{}, [fault(key)]]);
    },
  );
});

test("what is wrong twice in one field is said once, and what differs is said too", () => {
  const found = [
    fault("policy.protect[0]"),
    fault("policy.protect[1]"),
    fault("policy.protect[2]", "syntax error"),
  ];
  expect(sortFaults(found).faults).toEqual({ "policy.protect": "Is wrong.\nSyntax error." });
});

test("a fault within rows says in which one, and on which line of the file", () => {
  const found = [
    { ...fault("policy.allow[0].path", "begins with a slash"), line: 14 },
    { ...fault("policy.allow[10].method", "is missing"), line: 52 },
    { ...fault("sign_in.steps[1].url"), line: 60 },
  ];
  expect(sortFaults(found)).toEqual({
    faults: {
      "policy.allow":
        "Request 1, path (line 14): Begins with a slash.\nRequest 11, method (line 52): Is missing.",
      "sign_in.steps": "Request 2, url (line 60): Is wrong.",
    },
    cells: ["policy.allow[0].path", "policy.allow[10].method", "sign_in.steps[1].url"],
    beyond: [],
  });
});

test.each([
  ["Check the user name in directory.url and more.", "Check the user name in “Database URL” and more."],
  ["names `sign_in.verify.url` and `sign_in.url`", "names “Current-user endpoint” and “Login endpoint”"],
  ["directory.urls and my.directory.url.x stay", "directory.urls and my.directory.url.x stay"],
])("%s", (text, words) => {
  expect(inFormWords(text)).toBe(words);
});

test("a setting has the label of its preset", () => {
  expect(labelOf("sign_in.settings.app", { app: "Application" })).toBe("Application");
  expect(labelOf("directory.url")).toBe("Database URL");
});
