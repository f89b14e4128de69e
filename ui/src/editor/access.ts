// What sessions may do, as a form holds it. To a form and back, without losing what was not touched.
import type { AllowConfig } from "../bindings/AllowConfig";
import type { PolicyConfig } from "../bindings/PolicyConfig";
import type { SessionMode } from "../bindings/SessionMode";
import type { UnlockConfig } from "../bindings/UnlockConfig";
import { list, optional } from "./written";

/** The word for a web socket in place of a method. */
export const WEBSOCKET = "websocket";

/** Methods to choose from; a file may name others. */
export const METHODS = ["POST", "PUT", "PATCH", "DELETE"];

/** A kind of request that passes in a read-only session. */
export interface AllowForm {
  method: string;
  /** `""`: the application itself. */
  origin: string;
  path: string;
  why: string;
}

/** `""` is the default. */
export interface AccessForm {
  mode: SessionMode | "";
  may_unlock: "yes" | "with_reason" | "no" | "";
  origins: string;
  allow: AllowForm[];
  blocked: string;
  /** A line each: a selector may have commas in it. */
  mask: string;
  telemetry: "pass" | "block";
}

export const emptyAllow = (): AllowForm => ({ method: "POST", origin: "", path: "", why: "" });

export function toAccessForm(policy: PolicyConfig | undefined): AccessForm {
  return {
    mode: policy?.mode ?? "",
    may_unlock: toUnlockForm(policy?.may_unlock),
    origins: (policy?.origins ?? []).join(", "),
    allow: (policy?.allow ?? []).map(toAllowForm),
    blocked: (policy?.hosts?.block ?? []).join(", "),
    mask: (policy?.mask ?? []).join("\n"),
    telemetry: policy?.hosts?.block_telemetry ? "block" : "pass",
  };
}

/** `was`: the policy that the form was made from. */
export function toAccess(form: AccessForm, was: PolicyConfig | undefined): Partial<PolicyConfig> {
  const before = toAccessForm(was);
  const block = list(form.blocked, before.blocked, was?.hosts?.block, ",") ?? [];
  const hosts = { block, block_telemetry: form.telemetry === "block" };
  const isUntouched = form.blocked === before.blocked && form.telemetry === before.telemetry;
  const saysHosts = block.length > 0 || hosts.block_telemetry;
  return {
    ...optional("mode", form.mode || undefined, was),
    ...optional("may_unlock", toUnlock(form.may_unlock), was),
    origins: list(form.origins, before.origins, was?.origins, ",") ?? [],
    mask: list(form.mask, before.mask, was?.mask, "\n") ?? [],
    allow: form.allow.filter((rule) => !isBlank(rule)).map(toAllow),
    ...(isUntouched ? {} : { hosts: saysHosts ? hosts : null }),
  };
}

export function toAllowForm({ method, origin, path, why }: AllowConfig): AllowForm {
  return { method, origin: origin ?? "", path, why: why ?? "" };
}

function toAllow({ method, origin, path, why }: AllowForm): AllowConfig {
  return {
    method,
    ...(origin.trim() === "" ? {} : { origin: origin.trim() }),
    path: path.trim(),
    ...(why.trim() === "" ? {} : { why: why.trim() }),
  };
}

/** Whether a row says what a rule says, apart from the note. */
export function isSameRule(row: AllowForm, rule: AllowConfig): boolean {
  const { method, origin, path } = toAllowForm(rule);
  return row.method === method && row.origin.trim() === origin && row.path.trim() === path;
}

/** A row in which nothing was typed. */
function isBlank({ origin, path, why }: AllowForm): boolean {
  return [origin, path, why].every((text) => text.trim() === "");
}

function toUnlockForm(rule: UnlockConfig | null | undefined): AccessForm["may_unlock"] {
  if (typeof rule === "boolean") return rule ? "yes" : "no";
  return rule ?? "";
}

function toUnlock(rule: AccessForm["may_unlock"]): UnlockConfig | undefined {
  if (rule === "yes" || rule === "no") return rule === "yes";
  return rule || undefined;
}
