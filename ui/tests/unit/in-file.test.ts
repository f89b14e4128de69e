// Every key of a connection file has a field in the form, or the form says that it is in the File view.
import { expect, test } from "vitest";
import { FIELDS } from "../../src/editor/faults";
import { IN_FILE } from "../../src/editor/in-file";
import { PLACES } from "../../src/editor/steps";
import text from "../../../src-tauri/connection.schema.json?raw";

interface Reference {
  $ref?: string;
}
interface Part {
  properties?: Record<
    string,
    Reference & { anyOf?: Reference[]; items?: Reference; additionalProperties?: Reference | boolean }
  >;
}
const schema = JSON.parse(text) as Part & { $defs: Record<string, Part> };

/** Keyboard shortcuts, those of parts within parts by their paths. */
function keysOf(part: Part, path: string): string[] {
  return Object.entries(part.properties ?? {}).flatMap(([key, property]) => {
    const named = typeof property.additionalProperties === "object" ? property.additionalProperties : {};
    const references = [property, ...(property.anyOf ?? []), property.items ?? {}, named].map(
      ({ $ref }) => $ref,
    );
    const inner = references.flatMap((name) => {
      const within = schema.$defs[name?.split("/").at(-1) ?? ""];
      return within?.properties ? keysOf(within, `${path}${key}.`) : [];
    });
    return inner.length > 0 ? inner : [path + key];
  });
}

/** What the form shows as something else than one field each. */
const OTHERWISE: Record<string, string> = {
  environment: "a choice",
  "policy.reason": "a choice",
  "directory.related": "a card for each table",
  "network.credentials": "rows of hosts",
  "policy.allow": "rows of requests",
  "policy.hosts.block_telemetry": "a choice",
  "sign_in.preset": "Sign-in method",
  "sign_in.settings": "a field for each setting of the preset",
  "sign_in.kind": "Kind of sign-in",
  "sign_in.storage": "rows of the page's storage",
};
/** Of a request of the console, what the rows of requests have. */
const STEP = ["name", "url", "method", "headers", "body", "encoding", "expect", "capture"];

const listed = Object.values(IN_FILE).flat();
/** `key`, or what it is a part of. */
const isBelow = (key: string, known: string) => key === known || key.startsWith(`${known}.`);

test("no key of a connection file is out of sight", () => {
  const keys = keysOf(schema, "");
  expect(keys.length).toBeGreaterThan(70);
  const forgotten = keys.filter((key) => {
    if (Object.hasOwn(FIELDS, key) || Object.keys(OTHERWISE).some((known) => isBelow(key, known)))
      return false;
    if (listed.some((known) => isBelow(key, known))) return false;
    // A Smart Action is text as a whole, and the form says so.
    if (isBelow(key, "sign_in.forest")) return false;
    const step = /^sign_in\.steps\.(.*)$/.exec(key)?.[1];
    if (step === undefined) return true;
    return !STEP.includes(step) && !PLACES.some((place) => step === `capture.${place}`);
  });
  expect(forgotten).toEqual([]);
});

test("and none is said to be in the file that is not there", () => {
  const keys = keysOf(schema, "");
  expect(listed.filter((known) => !keys.some((key) => isBelow(key, known)))).toEqual([]);
});
