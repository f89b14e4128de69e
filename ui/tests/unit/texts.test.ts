// Every text is said somewhere.
import { expect, test } from "vitest";
import { texts } from "../../src/texts";

const files = import.meta.glob<string>(["../../src/**/*.{ts,svelte}", "!../../src/{texts,bindings}/**"], {
  query: "?raw",
  import: "default",
  eager: true,
});

/** What the source names of the texts: `texts.bar.end`, also where `const words = texts.bar` stands for a part. */
function named(): Set<string> {
  const found = new Set<string>();
  for (let source of Object.values(files)) {
    const parts = [...source.matchAll(/^\s*const (\w+) = (texts(?:\.\w+)+);$/gm)];
    for (const [line, name, part] of parts) {
      source = source
        .replace(line, "")
        .replace(new RegExp(`(?<![\\w.])${name}(?=\\s*[.[])`, "g"), String(part));
    }
    for (const [path] of source.matchAll(/\btexts(?:\s*\.\w+)+/g)) found.add(path.replace(/\s/g, ""));
  }
  return found;
}

/** The paths of all texts: `texts.bar.end`. */
function leaves(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, within]) => leaves(within, `${path}.${key}`));
}

/** The path, and all that it is within: who names `texts.tiers[tier]` names them all. */
function within(path: string): string[] {
  const keys = path.split(".");
  return keys.map((_, at) => keys.slice(0, at + 1).join("."));
}

test("no text is left over", () => {
  const used = named();
  expect(leaves(texts, "texts").filter((path) => !within(path).some((part) => used.has(part)))).toEqual([]);
});
