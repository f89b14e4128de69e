// From an error's code to how it is presented: a title, whether trying again makes sense, how loud it
// is. What happened and what to do next are Rust's own sentences; nothing here matches on them.
import type { Code } from "./bindings/Code";
import type { Error as BoundaryError } from "./bindings/Error";
import type { FileFault } from "./bindings/FileFault";
import type { Moved } from "./bindings/Moved";
import type { SecretName } from "./bindings/SecretName";
import { texts } from "./texts";

/** What every rejected call throws: Rust's error, as something that can be thrown. */
export class Failure extends Error implements BoundaryError {
  readonly code: Code;
  readonly hint: string | null;
  readonly statement: string | null;
  readonly details: string | null;
  readonly secret: SecretName | null;
  readonly faults: FileFault[];
  readonly moved: Moved | undefined;

  constructor(error: BoundaryError) {
    super(error.message);
    this.name = "Failure";
    this.code = error.code;
    this.hint = error.hint;
    this.statement = error.statement;
    this.details = error.details;
    this.secret = error.secret;
    this.faults = error.faults;
    this.moved = error.moved;
  }
}

/** Whatever was thrown, as a {@link Failure}; what Tauri itself refuses arrives as a plain string. */
export function asFailure(cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  if (isBoundaryError(cause)) return new Failure(cause);
  const what = cause instanceof Error ? cause.message : String(cause);
  return new Failure({
    code: "internal",
    message: texts.errors.unexpected(what),
    hint: texts.errors.report,
    statement: null,
    details: null,
    secret: null,
    faults: [],
  });
}

function isBoundaryError(cause: unknown): cause is BoundaryError {
  return typeof cause === "object" && cause !== null && "code" in cause && "message" in cause;
}

export interface Presentation {
  title: string;
  /** The same call may succeed when it is made again without changing anything here. */
  retry: boolean;
  /** `warn`: the agent can fix it now. `bad`: it needs investigation. */
  tone: "warn" | "bad";
}

const table: Record<Code, Omit<Presentation, "title">> = {
  connection_invalid: { retry: false, tone: "bad" },
  connection_unknown: { retry: false, tone: "bad" },
  connection_locked: { retry: false, tone: "warn" },
  directory_unreachable: { retry: true, tone: "bad" },
  directory_refused: { retry: true, tone: "bad" },
  directory_mismatch: { retry: true, tone: "bad" },
  directory_timeout: { retry: true, tone: "warn" },
  cancelled: { retry: true, tone: "warn" },
  query_invalid: { retry: true, tone: "bad" },
  user_not_found: { retry: false, tone: "warn" },
  reason_required: { retry: false, tone: "warn" },
  policy_refused: { retry: false, tone: "warn" },
  approval_required: { retry: false, tone: "warn" },
  destination_changed: { retry: false, tone: "warn" },
  secret_missing: { retry: true, tone: "warn" },
  vault_locked: { retry: true, tone: "warn" },
  vault_unavailable: { retry: true, tone: "warn" },
  vault_denied: { retry: true, tone: "bad" },
  template_failed: { retry: false, tone: "bad" },
  sign_in_refused: { retry: true, tone: "bad" },
  ticket_failed: { retry: true, tone: "bad" },
  audit_failed: { retry: true, tone: "bad" },
  session_unknown: { retry: false, tone: "warn" },
  window_failed: { retry: true, tone: "bad" },
  settings_invalid: { retry: false, tone: "warn" },
  file_failed: { retry: true, tone: "bad" },
  internal: { retry: true, tone: "bad" },
};

/** How an error of this code is shown. A code this build does not know is shown as a fault. */
export function present(code: Code): Presentation {
  const known = code in table ? code : "internal";
  return { title: texts.errors.titles[known], ...table[known] };
}
