// Texts of the summary that goes into a session's ticket.

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
  waiting: "Summaries that were not sent",
  waits: (ticket: string, who: string) => `The summary for ticket ${ticket} (${who}) was not sent yet.`,
  unreadable: "A summary was not sent.",
  triedAt: (time: string) => `Next try at ${time}.`,
  retry: "Try again",
  discard: "Discard",
  discardTitle: "Discard this summary?",
  discardText: (ticket: string) =>
    ticket === "" ? "It will not be sent." : `It will not be sent to ticket ${ticket}.`,
};
