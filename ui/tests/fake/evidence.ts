// Evidence of one session, as Rust gives it.
import type { EvidenceView } from "../../src/bindings/EvidenceView";

export const evidenceOf = (): EvidenceView => ({
  session: {
    id: "s1",
    connection: "acme",
    connection_name: "Acme",
    environment: "production",
    user: { id: "7", name: "Anna Vogel", email: null, company: null },
    reason: "Ticket 4711",
    ticket: "4711",
    ticket_origin: null,
    phase: "active",
    started_at: 1_795_000_000_000,
    active_at: 1_795_000_000_000,
    deadline: null,
    extensions_left: 0,
    refused_secrets: [],
    mode: "read_only",
    may_unlock: "always",
  },
  taken_at: 1_795_000_060_000,
  picture: null,
  no_picture: null,
  whole_picture: null,
  no_whole_picture: null,
  requests: [
    {
      number: 1,
      method: "GET",
      url: "https://app.acme.example/orders",
      status: 200,
      problem: null,
      is_failed: false,
      is_held_back: false,
      elapsed_ms: 31,
    },
    {
      number: 2,
      method: "GET",
      url: "https://app.acme.example/api/me?token=••••",
      status: 200,
      problem: null,
      is_failed: false,
      is_held_back: false,
      elapsed_ms: 12,
    },
    {
      number: 3,
      method: "POST",
      url: "https://app.acme.example/api/orders/42/pay",
      status: 500,
      problem: null,
      is_failed: true,
      is_held_back: false,
      elapsed_ms: 210,
    },
  ],
  messages: [
    {
      at: 1_795_000_050_000,
      level: "error",
      text: "TypeError: order is undefined (https://app.acme.example/assets/app.js:12:7)",
    },
    { at: 1_795_000_051_000, level: "info", text: "checkout 3.2" },
  ],
  pages: [
    { at: 1_795_000_010_000, url: "https://app.acme.example/orders", status: 200 },
    { at: 1_795_000_040_000, url: "https://app.acme.example/orders/42", status: 200 },
  ],
  facts: [
    { name: "Understudy", value: "1.0.0" },
    { name: "Engine", value: "WebKitGTK 2.50.6" },
  ],
  ticket_origin: null,
});

/** A page that is longer than the window: one picture of each. */
export const evidenceOfLongPage = (picture: string, whole_picture: string): EvidenceView => ({
  ...evidenceOf(),
  picture,
  whole_picture,
});
