// The connection form and the file: there and back, and what no file can say.
import { describe, expect, test } from "vitest";
import type { ConnectionFile } from "../../src/bindings/ConnectionFile";
import type { SignInConfig } from "../../src/bindings/SignInConfig";
import type { SignOutConfig } from "../../src/bindings/SignOutConfig";
import type { StepConfig } from "../../src/bindings/StepConfig";
import { template, toFile, toForm } from "../../src/editor/form";
import { connectionFile } from "../fake/people";
import { presets } from "../fake/presets";

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

const signingIn = (sign_in: SignInConfig, sign_out: SignOutConfig | null = null): ConnectionFile => ({
  ...connectionFile,
  sign_in,
  sign_out,
});
const step = {
  name: "the login",
  url: "https://app.acme.example/login",
  encoding: "form",
  body: { password: "{{ secret.operator_password }}" },
  expect: [302],
  capture: { csrf: { cookie: "csrftoken" } },
} satisfies StepConfig;
const preset = { preset: "django-loginas", settings: { app: "https://app.acme.example", operator: " kim " } };
const app = "https://app.acme.example";

/** What a form can hold and what it shows as text only. */
const files: [string, ConnectionFile][] = [
  ["a full file", full],
  ["a short one", { ...connectionFile, policy: undefined, sign_out: null }],
  ["the template", template],
  [
    "a policy with all there is",
    {
      ...connectionFile,
      policy: {
        reason: "required",
        max_minutes: null,
        protect: [],
        mode: "read_only",
        may_unlock: false,
        origins: ["https://id.acme.example", "*.acme.example"],
        allow: [
          { method: "POST", path: "/api/search", why: "the search field" },
          { method: "websocket", path: "/live/**" },
          { method: "REPORT", path: "/dav/*" },
        ],
        hosts: { block: ["*.chat.example"], block_telemetry: true },
        mask: [".iban", ":is(.card, .account)"],
      },
    },
  ],
  [
    "a policy that unlocks with a reason",
    {
      ...connectionFile,
      policy: { reason: "required", max_minutes: 60, protect: [], may_unlock: "with_reason" },
    },
  ],
  [
    "a policy that a colleague approves",
    {
      ...connectionFile,
      policy: { reason: "required", max_minutes: 60, protect: [], approval: "second_person" },
    },
  ],
  [
    "a policy with a way past the approval",
    {
      ...connectionFile,
      policy: {
        reason: "required",
        max_minutes: 60,
        protect: [],
        approval: "second_person",
        break_glass: true,
      },
    },
  ],
  [
    "a policy with a way past no approval",
    { ...connectionFile, policy: { reason: "required", max_minutes: 60, protect: [], break_glass: true } },
  ],
  ["a preset", signingIn(preset)],
  ["a preset that is not known", signingIn({ preset: "newer", settings: { odd: "" } })],
  [
    "a preset with a setting that it does not have",
    signingIn({ ...preset, settings: { odd: "x", app: "" } }),
  ],
  [
    "a preset and what goes before it",
    signingIn(
      {
        ...preset,
        kind: "exchange",
        steps: [step],
        cookies: ["sid"],
        block: ["/admin/"],
        url: "https://app.acme.example/x",
        headers: { a: "b" },
        success: "Done",
        verify: { url: `${app}/me`, expect: "true" },
      },
      { steps: [step] },
    ),
  ],
  ["a preset without a sign-out", signingIn(preset, {})],
  [
    "a webhook with all there is",
    signingIn(
      {
        kind: "webhook",
        url: `${app}/login`,
        encoding: "form",
        expect: [204],
        block: ["/staff/"],
        steps: [step],
      },
      { url: `${app}/logout`, encoding: "form", body: { a: 1 }, steps: [step] },
    ),
  ],
  ["a webhook whose sign-out the console sends", signingIn({ url: `${app}/login` }, { steps: [step] })],
  [
    "an exchange",
    signingIn(
      { kind: "exchange", steps: [step], cookies: ["sid", "sid_*"], redirect_to: `${app}/` },
      { steps: [step] },
    ),
  ],
  [
    "an application behind a proxy",
    {
      ...signingIn({ url: `${app}/login` }),
      network: { proxy: "http://proxy:3128", ca: "/etc/ssl/own.pem" },
    },
  ],
  ["a link", signingIn({ kind: "link", steps: [step], open: "link", open_origins: [app], timeout_ms: 9000 })],
  [
    "storage",
    signingIn({
      kind: "storage",
      url: `${app}/token`,
      storage: { local: { auth: { token: "{{ response.json.token }}", n: 1 } }, session: { a: "b" } },
    }),
  ],
  [
    "forest",
    signingIn({
      kind: "forest",
      redirect_to: `${app}/`,
      forest: {
        backend: "https://admin.acme.example",
        action: "/forest/actions/impersonate",
        collection: "users",
        rendering: "104",
        operator: "17",
        values: { Reason: "{{ reason }}" },
      },
    }),
  ],
];

describe("there and back", () => {
  test.each(files)("%s comes back as it went in", (_, file) => {
    const { file: back, faults } = toFile(toForm(file), file, presets);
    expect(faults).toEqual({});
    // What is absent may come back as nothing said: Rust writes neither.
    const plain = (value: unknown) =>
      JSON.parse(
        JSON.stringify(value, (_, inner: unknown) =>
          inner === null || (Array.isArray(inner) && inner.length === 0) ? undefined : inner,
        ),
      ) as ConnectionFile;
    const wanted = plain({ ...file, policy: file.policy ?? { reason: "required" } });
    const whole = (one: ConnectionFile) => ({
      ...one,
      sign_in: { headers: {}, settings: {}, ...one.sign_in },
    });
    expect(whole(plain(back))).toEqual(whole(wanted));
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

  test("so does what the console sends, when the endpoint goes", () => {
    const file = signingIn({ url: `${app}/login` }, { url: `${app}/logout`, body: { a: 1 }, steps: [step] });
    const form = toForm(file);
    form.sign_out.url = "";
    expect(toFile(form, file).file.sign_out).toEqual({ steps: [step] });
  });

  test("another preset gets those settings that it has; none is said that is empty", () => {
    const file = signingIn(preset);
    const form = toForm(file);
    form.sign_in.preset = "better-auth";
    form.sign_in.settings["api"] = "  ";
    form.sign_in.settings["cookies"] = " sid. ";
    expect(toFile(form, file, presets).file.sign_in).toMatchObject({
      preset: "better-auth",
      settings: { app: "https://app.acme.example", operator: "kim", cookies: "sid." },
    });
    form.sign_in.preset = "supabase";
    expect(toFile(form, file, presets).file.sign_in.settings).toEqual({ app: "https://app.acme.example" });
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
    expect(faultsOf((form) => (form.sign_in.body = "{ userId: 1 }"))["sign_in.body"]).toMatch(
      /not valid JSON/,
    );
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
