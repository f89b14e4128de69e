// First run, secrets, settings, and what can be done with a connection.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

const press = async (name: string | RegExp) => user.click(await screen.findByRole("button", { name }));
const closed = () => waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());

async function openMenu() {
  render(App);
  await user.pointer({
    keys: "[MouseRight]",
    target: await screen.findByRole("button", { name: /^Acme, production/ }),
  });
}
async function choose(item: string) {
  await openMenu();
  await user.click(await screen.findByRole("menuitem", { name: item }));
}

describe("the first run", () => {
  beforeEach(() => {
    fake.state.connections = [];
  });

  test("says what it is and makes the demo", async () => {
    const held = fake.hold("start_demo");
    render(App);
    expect(await screen.findByRole("heading", { name: "See what your customer sees" })).toBeInTheDocument();
    await press("Try the demo");
    expect(await screen.findByText("Creating 100,000 users…")).toBeInTheDocument();
    const button = screen.getByRole("button", { name: "Try the demo" });
    expect(button).toHaveAttribute("aria-disabled", "true");
    await user.click(button);
    expect(fake.called("start_demo")).toHaveLength(1);
    expect(button).toHaveFocus();
    held.stop();
    expect(await screen.findByRole("grid", { name: "Users" })).toBeInTheDocument();
  });

  test("says why the demo could not start", async () => {
    fake.refuse("start_demo", { code: "file_failed", message: "The disk is full.", hint: "Free 40 MB." });
    render(App);
    await press("Try the demo");
    expect(await screen.findByText("The disk is full.")).toBeInTheDocument();
    expect(screen.getByText("Free 40 MB.")).toBeInTheDocument();
    expect(screen.getByRole("button", { name: "Try the demo" })).toHaveAttribute("aria-disabled", "false");
  });

  test("connects a directory, or a file from the team", async () => {
    render(App);
    await press("Connect your database");
    expect(await screen.findByRole("dialog", { name: "New connection" })).toBeInTheDocument();
    await user.keyboard("{Escape}");
    await closed();
    fake.chosenPath = "/home/kim/acme.toml";
    await press("Open a connection file…");
    expect(await screen.findByRole("dialog", { name: "Acme" })).toBeInTheDocument();
    expect(fake.called("read_connection_file")[0]?.args).toEqual({ path: "/home/kim/acme.toml" });
  });

  test("a file that cannot be read says so, and can be tried again", async () => {
    fake.chosenPath = "/home/kim/acme.toml";
    fake.refuse("read_connection_file", { code: "file_failed", message: "It is 40 MB large." });
    render(App);
    await press("Open a connection file…");
    expect(await screen.findByText("It is 40 MB large.")).toBeInTheDocument();
    await press("Open a connection file…");
    expect(await screen.findByRole("dialog", { name: "Acme" })).toBeInTheDocument();
    expect(screen.queryByText("It is 40 MB large.")).toBeNull();
  });
});

describe("a secret that is asked for", () => {
  const needs = () =>
    fake.refuse("directory_info", {
      code: "secret_missing",
      message: "The password is not in the keyring.",
      secret: { connection: "acme", name: "database_password" },
    });
  const field = () => screen.findByLabelText<HTMLInputElement>("Secret");
  const ask = async () => {
    needs();
    render(App);
    await press("Enter the password…");
  };

  test("goes to the keyring, and what needed it goes on", async () => {
    await ask();
    expect(await field()).toHaveFocus();
    expect(await field()).toHaveAttribute("type", "password");
    await user.keyboard("s3cret{Enter}");
    expect(await screen.findByRole("grid", { name: "Users" })).toBeInTheDocument();
    expect(fake.called("store_secret").map(({ args }) => args)).toEqual([
      { connection: "acme", name: "database_password", value: "s3cret", thisRunOnly: false },
    ]);
  });

  test("stays where it is typed when the keyring refuses, and may be kept for this run", async () => {
    fake.refuse("store_secret", {
      code: "vault_locked",
      message: "The keyring is locked.",
      hint: "Unlock it.",
    });
    await ask();
    await user.type(await field(), "s3cret{Enter}");
    const alert = await within(await screen.findByRole("dialog")).findByRole("alert");
    expect(alert).toHaveTextContent("The keyring is locked.");
    expect(alert).toHaveTextContent("Unlock it.");
    expect(await field()).toHaveValue("s3cret");
    await user.click(screen.getByRole("radio", { name: /Until I quit/ }));
    await press("Store");
    await closed();
    expect(fake.called("store_secret").at(-1)?.args["thisRunOnly"]).toBe(true);
  });

  test("is kept for this run where there is no keyring, and says why", async () => {
    fake.keyring = {
      code: "vault_unavailable",
      message: "There is no Secret Service on this D-Bus.",
      hint: "Install gnome-keyring.",
      statement: null,
      details: null,
      secret: null,
      faults: [],
    };
    await ask();
    const dialog = within(await screen.findByRole("dialog"));
    expect(dialog.getByText(/There is no Secret Service on this D-Bus\./)).toBeInTheDocument();
    await user.type(await field(), "s3cret");
    await user.click(dialog.getByRole("button", { name: "Until I quit" }));
    await closed();
    expect(fake.called("store_secret")[0]?.args["thisRunOnly"]).toBe(true);
  });

  test("is not stored empty", async () => {
    await ask();
    await field();
    await press("Store");
    expect(await screen.findByText("Enter the secret first.")).toBeInTheDocument();
    expect(await field()).toHaveFocus();
    expect(fake.called("store_secret")).toEqual([]);
  });
});

describe("a connection's menu", () => {
  test("duplicates", async () => {
    await choose("Duplicate");
    expect(await screen.findByText(/is your own copy/)).toBeInTheDocument();
    expect(fake.called("duplicate_connection")[0]?.args).toEqual({ connection: "acme" });
  });

  test("offers no duplicate of the demo, which could not be made", async () => {
    render(App);
    const items = async (connection: RegExp) => {
      await user.pointer({
        keys: "[MouseRight]",
        target: await screen.findByRole("button", { name: connection }),
      });
      const found = (await screen.findAllByRole("menuitem")).map((item) => item.textContent.trim());
      await user.keyboard("{Escape}");
      await waitFor(() => expect(screen.queryByRole("menuitem")).toBeNull());
      return found;
    };
    expect(await items(/^Acme, production/)).toEqual([
      "Edit…",
      "Duplicate",
      "Export…",
      "Secrets…",
      "Audit log",
      "Clear cached files",
      "Remove…",
    ]);
    expect(await items(/^Demo, development/)).toEqual([
      "View…",
      "Export…",
      "Secrets…",
      "Audit log",
      "Clear cached files",
      "Open its helpdesk",
      "Removed when Understudy quits",
    ]);
  });

  test("clears the files that sessions of the connection share", async () => {
    await choose("Clear cached files");
    expect(
      await screen.findByText("312 cached files of Acme cleared. Pages load them again."),
    ).toBeInTheDocument();
    expect(fake.called("clear_cache")[0]?.args).toEqual({ connection: "acme" });
  });

  test("exports where the agent says, or not at all", async () => {
    await choose("Export…");
    expect(fake.called("export_connection")).toEqual([]);
    fake.chosenPath = "/tmp/acme.toml";
    await user.pointer({
      keys: "[MouseRight]",
      target: await screen.findByRole("button", { name: /^Acme, production/ }),
    });
    await user.click(await screen.findByRole("menuitem", { name: "Export…" }));
    expect(await screen.findByText(/Exported to \/tmp\/acme.toml/)).toBeInTheDocument();
    expect(fake.called("export_connection")[0]?.args).toEqual({
      connection: "acme",
      path: "/tmp/acme.toml",
    });
  });

  test.each([true, false])("removes after asking; secrets too: %s", async (secretsToo) => {
    await choose("Remove…");
    const question = within(await screen.findByRole("alertdialog", { name: "Remove Acme?" }));
    expect(question.getByRole("button", { name: "Cancel" })).toHaveFocus();
    const box = question.getByRole("checkbox", { name: "Also forget its secrets" });
    expect(box).toBeChecked();
    if (!secretsToo) await user.click(box);
    await user.click(question.getByRole("button", { name: "Remove" }));
    await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
    expect(fake.called("remove_connection")[0]?.args).toEqual({
      connection: "acme",
      forgetSecrets: secretsToo,
    });
    expect(screen.queryByRole("button", { name: /^Acme, production/ })).toBeNull();
  });

  test("says why it could not be removed", async () => {
    fake.refuse("remove_connection", { code: "file_failed", message: "The folder is read-only." });
    await choose("Remove…");
    await press("Remove");
    expect(await screen.findByText("The folder is read-only.")).toBeInTheDocument();
    await press("Cancel");
    expect(screen.getByRole("button", { name: /^Acme, production/ })).toBeInTheDocument();
  });

  test("lists secrets; one can be set, and forgotten after asking", async () => {
    fake.secrets = [
      { name: "database_password", state: "missing" },
      { name: "admin_token", state: "stored" },
    ];
    await choose("Secrets…");
    expect(await screen.findByText("In the keyring")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Forget Database password" })).toBeNull();

    await press("Set Database password");
    await user.type(await screen.findByLabelText("Secret"), "x{Enter}");
    expect(await screen.findByText("Database password was stored")).toBeInTheDocument();
    expect(screen.getAllByText("In the keyring")).toHaveLength(2);

    await press("Forget admin_token");
    await user.click(within(await screen.findByRole("alertdialog")).getByRole("button", { name: "Forget" }));
    expect(await screen.findByText("admin_token was forgotten")).toBeInTheDocument();
    expect(screen.getByText("Missing")).toBeInTheDocument();
    expect(fake.called("forget_secret")[0]?.args).toEqual({ connection: "acme", name: "admin_token" });
  });
});

describe("settings", () => {
  const open = async () => {
    render(App);
    await press("Settings");
    return within(await screen.findByRole("dialog", { name: "Settings" }));
  };
  const saved = () => fake.called("save_settings").at(-1)?.args["settings"];

  test("are saved together, and the theme holds at once", async () => {
    const dialog = await open();
    await user.click(dialog.getByRole("radio", { name: "Dark" }));
    await user.type(dialog.getByRole("textbox", { name: "Name" }), " Larsen ");
    await user.click(dialog.getByRole("checkbox", { name: "Single-letter keys" }));
    await press("Save");
    await closed();
    expect(saved()).toMatchObject({ theme: "dark", single_keys: false });
    expect(String((saved() as { operator_name: string }).operator_name)).toMatch(/Larsen$/);
    expect(document.documentElement.dataset["theme"]).toBe("dark");
  });

  test("an icon in the tray is off until it is chosen; why there can be none is said", async () => {
    const dialog = await open();
    const box = dialog.getByRole("checkbox", { name: "Icon in the tray or menu bar" });
    expect(box).not.toBeChecked();
    expect(box).toHaveAccessibleDescription(/brings the console or a running session to the front/);
    await user.click(box);
    fake.refuse("save_settings", {
      code: "settings_invalid",
      message: "The tray icon can't be shown: the library libayatana-appindicator3 is missing.",
      hint: "Install libayatana-appindicator3-1, then start Understudy again.",
    });
    await press("Save");
    expect(await dialog.findByText(/^The tray icon can't be shown/)).toBeInTheDocument();
    expect(dialog.getByText(/^Install libayatana-appindicator3-1/)).toBeInTheDocument();
    await press("Save");
    await closed();
    expect(saved()).toMatchObject({ tray_icon: true });
  });

  test("a theme is shown while it is chosen, and goes if it is not saved", async () => {
    const theme = () => document.documentElement.dataset["theme"];
    const dialog = await open();
    const before = theme();
    await user.click(dialog.getByRole("radio", { name: "Dark" }));
    await waitFor(() => expect(theme()).toBe("dark"));
    await user.click(dialog.getByRole("radio", { name: "Light" }));
    await waitFor(() => expect(theme()).toBe("light"));
    await user.keyboard("{Escape}");
    await closed();
    await waitFor(() => expect(theme()).toBe(before));
    expect(fake.called("save_settings")).toEqual([]);
  });

  test("are searched by any word that they say, and found by key; nothing found says so", async () => {
    const dialog = await open();
    const search = dialog.getByRole("searchbox", { name: "Search settings" });
    await user.type(search, "audit log");
    expect(dialog.getByRole("textbox", { name: "Email" })).toBeInTheDocument();
    expect(dialog.queryByRole("radio", { name: "Dark" })).toBeNull();
    expect(dialog.queryByRole("checkbox", { name: "Single-letter keys" })).toBeNull();
    await user.clear(search);
    await user.type(search, "dark{Enter}");
    // It leads there, and saves nothing.
    expect(dialog.getByRole("radio", { name: "System" })).toHaveFocus();
    expect(dialog.getAllByRole("radio")).toHaveLength(3);
    expect(fake.called("save_settings")).toEqual([]);
    await user.clear(search);
    await user.type(search, "printer");
    expect(dialog.getByText("No setting matches “printer”.")).toBeInTheDocument();
    expect(dialog.queryAllByRole("radio")).toEqual([]);
    // What is not shown is saved as it was.
    await press("Save");
    await closed();
    expect(saved()).toMatchObject({ theme: fake.state.settings.theme });
  });

  test("are exported to a file of the agent's choice", async () => {
    const dialog = await open();
    fake.chosenPath = null;
    await user.click(dialog.getByRole("button", { name: "Export…" }));
    expect(fake.called("export_settings")).toEqual([]);
    fake.chosenPath = "/home/kim/understudy-settings.toml";
    await user.click(dialog.getByRole("button", { name: "Export…" }));
    await waitFor(() =>
      expect(fake.called("export_settings").map(({ args }) => args)).toEqual([
        { path: "/home/kim/understudy-settings.toml" },
      ]),
    );
    expect(await screen.findByText(/^Settings exported to .*They contain no secrets\.$/)).toBeInTheDocument();
    fake.refuse("export_settings", { code: "file_failed", message: "The disk is full." });
    await user.click(dialog.getByRole("button", { name: "Export…" }));
    expect(await dialog.findByText("The disk is full.")).toBeInTheDocument();
  });

  test("a shortcut is recorded as it is pressed", async () => {
    const dialog = await open();
    const recorder = dialog.getByRole("button", { name: /^Global shortcut/ });
    await user.click(recorder);
    expect(recorder).toHaveTextContent("Press the new shortcut…");
    await user.keyboard("k");
    expect(dialog.getByText(/Combine it with Ctrl/)).toBeInTheDocument();
    await user.keyboard("{Control>}{Alt>}k{/Alt}{/Control}");
    expect(recorder).toHaveTextContent("Ctrl Alt K");
    await press("Save");
    await closed();
    expect(saved()).toMatchObject({ shortcut: "CommandOrControl+Alt+K" });
  });

  test("Escape leaves the recorder, not the dialog; Clear takes the shortcut away", async () => {
    fake.state.settings = { ...fake.state.settings, shortcut: "CommandOrControl+Shift+U" };
    const dialog = await open();
    const recorder = dialog.getByRole("button", { name: /^Global shortcut/ });
    await user.click(recorder);
    await user.keyboard("{Escape}");
    expect(recorder).toHaveTextContent("Ctrl Shift U");
    await user.click(dialog.getByRole("button", { name: "Clear" }));
    expect(recorder).toHaveTextContent("None");
    expect(recorder).toHaveFocus();
    await press("Save");
    await closed();
    expect(saved()).toMatchObject({ shortcut: "" });
  });

  test("what is refused is said, and kept", async () => {
    fake.refuse("save_settings", {
      code: "settings_invalid",
      message: "Another application has this shortcut.",
      hint: "Choose another one.",
    });
    const dialog = await open();
    await user.click(dialog.getByRole("radio", { name: "Light" }));
    await press("Save");
    expect(await dialog.findByRole("alert")).toHaveTextContent("Another application has this shortcut.");
    expect(dialog.getByRole("radio", { name: "Light" })).toBeChecked();
  });

  test("on Wayland they say what to bind instead", async () => {
    fake.state.wayland = true;
    const dialog = await open();
    expect(dialog.getByText("understudy --search")).toBeInTheDocument();
    expect(dialog.queryByRole("button", { name: /^Global shortcut/ })).toBeNull();
    await user.click(dialog.getByRole("button", { name: "Copy the command" }));
    expect(fake.clipboard).toEqual(["understudy --search"]);
    expect(await dialog.findByText("Copied")).toBeInTheDocument();
  });
});
