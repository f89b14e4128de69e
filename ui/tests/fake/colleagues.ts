// Colleagues who are in an account, and what they ask to have approved, as the team's log tells.
import type { ApprovalRequest } from "../../src/bindings/ApprovalRequest";
import type { ColleagueSession } from "../../src/bindings/ColleagueSession";
import type { Presence } from "../../src/bindings/Presence";

export const colleague = (change: Partial<ColleagueSession> = {}): ColleagueSession => ({
  session: "c1",
  connection: "acme",
  user: "48213914",
  operator: "Ada Okafor",
  host: "desk-4",
  since: Date.UTC(2026, 10, 29, 11, 3),
  mode: "read_only",
  ticket: "88121",
  is_certain: true,
  ...change,
});

export const inReach = (...sessions: ColleagueSession[]): Presence => ({
  reach: "in_reach",
  why: null,
  sessions,
});

export const approvalRequest = (change: Partial<ApprovalRequest> = {}): ApprovalRequest => ({
  log: "kims",
  id: 5,
  connection: "acme",
  connection_name: "Acme",
  user: { id: "48213914", name: "Bogdan Ionescu", email: "bogdan@carpati.example", company: null },
  operator: "Kim Sato",
  host: "kims-desk",
  reason: "Ticket 88121",
  ticket: "",
  mode: "read_only",
  expires_at: Date.now() + 9 * 60_000,
  state: "waiting",
  decided_by: "",
  answer: "",
  is_own: false,
  ...change,
});
