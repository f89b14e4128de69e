// Measures what read-only costs: each application's first-level pages in a session with full access, in a read-only one,
// and in a read-only one with the rules that were proposed for what was held back. Prints a table.
//
// Fails if an application needs more than three rules, or has a page that does not render with them.
import { createRequire } from "node:module";
import { applications } from "./applications.mjs";
import { endSession, makeReadOnly, startSession } from "./gateways.mjs";

const { chromium } = createRequire(new URL("../../../ui/package.json", import.meta.url))("playwright-core");

const MOST_RULES = 3;
/** The part of a page's lines that has to be there, apart from those that differ between two full sessions. */
const RENDERED = 0.95;
/** How long a page's text stays the same until it counts as painted, and how long that may take, in milliseconds. */
const [STILL, PATIENCE] = [2000, 20_000];

const say = (text) => process.stderr.write(`${text}\n`);

async function open(application, origin, rules) {
  const proxy = { ...(await startSession(origin, rules)), bypass: "<-loopback>" };
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
    proxy,
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, ...application.browser });
  page.setDefaultTimeout(PATIENCE);
  await application.signIn(page, origin);
  await settle(page);
  // What is held back may never come.
  page.setDefaultTimeout(PATIENCE / 2);
  return { browser, page };
}

/** The page's text once it does not change any longer. */
async function settle(page) {
  const until = Date.now() + PATIENCE;
  let [text, since] = ["", Date.now()];
  while (Date.now() < until && Date.now() - since < STILL) {
    await page.waitForTimeout(200);
    const now = await page.locator("body").innerText().catch(() => "");
    if (now !== text || now === "") [text, since] = [now, Date.now()];
  }
  return text;
}

/** Lines of a text without what changes by itself: numbers. */
const linesOf = (text) =>
  text
    .split("\n")
    .map((line) => line.trim().replaceAll(/\d+/g, "0"))
    .filter((line) => line !== "");

/** Visits every page; a page that cannot even be asked for has no lines. */
async function visit(application, origin, rules, isReadOnly) {
  const { browser, page } = await open(application, origin, rules);
  if (isReadOnly) await makeReadOnly();
  const pages = {};
  for (const [name, go] of Object.entries(application.pages)) {
    try {
      await go(page, origin);
      pages[name] = linesOf(await settle(page));
    } catch (cause) {
      say(`   ${name}: ${String(cause).split("\n")[0]}`);
      pages[name] = [];
    }
  }
  await browser.close();
  return { pages, heldBack: await endSession() };
}

/** The pages that show what a session with full access shows. */
function listRendered(application, stable, seen) {
  return Object.keys(application.pages).filter((name) => {
    const missing = stable[name].filter((line) => !seen[name].includes(line));
    const rendered = 1 - missing.length / stable[name].length;
    if (rendered < RENDERED) say(`   ${name}: ${Math.round(rendered * 100)} %, without ${missing.slice(0, 8).join(" | ")}`);
    return rendered >= RENDERED;
  });
}

const format = ({ method, origin, path }) => `${method} ${origin ?? ""}${path}`;

async function measure(application) {
  const { origin, stop } = await application.start();
  try {
    say("   full access");
    const first = await visit(application, origin, [], false);
    const second = await visit(application, origin, [], false);
    const stable = {};
    for (const name of Object.keys(application.pages)) {
      stable[name] = [...new Set(first.pages[name])].filter((line) => second.pages[name].includes(line));
      if (stable[name].length === 0) throw new Error(`${name} shows nothing.`);
    }
    say("   read-only");
    const bare = await visit(application, origin, [], true);
    const proposed = new Map();
    for (const { rule } of bare.heldBack) if (rule) proposed.set(format(rule), rule);
    for (const { method, address, times, rule } of bare.heldBack) {
      say(`   held back ${times}: ${method} ${address}${rule ? ` → ${format(rule)}` : ""}`);
    }
    const renderedBare = listRendered(application, stable, bare.pages);
    const rules = application.reads.map((text) => {
      const rule = proposed.get(text);
      if (!rule) throw new Error(`${text} was not proposed, but: ${[...proposed.keys()].join(", ")}`);
      return rule;
    });
    say("   read-only with its rules");
    const ruled = await visit(application, origin, rules, true);
    for (const { method, address } of ruled.heldBack) say(`   still held back: ${method} ${address}`);
    const rendered = listRendered(application, stable, ruled.pages);
    const all = Object.keys(application.pages).length;
    return { all, bare: renderedBare.length, rendered: rendered.length, rules: rules.map(format), proposed: proposed.size };
  } finally {
    await stop();
  }
}

const rows = [];
let isGood = true;
const chosen = process.env.APPLICATION;
for (const application of applications) {
  if (chosen && application.name !== chosen) continue;
  say(`== ${application.name} ${application.version}`);
  const { all, bare, rendered, rules, proposed } = await measure(application);
  const listed = rules.map((rule) => `\`${rule}\``).join(", ") || "none";
  rows.push(`| ${application.name} ${application.version} | ${bare} of ${all} | ${listed} | ${rendered} of ${all} |`);
  say(`   ${proposed} rules proposed, ${rules.length} taken`);
  isGood &&= rendered === all && rules.length <= MOST_RULES;
}
say(["", "| application | complete without rules | rules added | complete with them |", "|---|---|---|---|", ...rows].join("\n"));
process.exitCode = isGood ? 0 : 1;
// Otherwise, the open pipe would keep it running.
process.stdin.destroy();
