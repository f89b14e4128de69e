// That a session has ended, in words: which one, why, and whether its sign-out went through.
import type { EndedSession } from "../bindings/EndedSession";
import type { Toast } from "../bindings/Toast";
import { texts } from "../texts";
import { apartOf, named, whoIsLabelled } from "./user";

/** The agent did not end it, so they have to see that it ended. */
export function isUnexpected({ cause, sign_out_failed }: EndedSession): boolean {
  return sign_out_failed !== null || !["operator", "window_closed", "quit"].includes(cause);
}

/** The agent was signed in, or may be. Otherwise a window was closed before anything began. */
export function isWorthSaying({ session, cause, sign_out_failed }: EndedSession): boolean {
  return (
    session.active_at !== null || sign_out_failed !== null || !["operator", "window_closed"].includes(cause)
  );
}

export function endedToast({ session, cause, sign_out_failed }: EndedSession): Toast {
  const who = named(whoIsLabelled(session.user), apartOf(session.user));
  const words = texts.ended;
  const how = sign_out_failed === null ? "" : ` ${words.signOutFailed(sign_out_failed)}`;
  return { kind: "info", text: words.title(who), hint: words.causes[cause] + how, said: [] };
}
