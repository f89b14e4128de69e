// Every view in light and in dark: photographed, and without a violation of axe.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evidenceOf } from "../fake/evidence";
import { launch, openPage, picture, themes, violations, type Opening } from "./browser";
import { expectUnchanged } from "./compare";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

interface View {
  name: string;
  opening?: Opening;
  go?: (page: Page) => Promise<void>;
}

/** Those whose pictures are compared: one for each main view and state. */
const compared = [
  "console",
  "no-result",
  "hidden-some",
  "impersonate",
  "impersonate-refused",
  "palette",
  "keys",
  "audit-log",
  "audit-log-session",
];

const grid = (page: Page) => page.getByRole("grid", { name: "Users" });
const field = (page: Page) => page.getByRole("searchbox", { name: "Search users" });

async function openLog(page: Page): Promise<void> {
  await grid(page).waitFor();
  await page.keyboard.press("Control+Shift+A");
  await page.getByRole("dialog", { name: "Audit log" }).getByRole("option").first().waitFor();
}

/** Runs in the page: two colleagues are in one account, and one may be in another. */
const colleagues: Opening["prepare"] = (fake, { NOW, colleague, inReach }) => {
  const since = NOW - 7 * 60_000;
  const [, , other, , one] = fake.rows.map(({ id }) => id);
  fake.state.presence = inReach(
    colleague({ user: one ?? "", since }),
    colleague({
      session: "c2",
      user: one ?? "",
      operator: "Bo Lindqvist",
      host: "bo-laptop",
      mode: "full",
      since,
    }),
    colleague({
      session: "c3",
      user: other ?? "",
      operator: "Cem Yılmaz",
      ticket: "",
      is_certain: false,
      since,
    }),
  );
};

/** Runs in the page: the company is masked. */
const masked: Opening["prepare"] = (fake) => {
  const at = fake.columns.findIndex(({ name }) => name === "company_name");
  fake.columns = fake.columns.map((column, place) =>
    place === at ? { ...column, company: false, masked: true } : column,
  );
  fake.rows = fake.rows.map((row) => ({
    ...row,
    cells: row.cells.map((cell, place) => (place === at && cell !== null ? "••••••" : cell)),
  }));
  fake.answers["reveal_value"] = () => "Northwind Traders";
};

/** Runs in the page. */
const known: Opening["prepare"] = (fake, { NOW }) => {
  const session = (user: string, minutes: number) => ({
    connection: "acme",
    user,
    reason: "Ticket 88121",
    ticket: "",
    ticket_origin: null,
    started_at: NOW - minutes * 60_000,
  });
  fake.recent = [session(fake.rows[4]?.id ?? "", 3), session(fake.rows[2]?.id ?? "", 50)];
  fake.arrangements["acme"] = {
    pinned: [fake.rows[2]?.id ?? "", fake.rows[7]?.id ?? ""],
    details_width: null,
    searches: [
      { name: "Large customers", text: "plan:=Enterprise seats:>500" },
      { name: "New this week", text: "created:7d" },
    ],
    columns: [],
  };
};

const views: View[] = [
  {
    name: "recent",
    opening: { prepare: known },
    go: async (page) => {
      await page.getByRole("region", { name: "Recent and pinned users" }).waitFor();
      await page.keyboard.press("ArrowUp");
    },
  },
  {
    name: "recent-palette",
    opening: { prepare: known },
    go: async (page) => {
      await page.getByRole("region", { name: "Recent and pinned users" }).waitFor();
      await page.keyboard.press("Control+k");
      await page.getByText(/^Recent and pinned in/).waitFor();
    },
  },
  {
    name: "marked",
    go: async (page) => {
      await grid(page).focus();
      await page.keyboard.press("Shift+ArrowDown");
      await page.getByText("2 users marked").waitFor();
    },
  },
  {
    name: "compare",
    go: async (page) => {
      await grid(page).focus();
      await page.keyboard.press("Shift+ArrowDown");
      await page.keyboard.press("Control+Shift+D");
      await page.getByRole("dialog", { name: "Compare two users" }).waitFor();
    },
  },
  {
    name: "columns",
    go: async (page) => {
      await grid(page).getByRole("columnheader", { name: "Plan" }).click({ button: "right" });
      await page.getByRole("dialog", { name: "Columns" }).waitFor();
    },
  },
  {
    // What does not fit on one line waits behind "+5".
    name: "sessions-many",
    opening: {
      width: 1000,
      prepare: (fake, { NOW }) => {
        fake.state.sessions = fake.rows.slice(0, 8).map(({ id, cells }, at) => ({
          id: `s${at}`,
          connection: "acme",
          connection_name: "Acme",
          environment: "production" as const,
          user: { id, name: cells[1] ?? null, email: cells[2] ?? null, company: null },
          reason: "Ticket 1",
          ticket: "",
          ticket_origin: null,
          phase: "active" as const,
          started_at: NOW - (9 - at) * 60_000,
          active_at: NOW - (9 - at) * 60_000,
          deadline: at === 7 ? NOW + 60_000 : null,
          extensions_left: 1,
          refused_secrets: [],
          mode: "full" as const,
          may_unlock: "always" as const,
        }));
      },
    },
    go: async (page) => {
      const more = page.getByRole("button", { name: /^Show \d more sessions$/ });
      await more.waitFor();
      const chips = page.getByRole("region", { name: "Running sessions" }).getByRole("listitem");
      const folded = Number((await more.textContent())?.trim().slice(1));
      expect(folded).toBeGreaterThan(2);
      // What is folded can't be reached by Tab; unfolded, all of them stand there.
      expect(await chips.evaluateAll((all) => all.filter((one) => one.hasAttribute("inert")).length)).toBe(
        folded,
      );
      await more.click();
      expect(await chips.evaluateAll((all) => all.filter((one) => one.hasAttribute("inert")).length)).toBe(0);
      await page.getByRole("button", { name: "Show one line" }).click();
      await more.waitFor();
    },
  },
  {
    name: "saved-searches",
    opening: { prepare: known },
    go: async (page) => {
      await page.getByRole("button", { name: "Saved searches in Acme" }).waitFor();
      await field(page).fill("anna");
      await page.keyboard.press("Control+s");
      await page.getByRole("dialog", { name: "Saved searches" }).waitFor();
    },
  },
  {
    name: "related",
    opening: {
      width: 1440,
      height: 900,
      prepare: (fake) => {
        const column = (name: string, label: string, role: "id" | "other" = "other") => ({
          name,
          label,
          role,
          kind: "text" as const,
          sortable: true,
          company: false,
        });
        fake.related = [
          {
            label: "Order",
            table: "orders",
            columns: [
              column("id", "ID", "id"),
              column("user_id", "User ID"),
              column("number", "Number"),
              column("total", "Total"),
            ],
            leads_by: 1,
            shared: false,
            shared_value: null,
            identify: [2],
            opens: true,
          },
        ];
        fake.records = ({ user }) => ({
          rows: [16, 15, 14].map((at) => ({
            id: `${at}`,
            cells: [`${at}`, user, `ORD-7000${at}`, at === 15 ? null : "348.00 EUR"],
          })),
          previous: null,
          next: "13",
          how: { tier: "all", by: null, elapsed_ms: 1 },
          left_out: null,
          doubled: null,
        });
        fake.answers["search_users"] = () => ({
          rows: fake.rows
            .slice(0, 1)
            .map((row) => ({ ...row, found_through: { label: "Order", value: "ORD-700016" } })),
          standings: ["free"],
          previous: null,
          next: null,
          how: { tier: "related", by: null, elapsed_ms: 1 },
          left_out: null,
          doubled: null,
        });
      },
    },
    go: async (page) => {
      await grid(page).getByText("Order ORD-700016").waitFor();
      await page.getByText("Show more").scrollIntoViewIfNeeded();
    },
  },
  {
    name: "moved-secret",
    opening: {
      prepare: (fake) => {
        const facts = (origin: string, more: { aspect: "proxy"; value: string }[]) => ({
          print: origin,
          facts: [
            { aspect: "origin" as const, value: origin },
            ...more,
            {
              aspect: "use" as const,
              value: `POST ${origin}/admin/impersonate body.adminToken: {{ secret.admin_token }}`,
            },
          ],
        });
        const secret = {
          name: "admin_token",
          stored_for: facts("https://app.acme.com", []),
          now: facts("https://app.acme.example", [{ aspect: "proxy", value: "http://127.0.0.1:8080" }]),
        };
        fake.refuse("search_users", {
          code: "destination_changed",
          message: "It would go elsewhere.",
          moved: { connection: "acme", secrets: [secret] },
        });
      },
    },
    go: async (page) => {
      await page.getByRole("alertdialog").waitFor();
      expect(
        await page.getByRole("button", { name: "Cancel" }).evaluate((one) => one === document.activeElement),
      ).toBe(true);
    },
  },
  {
    name: "audit-log",
    go: async (page) => {
      await openLog(page);
      await page.getByRole("region", { name: "Last 7 days" }).waitFor();
    },
  },
  {
    name: "audit-log-session",
    go: async (page) => {
      await openLog(page);
      await page.keyboard.type('operator:="Ada Lovelace" resend');
      await page.getByText("2 entries").waitFor();
      await page.keyboard.press("ArrowDown");
      await page.getByRole("list", { name: "What happened" }).getByText("Customer asked").waitFor();
    },
  },
  {
    name: "audit-log-intact",
    go: async (page) => {
      await openLog(page);
      await page.getByRole("button", { name: "Verify" }).click();
      await page.getByText("Intact:").waitFor();
    },
  },
  {
    name: "audit-log-forged",
    opening: {
      prepare: (fake) => {
        fake.answers["verify_audit_log"] = () => ({
          is_intact: false,
          findings: [
            "Entry 5 is not what was written: it was changed, moved, or put in later.",
            "The entries after 16 were removed: on 2026-11-17 09:12:44 UTC, the log had 18 entries.",
          ],
          remarks: [
            "4 entries before that are as written.",
            "Checkpoints: 6. The last one that fits covers the entries up to 3.",
          ],
          head: null,
          advice: "Keep the file as it is, and show it to whoever reviews the log.",
        });
      },
    },
    go: async (page) => {
      await openLog(page);
      await page.keyboard.type("outcome:refused time:soonish company:x");
      await page.getByRole("button", { name: "Verify" }).click();
      await page.getByText("The log is not what was written").waitFor();
    },
  },
  {
    name: "audit-log-none",
    opening: { width: 1024, height: 700 },
    go: async (page) => {
      await openLog(page);
      await page.keyboard.type("nobody at all");
      await page.getByRole("button", { name: "Clear the search" }).waitFor();
    },
  },
  {
    name: "audit-log-locked",
    opening: {
      prepare: (fake) =>
        fake.refuse(
          "list_entries",
          {
            code: "audit_failed",
            message: "Could not read the audit log: another program holds it.",
            hint: "No one can be impersonated without the audit log. Close other programs that have the log open, then try again.",
          },
          99,
        ),
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.press("Control+Shift+A");
      await page.getByText("another program holds it").waitFor();
    },
  },
  {
    name: "audit-log-team",
    opening: {
      prepare: (fake, { inReach }) => {
        fake.state.presence = inReach();
      },
    },
    go: async (page) => {
      await openLog(page);
      await page.keyboard.press("Alt+2");
      await page.getByText("grace-laptop").first().waitFor();
      await page.keyboard.press("ArrowDown");
      await page.getByRole("list", { name: "What happened" }).waitFor();
    },
  },
  {
    name: "audit-log-team-refused",
    opening: {
      width: 640,
      height: 700,
      prepare: (fake, { inReach }) => {
        fake.state.presence = inReach();
        fake.refuse(
          "list_team_entries",
          {
            code: "directory_unreachable",
            message: "The database on db.acme.example, port 5432 cannot be reached: connection refused.",
            hint: "Check that it is running, and that host and port are right. Perhaps a VPN is not connected.",
          },
          99,
        );
      },
    },
    go: async (page) => {
      await openLog(page);
      await page.keyboard.press("Alt+2");
      await page.getByText("connection refused").waitFor();
    },
  },
  {
    name: "audit-log-narrow",
    opening: { width: 640, height: 700 },
    go: async (page) => {
      await openLog(page);
      await page.keyboard.press("ArrowDown");
      await page.getByRole("list", { name: "What happened" }).waitFor();
    },
  },
  {
    name: "evidence",
    go: async (page) => {
      await grid(page).waitFor();
      await page.evaluate((evidence) => {
        // A picture that a canvas can make without a file.
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [1280, 814];
        const context = canvas.getContext("2d");
        if (!context) return;
        context.fillStyle = "#ffffff";
        context.fillRect(0, 0, 1280, 814);
        context.fillStyle = "#1a1a2e";
        context.font = "28px sans-serif";
        context.fillText("Order 42", 60, 90);
        context.fillText("IBAN DE02 1203 0000 0000 2020 51", 60, 150);
        const picture = canvas.toDataURL("image/png").split(",")[1];
        window.understudy?.emit("evidence_taken", { ...evidence, picture });
      }, evidenceOf());
      const shown = page.getByRole("application", { name: "What the session window showed" });
      await shown.waitFor();
      const place = await shown.boundingBox();
      if (!place) throw new Error("the picture has no place");
      await expect
        .poll(() => shown.locator("canvas").evaluate((one: HTMLCanvasElement) => one.width))
        .toBe(1280);
      const drag = async (from: [number, number], to: [number, number]) => {
        await page.mouse.move(place.x + from[0] * place.width, place.y + from[1] * place.height);
        await page.mouse.down();
        await page.mouse.move(place.x + to[0] * place.width, place.y + to[1] * place.height);
        await page.mouse.up();
      };
      await drag([0.03, 0.05], [0.2, 0.13]);
      await page.getByRole("button", { name: "Blur" }).click();
      await drag([0.03, 0.14], [0.5, 0.2]);
    },
  },
  {
    name: "summary",
    go: async (page) => {
      await grid(page).waitFor();
      await page.evaluate((evidence) => {
        const line = "10:42  Opened https://app.acme.example/orders/42 (200)\n";
        window.understudy?.emit("summary_prepared", {
          id: "n1",
          session: { ...evidence.session, ticket_origin: "https://help.acme.example" },
          origin: "https://help.acme.example",
          text: `Signed in as Anna Vogel, read-only, for 12 minutes.\n${line.repeat(40)}`,
        });
      }, evidenceOf());
      const dialog = page.getByRole("dialog", { name: "Send the summary to ticket 4711" });
      await dialog.getByRole("region", { name: "Summary" }).waitFor();
    },
  },
  {
    name: "waiting-messages",
    opening: {
      prepare: (fake, { NOW }) => {
        const message = {
          id: "n1",
          kind: "summary" as const,
          connection_name: "Acme",
          ticket: "4711",
          user: "Anna Vogel",
          origin: "",
          entries: 0,
          written_at: NOW - 60_000,
          fault: {
            message: "https://help.acme.example answered with status 503.",
            hint: "Check that the helpdesk can be reached.",
          },
          next_at: NOW + 60_000,
        };
        fake.state.waiting_messages = [
          message,
          { ...message, id: "n2", kind: "notification", ticket: "", next_at: null },
          { ...message, id: "webhook", kind: "entries", origin: "https://siem.acme.example", entries: 1200 },
          { ...message, id: "n3", kind: "unreadable", fault: null, next_at: null },
        ];
      },
    },
    go: (page) => page.getByRole("region", { name: "Messages that were not sent" }).waitFor(),
  },
  {
    name: "masked",
    opening: { prepare: masked },
    go: async (page) => {
      await page.getByRole("button", { name: /^Reveal/ }).focus();
    },
  },
  {
    name: "revealed",
    opening: { prepare: masked },
    go: async (page) => {
      await page.getByRole("button", { name: /^Reveal/ }).focus();
      await page.keyboard.press("Enter");
      const value = page.getByRole("button", { name: /^Copy Company:\s+Northwind Traders/ });
      await expect.poll(() => value.evaluate((one) => one === document.activeElement)).toBe(true);
    },
  },
  {
    name: "end-all",
    opening: {
      prepare: (fake, { NOW }) => {
        fake.state.sessions = ["Anna Vogel", "Ines Duarte"].map((name, at) => ({
          id: `s${at}`,
          connection: "acme",
          connection_name: "Acme",
          environment: "production" as const,
          user: { id: `${at}`, name, email: null, company: null },
          reason: "Ticket 1",
          ticket: "",
          ticket_origin: null,
          phase: "active" as const,
          started_at: NOW,
          active_at: NOW,
          deadline: null,
          extensions_left: 1,
          refused_secrets: [],
          mode: "full" as const,
          may_unlock: "always" as const,
        }));
      },
    },
    go: async (page) => {
      await page.getByRole("button", { name: "End all", exact: true }).click();
      await page.getByRole("alertdialog", { name: "End 2 sessions?" }).waitFor();
    },
  },
  {
    name: "evidence-whole-page",
    go: async (page) => {
      await grid(page).waitFor();
      await page.evaluate((evidence) => {
        const draw = (height: number) => {
          const canvas = document.createElement("canvas");
          [canvas.width, canvas.height] = [1280, height];
          const context = canvas.getContext("2d");
          if (!context) return "";
          context.fillStyle = "#ffffff";
          context.fillRect(0, 0, 1280, height);
          context.fillStyle = "#1a1a2e";
          context.font = "28px sans-serif";
          for (let at = 90; at < height; at += 60) context.fillText(`Line ${String(at)}`, 60, at);
          return canvas.toDataURL("image/png").split(",")[1] ?? "";
        };
        const whole_picture = draw(2400);
        window.understudy?.emit("evidence_taken", { ...evidence, picture: draw(814), whole_picture });
      }, evidenceOf());
      await page.getByRole("radio", { name: "Whole page" }).check();
      const shown = page.getByRole("application", { name: "What the session window showed" });
      await expect
        .poll(() => shown.locator("canvas").evaluate((one: HTMLCanvasElement) => one.height))
        .toBe(2400);
      await shown.focus();
      // The area begins in the middle of the page, and is in sight from there to its end.
      for (let at = 0; at < 60; at++) await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Shift+ArrowRight");
      const inSight = () =>
        shown.locator(".area").evaluate((one) => {
          const { left, top, width, height } = one.getBoundingClientRect();
          const there = document.elementFromPoint(left + width / 2, top + height / 2);
          return there !== null && there.closest(".picture") !== null;
        });
      await expect.poll(inSight).toBe(true);
    },
  },
  {
    name: "console",
    opening: {
      prepare: (fake, { NOW }) => {
        const one = {
          connection: "acme",
          connection_name: "Acme",
          environment: "production" as const,
          reason: "Ticket 1",
          ticket: "",
          ticket_origin: null,
          phase: "active" as const,
        };
        const user = (id: string, name: string) => ({ id, name, email: null, company: null });
        fake.state.sessions = [
          {
            ...one,
            id: "a",
            user: user("5", "Ada Lindqvist"),
            started_at: NOW - 2_468_000,
            active_at: NOW - 2_468_000,
            deadline: null,
            extensions_left: 2,
            refused_secrets: [],
            mode: "full",
            may_unlock: "always",
          },
          {
            ...one,
            id: "b",
            user: user("6", "Arjun Mehta"),
            started_at: NOW - 3_493_000,
            active_at: NOW - 3_493_000,
            deadline: NOW + 107_000,
            extensions_left: 2,
            refused_secrets: [],
            mode: "read_only",
            may_unlock: "always",
          },
          {
            ...one,
            id: "c",
            user: user("7", "Ines Duarte"),
            started_at: NOW - 3000,
            active_at: null,
            deadline: null,
            extensions_left: 2,
            refused_secrets: [],
            mode: "full",
            may_unlock: "always",
            phase: "opening",
            environment: "staging",
            connection_name: "Acme",
          },
          {
            ...one,
            id: "d",
            user: user("8", "Tomás Ruiz"),
            started_at: NOW - 9000,
            active_at: null,
            deadline: null,
            extensions_left: 2,
            refused_secrets: [],
            mode: "full",
            may_unlock: "always",
            phase: "refused",
            environment: "development",
            connection_name: "Demo",
          },
        ];
        fake.past = [
          {
            session: "1",
            operator: "you",
            reason: "Invoice total wrong, ticket 88121",
            ticket: "",
            outcome: "ended",
            started_at: NOW - 15 * 86_400_000,
            ended_at: NOW - 15 * 86_400_000 + 724_000,
            sign_out_failed: null,
            unlocks: [
              {
                at: NOW - 15 * 86_400_000 + 301_000,
                reason: "Send the corrected invoice again, as the customer asked",
              },
            ],
            held_back: 12,
          },
          {
            session: "2",
            operator: "Jonas",
            reason: "",
            ticket: "",
            outcome: "refused",
            started_at: NOW - 28 * 86_400_000,
            ended_at: NOW - 28 * 86_400_000 + 3000,
            sign_out_failed: null,
            unlocks: [],
            held_back: null,
          },
        ];
      },
    },
    go: async (page) => {
      await field(page).fill("an");
      await expect.poll(() => grid(page).locator("mark").count()).toBeGreaterThan(5);
      for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowDown");
      await page.clock.runFor(300);
      await page.getByText("Invoice total wrong, ticket 88121").waitFor();
    },
  },
  { name: "hostile", opening: { prepare: (fake, { hostile }) => void (fake.rows = hostile) } },
  {
    name: "no-result",
    go: async (page) => {
      await field(page).fill("zzyzx");
      await page.getByRole("heading", { name: /No users match/ }).waitFor();
    },
  },
  {
    name: "no-result-offers",
    opening: {
      prepare: (fake) => {
        fake.offers = [
          { how: "meant", text: "anna hoffmann", about: "Hoffmann", count: { users: 3, capped: false } },
          {
            how: "parts",
            text: "hofmann plan:Team",
            about: "Plan is Team",
            count: { users: 100, capped: true },
          },
          { how: "without_filter", text: "hofmann", about: "Plan is Team", count: null },
        ];
      },
    },
    go: async (page) => {
      await field(page).fill("anna hofmann plan:=Team");
      await page.getByRole("list", { name: "Search for this instead" }).waitFor();
    },
  },
  {
    name: "hidden-all",
    opening: {
      prepare: (fake) => {
        fake.rows = [];
        fake.cautions = [
          {
            message:
              'Row level security is on for "public"."users" and hides all of its rows from reader: no policy lets this role read any.',
            hint: "Ask your database administrator to run:",
            statement: 'CREATE POLICY understudy ON "public"."users" FOR SELECT TO reader USING (true)',
            hides_users: true,
          },
        ];
      },
    },
    go: (page) => page.getByRole("button", { name: "Copy the statement" }).waitFor(),
  },
  {
    name: "hidden-some",
    opening: {
      prepare: (fake) => {
        fake.cautions = [
          {
            message:
              'Row level security is on for "public"."users": reader sees only the rows that a policy lets through (`own` (tenant = current_setting(\'app.tenant\'))). That depends on `app.tenant`, which this connection does not set.',
            hint: "Give the role the value it is meant to see (ALTER ROLE reader SET app.tenant = '…'). For all rows, ask your database administrator to run:",
            statement: 'CREATE POLICY understudy ON "public"."users" FOR SELECT TO reader USING (true)',
            hides_users: true,
          },
        ];
      },
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.getByRole("button", { name: "Why?" }).click();
      await page.getByRole("button", { name: "Copy the statement" }).waitFor();
    },
  },
  {
    name: "waking",
    opening: { prepare: (fake) => void fake.hold("directory_info") },
    go: async (page) => {
      await field(page).waitFor();
      await page.evaluate(() =>
        window.understudy?.emit("directory_waking", { connection: "acme", wakes: true }),
      );
      await page.getByRole("button", { name: "Stop waiting" }).waitFor();
    },
  },
  {
    name: "details-filter",
    go: async (page) => {
      await grid(page).waitFor();
      const button = page.getByRole("button", { name: /^Filter by Company: / });
      await button.waitFor();
      await page.getByRole("button", { name: /^Copy Company/ }).focus();
      await page.keyboard.press("ArrowRight");
      expect(await button.evaluate((one) => one === document.activeElement)).toBe(true);
    },
  },
  {
    name: "left-out-exact",
    opening: {
      prepare: (fake) =>
        void (fake.guard = {
          rows: 10_432_117,
          limit_ms: 3000,
          looked_at: 5000,
          exact: "plan:=Team",
          spellings: false,
        }),
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.type("plan:Team");
      await page.getByRole("button", { name: "Exact matches only" }).waitFor();
    },
  },
  {
    name: "filters",
    go: async (page) => {
      await field(page).fill('an plan:Team -email:berg company_name:"North');
      await page.getByRole("list", { name: "Filters" }).getByText("North").waitFor();
      await field(page).press("End");
    },
  },
  {
    name: "filters-at-fault",
    go: async (page) => {
      await field(page).fill("an plan:Team created_at:yesterdy plna:Free");
      await page.getByText("“yesterdy” is none").waitFor();
      await page.getByRole("button", { name: "Did you mean “plan”?" }).waitFor();
    },
  },
  {
    name: "completion",
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.type("anna plan:Team created_at:");
      await page.getByRole("option", { name: /7d/ }).waitFor();
      await page.keyboard.press("ArrowDown");
    },
  },
  {
    name: "zoomed-filters",
    opening: { width: 640, height: 400 },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.type("anna plan:Team company_name:Fjällbo created_at:>2026-01 em");
      await page.getByRole("option", { name: /email/ }).waitFor();
    },
  },
  {
    name: "left-out",
    opening: {
      prepare: (fake) =>
        void (fake.guard = {
          rows: 10_432_117,
          limit_ms: 3000,
          looked_at: 5000,
          exact: null,
          spellings: false,
        }),
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.type("an");
      await page.getByText(/Not searched/).waitFor();
    },
  },
  {
    name: "left-out-nobody",
    opening: {
      prepare: (fake) =>
        void (fake.guard = {
          rows: 10_432_117,
          limit_ms: 3000,
          looked_at: 5000,
          exact: null,
          spellings: false,
        }),
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.type("bogdan");
      await page.getByRole("button", { name: /Search all rows/ }).waitFor();
    },
  },
  {
    name: "reading-all",
    opening: {
      prepare: (fake) =>
        void (fake.guard = {
          rows: 10_432_117,
          limit_ms: 3000,
          looked_at: 5000,
          exact: null,
          spellings: false,
        }),
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.type("an");
      await page.getByText(/Not searched/).waitFor();
      await page.evaluate(() => void window.understudy?.hold("search_users"));
      await page.keyboard.press("Alt+Enter");
      await page.getByRole("progressbar").waitFor();
      await page.clock.runFor(1000);
    },
  },
  {
    name: "reading-all-nobody",
    opening: {
      prepare: (fake) =>
        void (fake.guard = {
          rows: 10_432_117,
          limit_ms: 3000,
          looked_at: 5000,
          exact: null,
          spellings: false,
        }),
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.type("bogdan");
      await page.getByRole("button", { name: /Search all rows/ }).waitFor();
      await page.evaluate(() => void window.understudy?.hold("search_users"));
      await page.keyboard.press("Enter");
      await page.getByRole("progressbar").waitFor();
    },
  },
  {
    name: "reading-all-failed",
    opening: {
      prepare: (fake) =>
        void (fake.guard = {
          rows: 10_432_117,
          limit_ms: 3000,
          looked_at: 5000,
          exact: null,
          spellings: false,
        }),
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.type("an");
      await page.getByText(/Not searched/).waitFor();
      await page.evaluate(() =>
        window.understudy?.refuse("search_users", {
          code: "directory_timeout",
          message: "The database did not answer within 3 s.",
          hint: "Search for more letters, for an ID, or with another filter. An index on the searched columns helps, and so does a longer directory.timeout_ms.",
        }),
      );
      await page.keyboard.press("Alt+Enter");
      await page.getByText(/within 3 s/).waitFor();
    },
  },
  {
    name: "costly-order",
    opening: {
      prepare: (fake) =>
        void (fake.guard = {
          rows: 10_432_117,
          limit_ms: 3000,
          looked_at: 5000,
          exact: null,
          spellings: false,
        }),
    },
    go: async (page) => {
      await grid(page).getByRole("button", { name: "Company" }).click();
      await page.getByRole("button", { name: "Sort anyway" }).waitFor();
    },
  },
  {
    name: "counting",
    opening: {
      prepare: (fake, { crowd }) => {
        fake.rows = crowd(3000);
        fake.hold("count_users");
      },
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.type("person");
      const count = page.getByRole("button", { name: /\d+\+ found/ });
      await count.click();
      await page.getByText("counting…").waitFor();
    },
  },
  {
    name: "zoomed-left-out",
    opening: {
      width: 640,
      height: 400,
      prepare: (fake) =>
        void (fake.guard = {
          rows: 10_432_117,
          limit_ms: 3000,
          looked_at: 5000,
          exact: null,
          spellings: false,
        }),
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.type("an");
      await page.getByText(/Not searched/).waitFor();
    },
  },
  {
    name: "unreachable",
    opening: {
      prepare: (fake) =>
        fake.refuse(
          "directory_info",
          {
            code: "directory_unreachable",
            message: "db.acme.example:5432 does not answer (connection refused).",
            hint: "Check the VPN, then retry.",
          },
          99,
        ),
    },
    go: (page) => page.getByRole("alert").getByRole("button", { name: "Retry" }).waitFor(),
  },
  {
    name: "password-missing",
    opening: {
      prepare: (fake) =>
        fake.refuse(
          "directory_info",
          {
            code: "secret_missing",
            message: "The password of readonly@db.acme.example is not in the keyring.",
            hint: "Type it, or run: understudy secret set acme database_password",
            secret: { connection: "acme", name: "database_password" },
          },
          99,
        ),
    },
    go: (page) => page.getByRole("button", { name: "Enter the password…" }).waitFor(),
  },
  {
    name: "loading",
    opening: { prepare: (fake) => void fake.hold("directory_info") },
    go: (page) => page.getByRole("progressbar").waitFor(),
  },
  {
    name: "keyring-locked",
    opening: {
      prepare: (fake, { columns }) => {
        void columns;
        fake.keyring = {
          code: "vault_locked",
          message: "The keyring is locked, and the prompt to unlock it was dismissed.",
          hint: "Unlock it in Passwords and Keys, then retry.",
          statement: null,
          details: null,
          secret: null,
          faults: [],
        };
        fake.state.problems = [
          {
            id: "broken",
            path: "/home/kim/.config/understudy/connections/broken.toml",
            message: "broken.toml:7:3: directory.tabel: unknown key; did you mean `table`?",
            faults: [],
          },
        ];
      },
    },
    go: (page) => page.getByRole("button", { name: "Unlock" }).waitFor(),
  },
  {
    name: "impersonate",
    go: async (page) => {
      await grid(page)
        .getByRole("row", { name: /Anna Svensson/ })
        .click();
      await page.keyboard.press("Control+Enter");
      await page.getByRole("textbox", { name: "Reason" }).waitFor();
      await page.getByText("Reproducing a bug").waitFor();
    },
  },
  {
    name: "colleagues",
    opening: { prepare: colleagues },
    go: async (page) => {
      await grid(page)
        .getByRole("row", { name: /Anna Svensson/ })
        .click();
      await page.keyboard.press("Enter");
      await page
        .getByRole("complementary", { name: "Details" })
        .getByText("Ada Okafor is signed in as this user.")
        .waitFor();
    },
  },
  {
    name: "colleagues-joined",
    opening: { prepare: colleagues },
    go: async (page) => {
      await grid(page)
        .getByRole("row", { name: /Anna Svensson/ })
        .click();
      await page.keyboard.press("Control+Enter");
      await page.getByRole("textbox", { name: "Reason" }).fill("Ticket 88240: cannot see invoice");
      await page.keyboard.press("Control+Enter");
      await page.getByText("Press once more to sign in anyway.").waitFor();
    },
  },
  {
    name: "colleagues-unknown",
    opening: {
      prepare: (fake) => {
        const why = "The database on db.acme.example, port 5432, does not answer.";
        fake.state.presence = { reach: "out_of_reach", why, sessions: [] };
      },
    },
    go: async (page) => {
      await page.keyboard.press("Enter");
      await page.getByText("colleagues unknown").waitFor();
    },
  },
  {
    name: "approval-asked",
    opening: {
      prepare: (fake, { NOW, approvalRequest }) => {
        const expires_at = NOW + 9 * 60_000;
        fake.state.approvals = [
          approvalRequest({
            ticket: "88121",
            expires_at,
            reason: "The invoice total is wrong, and I have to see the draft",
          }),
          approvalRequest({
            id: 6,
            is_own: true,
            state: "approved",
            decided_by: "Ada Okafor",
            answer: "Go on",
            expires_at,
          }),
          approvalRequest({
            id: 7,
            is_own: true,
            state: "declined",
            decided_by: "Bo Lindqvist",
            answer: "Ask for a ticket first",
            expires_at,
          }),
        ];
      },
    },
  },
  {
    name: "approval-awaited",
    opening: {
      prepare: (fake, { NOW, approvalRequest }) => {
        fake.state.connections = fake.state.connections.map((one) => ({
          ...one,
          needs_approval: true,
          may_break_glass: true,
        }));
        const user = { id: fake.rows[4]?.id ?? "", name: "Anna Svensson", email: null, company: null };
        fake.state.approvals = [approvalRequest({ user, is_own: true, expires_at: NOW + 9 * 60_000 })];
      },
    },
    go: async (page) => {
      await grid(page)
        .getByRole("row", { name: /Anna Svensson/ })
        .click();
      await page.keyboard.press("Control+Enter");
      await page.getByRole("textbox", { name: "Reason" }).fill("Ticket 88121");
      await page.getByText("Waiting for a colleague. You can close this").waitFor();
    },
  },
  {
    name: "protected",
    opening: {
      prepare: (fake, { NOW }) => {
        fake.standing = ({ cells }) =>
          cells[3] === "Staff"
            ? { protected: "user.plan == 'Staff'" }
            : cells[1] === "Anouk Mercier"
              ? "undecided"
              : "free";
        fake.state.sessions = [
          {
            id: "a",
            connection: "acme",
            connection_name: "Acme",
            environment: "production",
            user: { id: "48213907", name: "Anna Svensson", email: null, company: null },
            reason: "",
            ticket: "",
            ticket_origin: null,
            phase: "active",
            started_at: NOW,
            active_at: NOW,
            deadline: null,
            extensions_left: 2,
            refused_secrets: [],
            mode: "full",
            may_unlock: "always",
          },
        ];
      },
    },
    go: async (page) => {
      await grid(page)
        .getByRole("row", { name: /Annika Berg/ })
        .click();
      await page.keyboard.press("Control+Enter");
      await page.getByRole("note").waitFor();
      await page.getByText("Annika Berg is protected").waitFor();
    },
  },
  {
    name: "link",
    opening: {
      prepare: (fake) => {
        (window as unknown as { openLink: () => void }).openLink = () =>
          fake.emit("customer_link", {
            connection: "acme",
            user: "bogdan@carpati.example",
            ticket: "4711",
            reason: "Cannot find the invoice of October",
            page: "/invoices?month=2026-10",
          });
      },
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.evaluate(() => (window as unknown as { openLink: () => void }).openLink());
      await page.getByRole("dialog").getByText("4711").waitFor();
      await page.locator("[type=submit][aria-disabled=false]").waitFor();
    },
  },
  {
    name: "link-without-user",
    opening: {
      prepare: (fake) => {
        (window as unknown as { openLink: () => void }).openLink = () =>
          fake.emit("customer_link", {
            connection: "acme",
            user: "an",
            ticket: "4711",
            reason: "",
            page: "/invoices?month=2026-10",
          });
      },
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.evaluate(() => (window as unknown as { openLink: () => void }).openLink());
      await page.getByRole("region", { name: "From a link to an" }).waitFor();
    },
  },
  {
    name: "link-unknown",
    opening: {
      prepare: (fake) => {
        (window as unknown as { openLink: () => void }).openLink = () =>
          fake.emit("customer_link", {
            connection: "acme-eu",
            user: "bogdan@carpati.example",
            ticket: "4711",
            reason: "Cannot find the invoice of October",
            page: "",
          });
      },
    },
    go: async (page) => {
      await grid(page).waitFor();
      await page.evaluate(() => (window as unknown as { openLink: () => void }).openLink());
      await page.getByRole("dialog").getByText("acme-eu").waitFor();
    },
  },
  {
    name: "impersonate-refused",
    opening: {
      prepare: (fake) =>
        fake.refuse("impersonate", {
          code: "audit_failed",
          message: "The audit log cannot be written: the disk is full.",
          hint: "Free some space and try again.",
        }),
    },
    go: async (page) => {
      await page.keyboard.press("Control+Enter");
      await page.getByRole("textbox", { name: "Reason" }).fill("Ticket 88240: cannot see invoice");
      await page.keyboard.press("Control+Enter");
      await page.getByText("Free some space").waitFor();
    },
  },
  {
    name: "impersonate-form",
    opening: {
      prepare: (fake, { question }) => {
        fake.state.connections = fake.state.connections.map((one) => ({ ...one, has_form: true }));
        const channels = ["Phone", "E-mail", "Chat"].map((label) => ({ label, value: label }));
        fake.answers["sign_in_form"] = () => ({
          fields: [
            question("Reason", { required: true }),
            question("Channel", { kind: "choice", value: "E-mail", required: true, choices: channels }),
            question("Seats", { kind: "number", description: "How many the customer may have meanwhile" }),
            question("Until", { kind: "date", required: true }),
            question("Tell the customer", { kind: "boolean", value: true }),
            question("Teams", { kind: "choices", value: ["Chat"], choices: channels }),
            question("Note", { kind: "long_text" }),
          ],
        });
      },
    },
    go: async (page) => {
      await page.keyboard.press("Control+Enter");
      await page.getByRole("combobox", { name: "Channel" }).waitFor();
      await page.getByRole("textbox", { name: "Reason" }).fill("Ticket 88240: cannot see invoice");
      await page.keyboard.press("Control+Enter");
      await page.getByText("The application requires this.").waitFor();
    },
  },
  {
    name: "palette",
    opening: {
      prepare: (fake, { NOW }) => {
        fake.state.sessions = [
          {
            id: "a",
            connection: "acme",
            connection_name: "Acme",
            environment: "production",
            user: { id: "5", name: "Anna Lindqvist", email: null, company: null },
            reason: "",
            ticket: "",
            ticket_origin: null,
            phase: "active",
            started_at: NOW,
            active_at: NOW,
            deadline: null,
            extensions_left: 2,
            refused_secrets: [],
            mode: "full",
            may_unlock: "always",
          },
        ];
      },
    },
    go: async (page) => {
      await page.keyboard.press("Control+k");
      await page.keyboard.type("an");
      await page.getByRole("option", { name: /Anna Svensson/ }).waitFor();
    },
  },
  {
    name: "all-connections",
    go: async (page) => {
      await grid(page).waitFor();
      // One of the two that are used is down; the third one was never used.
      await page.evaluate(() =>
        window.understudy?.refuse("look_up_users", {
          code: "directory_unreachable",
          message: "The database at db.acme.example:5432 does not answer: it refused the connection.",
          hint: "Check that the database is running, that the host and port are right, and that the VPN is connected if it needs one.",
        }),
      );
      await page.keyboard.press("Control+Shift+F");
      await page.keyboard.type("anna");
      await page.getByRole("option", { name: /Anna Svensson/ }).waitFor();
      await page.getByRole("region", { name: "1 connection could not be searched" }).waitFor();
    },
  },
  {
    name: "palette-empty",
    go: async (page) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("option", { name: /Settings/ }).waitFor();
    },
  },
  {
    name: "keys",
    go: async (page) => {
      await grid(page).focus();
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "row-menu",
    go: async (page) => {
      await grid(page)
        .getByRole("row", { name: /Anna Svensson/ })
        .click({ button: "right" });
      await page.getByRole("menuitem", { name: "Copy ID" }).waitFor();
    },
  },
  {
    name: "toasts",
    go: async (page) => {
      await field(page).waitFor();
      await page.evaluate(() => {
        window.understudy?.emit("toast", {
          kind: "good",
          text: "Impersonating user anna.svensson@fjallbo.example",
          hint: null,
          said: [],
        });
        window.understudy?.emit("toast", {
          kind: "bad",
          text: "The application refused the sign-in: 401 Unauthorized.",
          hint: "Check the admin token.",
          said: [],
        });
      });
      await page.getByText("401 Unauthorized").waitFor();
    },
  },
  {
    name: "leaving",
    opening: {
      prepare: (fake, { NOW }) => {
        const one = (id: string) => ({
          id,
          connection: "acme",
          connection_name: "Acme",
          environment: "production" as const,
          user: { id, name: "Anna Aebischer", email: `anna@${id}.example`, company: null },
          reason: "",
          ticket: "",
          ticket_origin: null,
          phase: "active" as const,
          started_at: NOW,
          active_at: NOW,
          deadline: NOW + 107_000,
          extensions_left: 1,
          refused_secrets: [],
          mode: "full" as const,
          may_unlock: "always" as const,
        });
        fake.state.sessions = [one("lindenhof"), one("northwind")];
      },
    },
    go: async (page) => {
      await field(page).waitFor();
      await page.keyboard.press("Control+q");
      await page.getByRole("alertdialog").waitFor();
    },
  },
  {
    name: "ended",
    go: async (page) => {
      await field(page).waitFor();
      await page.evaluate(() => {
        const session = {
          id: "a",
          connection: "acme",
          connection_name: "Acme",
          environment: "production",
          user: { id: "5", name: "Anna Lindqvist", email: "anna@lindqvist.example", company: null },
          reason: "Ticket 1",
          ticket: "",
          ticket_origin: null,
          phase: "ending",
          started_at: 0,
          active_at: 1,
          deadline: null,
          extensions_left: 0,
          refused_secrets: [],
          mode: "full",
          may_unlock: "always",
        };
        const ended = { session, ended_at: 1, cause: "deadline", sign_out_failed: null };
        window.understudy?.emit("session_ended", ended);
        const other = { ...session, id: "b", user: { ...session.user, name: "محمد الفارسي" } };
        const why = "it was answered with 500 Internal Server Error";
        window.understudy?.emit("session_ended", {
          ...ended,
          session: other,
          cause: "operator",
          sign_out_failed: why,
        });
      });
      await page.getByText(/500 Internal/).waitFor();
    },
  },
  {
    name: "settings-closing",
    go: async (page) => {
      await field(page).waitFor();
      await page.keyboard.press("Control+,");
      await page.getByRole("group", { name: /When I close/ }).waitFor();
    },
  },
  {
    name: "toast-said",
    go: async (page) => {
      await field(page).waitFor();
      await page.evaluate(() => {
        const words = (text: string) => ({ text });
        const element = (tag: string, ...children: object[]) => ({ element: { tag, children } });
        window.understudy?.emit("toast", {
          kind: "good",
          text: "Impersonating user 48213907",
          hint: null,
          said: [
            element("heading", words("Account")),
            element("paragraph", words("Plan: "), element("strong", words("pro")), words(", since March.")),
            element(
              "list",
              element("item", words("4 of 5 seats")),
              element("item", words("invoiced monthly")),
            ),
            element(
              "table",
              element("row", element("header_cell", words("Owner")), element("cell", words("Anna Svensson"))),
              element("row", element("header_cell", words("Region")), element("cell", words("eu-north"))),
            ),
          ],
        });
      });
      await page.getByText("eu-north").waitFor();
    },
  },
  {
    name: "outage",
    opening: { width: 1440, height: 900 },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.press("ArrowDown");
      await page.evaluate(() =>
        window.understudy?.refuse(
          "search_users",
          {
            code: "directory_unreachable",
            message: "The database at db.acme.example:5432 does not answer.",
            hint: "Check that the database is running, that the host and port are right, and that the VPN is connected if it needs one.",
            details: "unexpected response from SSLRequest: 0x00",
          },
          99,
        ),
      );
      await page.keyboard.press("F5");
      await page.getByText("Details", { exact: true }).first().click();
      await page.getByText(/Retrying in/).waitFor();
    },
  },
  {
    name: "grant-missing",
    opening: {
      width: 1024,
      height: 700,
      prepare: (fake) =>
        fake.refuse(
          "directory_info",
          {
            code: "directory_refused",
            message: "The database user `reader` may not read `email`, `full_name` of users.",
            hint: "Ask your database administrator to run:",
            statement: 'GRANT SELECT ("email", "full_name") ON "public"."users" TO "reader"',
          },
          99,
        ),
    },
    go: (page) => page.getByRole("button", { name: "Copy the statement" }).waitFor(),
  },
  {
    name: "file-broken",
    go: async (page) => {
      await grid(page).waitFor();
      await page.evaluate(() => {
        const fake = window.understudy;
        fake?.emit("connections", {
          connections: fake.state.connections.filter(({ id }) => id !== "acme"),
          problems: [
            {
              id: "acme",
              path: "/home/kim/.config/understudy/connections/acme.toml",
              message: "acme.toml:2:15: environment: `prod` is not one of them; did you mean `production`?",
              faults: [],
            },
          ],
          order: ["acme", "acme-staging", "demo"],
        });
      });
      await page.getByText(/until it is fixed/).waitFor();
    },
  },
  {
    name: "details-long",
    opening: {
      prepare: (fake) => {
        const plan = fake.columns.findIndex(({ name }) => name === "plan");
        const note = "Called twice about the invoice of March, and wants it split by team. ".repeat(14);
        fake.rows = fake.rows.map((row) => ({
          ...row,
          cells: row.cells.map((cell, at) => (at === plan ? note : cell)),
        }));
      },
    },
    go: async (page) => {
      await page.getByRole("button", { name: /^Show all/ }).waitFor();
      await page.getByRole("button", { name: /^Created/ }).click();
      await page.getByText("Created, newest first", { exact: true }).waitFor();
    },
  },
  {
    name: "zoomed-300",
    opening: { width: 341, height: 233 },
    go: async (page) => {
      await grid(page).waitFor();
      await field(page).fill("anna");
      // The text has room, and nothing lies over anything.
      expect((await field(page).boundingBox())?.width).toBeGreaterThan(200);
      const clash = await page.evaluate(() => {
        const parts = [...document.querySelectorAll(".line .status > *")].map((one) =>
          one.getBoundingClientRect(),
        );
        return parts.some((one, at) =>
          parts
            .slice(at + 1)
            .some(
              (other) =>
                one.width > 0 && other.width > 0 && one.right > other.left + 1 && other.right > one.left + 1,
            ),
        );
      });
      expect(clash).toBe(false);
    },
  },
  {
    name: "zoomed-300-reason",
    opening: { width: 341, height: 233 },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.press("Control+Enter");
      const reason = page.getByRole("textbox", { name: "Reason" });
      await reason.waitFor();
      await page.getByText("Reproducing a bug").waitFor();
      expect(await reason.evaluate((one) => one === document.activeElement)).toBe(true);
      const box = await reason.boundingBox();
      expect(box?.y).toBeGreaterThan(0);
      expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThan(233);
      // Nothing lies over it.
      const seen = await reason.evaluate((one) => {
        const { left, top, width, height } = one.getBoundingClientRect();
        return [0.1, 0.9].every(
          (share) => document.elementFromPoint(left + width / 2, top + height * share) === one,
        );
      });
      expect(seen).toBe(true);
    },
  },
  {
    name: "zoomed",
    opening: { width: 640, height: 400 },
    go: async (page) => {
      await grid(page).waitFor();
    },
  },
  {
    name: "zoomed-details",
    opening: { width: 640, height: 400 },
    go: async (page) => {
      await grid(page).waitFor();
      await page.keyboard.press("Enter");
      await page.getByRole("complementary", { name: "Details" }).waitFor();
    },
  },
];

describe.each(themes)("in %s", (theme) => {
  test.each(views)("$name", async ({ name, opening, go }) => {
    const opened = await openPage(browser, { ...opening, theme });
    const { page } = opened;
    await page.locator("#app > *").first().waitFor();
    if (go) await go(page);
    else await grid(page).waitFor();
    await page.evaluate(() => document.fonts.ready);
    await page.clock.runFor(400);
    await picture(page, `${name}-${theme}`);
    expect(await violations(page)).toEqual([]);
    if (compared.includes(name)) await expectUnchanged(page, `${name}-${theme}`);
    await opened.close();
  });
});
