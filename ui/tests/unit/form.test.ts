// The connection form and the file: there and back, and what no file can say.
import { describe, expect, test } from "vitest";
import type { ConnectionFile } from "../../src/bindings/ConnectionFile";
import { template, toFile, toForm } from "../../src/editor/form";
import { connectionFile } from "../fake/people";

const full: ConnectionFile = {
  ...connectionFile,
  directory: {
    ...connectionFile.directory,
    columns: ["plan", "odd, name"],
    timeout_ms: 5000,
    password_command: ["pass", "show", "acme"],
    ssh: { host: "bastion.acme.example", key: "~/.ssh/id_ed25519" },
  },
  sign_in: {
    ...connectionFile.sign_in,
    headers: { "x-operator": "{{ operator.email }}" },
    body: { userId: "{{ user.id }}", deep: [1, { no: null }] },
    timeout_ms: 20_000,
    verify: { url: "https://app.acme.example/api/me", expect: "response.json.id == user.id" },
  },
  sign_out: { url: "https://app.acme.example/logout", method: "POST", headers: { a: "b" }, body: { c: 1 } },
  policy: { reason: "optional", max_minutes: 30, protect: ["user.role in ['admin', 'staff']"] },
};

describe("there and back", () => {
  test.each([
    ["a full file", full],
    ["a short one", { ...connectionFile, policy: undefined, sign_out: null }],
    ["the template", template],
  ])("%s comes back as it went in", (_, file) => {
    const { file: back, faults } = toFile(toForm(file), file);
    expect(faults).toEqual({});
    // What is absent may come back as nothing said: Rust writes neither.
    const plain = (value: unknown) =>
      JSON.parse(
        JSON.stringify(value, (_, inner: unknown) =>
          inner === null || (Array.isArray(inner) && inner.length === 0) ? undefined : inner,
        ),
      ) as ConnectionFile;
    const wanted = plain({ ...file, policy: file.policy ?? { reason: "required" } });
    expect({ ...plain(back), sign_in: { headers: {}, ...plain(back).sign_in } }).toEqual({
      ...wanted,
      sign_in: { headers: {}, ...wanted.sign_in },
    });
  });

  test("a list that was not touched keeps names with commas; a touched one is split", () => {
    const form = toForm(full);
    expect(toFile(form, full).file.directory.columns).toEqual(["plan", "odd, name"]);
    form.directory.columns = " plan ,, seats ";
    expect(toFile(form, full).file.directory.columns).toEqual(["plan", "seats"]);
  });

  test("what the form does not show of the sign-out stays, until the sign-out goes", () => {
    const form = toForm(full);
    form.sign_out.url = "https://app.acme.example/bye";
    expect(toFile(form, full).file.sign_out).toEqual({
      ...full.sign_out,
      url: "https://app.acme.example/bye",
    });
    form.sign_out.url = "  ";
    expect(toFile(form, full).file.sign_out).toBeNull();
  });

  test("a check that is half written goes to Rust, which says what is missing", () => {
    const form = toForm(connectionFile);
    form.verify.url = "https://app.acme.example/api/me";
    expect(toFile(form, connectionFile).file.sign_in.verify).toEqual({ url: form.verify.url, expect: "" });
  });
});

describe("what no file can say", () => {
  const faultsOf = (change: (form: ReturnType<typeof toForm>) => void) => {
    const form = toForm(connectionFile);
    change(form);
    return toFile(form, connectionFile).faults;
  };

  test.each(["", " 60 ", "1440"])("“%s” minutes is a limit, or none", (minutes) => {
    expect(faultsOf((form) => (form.policy.max_minutes = minutes))).toEqual({});
  });

  test.each(["0", "1441", "1.5", "an hour", "-3", "0x"])("“%s” minutes is not", (minutes) => {
    expect(Object.keys(faultsOf((form) => (form.policy.max_minutes = minutes)))).toEqual([
      "policy.max_minutes",
    ]);
  });

  test("a body that is not JSON, or that JavaScript would round", () => {
    expect(faultsOf((form) => (form.sign_in.body = "{ userId: 1 }"))["sign_in.body"]).toMatch(/not JSON/);
    expect(faultsOf((form) => (form.sign_in.body = '{"id": 9007199254740993}'))["sign_in.body"]).toMatch(
      /too large/,
    );
    expect(faultsOf((form) => (form.sign_in.body = '{"id": "9007199254740993"}'))).toEqual({});
  });

  test("headers without a name, or twice", () => {
    expect(
      faultsOf((form) => (form.sign_in.headers = [{ name: "", value: "x" }]))["sign_in.headers"],
    ).toMatch(/no name/);
    const twice = [
      { name: "X-A", value: "1" },
      { name: "x-a", value: "2" },
    ];
    expect(faultsOf((form) => (form.sign_in.headers = twice))["sign_in.headers"]).toMatch(/twice/);
    expect(faultsOf((form) => (form.sign_in.headers = [{ name: " ", value: "" }]))).toEqual({});
  });
});
