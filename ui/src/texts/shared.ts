// Texts that more than one part of the UI says.
import type { Code } from "../bindings/Code";
import type { Environment } from "../bindings/Environment";
import type { SessionMode } from "../bindings/SessionMode";

/** Of the texts, and so of the numbers and times between them. */
export const locale = "en-GB";

export const shared = {
  common: {
    application: "Understudy",
    cancel: "Cancel",
    close: "Close",
    retry: "Retry",
    copy: "Copy",
    details: "Details",
    copyStatement: "Copy the statement",
    statementCopied: "Statement copied",
    connectionFile: "Connection file",
    nothing: "—",
  },
  environments: {
    production: "production",
    staging: "staging",
    development: "development",
  } satisfies Record<Environment, string>,
  /** What a session may do. */
  modes: {
    read_only: "Read-only",
    full: "Full access",
  } satisfies Record<SessionMode, string>,
  place: (connection: string, environment: string) => `${connection} · ${environment}`,
  errors: {
    unexpected: (what: string) => `Something went wrong inside Understudy: ${what}`,
    report: "Report this, with the steps that led here.",
    titles: {
      connection_invalid: "The connection file can't be used",
      connection_unknown: "This connection no longer exists",
      connection_locked: "This connection was handed out by IT",
      directory_unreachable: "Can't reach the database",
      directory_refused: "The database denied access",
      directory_mismatch: "The table or columns don't exist",
      directory_timeout: "The database took too long",
      cancelled: "Cancelled",
      query_invalid: "The database can't answer this",
      user_not_found: "This user no longer exists",
      reason_required: "A reason is required",
      policy_refused: "The policy does not allow this",
      approval_required: "A colleague has to approve this",
      secret_missing: "A secret is missing",
      destination_changed: "A stored secret would go somewhere new",
      vault_locked: "The keyring is locked",
      vault_unavailable: "No keyring found",
      vault_denied: "The keyring denied access",
      template_failed: "The sign-in can't be prepared for this user",
      sign_in_refused: "The application refused the sign-in",
      ticket_failed: "The helpdesk did not accept it",
      audit_failed: "The audit log can't be used",
      session_unknown: "This session has ended",
      window_failed: "The window could not be opened",
      settings_invalid: "This setting can't be used",
      file_failed: "The file could not be used",
      internal: "Something went wrong in Understudy",
    } satisfies Record<Code, string>,
  },
};
