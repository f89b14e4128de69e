// Texts of the evidence that is taken from a session's window.
import type { MessageLevel } from "../bindings/MessageLevel";
import { locale } from "./shared";

const levels: Record<MessageLevel, string> = { error: "Error", warning: "Warning", info: "Info" };

export const evidence = {
  title: (who: string) => `Evidence from the session as ${who}`,
  description: "Nothing has left Understudy yet. Choose what does.",
  take: (who: string) => `Take evidence from the session as ${who}`,
  taken: "Evidence was taken",
  showIt: "Show it",
  picture: {
    label: "Picture",
    include: "Include the picture",
    extent: "What the picture shows",
    visible: "Visible part",
    whole: "Whole page",
    shown: "What the session window showed",
    tools: "Mark up the picture",
    box: "Box",
    blur: "Blur",
    undo: "Undo",
    hint: "Drag over the picture to draw a box or to blur. What you blur is gone from the picture.",
    keys: "Arrow keys move the marked area; with Shift, they resize it. Enter applies it.",
    none: "There is no picture.",
    unreadable: "the picture could not be read. Leave it out, or take the evidence again.",
  },
  choice: {
    count: (chosen: number, all: number) =>
      `${chosen.toLocaleString(locale)} of ${all.toLocaleString(locale)}`,
    all: "All",
    no: "None",
  },
  requests: {
    label: "Requests",
    failed: "Failed only",
    none: "No requests in the last 15 minutes.",
    noAnswer: "no answer",
    heldBack: "held back",
    withPage: "Left out with its page.",
  },
  messages: {
    label: "Browser console",
    failed: "Errors only",
    none: "The page wrote nothing to the console.",
    level: (level: MessageLevel) => levels[level],
  },
  pages: { label: "Pages", failed: "Failed only", none: "No pages yet." },
  privacy:
    "Cookies, tokens and passwords have been removed. The customer's names, addresses and other data have not: look at the picture before you send it.",
  copyPicture: "Copy picture",
  copyText: "Copy text",
  save: "Save as HTML",
  saveZip: "Save as ZIP",
  send: (ticket: string) => `Send to ticket ${ticket}`,
  sending: "Sending…",
  goesTo: (origin: string) => `Sent to the ticket, it goes to ${origin} as one HTML file.`,
  sent: (ticket: string) => `The evidence is in ticket ${ticket}.`,
  pictureCopied: "Picture copied",
  textCopied: "Text copied",
  saved: (name: string) => `Saved ${name}`,
  show: "Show in folder",
};
