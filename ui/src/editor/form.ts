// A connection file as a form holds it: everything as it is typed. To a form and back, without losing what the
// form does not show.
import type { ConnectionFile } from "../bindings/ConnectionFile";
import type { CredentialsConfig } from "../bindings/CredentialsConfig";
import type { DirectoryConfig } from "../bindings/DirectoryConfig";
import type { Environment } from "../bindings/Environment";
import type { Preset } from "../bindings/Preset";
import type { ReasonRule } from "../bindings/ReasonRule";
import type { UuidBytes } from "../bindings/UuidBytes";
import { type AccessForm, toAccess, toAccessForm } from "./access";
import { type ApprovalForm, toApproval, toApprovalForm } from "./approval";
import { type RelatedForm, toRelated, toRelatedForm } from "./related";
import { toWays, toWaysForm, type WaysForm } from "./ways";
import { type Faults, list, optional, said, whole } from "./written";

/** Numbers are text and lists are separated text; `""` is what is not said. */
export interface ConnectionForm extends WaysForm {
  name: string;
  environment: Environment;
  directory: {
    url: string;
    table: string;
    id: string;
    email: string;
    name: string;
    created_at: string;
    columns: string;
    search: string;
    uuid_bytes: UuidBytes | "";
    timeout_ms: string;
    patience: string;
    related: RelatedForm[];
  };
  network: { proxy: string; ca: string; gateway_user: string; credentials: CredentialsConfig[] };
  policy: {
    reason: ReasonRule;
    max_minutes: string;
    max_extensions: string;
    approval: ApprovalForm;
    protect: string;
  };
  /** The rest of the policy. */
  access: AccessForm;
}

/** What a new connection starts from: the safest sign-in, and the columns most tables have. Production until it is
 * changed: taking an environment too seriously does no harm. */
export const template: ConnectionFile = {
  name: "",
  environment: "production",
  directory: { url: "", table: "users", id: "id", email: "email", name: "name", created_at: "created_at" },
  sign_in: { preset: "webhook", settings: {} },
  policy: { reason: "required", max_minutes: 60, protect: [] },
};

export function toForm(file: ConnectionFile): ConnectionForm {
  const { directory, policy } = file;
  return {
    name: file.name,
    environment: file.environment,
    directory: {
      url: directory.url,
      table: directory.table,
      id: directory.id,
      email: directory.email ?? "",
      name: directory.name ?? "",
      created_at: directory.created_at ?? "",
      columns: (directory.columns ?? []).join(", "),
      search: (directory.search ?? []).join(", "),
      uuid_bytes: directory.uuid_bytes ?? "",
      timeout_ms: directory.timeout_ms?.toString() ?? "",
      patience: directory.patience?.toString() ?? "",
      related: (directory.related ?? []).map(toRelatedForm),
    },
    ...toWaysForm(file),
    network: {
      proxy: file.network?.proxy ?? "",
      ca: file.network?.ca ?? "",
      gateway_user: file.network?.gateway_user ?? "",
      credentials: (file.network?.credentials ?? []).map((login) => ({ ...login })),
    },
    policy: {
      reason: policy?.reason ?? "required",
      max_minutes: policy?.max_minutes?.toString() ?? "",
      max_extensions: policy?.max_extensions?.toString() ?? "",
      approval: toApprovalForm(policy),
      protect: (policy?.protect ?? []).join("\n"),
    },
    access: toAccessForm(policy),
  };
}

/** `base`: the file that the form was made from, for what the form does not show and for what was not touched.
 * `presets`: those that are known, for which settings each of them has. */
export function toFile(
  form: ConnectionForm,
  base: ConnectionFile,
  presets: Preset[] = [],
): { file: ConnectionFile; faults: Faults } {
  const faults: Faults = {};
  const { policy } = form;
  const before = toForm(base);

  const file: ConnectionFile = {
    name: form.name.trim(),
    environment: form.environment,
    directory: toDirectory(form, base, faults),
    ...toWays(form, base, presets, faults),
    ...(base.ticket ? { ticket: base.ticket } : {}),
    ...(base.notify ? { notify: base.notify } : {}),
    ...toNetwork(form.network, base),
    policy: {
      ...base.policy,
      reason: policy.reason,
      max_minutes: whole("policy.max_minutes", policy.max_minutes, 1, 1440, faults) ?? null,
      ...optional(
        "max_extensions",
        whole("policy.max_extensions", policy.max_extensions, 0, 20, faults),
        base.policy,
      ),
      ...toApproval(policy.approval, base.policy),
      protect: list(policy.protect, before.policy.protect, base.policy?.protect, "\n") ?? [],
      ...toAccess(form.access, base.policy),
    },
  };
  return { file, faults };
}

/** The part of it that says where users are read from. */
export function toDirectory(
  form: ConnectionForm,
  base: ConnectionFile,
  faults: Faults = {},
): DirectoryConfig {
  const { directory } = form;
  const before = toForm(base).directory;
  const { related: was = [], ...kept } = base.directory;
  const related = toRelated(directory.related, was);
  return {
    ...kept,
    url: directory.url.trim(),
    table: directory.table.trim(),
    id: directory.id.trim(),
    email: said(directory.email),
    name: said(directory.name),
    created_at: said(directory.created_at),
    columns: list(directory.columns, before.columns, base.directory.columns, ",") ?? [],
    search: list(directory.search, before.search, base.directory.search, ","),
    ...optional("uuid_bytes", directory.uuid_bytes || undefined, base.directory),
    timeout_ms: whole("directory.timeout_ms", directory.timeout_ms, 100, 60_000, faults),
    patience: whole("directory.patience", directory.patience, 5, 300, faults),
    ...(related.length > 0 ? { related } : {}),
  };
}

/** The way to the application; none where nothing is said of it. */
function toNetwork(form: ConnectionForm["network"], base: ConnectionFile): Pick<ConnectionFile, "network"> {
  const network = { ...base.network };
  for (const key of ["proxy", "ca", "gateway_user"] as const) {
    if (said(form[key]) !== null || key in network) network[key] = said(form[key]);
  }
  const credentials = form.credentials
    .map(({ origin, user, password }) => ({
      origin: origin.trim(),
      user: user.trim(),
      password: password.trim(),
    }))
    .filter(({ origin, user, password }) => origin !== "" || user !== "" || password !== "");
  if (credentials.length > 0) network.credentials = credentials;
  else delete network.credentials;
  return base.network || Object.keys(network).length > 0 ? { network } : {};
}
