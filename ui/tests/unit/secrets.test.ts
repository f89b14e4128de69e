// Which secrets a connection names, and passwords that stand where they must not.
import { expect, test } from "vitest";
import type { SignInConfig } from "../../src/bindings/SignInConfig";
import { toForm } from "../../src/editor/form";
import { secretsIn, secretsOfForm, secretsOfText, withoutPassword } from "../../src/editor/secrets";
import { connectionFile } from "../fake/people";
import { presets } from "../fake/presets";

test.each([
  ["{{ secret.admin_token }}", ["admin_token"]],
  ["Bearer {{secret.a}} {{ secret.b | upper }} {{ secret.a }}", ["a", "b"]],
  ['{{ secret["odd name"] }}', ["odd name"]],
  ['{ "x": "{{ secret[\\"quoted\\"] }}" }', ["quoted"]],
  ["{% if secret.flag %}x{% endif %}", ["flag"]],
  ["secret.not_a_template, {{ user.secret_plan }}", []],
])("%s names %j", (text, names) => {
  expect(secretsIn(text)).toEqual(names);
});

test("a form names its templates' secrets and, over a network, the database's password", () => {
  const form = toForm(connectionFile);
  expect(secretsOfForm(form, connectionFile)).toEqual(["database_password", "admin_token"]);
  form.directory.url = "sqlite:///srv/app.sqlite";
  form.sign_in.headers.push({ name: "authorization", value: "Bearer {{ secret.key }}" });
  expect(secretsOfForm(form, connectionFile)).toEqual(["key", "admin_token"]);
});

test("a sign-out names those of the headers that the form does not show, while there is one", () => {
  const form = toForm(connectionFile);
  const hidden = {
    ...connectionFile,
    sign_out: { url: "x", headers: { authorization: "Bearer {{ secret.bye }}" } },
  };
  expect(secretsOfForm(form, hidden)).not.toContain("bye");
  form.sign_out.url = "https://app.acme.example/logout";
  expect(secretsOfForm(form, hidden)).toContain("bye");
});

test("a preset names those it needs, and the file's own steps theirs", () => {
  const sign_in = {
    preset: "better-auth",
    steps: [{ url: "x", headers: { a: "{{ secret.gate }}" }, body: "{{ secret.operator_password }}" }],
  };
  const file = { ...connectionFile, sign_in, sign_out: { steps: [{ body: "{{ secret.bye }}" }] } };
  const secrets = ["database_password", "operator_password", "gate", "bye"];
  expect(secretsOfForm(toForm(file), file, presets)).toEqual(secrets);
});

test("a sign-in that the form does not show names its own", () => {
  const exchange = {
    kind: "exchange" as const,
    steps: [{ url: "x", body: { password: "{{ secret.operator_password }}" } }],
  };
  const forest = { kind: "forest" as const };
  const storage = { kind: "storage" as const, headers: { a: "{{ secret.key }}" } };
  const of = (sign_in: SignInConfig) => {
    const file = { ...connectionFile, sign_in };
    return secretsOfForm(toForm(file), file, presets).slice(1);
  };
  expect(of(exchange)).toEqual(["operator_password"]);
  expect(of(forest)).toEqual(["forest_auth_secret"]);
  expect(of(storage)).toEqual(["key"]);
});

test("a text that names a preset names its secrets, and one for Forest the backend's", () => {
  const text = (line: string) => `[directory]\nurl = "sqlite:///x"\npreset = "webhook"\n[sign_in]\n${line}\n`;
  expect(secretsOfText(text('preset = "supabase"'), presets)).toEqual(["service_role_key"]);
  expect(secretsOfText(text('# preset = "supabase"'), presets)).toEqual([]);
  expect(secretsOfText(text('kind = "forest"'), presets)).toEqual(["forest_auth_secret"]);
});

test("a program that gives the password takes the place of one that is stored", () => {
  const directory = { ...connectionFile.directory, password_command: ["pass", "show", "acme"] };
  const secrets = secretsOfForm(toForm(connectionFile), { ...connectionFile, directory });
  expect(secrets).toEqual(["admin_token"]);
  const text = `[directory]\nurl = "postgres://readonly@db/acme"\npassword_command = ["pass", "show", "acme"]\n`;
  expect(secretsOfText(text)).toEqual([]);
});

test("a text names them too; its comments do not", () => {
  const text = `# {{ secret.old }}
[directory]
url = "postgres://readonly@db/acme"
[sign_in]
url = "https://app.acme.example/login"
body = { token = "{{ secret.admin_token }}" }`;
  expect(secretsOfText(text)).toEqual(["database_password", "admin_token"]);
  expect(secretsOfText(text.replace("postgres://readonly@db", "sqlite:///x"))).toEqual(["admin_token"]);
});

test.each([
  ["postgres://kim:s3cret@db/acme", "postgres://kim@db/acme", "s3cret"],
  [
    "postgres://kim:p%40ss@db:5432/acme?sslmode=require",
    "postgres://kim@db:5432/acme?sslmode=require",
    "p@ss",
  ],
  ["mysql://kim:50%@db/acme", "mysql://kim@db/acme", "50%"],
])("%s is written without its password", (url, clean, password) => {
  expect(withoutPassword(url)).toEqual({ url: clean, password });
});

test.each([
  "postgres://kim@db:5432/acme",
  "postgres://db:5432/a@b",
  "postgres://kim:@db/acme",
  "sqlite:///a:b@c",
  "",
])("%s holds no password", (url) => {
  expect(withoutPassword(url)).toBeNull();
});
