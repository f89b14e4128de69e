// An entry of the audit log in words. What has no words here has Rust's, which are the command line's; what they do not
// know either is shown as the log has it.
import type { EndCause } from "../bindings/EndCause";
import type { ListedEntry } from "../bindings/ListedEntry";
import { cut, visible } from "../text/visible";
import { texts } from "../texts";

const words = texts.auditLog;

/** More of a text is only in the session's steps. */
const MOST = 500;

/** "Session begun"; a word that is not known: "Policy changed" for `policy_changed`. */
export function eventWords({ event }: ListedEntry): string {
  const known = Object.hasOwn(words.events, event) ? words.events[event] : undefined;
  if (known !== undefined) return known;
  const plain = visible(event.replace(/[_-]+/g, " ").trim());
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** What an entry says besides who, whom and when. */
export function detailWords(entry: ListedEntry): string {
  return visible(
    cut(
      parts(entry)
        .filter((part) => part !== "")
        .join(", "),
      MOST,
    ).text,
  );
}

function parts({
  event,
  detail,
  description,
  status,
  mode,
  ticket,
  reason,
  held_back,
  sign_out_failed,
}: ListedEntry): string[] {
  switch (event) {
    case "begun":
      return [mode ? texts.modes[mode] : "", reason.includes(ticket) ? "" : ticket, reason];
    case "refused":
      return [status === "" ? detail : `${status} ${detail}`];
    case "extended":
      return [words.minutes(detail)];
    case "ended":
      return [
        Object.hasOwn(words.causes, detail) ? words.causes[detail as EndCause] : detail.replace(/_/g, " "),
        held_back ? words.heldBack(held_back) : "",
        sign_out_failed === "" ? "" : words.signOutFailed(sign_out_failed),
      ];
    default:
      return [description];
  }
}

export type Tone = "plain" | "good" | "warn" | "bad";

/** How loud it is. */
export function toneOf({ event, detail, sign_out_failed }: ListedEntry): Tone {
  if (["refused", "denied", "glass_broken"].includes(event) || detail === "crash" || sign_out_failed !== "")
    return "bad";
  if (["unlocked", "team_file_changed", "message_discarded"].includes(event)) return "warn";
  return event === "active" ? "good" : "plain";
}
