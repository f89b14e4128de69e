// Installs an application from its registry into target/, once for each version, and runs it on loopback.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const STORE = resolve(import.meta.dirname, "../../../target/applications");
/** How long an application may take to answer. */
const PATIENCE = 120_000;

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", 2, 2], ...options });
  if (error || status !== 0) throw error ?? new Error(`${command} ${args.join(" ")} failed (${status}).`);
}

/** Installs these packages of PyPI, and returns the folder of their programs. */
export function installFromPyPI(...packages) {
  return install(packages, (folder) => {
    run("python3", ["-m", "venv", folder]);
    run(join(folder, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", ...packages]);
  }, "bin");
}

/** Installs this package of npm, and returns its folder. */
export function installFromNpm(name, version) {
  const inside = join("node_modules", name);
  return install([`${name}@${version}`], (folder) => {
    writeFileSync(join(folder, "package.json"), '{ "private": true }');
    run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", `${name}@${version}`], { cwd: folder });
  }, inside);
}

function install(packages, make, inside) {
  const folder = join(STORE, packages[0].replaceAll(/[^a-zA-Z0-9.=@-]/g, "-"));
  const stamp = join(folder, ".complete");
  if (!existsSync(stamp)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    make(folder);
    writeFileSync(stamp, "");
  }
  return join(folder, inside);
}

/** Runs a one-time command of an application. */
export const runOnce = (program, args, env) => run(program, args, { env: environment(env) });

/** A folder for the data of one run. */
export const makeHome = () => mkdtempSync(join(tmpdir(), "application-"));

export function findPort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Nothing of an application leaves this computer: it has no way to a proxy, and no other way out. */
const environment = (env = {}) => {
  const nowhere = "http://127.0.0.1:9";
  return { ...process.env, http_proxy: nowhere, https_proxy: nowhere, no_proxy: "127.0.0.1,localhost", ...env };
};

/** Starts an application's server, and waits until it answers at this address. */
export async function startServer(program, args, home, address, env) {
  const log = openSync(join(home, "server.log"), "a");
  const server = spawn(program, args, { cwd: home, env: environment(env), stdio: ["ignore", log, log], detached: true });
  const isOver = new Promise((done) => server.once("exit", done));
  const stop = async () => {
    try {
      process.kill(-server.pid);
    } catch {
      // It has ended by itself.
    }
    await isOver;
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  };
  const until = Date.now() + PATIENCE;
  while (!(await fetch(address, { redirect: "manual" }).then(() => true, () => false))) {
    if (server.exitCode !== null || Date.now() > until) {
      throw new Error(`${program} does not answer. What it says is in ${home}/server.log.`);
    }
    await new Promise((done) => setTimeout(done, 250));
  }
  return stop;
}
