// Applications with a sign-in: how each is started, signed in to, and which pages it has on its first level.
// `reads` are the rules that a person would take from what was proposed.
import { createHash, pbkdf2Sync, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPort, installFromNpm, installFromPyPI, makeHome, runOnce, startServer } from "./installed.mjs";

const [USER, PASSWORD] = ["ada", "engine-room-1843"];

const goTo = (path) => (page, origin) => page.goto(`${origin}${path}`);

async function fillIn(page, user, password) {
  if (user) await page.locator(user).first().fill(USER);
  await page.locator(password).first().fill(PASSWORD);
}

const radicale = {
  name: "Radicale",
  version: "3.9.0",
  async start() {
    const bin = installFromPyPI(`radicale==${this.version}`);
    const [home, port] = [makeHome(), await findPort()];
    writeFileSync(join(home, "users"), `${USER}:${PASSWORD}\n`);
    const settings = {
      "server-hosts": `127.0.0.1:${port}`,
      "auth-type": "htpasswd",
      "auth-htpasswd-filename": join(home, "users"),
      "auth-htpasswd-encryption": "plain",
      "storage-filesystem-folder": join(home, "collections"),
    };
    // A calendar and an address book, as its own page makes them.
    const made = (name, kind, tag) => {
      const folder = join(home, "collections/collection-root", USER, name);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, ".Radicale.props"), JSON.stringify({ tag, "D:displayname": kind }));
    };
    made("c1", "Lectures", "VCALENDAR");
    made("a1", "Correspondents", "VADDRESSBOOK");
    const args = Object.entries(settings).map(([key, value]) => `--${key}=${value}`);
    const origin = `http://127.0.0.1:${port}`;
    return { origin, stop: await startServer(join(bin, "python"), ["-m", "radicale", ...args], home, origin) };
  },
  async signIn(page, origin) {
    await page.goto(`${origin}/.web/`);
    await fillIn(page, "input[data-name=user]", "input[type=password]");
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText("Lectures").waitFor();
  },
  pages: {
    // It keeps the password in the page: loading it anew would sign out.
    Collections: (page) => page.getByText("Refresh").click(),
    "New collection": async (page) => {
      await page.locator("[data-name=new]:visible").first().click();
    },
  },
  reads: ["PROPFIND /ada/", "POST /.sharing/v1/all/list"],
};

const octoprint = {
  name: "OctoPrint",
  version: "1.11.8",
  async start() {
    const bin = installFromPyPI(`octoprint==${this.version}`);
    const [home, port] = [makeHome(), await findPort()];
    const disabled = ["softwareupdate", "announcements", "tracking", "pi_support"].map((name) => `    - ${name}\n`);
    writeFileSync(
      join(home, "config.yaml"),
      `server:\n  firstRun: false\n  onlineCheck:\n    enabled: false\n  pluginBlacklist:\n    enabled: false\nplugins:\n  _disabled:\n${disabled.join("")}`,
    );
    const program = join(bin, "octoprint");
    runOnce(program, ["--basedir", home, "user", "add", "--password", PASSWORD, "--admin", USER]);
    const args = ["--basedir", home, "serve", "--host", "127.0.0.1", "--port", `${port}`, "--iknowwhatimdoing"];
    const origin = `http://127.0.0.1:${port}`;
    return { origin, stop: await startServer(program, args, home, origin) };
  },
  async signIn(page, origin) {
    await page.goto(origin);
    await fillIn(page, "#login-user", "#login-password");
    await page.locator("#login-button").click();
    await page.locator("#temp_link").waitFor();
  },
  pages: Object.fromEntries(
    [
      ["Temperature", "#temp_link a"],
      ["Control", "#control_link a"],
      ["GCode Viewer", "#gcode_link a"],
      ["Terminal", "#term_link a"],
      ["Timelapse", "#timelapse_link a"],
    ].map(([name, link]) => [
      name,
      async (page, origin) => {
        await page.goto(origin);
        await page.locator(link).click();
      },
    ]),
  ),
  reads: ["websocket /sockjs/*/*/websocket", "POST /api/login"],
};

const changedetection = {
  name: "changedetection.io",
  version: "0.60.10",
  async start() {
    const bin = installFromPyPI(`changedetection.io==${this.version}`);
    const [home, port] = [makeHome(), await findPort()];
    const salt = randomBytes(32);
    const hash = pbkdf2Sync(PASSWORD, salt, 100_000, 32, "sha256");
    const env = { SALTED_PASS: Buffer.concat([salt, hash]).toString("base64"), HIDE_REFERER: "1" };
    const args = ["-d", home, "-p", `${port}`, "-h", "127.0.0.1", "-C"];
    const origin = `http://127.0.0.1:${port}`;
    return { origin, stop: await startServer(join(bin, "changedetection.io"), args, home, origin, env) };
  },
  async signIn(page, origin) {
    await page.goto(origin);
    await fillIn(page, null, "input[type=password]");
    await page.keyboard.press("Enter");
    await page.getByText("Log out").first().waitFor();
  },
  pages: {
    Watches: goTo("/"),
    Tags: goTo("/tags/list"),
    Import: goTo("/imports/import"),
    Queue: goTo("/queue"),
    Settings: goTo("/settings"),
    Backups: goTo("/backups/"),
  },
  reads: [],
};

const nodeRed = {
  name: "Node-RED",
  version: "4.1.15",
  async start() {
    const folder = installFromNpm("node-red", this.version);
    const [home, port] = [makeHome(), await findPort()];
    const { hashSync } = (await import(join(folder, "../bcryptjs/index.js"))).default;
    const settings = {
      uiHost: "127.0.0.1",
      uiPort: port,
      adminAuth: { type: "credentials", users: [{ username: USER, password: hashSync(PASSWORD, 8), permissions: "*" }] },
      telemetry: { enabled: false, updateNotification: false },
      editorTheme: { tours: false },
    };
    writeFileSync(join(home, "settings.js"), `module.exports = ${JSON.stringify(settings)};`);
    const args = [join(folder, "red.js"), "--userDir", home, "--settings", join(home, "settings.js")];
    const origin = `http://127.0.0.1:${port}`;
    return { origin, stop: await startServer("node", args, home, origin) };
  },
  async signIn(page, origin) {
    await page.goto(origin);
    await fillIn(page, "#node-dialog-login-username", "#node-dialog-login-password");
    await page.locator("#node-dialog-login-submit").click();
    await page.getByText("Deploy").first().waitFor();
  },
  pages: Object.fromEntries([
    ["Editor", goTo("/")],
    ...["info", "help", "debug", "config", "context"].map((tab) => [
      `Sidebar: ${tab}`,
      async (page, origin) => {
        await page.goto(origin);
        await page.waitForFunction(() => window.RED?.sidebar && document.querySelector("#red-ui-palette-search"));
        await page.evaluate((id) => window.RED.sidebar.show(id), tab);
      },
    ]),
  ]),
  reads: [],
};

const jupyterLab = {
  name: "JupyterLab",
  version: "4.6.6",
  async start() {
    const bin = installFromPyPI(`jupyterlab==${this.version}`);
    const [home, port] = [makeHome(), await findPort()];
    writeFileSync(join(home, "notes.md"), "# Bernoulli numbers\n");
    const salt = randomBytes(6).toString("hex");
    const hash = createHash("sha256").update(PASSWORD + salt).digest("hex");
    const settings = {
      "ServerApp.ip": "127.0.0.1",
      "ServerApp.port": port,
      "ServerApp.root_dir": home,
      "ServerApp.open_browser": "False",
      "ServerApp.allow_root": "True",
      "PasswordIdentityProvider.hashed_password": `sha256:${salt}:${hash}`,
      "LabApp.news_url": "None",
      "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
    };
    const args = Object.entries(settings).map(([key, value]) => `--${key}=${value}`);
    const env = { HOME: home, JUPYTER_CONFIG_DIR: join(home, ".config"), JUPYTER_DATA_DIR: join(home, ".data") };
    const origin = `http://127.0.0.1:${port}`;
    return { origin, stop: await startServer(join(bin, "jupyter-lab"), args, home, origin, env) };
  },
  async signIn(page, origin) {
    await page.goto(origin);
    await fillIn(page, null, "#password_input");
    await page.keyboard.press("Enter");
    await page.getByText("notes.md").first().waitFor();
  },
  pages: Object.fromEntries(
    [
      ["Files and launcher", "filebrowser"],
      ["Running terminals and kernels", "jp-running-sessions"],
      ["Table of contents", "table-of-contents"],
      ["Property inspector", "jp-property-inspector"],
      ["Debugger", "jp-debugger-sidebar"],
    ].map(([name, tab]) => [
      name,
      async (page, origin) => {
        await page.goto(`${origin}/lab?reset`);
        await page.getByText("Python 3").first().waitFor();
        await page.locator(`.lm-TabBar-tab[data-id="${tab}"]`).click();
      },
    ]),
  ),
  reads: [],
};

export const applications = [radicale, octoprint, changedetection, nodeRed, jupyterLab];
