// A session's window, made ready while its dialog is open: what opens one takes longest of all.
import * as ipc from "../ipc";

/** Each waits for the one before: one dialog may open as another closes. */
let turn: Promise<void> = Promise.resolve();

function afterTurn(work: () => Promise<null>): void {
  // Only an offer: without it the sign-in is as good, and slower.
  turn = turn.then(work).then(
    () => {},
    () => {},
  );
}

/** Makes a window ready for a session in this connection. */
export const prepareWindow = (connection: string): void => afterTurn(() => ipc.prepareWindow(connection));

/** Throws away the window that no session took over. */
export const discardWindow = (): void => afterTurn(() => ipc.discardWindow());
