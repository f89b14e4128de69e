// A session as its bar shows it: signed in for a while, with full access and nothing held back.
import type { BarState } from "../../src/bindings/BarState";
import type { HeldBackList } from "../../src/bindings/HeldBackList";
import type { HeldBackRequests } from "../../src/bindings/HeldBackRequests";
import type { SessionView } from "../../src/bindings/SessionView";
import { NOW } from "./people";

export function barState(session: Partial<SessionView> = {}, change: Partial<BarState> = {}): BarState {
  return {
    session: {
      id: "1",
      connection: "acme",
      connection_name: "Acme",
      environment: "production",
      user: { id: "5", name: "Anna Svensson", email: "anna@fjallbo.example", company: null },
      reason: "Ticket 88240",
      ticket: "",
      ticket_origin: null,
      phase: "active",
      started_at: NOW - 66_000,
      active_at: NOW - 65_000,
      deadline: null,
      extensions_left: 2,
      refused_secrets: [],
      mode: "full",
      may_unlock: "always",
      ...session,
    },
    number: null,
    can_go_back: true,
    can_go_forward: false,
    zoom: 1,
    progress: null,
    has_find: true,
    location: "https://app.acme.example",
    is_off_site: false,
    held_back: { total: 0, groups: [], rules: null },
    off_site: null,
    password: null,
    ...change,
  };
}

/** `total`: when there were more than are listed. */
export function heldBack(
  groups: HeldBackRequests[],
  total = groups.reduce((sum, { times }) => sum + times, 0),
): HeldBackList {
  const rules = [...new Set(groups.flatMap(({ rule }) => (rule === null ? [] : [rule])))];
  return { total, groups, rules: rules.length > 0 ? rules.join("\n") : null };
}
