// What lies over the console: one layer at a time, and a question for a secret on top of it.
import type { Column } from "../bindings/Column";
import type { ConnectionDraft } from "../bindings/ConnectionDraft";
import type { ConnectionSummary } from "../bindings/ConnectionSummary";
import type { CustomerLink } from "../bindings/CustomerLink";
import type { Error } from "../bindings/Error";
import type { EvidenceView } from "../bindings/EvidenceView";
import type { PreparedNote } from "../bindings/PreparedNote";
import type { Row } from "../bindings/Row";
import type { SessionView } from "../bindings/SessionView";
import type { Settings } from "../bindings/Settings";
import type { SecretName } from "../bindings/SecretName";

/** A setting that can be gone to. */
export type SettingName = keyof Settings;

export type Layer =
  | { kind: "palette" }
  | { kind: "all_connections"; text: string }
  | { kind: "audit_log"; text: string }
  | { kind: "keys" }
  | { kind: "searches" }
  | { kind: "columns" }
  | { kind: "compare" }
  | { kind: "end_all"; sessions: SessionView[] }
  | { kind: "settings"; setting?: SettingName }
  | { kind: "secrets"; connection: ConnectionSummary }
  | { kind: "remove"; connection: ConnectionSummary }
  | { kind: "editor"; connection: string | null; draft: ConnectionDraft | null }
  | { kind: "evidence"; evidence: EvidenceView }
  | { kind: "summary"; note: PreparedNote }
  | { kind: "unknown_link"; link: CustomerLink }
  | {
      kind: "impersonate";
      connection: ConnectionSummary;
      columns: Column[];
      row: Row;
      reason?: string;
      /** What the session before was for. */
      ticket?: string;
      link?: CustomerLink | undefined;
    };

export interface AskedSecret {
  name: SecretName;
  stored: () => void;
  /** Why it is asked for, where the keyring was in the way. */
  because: Error | null;
}

export class Layers {
  current: Layer | null = $state.raw(null);
  /** The secret that is asked for, and what goes on once it is stored. */
  secret: AskedSecret | null = $state.raw(null);
  /** Whether to quit is asked, on top of everything: what lies there may hold something unsaved. */
  leaving = $state(false);
  /** The menu of a row is open: the row it is for stays the selected one. */
  menu = $state(false);

  get open(): boolean {
    return this.current !== null || this.secret !== null || this.leaving;
  }

  show(layer: Layer): void {
    this.current = layer;
  }

  /** `kind`: only when that is what lies there. */
  close(kind?: Layer["kind"]): void {
    if (kind === undefined || this.current?.kind === kind) this.current = null;
  }

  askSecret(name: SecretName, stored: () => void, because: Error | null = null): void {
    this.secret = { name, stored, because };
  }

  secretStored(asked: AskedSecret): void {
    if (this.secret === asked) this.secret = null;
    asked.stored();
  }

  closeSecret(): void {
    this.secret = null;
  }
}
