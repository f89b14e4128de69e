// Texts of the question that is asked when a stored secret would go somewhere new.
import type { Aspect } from "../bindings/Aspect";

export const destination = {
  title: (name: string) => `Send “${name}” somewhere new?`,
  titleUnknown: (name: string) => `Send “${name}” here?`,
  titleMany: (n: number) => `Send ${n} secrets somewhere new?`,
  text: (connection: string) =>
    `${connection} would send it to a different place than the one it was stored for. Nothing has been sent. If you did not expect this, cancel and ask the person who looks after the connection.`,
  textMany: (connection: string) =>
    `${connection} would send them to different places than the ones they were stored for. Nothing has been sent. If you did not expect this, cancel and ask the person who looks after the connection.`,
  textUnknown: (connection: string) =>
    `${connection} has this secret, but no record of where it may be sent: an earlier version or another program stored it. Nothing has been sent. Use it only if this is the right place; you will not be asked again.`,
  // What a connection runs to reach its database, where that is not what was allowed when it was added.
  titleRun: (connection: string) => `Run this for ${connection}?`,
  textRun: (connection: string) =>
    `What ${connection} runs on this computer to reach its database has changed since you allowed it, or leads to a different place. Nothing has been run. If you did not expect this, cancel and ask the person who looks after the connection.`,
  textRunUnknown: (connection: string) =>
    `${connection} runs this on your computer, as you, to reach its database, and there is no record that you allowed it. Nothing has been run. Run it only if you trust the person who looks after the connection; you will not be asked again.`,
  beforeRun: "Allowed",
  nowRun: "Would run",
  run: "Run it",
  before: "Stored for",
  now: "Would go to",
  what: "What",
  nothing: "—",
  changed: "changed",
  unshown: "They differ in a part that is too long to show here.",
  aspects: {
    program: "Program",
    engine: "Database",
    server: "Server",
    user: "User",
    tls: "TLS",
    option: "Option",
    ssh: "Through SSH",
    origin: "Site",
    proxy: "Proxy",
    authority: "Trusted authority",
    use: "Sent in",
  } satisfies Record<Aspect, string>,
  use: "Use it there",
  useMany: "Use them there",
  retype: "Enter another…",
  compare: "Compare…",
};
