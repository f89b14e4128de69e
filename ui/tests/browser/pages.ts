// Serves dist/ on loopback under the policy that the application ships with, and bundles the fake for the page.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import type { TestProject } from "vitest/node";
import { build } from "vite";

declare module "vitest" {
  interface ProvidedContext {
    origin: string;
    fake: string;
  }
}

/** What the application ships with. Nothing in it is foreign to a browser: `ipc:` is just a scheme that nobody asks
 * for here. Tauri adds hashes of scripts of its own, which a browser does not have. */
async function policy(): Promise<string> {
  const file = join(import.meta.dirname, "../../../tauri.conf.json");
  const { app } = JSON.parse(await readFile(file, "utf8")) as { app: { security: { csp: string } } };
  return app.security.csp;
}

const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".woff2": "font/woff2",
};

export default async function setup(project: TestProject): Promise<() => void> {
  const dist = join(import.meta.dirname, "../../dist");
  const csp = await policy();
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://x").pathname);
    if (path === "/favicon.ico") {
      response.writeHead(204).end();
      return;
    }
    readFile(join(dist, path === "/" ? "index.html" : path)).then(
      (body) => {
        response.writeHead(200, {
          "content-type": types[extname(path)] ?? "text/html",
          "content-security-policy": csp,
        });
        response.end(body);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  project.provide("origin", `http://127.0.0.1:${port}`);
  project.provide("fake", await bundle());
  return () => server.close();
}

/** tests/fake as one script that leaves `Understudy` on the page. */
async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "warn",
    build: {
      write: false,
      minify: false,
      lib: { entry: join(import.meta.dirname, "../fake/page.ts"), formats: ["iife"], name: "Understudy" },
    },
  });
  const output = Array.isArray(built) ? built[0] : built;
  if (!output || !("output" in output)) throw new Error("the fake was not built");
  return output.output[0].code;
}
