// Whether a listed user may be impersonated, as far as the list can tell. Rust decides again before a session begins.
import type { Page } from "../bindings/Page";
import type { Row } from "../bindings/Row";
import type { Standing } from "../bindings/Standing";

/** A user of the list. */
export interface ListedUser extends Row {
  standing: Standing;
}

export interface UserPage extends Page {
  rows: ListedUser[];
}

/** The rule that protects this user, as it stands in the connection file; `null`: none that is known to. */
export function protectedBy(standing: Standing): string | null {
  return typeof standing === "object" ? standing.protected : null;
}
