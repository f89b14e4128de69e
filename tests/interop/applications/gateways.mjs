// The gateways between the browser and the applications, as src-tauri/gateway/tests/gateway/applications.rs starts them:
// one order a line on the standard output, one answer a line on the standard input.
import { createInterface } from "node:readline";

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function order(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error("The gateways are gone. Start the measurement with script/interop.");
  return JSON.parse(value);
}

/** A session with full access; what it says is how a browser reaches it. */
export const startSession = (origin, rules) => order({ ask: "start", origin, rules });

export const makeReadOnly = () => order({ ask: "read_only" });

/** What was held back, the oldest first. */
export const endSession = () => order({ ask: "end" });
