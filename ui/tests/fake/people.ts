// Invented users for the fake: some by hand, some hostile, and as many more as are wanted.
import type { Column } from "../../src/bindings/Column";
import type { ConnectionDraft } from "../../src/bindings/ConnectionDraft";
import type { ConnectionFile } from "../../src/bindings/ConnectionFile";
import type { Row } from "../../src/bindings/Row";
import type { SearchCoverage } from "../../src/bindings/SearchCoverage";
import type { DiscoveredTables } from "../../src/bindings/DiscoveredTables";
import type { TableOffer } from "../../src/bindings/TableOffer";

export const columns: Column[] = [
  { name: "id", label: "ID", role: "id", kind: "integer", sortable: true, company: false },
  { name: "full_name", label: "Name", role: "name", kind: "text", sortable: false, company: false },
  { name: "email", label: "Email", role: "email", kind: "text", sortable: true, company: false },
  { name: "plan", label: "Plan", role: "other", kind: "text", sortable: false, company: false },
  { name: "company_name", label: "Company", role: "other", kind: "text", sortable: false, company: true },
  {
    name: "last_login_at",
    label: "Last login at",
    role: "other",
    kind: "time",
    sortable: false,
    company: false,
  },
  { name: "created_at", label: "Created", role: "created_at", kind: "time", sortable: true, company: false },
];

export const NOW = Date.parse("2026-11-18T15:30:00Z");
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const time = (ago: number) => new Date(NOW - ago).toISOString();

const known: [string, string, string, string | null, number | null][] = [
  ["Anders Holm", "anders.holm@northwind.example", "Team", "Northwind Traders", 2 * MINUTE],
  ["Andrés Ibáñez", "andres.ibanez@solmar.example", "Business", "Solmar Logística", 180 * MINUTE],
  ["Ángela Ruiz", "angela@ruiz-studio.example", "Free", "Ruiz Studio", 60 * MINUTE],
  ["Anh Nguyen", "anh.nguyen@lotusbay.example", "Team", "Lotus Bay", 360 * MINUTE],
  ["Anna Svensson", "anna.svensson@fjallbo.example", "Team", "Fjällbo AB", 22 * 60 * MINUTE],
  ["Anna Schäfer", "anna.schaefer@kornblume.example", "Business", "Kornblume GmbH", DAY],
  ["Annika Berg", "annika@acme.example", "Staff", "Acme", 4 * MINUTE],
  ["Anouk Mercier", "anouk.mercier@lumen.example", "Free", null, 3 * DAY],
  ["Ansel Byrne", "ansel@byrnebros.example", "Team", "Byrne Bros", 5 * DAY],
  ["Anjali Mehta", "anjali.mehta@peakline.example", "Business", "Peakline", 8 * DAY],
  ["Antonia Demir", "antonia.demir@bosphor.example", "Free", null, null],
  ["Bogdan Ionescu", "bogdan@carpati.example", "Team", "Carpați SRL", 90 * DAY],
];

export const rows: Row[] = known.map(([name, email, plan, company, seen], at) => {
  const id = String(48_213_903 + at);
  return {
    id,
    cells: [id, name, email, plan, company, seen === null ? null : time(seen), time(at * 0.7 * DAY)],
  };
});

/** A search plan with something left to do, and a role for it. */
export const coverage: SearchCoverage[] = [
  { tier: "all", column: "created_at", index: "users_created_at_idx", note: null, advice: null },
  { tier: "id", column: "id", index: "users_pkey", note: null, advice: null },
  {
    tier: "email",
    column: "email",
    index: "users_email_key",
    note: "as typed and in its usual spellings",
    advice: 'CREATE INDEX CONCURRENTLY ON "public"."users" (lower("email") text_pattern_ops)',
  },
  { tier: "prefix", column: "full_name", index: "users_full_name_trgm_idx", note: null, advice: null },
  {
    tier: "contains",
    column: "email, full_name",
    index: null,
    note: null,
    advice:
      'CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE INDEX CONCURRENTLY ON "public"."users" USING gin ("email" gin_trgm_ops, "full_name" gin_trgm_ops)',
  },
];
export const reader = [
  "CREATE ROLE understudy LOGIN CONNECTION LIMIT 10",
  "\\password understudy",
  'GRANT CONNECT ON DATABASE "acme" TO understudy',
  'GRANT USAGE ON SCHEMA "public" TO understudy',
  'GRANT SELECT ("id", "email", "full_name", "created_at", "plan") ON "public"."users" TO understudy',
  "ALTER ROLE understudy SET default_transaction_read_only = on",
];

const offer = (change: Partial<TableOffer> & { name: string }): TableOffer => ({
  qualified: `public.${change.name}`,
  kind: "table",
  estimated_rows: null,
  columns: [{ name: "id", kind: "integer", bytes: false }],
  withheld: [],
  signs: [],
  likely: false,
  guess: { id: "id", name: null, email: null, created_at: null, columns: [], search: null },
  related: [],
  ...change,
});

/** A database as the form sees it. */
export const tables: DiscoveredTables = {
  tables: [
    offer({
      name: "users",
      estimated_rows: 1_204_331,
      columns: [
        { name: "id", kind: "integer", bytes: false },
        { name: "email", kind: "text", bytes: false },
        { name: "full_name", kind: "text", bytes: false },
        { name: "plan", kind: "text", bytes: false },
        { name: "company_name", kind: "text", bytes: false },
        { name: "last_login_at", kind: "time", bytes: false },
        { name: "created_at", kind: "time", bytes: false },
        { name: "settings", kind: "json", bytes: false },
      ],
      withheld: ["password_hash", "reset_token"],
      signs: ["name", "email", "password"],
      likely: true,
      guess: {
        id: "id",
        name: "full_name",
        email: "email",
        created_at: "created_at",
        columns: ["plan", "company_name", "last_login_at"],
        search: null,
      },
    }),
    offer({
      name: "crm.customers",
      qualified: "crm.customers",
      kind: "view",
      columns: [
        { name: "customer_no", kind: "integer", bytes: false },
        { name: "mail", kind: "text", bytes: false },
        { name: "first_name", kind: "text", bytes: false },
        { name: "last_name", kind: "text", bytes: false },
      ],
      signs: ["name", "email"],
      likely: true,
      guess: {
        id: "customer_no",
        name: "first_name",
        email: "mail",
        created_at: null,
        columns: ["last_name"],
        search: ["mail", "first_name", "last_name"],
      },
    }),
    offer({ name: "orders", estimated_rows: 40_112_000 }),
    offer({ name: "schema_migrations", estimated_rows: 212 }),
  ],
  unreadable: ["admin_users"],
  left_out: 0,
};

/** Rows that try: markup, length, direction, controls, nothing, twins. */
export const hostile: Row[] = [
  "<img src=x onerror=\"document.title='owned'\"><b>bold</b>",
  "A" + "very long name ".repeat(700),
  "evil\u202etxt.exe\u2066 name",
  "bell\u0007 esc\u001b[31m nul\u0000 tab\t line\nfeed",
  "👩‍👩‍👧‍👦 Family 🏳️‍🌈",
  "مريم العلي",
  null,
  "   ",
  "Twin One",
  "Twin Two",
].map((name, at) => {
  const id = at === 4 ? "9007199254740993123" : String(9000 + at);
  const email = at >= 8 ? "twin@same.example" : at === 6 ? null : `hostile${at}@x.example`;
  return { id, cells: [id, name, email, at === 3 ? "{\u0000}" : "Free", null, "not a time", "0000-99-99"] };
});

/** `count` users more. */
export function crowd(count: number): Row[] {
  return Array.from({ length: count }, (_, at) => {
    const id = String(at + 1);
    return {
      id,
      cells: [
        id,
        `Person ${String(at + 1).padStart(6, "0")}`,
        `person${at + 1}@crowd.example`,
        "Free",
        null,
        null,
        time(at * MINUTE),
      ],
    };
  });
}

export const connectionFile: ConnectionFile = {
  name: "Acme",
  environment: "production",
  directory: {
    url: "postgres://readonly@db.acme.example/acme",
    table: "public.users",
    id: "id",
    email: "email",
    name: "full_name",
    created_at: "created_at",
    columns: ["plan", "company_name", "last_login_at"],
    search: ["email", "full_name"],
    timeout_ms: 3000,
  },
  sign_in: {
    url: "https://app.acme.example/login",
    method: "POST",
    body: { adminToken: "{{ secret.admin_token }}", userId: "{{ user.id }}" },
    success: "Impersonating user {{ user.email }}",
    redirect_to: "https://app.acme.example/",
  },
  policy: { reason: "required", max_minutes: 60, protect: [] },
};

export function draftOf(file: ConnectionFile, source: ConnectionDraft["source"]): ConnectionDraft {
  const text = `name        = "${file.name}"\nenvironment = "${file.environment}"\n\n[directory]\nurl   = "${file.directory.url}"\ntable = "${file.directory.table}"\n`;
  return { text, file, problem: null, source };
}
