// A connection being edited: one thing in two views, the form and the file's text. Whichever is seen is what
// counts; the other is made from it when it is asked for. Nothing typed is lost by an error.
import type { ConnectionDraft } from "../bindings/ConnectionDraft";
import type { ConnectionFile } from "../bindings/ConnectionFile";
import type { ConnectionSummary } from "../bindings/ConnectionSummary";
import type { DirectoryConfig } from "../bindings/DirectoryConfig";
import type { FileFault } from "../bindings/FileFault";
import type { HeldBackRequests } from "../bindings/HeldBackRequests";
import type { ConnectionSource } from "../bindings/ConnectionSource";
import type { Preset } from "../bindings/Preset";
import type { SignInTestReport } from "../bindings/SignInTestReport";
import type { Report } from "../bindings/Report";
import type { SecretStatus } from "../bindings/SecretStatus";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { accessFields } from "../texts/access";
import { isSameRule, toAllowForm } from "./access";
import { readDatabaseUrl } from "./database-url";
import { type ConnectionForm, template, toDirectory, toFile, toForm } from "./form";
import { sortFaults } from "./faults";
import type { FormStep } from "./form-steps";
import { TableDiscovery } from "./table-discovery.svelte";
import { mappingOf, same } from "./mapping";
import { DATABASE_PASSWORD, secretsOfForm, secretsOfText, withoutPassword } from "./secrets";
import { beyondForm, otherWays, toWaysForm, type Ways, type WaysForm } from "./ways";
import type { Faults } from "./written";

export type EditorView = "form" | "file";
export type Busy = "loading" | "testing" | "trying" | "opening" | "saving" | "converting" | "duplicating";

export class Editor {
  /** `null` until it is saved for the first time. */
  connection: string | null = $state(null);
  source: ConnectionSource = $state("own");
  view: EditorView = $state("form");
  /** What the form shows of itself. */
  step: FormStep = $state("database");
  form: ConnectionForm = $state(toForm(template));
  text = $state("");

  busy: Busy | null = $state(null);
  /** Why it could not be opened at all. */
  loadFailure: Failure | null = $state.raw(null);
  /** Why the last thing that was asked for did not work. */
  failure: Failure | null = $state.raw(null);
  /** What was found wrong, and what stood in those fields then. */
  #told: { faults: Faults; cells: string[]; values: Record<string, string> } = $state.raw({
    faults: {},
    cells: [],
    values: {},
  });
  /** By field; a field that was changed since has none. */
  readonly faults: Faults = $derived.by(() =>
    Object.fromEntries(
      Object.entries(this.#told.faults).filter(
        ([field]) => this.#valueOf(field) === this.#told.values[field],
      ),
    ),
  );
  /** Keys of what is wrong within rows. */
  readonly faultyCells: string[] = $derived(
    this.#told.cells.filter((cell) => Object.keys(this.faults).some((field) => cell.startsWith(`${field}[`))),
  );
  /** What is wrong with what the form does not show. */
  beyond: FileFault[] = $state.raw([]);
  /** Where the caret has to go in the file's text. */
  place: { line: number; column: number } | null = $state.raw(null);
  /** The file as it is on disk by now, while something else was typed here. */
  onDisk: ConnectionDraft | null = $state.raw(null);

  /** What was typed for each secret, by name. Leaves as soon as it is stored. */
  typed: Record<string, string> = $state({});
  status: SecretStatus[] = $state.raw([]);
  /** The connection is saved, and this secret of it could not be stored. */
  secretFailure: { name: string; failure: Failure } | null = $state.raw(null);
  passwordMoved = $state(false);

  report: Report | null = $state.raw(null);
  #reportOn: { view: EditorView; content: string } | null = $state.raw(null);

  /** Sign-ins by name; empty until they are there. */
  presets: Preset[] = $state.raw([]);
  /** Whom the sign-in is tried with: an id. */
  trialUser = $state("");
  rehearsal: SignInTestReport | null = $state.raw(null);
  stoppingTrial = $state(false);
  #rehearsalOn: { view: EditorView; content: string } | null = $state.raw(null);

  /** What was saved last, in this editor. */
  saved: ConnectionSummary | null = $state.raw(null);

  /** The form was made from this file… */
  #base: ConnectionFile = $state.raw(template);
  /** The sign-in in the other way, by a preset or by hand, as it is when that is chosen. */
  #other: { form: WaysForm; base: Ways } = $state.raw(otherOf(template));
  /** …which is this text; `null` while there is none. */
  #baseText: string | null = $state(null);
  #formThen = $state("");
  /** The text as it was opened or saved last; `null` for a new connection. */
  #textThen: string | null = $state(null);
  #thisRunOnly: () => boolean;

  readonly locked = $derived(this.source !== "own");
  readonly #formNow = $derived(JSON.stringify(this.form));
  readonly #content = $derived(this.view === "file" ? this.text : this.#formNow);
  readonly #changed = $derived(
    this.view === "file"
      ? this.text !== this.#textThen
      : this.#formNow !== this.#formThen || this.#baseText !== this.#textThen,
  );
  readonly secrets = $derived(
    this.view === "file"
      ? secretsOfText(this.text, this.presets)
      : secretsOfForm(this.form, this.#base, this.presets),
  );
  /** Closing now would lose something. */
  readonly dirty = $derived(!this.locked && (this.#changed || this.secrets.some((name) => this.typed[name])));
  readonly reportIsStale = $derived(this.#isStale(this.#reportOn));
  readonly rehearsalIsStale = $derived(this.#isStale(this.#rehearsalOn));
  /** The chosen one; `null` for a sign-in that is written by hand, and for one that is not known. */
  readonly preset = $derived(this.presets.find(({ name }) => name === this.form.sign_in.preset) ?? null);
  /** What the file says of the sign-in beyond what the form shows, by key. */
  readonly alsoSaid = $derived(beyondForm(this.form, this.#base));

  /** Where users are read from, as the form says it now. */
  readonly directory: DirectoryConfig = $derived(toDirectory(this.form, this.#base));
  /** The database's, as it was typed. */
  readonly password = $derived(this.typed[DATABASE_PASSWORD] || null);
  readonly rules = $derived(
    this.form.policy.protect
      .split("\n")
      .map((rule) => rule.trim())
      .filter((rule) => rule !== ""),
  );
  /** No table was chosen yet. */
  readonly untouched = $derived(
    this.#baseText === null && same(mappingOf(this.form.directory), mappingOf(toForm(template).directory)),
  );
  /** What the form sees of the database. */
  readonly discovery = new TableDiscovery(this);

  /** `thisRunOnly`: secrets are kept in memory, for want of a keyring. */
  constructor(thisRunOnly: () => boolean) {
    this.#thisRunOnly = thisRunOnly;
    this.#formThen = JSON.stringify(toForm(template));
  }

  async open(connection: string | null, draft: ConnectionDraft | null): Promise<void> {
    void this.#askPresets();
    if (draft) return this.#show(connection, draft);
    if (connection === null) return;
    this.loadFailure = null;
    this.busy = "loading";
    try {
      await this.#show(connection, await ipc.readConnection(connection));
    } catch (cause) {
      this.loadFailure = asFailure(cause);
    } finally {
      this.busy = null;
    }
  }

  /** Puts a file's content in the place of what is here; it is not saved. */
  async replaceBy(path: string): Promise<void> {
    await this.#trying("loading", async () => {
      const draft = await ipc.readConnectionFile(path);
      this.#fill(draft);
      if (this.connection === null) this.#textThen = draft.text;
    });
  }

  async showFile(): Promise<void> {
    await this.#trying("converting", async () => {
      const untouched = this.#textThen === null && !this.#changed;
      const text = await this.#toText();
      if (text === null) return;
      this.text = text;
      if (untouched) this.#textThen = text;
      this.view = "file";
    });
  }

  /** The text, with the caret at a fault of it. */
  async showInFile({ line, column }: FileFault): Promise<void> {
    if (this.view === "form") await this.showFile();
    if (this.view === "file") this.place = { line, column };
  }

  /** Another program may have written the file in the meantime. What was typed here is kept. */
  async compareWithDisk(): Promise<void> {
    const { connection } = this;
    if (connection === null || this.busy || this.loadFailure || this.source === "demo") return;
    let draft: ConnectionDraft;
    try {
      draft = await ipc.readConnection(connection);
    } catch {
      // It is gone, or cannot be read: saving tells.
      return;
    }
    if (this.connection !== connection || this.busy) return;
    if (draft.text === this.#textThen) this.onDisk = null;
    else if (this.dirty) this.onDisk = draft;
    else await this.#show(connection, draft);
  }

  /** Takes what is on disk, in the place of what was typed. */
  async takeFromDisk(): Promise<void> {
    const { connection, onDisk } = this;
    if (connection !== null && onDisk) await this.#show(connection, onDisk);
  }

  async showForm(): Promise<void> {
    await this.#trying("converting", async () => {
      const file = await ipc.parseDraft(this.text);
      const other = Boolean(file.sign_in.preset) === (this.form.sign_in.preset !== "") ? this.#other : null;
      this.#makeForm(file, this.text);
      if (other) this.#other = other;
      this.view = "form";
    });
  }

  async test(): Promise<void> {
    await this.#trying("testing", async () => {
      const on = { view: this.view, content: this.#content };
      const text = await this.#toText();
      if (text === null) return;
      const report = await ipc.checkConnection(this.connection, text, this.#typedSecrets());
      this.report = null;
      if (report.faults.length > 0 && this.view === "form") return this.#sort(report.faults);
      this.report = report;
      this.#reportOn = on;
      this.#goToFirst(report.faults);
    });
  }

  /** Signs in as {@link trialUser} and out again. */
  async tryIt(): Promise<void> {
    await this.#trying("trying", async () => {
      const on = { view: this.view, content: this.#content };
      const text = await this.#toText();
      if (text === null) return;
      this.rehearsal = null;
      this.stoppingTrial = false;
      const user = this.trialUser.trim();
      this.rehearsal = await ipc.trySignIn(this.connection, text, user, this.#typedSecrets());
      this.#rehearsalOn = on;
    });
  }

  /** It answers when what it began is ended. */
  stopTrial(): void {
    this.stoppingTrial = this.busy === "trying";
    if (this.stoppingTrial) ipc.stopTrial().catch(() => {});
  }

  /** Begins a read-only session of the connection as it is saved, for {@link trialUser}. */
  async trySession(): Promise<void> {
    await this.#trying("opening", async () => {
      if (this.connection !== null) await ipc.trySession(this.connection, this.trialUser.trim());
    });
  }

  /** Whether what is here allows these requests already. */
  isAllowed({ allow, rule }: HeldBackRequests): boolean {
    if (!allow || rule === null) return false;
    if (this.view === "file") return this.text.includes(withoutComment(rule));
    return this.form.access.allow.some((row) => isSameRule(row, allow));
  }

  /** Allows these requests in what is here, each as narrowly as it can be; it is not saved. */
  allowRequests(groups: HeldBackRequests[]): void {
    for (const group of groups) {
      if (this.locked || !group.allow || group.rule === null || this.isAllowed(group)) continue;
      if (this.view === "file") this.text = `${this.text.trimEnd()}\n\n${group.rule}`;
      else this.form.access.allow.push(toAllowForm(group.allow));
    }
  }

  /** `""`: written by hand. What is left is as it was when it is chosen again. */
  choosePreset(name: string): void {
    if (this.locked || name === this.form.sign_in.preset) return;
    if ((name === "") !== (this.form.sign_in.preset === "")) {
      const { sign_in, verify, sign_out } = $state.snapshot(this.form);
      const { form, base } = this.#other;
      this.#other = {
        form: { sign_in, verify, sign_out },
        base: { sign_in: this.#base.sign_in, sign_out: this.#base.sign_out ?? null },
      };
      this.#base = { ...this.#base, ...base };
      Object.assign(this.form, structuredClone(form));
      this.#tell({});
    }
    this.form.sign_in.preset = name;
  }

  /** Whether all is done: the file is saved and no secret waits. */
  async save(): Promise<boolean> {
    await this.#trying("saving", async () => {
      const text = await this.#toText();
      if (text === null) return;
      const summary = await ipc.saveConnection(this.connection, text);
      this.connection = summary.id;
      this.saved = summary;
      this.text = text;
      this.#textThen = text;
      this.onDisk = null;
      if (this.view === "form") {
        const { file } = toFile(this.form, this.#base, this.presets);
        this.#base = file;
        this.#baseText = text;
        this.#formThen = this.#formNow;
      }
      await this.storeSecrets(this.#thisRunOnly());
    });
    return this.saved !== null && !this.failure && !this.secretFailure && !this.#hasFaults && !this.dirty;
  }

  /** Stores what was typed, and empties each field as it is stored. The connection has to be saved. */
  async storeSecrets(thisRunOnly: boolean): Promise<boolean> {
    const connection = this.connection;
    if (connection === null) return false;
    this.secretFailure = null;
    for (const [name, value] of Object.entries(this.#typedSecrets())) {
      try {
        await ipc.storeSecret(connection, name, value, thisRunOnly);
        this.typed[name] = "";
      } catch (cause) {
        this.secretFailure = { name, failure: asFailure(cause) };
        break;
      }
    }
    await this.#askStatus();
    return this.secretFailure === null;
  }

  /** Makes the operator's own copy and goes on with that. */
  async duplicate(): Promise<void> {
    const connection = this.connection;
    if (connection === null || this.loadFailure) return;
    await this.#trying("duplicating", async () => {
      const summary = await ipc.duplicateConnection(connection);
      this.saved = summary;
      await this.#show(summary.id, await ipc.readConnection(summary.id));
    });
  }

  /** An address that was pasted from another program becomes a URL, and a password in it goes to where it belongs. */
  takeAddress(): void {
    if (this.locked) return;
    this.form.directory.url = readDatabaseUrl(this.form.directory.url);
    const parts = withoutPassword(this.form.directory.url);
    if (!parts) return;
    this.form.directory.url = parts.url;
    this.typed[DATABASE_PASSWORD] = parts.password;
    this.passwordMoved = true;
  }

  /** The sign-out says more than the form shows. */
  get moreOfSignOut(): boolean {
    const { headers, body, steps } = this.#base.sign_out ?? {};
    return Object.keys(headers ?? {}).length > 0 || (body ?? null) !== null || (steps ?? []).length > 0;
  }

  #isStale(on: { view: EditorView; content: string } | null): boolean {
    return on !== null && on.view === this.view && on.content !== this.#content;
  }

  get #hasFaults(): boolean {
    return Object.keys(this.faults).length > 0 || this.beyond.length > 0;
  }

  /** Labels of the chosen preset's settings, by name. */
  get settingLabels(): Record<string, string> {
    return Object.fromEntries(this.preset?.settings.map(({ name, label }) => [name, label]) ?? []);
  }

  #tell(faults: Faults, beyond: FileFault[] = [], cells: string[] = []): void {
    const fields = Object.keys(faults);
    const values = Object.fromEntries(fields.map((field) => [field, this.#valueOf(field)]));
    this.#told = { faults, cells, values };
    this.beyond = beyond;
  }

  #sort(found: FileFault[]): void {
    const { faults, beyond, cells } = sortFaults(found, this.settingLabels);
    this.#tell(faults, beyond, cells);
  }

  #goToFirst(found: FileFault[]): void {
    const [first] = found;
    if (first && this.view === "file") this.place = { line: first.line, column: first.column };
  }

  #valueOf(field: string): string {
    if (Object.hasOwn(accessFields, field)) return JSON.stringify(this.form.access);
    const at = (inside: unknown, name: string) => (inside as Record<string, unknown> | undefined)?.[name];
    return JSON.stringify(field.split(".").reduce(at, this.form)) ?? "";
  }

  async #show(connection: string | null, draft: ConnectionDraft): Promise<void> {
    this.connection = connection;
    this.source = connection === null ? "own" : draft.source;
    this.#fill(draft);
    this.#textThen = draft.text;
    await this.#askStatus();
  }

  #fill(draft: ConnectionDraft): void {
    this.text = draft.text;
    this.onDisk = null;
    this.report = null;
    this.rehearsal = null;
    this.#tell({});
    this.failure = null;
    if (draft.file) this.#makeForm(draft.file, draft.text);
    this.view = draft.problem === null ? "form" : "file";
    if (draft.problem === null) return;
    // It cannot be used as it is: the text is shown, and what is wrong with it.
    this.failure = asFailure(draft.problem);
    this.#goToFirst(draft.problem.faults);
  }

  #makeForm(file: ConnectionFile, text: string): void {
    this.#base = file;
    this.#other = otherOf(file);
    this.#baseText = text;
    this.form = toForm(file);
    this.#formThen = JSON.stringify(this.form);
    this.#tell({});
  }

  /** `null` when the form holds what no file can say: {@link faults} tells. */
  async #toText(): Promise<string | null> {
    if (this.view === "file") return this.text;
    // With a key, the field may never have been left.
    this.takeAddress();
    if (this.#formNow === this.#formThen && this.#baseText !== null) {
      this.#tell({});
      return this.#baseText;
    }
    const { file, faults } = toFile(this.form, this.#base, this.presets);
    this.#tell(faults);
    if (this.#hasFaults) return null;
    return ipc.draftText(file, this.#baseText);
  }

  #typedSecrets(): Record<string, string> {
    const used = this.secrets.filter((name) => this.typed[name]);
    return Object.fromEntries(used.map((name) => [name, this.typed[name] ?? ""]));
  }

  async #askPresets(): Promise<void> {
    try {
      this.presets = await ipc.signInPresets();
    } catch (cause) {
      this.failure = asFailure(cause);
    }
  }

  async #askStatus(): Promise<void> {
    if (this.connection === null) return;
    try {
      this.status = await ipc.secretStatus(this.connection);
    } catch {
      // A file that cannot be used has none, and an unusable keyring is told where it matters: on storing.
      this.status = [];
    }
  }

  async #trying(what: Busy, work: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = what;
    this.failure = null;
    try {
      await work();
    } catch (cause) {
      const failure = asFailure(cause);
      if (failure.faults.length > 0 && this.view === "form") this.#sort(failure.faults);
      else this.failure = failure;
      this.#goToFirst(failure.faults);
    } finally {
      this.busy = null;
    }
  }
}

/** A rule's lines as a file has them, whatever is said about it. */
function withoutComment(rule: string): string {
  return rule.replace(/^#.*\n/gm, "").trim();
}

function otherOf(file: ConnectionFile): { form: WaysForm; base: Ways } {
  const base = otherWays(file);
  return { form: toWaysForm(base), base };
}
