// Texts of the session bar.
import type { ContactKind } from "../bindings/ContactKind";
import type { OffSiteChoice } from "../bindings/OffSiteChoice";
import type { SessionMode } from "../bindings/SessionMode";
import { locale } from "./shared";

export const bar = {
  happened: "What happened",
  label: "Session",
  back: "Back",
  forward: "Forward",
  reload: "Reload",
  stop: "Stop loading",
  loading: "Loading",
  page: {
    more: "More for this page",
    actions: {
      find: "Find in page",
      copy_address: "Copy address",
      open_in_browser: "Open in your browser",
      take_evidence: "Take evidence",
      print: "Print",
      reload_fresh: "Reload without cache",
      note: "Note for the ticket",
      copy_summary: "Copy summary",
      send_summary: "Send summary to the ticket…",
      inspect: "Inspect",
    },
  },
  find: {
    label: "Find in page",
    next: "Next match",
    previous: "Previous match",
    close: "Close",
    /** `at`: which one is shown, as far as it is known. */
    found: (count: number, at: number | null) =>
      count === 0
        ? "No matches"
        : at !== null
          ? `${at.toLocaleString(locale)} of ${count.toLocaleString(locale)}`
          : count === 1
            ? "1 match"
            : `${count.toLocaleString(locale)} matches`,
  },
  note: {
    label: "Note for the ticket",
    hint: "It goes into the session's summary, and nowhere else.",
    copy: "Copy summary",
    send: (ticket: string) => `Send to ticket ${ticket}…`,
    close: "Close",
  },
  saved: {
    /** `from`: the host; empty if the page made the file. */
    what: (name: string, size: string, from: string) =>
      from ? `Saved ${name}, ${size}, from ${from}` : `Saved ${name}, ${size}`,
    size: (bytes: number) => {
      const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
      const step = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
      return (bytes / 1000 ** step).toLocaleString(locale, {
        style: "unit",
        unit: units[step] ?? "byte",
        unitDisplay: step === 0 ? "long" : "short",
        maximumSignificantDigits: step === 0 ? 3 : 2,
      });
    },
    show: "Show in folder",
  },
  downloads: {
    label: "Downloads",
    asked: (count: number, name: string, from: string) =>
      `This page wants to save ${count === 1 ? name : `${name} and ${(count - 1).toLocaleString(locale)} more`}` +
      `${from ? ` from ${from}` : ""}. You didn't click for it.`,
    save: (count: number) => (count === 1 ? "Save it" : "Save them"),
    refuse: "Don't save",
  },
  contact: {
    label: "Contact",
    of: { email: "Email address", phone: "Phone number" } satisfies Record<ContactKind, string>,
    copy: "Copy",
    copied: "Copied",
  },
  navigation: "Page navigation",
  zoom: "Zoom",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  zoomReset: (percent: string) => `${percent}, reset to 100%`,
  percent: (zoom: number) => `${Math.round(zoom * 100)}%`,
  ticket: (ticket: string) => `Ticket: ${ticket}`,
  reason: (reason: string) => `Reason: ${reason}`,
  elapsed: (time: string) => `Running for ${time}`,
  left: (time: string) => `Ends automatically in ${time}`,
  soon: "Less than two minutes left.",
  endsIn: "Ends in",
  extend: "Extend",
  extendHow: (key: string) => `Press ${key} to extend it.`,
  extendedOut: "It can't be extended again.",
  opening: "Signing in…",
  refused: "Sign-in refused",
  ending: "Ending…",
  end: "End session",
  /** Where it is narrow. */
  endShort: "End",
  /** Another window of the session. */
  window: (number: number) => `Window ${number}`,
  windowMeaning: (number: number) => `Window ${number} of this session. Closing it doesn't end the session.`,
  closeWindow: "Close window",
  /** A button's name and its key, as a tooltip. */
  withKey: (name: string, key: string) => `${name} (${key})`,
  mode: {
    label: "Mode",
    /** The button's accessible name: what holds, and what pressing it does. */
    switchFrom: (mode: string, action: string) => `${mode}. ${action}`,
    switch: {
      read_only: "Switch to full access",
      full: "Switch to read-only",
    } satisfies Record<SessionMode, string>,
    meaning: {
      read_only: "Requests that may change something are held back. Switch to full access",
      full: "This session can change the customer's data. Switch to read-only",
    } satisfies Record<SessionMode, string>,
    panel: "Full access",
    why: "Why do you need full access?",
    unlock: "Switch to full access",
    missing: "Enter a reason. This connection requires one for full access.",
    recorded: "Recorded in the audit log.",
    never:
      "This connection keeps its sessions read-only. If you need to change something, ask the person who looks after the connection.",
  },
  heldBack: {
    count: (n: number) => `${n.toLocaleString(locale)} held back`,
    /** Where it is narrow. */
    short: (n: number) => (n > 99 ? "99+" : String(n)),
    label: "Requests that were held back",
    first: "A request was held back. The bar lists it.",
    meaning: {
      read_only: "The session is read-only. With full access, such requests go through.",
      never: "The session is read-only, and this connection doesn't allow full access.",
      full: "These were held back while the session was read-only, or because the connection blocks them.",
    },
    rules: "If one of them only reads, copy its rule for the person who looks after the connection.",
    cut: (n: number) =>
      n === 1
        ? "Only the most recent is listed."
        : `Only the ${n.toLocaleString(locale)} most recent are listed.`,
    /** `ago`: when it was held back for the last time. */
    times: (n: number, ago: string) =>
      n === 1 ? `once, ${ago}` : `${n.toLocaleString(locale)} times, last ${ago}`,
    copy: "Copy rule",
    copyAll: "Copy all rules",
    copyOf: (method: string, address: string) => `Copy rule for ${method} ${address}`,
    copied: "Copied",
  },
  offSite: {
    shown: (location: string) => `Outside the application: ${location}`,
    before: "This page leads to ",
    after: ", outside the application.",
    choices: {
      open_in_browser: "Open in your browser",
      go_there: "Go there in this session",
      stay: "Stay",
    } satisfies Record<OffSiteChoice, string>,
  },
  password: {
    asks: "asks for a user name and a password",
    /** Around what the server says that they are for. */
    realmBefore: ": “",
    realmAfter: "”.",
    refused: "It didn't accept the last user name and password.",
    way: (isEncrypted: boolean, sendsPassword: boolean) =>
      isEncrypted
        ? "The traffic to this host is encrypted."
        : sendsPassword
          ? "The traffic to this host is not encrypted: others on the network can read the password."
          : "The traffic to this host is not encrypted. The password itself is not sent, but others on the network can read the pages.",
    kept: "Kept until this session ends, and used for this host only.",
    user: "User name",
    password: "Password",
    signIn: "Sign in",
    missing: "Enter the user name.",
  },
  onPage: (location: string) => `On ${location}`,
};
