// Texts of what is sent after a session: its summary, into its ticket, and word of it, to the application.
import type { MessageKind } from "../bindings/MessageKind";
import { locale } from "./shared";

export const summary = {
  title: (ticket: string) => `Send the summary to ticket ${ticket}`,
  description: (origin: string) => `This text goes to ${origin}. Nothing has been sent yet.`,
  text: "Summary",
  send: "Send",
  copy: "Copy instead",
  prepared: (ticket: string) => `The summary for ticket ${ticket} is ready`,
  showIt: "Show it",
  /** On a button: what it opens is read before it is sent. */
  offer: (ticket: string) => `Send to ticket ${ticket}…`,
  waiting: "Messages that were not sent",
  waits: (ticket: string, who: string) => `The summary for ticket ${ticket} (${who}) has not been sent yet.`,
  notTold: (application: string, who: string) =>
    `${application} has not been told about the session as ${who} yet.`,
  entries: (count: number, origin: string) =>
    count === 1
      ? `An entry of the audit log has not reached ${origin} yet.`
      : `${count.toLocaleString(locale)} entries of the audit log have not reached ${origin} yet.`,
  unreadable: "A message was not sent.",
  triedAt: (time: string) => `Next try at ${time}.`,
  retry: "Try again",
  discard: "Discard",
  discardTitle: "Discard this summary?",
  discardMessageTitle: "Discard this message?",
  discardText: (kind: MessageKind, ticket: string) =>
    ({
      summary: `It will not be sent to ticket ${ticket}.`,
      notification:
        "The application will not be told about the session, so the customer may never hear of it.",
      entries: "",
      unreadable: "It will not be sent.",
    })[kind],
};
