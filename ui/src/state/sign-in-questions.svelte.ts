// What a sign-in asks beside the reason: fetched when its dialog opens, and anew when a field changes that the
// application watches.
import type { FormField } from "../bindings/FormField";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { draftOf, valueOf, type Draft, type FormFault } from "../text/form-values";
import { Latest } from "./latest";

/** Forest's page has no reason of its own, so that actions ask for one in their forms. */
function asksForTheReason({ name, kind }: FormField): boolean {
  return (kind === "text" || kind === "long_text") && name.trim().toLowerCase() === "reason";
}

export class SignInQuestions {
  #all: FormField[] = $state.raw([]);
  /** What is left to ask: the dialog has the reason already. */
  readonly fields = $derived(this.#all.filter((field) => !field.given && !asksForTheReason(field)));
  drafts: Record<string, Draft> = $state({});
  faults: Record<string, FormFault | undefined> = $state.raw({});
  loading = $state(false);
  failure: Failure | null = $state.raw(null);
  readonly #connection: string;
  readonly #user: string;
  readonly #latest = new Latest();
  #answer: Promise<void> = Promise.resolve();
  /** What the application heard last of the fields that it watches. */
  #heard: Record<string, Draft> = {};

  constructor(connection: string, user: string) {
    this.#connection = connection;
    this.#user = user;
  }

  load(): Promise<void> {
    return this.#ask(() => ipc.signInForm(this.#connection, this.#user, null));
  }

  /** Nothing is asked any more, and no watched field has changed unheard. */
  async settled(): Promise<void> {
    await this.#answer;
    for (const field of this.fields) await this.left(field);
  }

  /** The field was left. */
  async left(field: FormField): Promise<void> {
    this.faults = { ...this.faults, [field.name]: undefined };
    const draft = this.drafts[field.name];
    if (!field.watched || JSON.stringify(this.#heard[field.name]) === JSON.stringify(draft)) return;
    await this.#ask(() => {
      const fields = this.#all.map((one) => ({ ...one, value: this.#value(one) ?? null }));
      return ipc.signInForm(this.#connection, this.#user, { fields, changed: field.name });
    });
  }

  /** The application will not do without the reason. */
  get wantsReason(): boolean {
    return this.#all.some((field) => field.required && !field.given && asksForTheReason(field));
  }

  /** The first field that is not filled in as it has to be, if there is one; all of them are marked. */
  check(): FormField | null {
    const faults = this.fields.map((field) => {
      const read = valueOf(field, this.drafts[field.name] ?? "");
      return [field.name, "fault" in read ? read.fault : undefined] as const;
    });
    this.faults = Object.fromEntries(faults);
    return this.fields.find(({ name }) => this.faults[name]) ?? null;
  }

  /** By name; what {@link check} has found right. */
  values(reason: string): Record<string, unknown> {
    const value = (field: FormField) => (asksForTheReason(field) ? reason || null : this.#value(field));
    const asked = this.#all.filter((field) => !field.given);
    return Object.fromEntries(asked.map((field) => [field.name, value(field)]));
  }

  #isUnreadable(field: FormField): boolean {
    return "fault" in valueOf({ ...field, required: false }, this.drafts[field.name] ?? "");
  }

  #value(field: FormField): unknown {
    const read = valueOf({ ...field, required: false }, this.drafts[field.name] ?? "");
    return "fault" in read ? null : read.value;
  }

  #ask(how: () => Promise<{ fields: FormField[] }>): Promise<void> {
    // One after the other: an application that is told of two changes wants both.
    this.#answer = this.#answer.then(() => this.#answered(how));
    return this.#answer;
  }

  async #answered(how: () => Promise<{ fields: FormField[] }>): Promise<void> {
    const isLatest = this.#latest.begin();
    const before = { ...this.drafts };
    const unreadable = this.fields.filter((field) => this.#isUnreadable(field)).map(({ name }) => name);
    this.loading = true;
    this.failure = null;
    try {
      const { fields } = await how();
      if (!isLatest()) return;
      // What was typed while the application thought about it stays, and what it could not be told.
      const typed = (name: string) =>
        name in before &&
        (JSON.stringify(before[name]) !== JSON.stringify(this.drafts[name]) || unreadable.includes(name));
      const drafts = fields.map((field): [string, Draft] => [
        field.name,
        typed(field.name) ? (this.drafts[field.name] ?? "") : draftOf(field),
      ]);
      this.#all = fields;
      this.drafts = Object.fromEntries(drafts);
      this.#heard = Object.fromEntries(fields.map((field) => [field.name, draftOf(field)]));
    } catch (cause) {
      if (isLatest()) this.failure = asFailure(cause);
    } finally {
      if (isLatest()) this.loading = false;
    }
  }
}
