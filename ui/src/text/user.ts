// A row, as people see it: who it is, and each column's value in words.
import type { Column } from "../bindings/Column";
import type { Role } from "../bindings/Role";
import type { Row } from "../bindings/Row";
import type { UserLabel } from "../bindings/UserLabel";
import { texts } from "../texts";
import { ago, dayAndMinute, exactly, moment } from "./time";
import { cut, visible } from "./visible";

/** What a name may take in a title, a toast or a label. */
const NAME_MOST = 80;

export function cellOf(columns: Column[], row: Row, role: Role): string | null {
  const index = columns.findIndex((column) => column.role === role);
  const cell = index < 0 ? null : (row.cells[index] ?? null);
  return cell === null || cell.trim() === "" ? null : cell;
}

/** Name, else e-mail, else id: made visible and short. */
export function whoIs(columns: Column[], row: Row): string {
  return shortName(cellOf(columns, row, "name") ?? cellOf(columns, row, "email") ?? row.id);
}

/** The same for a session's user. */
export function whoIsLabelled(user: UserLabel): string {
  return shortName(said(user.name) ?? said(user.email) ?? user.id);
}

/** A row as a session's label has it. */
export function labelOf(columns: Column[], row: Row): UserLabel {
  const at = columns.findIndex(({ company }) => company);
  return {
    id: row.id,
    name: cellOf(columns, row, "name"),
    email: cellOf(columns, row, "email"),
    company: said(row.cells[at] ?? null),
  };
}

/** What tells this user from another one of the same name: e-mail, else company, else id. `null`: that is all there
 * is of it. The same as in Rust's `UserLabel::apart`. */
export function apartOf(user: UserLabel): string | null {
  const who = whoIsLabelled(user);
  const all = [user.email, user.company, user.id].map(said).filter((text) => text !== null);
  return all.map(shortName).find((text) => text !== who) ?? null;
}

/** Whom a list shows, and where that is said with one word. */
export interface Listed {
  id: string;
  user: UserLabel;
  place: string;
}

/** For those in a list who have the name of another one: what tells them apart. All others are not in it. */
export function namesakes(listed: Listed[]): Map<string, string> {
  const apart = new Map<string, string>();
  for (const one of listed) {
    const others = listed.filter(
      ({ id, user }) => id !== one.id && whoIsLabelled(user) === whoIsLabelled(one.user),
    );
    if (others.length === 0) continue;
    const ways = [
      ({ user }: Listed) => apartOf(user),
      ({ user }: Listed) => shortName(user.id),
      ({ place }: Listed) => place,
    ];
    const way = ways.find((way) => others.every((other) => way(other) !== way(one))) ?? ways[0];
    const said = way?.(one);
    if (said) apart.set(one.id, said);
  }
  return apart;
}

/** Name and what tells it apart, in one line. */
export function named(who: string, apart: string | null | undefined): string {
  return apart ? `${who} (${apart})` : who;
}

function said(text: string | null): string | null {
  return text === null || text.trim() === "" ? null : text;
}

export function shortName(name: string): string {
  const { text, left } = cut(name, NAME_MOST);
  return visible(text) + (left > 0 ? "…" : "");
}

/** The grid's columns with their places in a row's cells: who first, no id where a name or an e-mail says who it is. */
export function gridColumns(columns: Column[]): { column: Column; index: number }[] {
  const all = columns.map((column, index) => ({ column, index }));
  const of = (role: Role) => all.filter(({ column }) => column.role === role);
  const who = [...of("name"), ...of("email")];
  return [...(who.length > 0 ? who : of("id")), ...of("other"), ...of("created_at")];
}

export interface Shown {
  text: string;
  /** More than `text` says, for a tooltip; `null` when there is no more. */
  more: string | null;
}

/** A value in few words; `now` in milliseconds since the epoch. */
export function inWords(column: Column, value: string, now: number): Shown {
  const when = column.kind === "time" ? moment(value) : null;
  if (when) return { text: ago(when, now), more: exactly(when) };
  return { text: plain(column, value), more: null };
}

/** A value in full. */
export function inFull(column: Column, value: string): Shown {
  const when = column.kind === "time" ? moment(value) : null;
  if (when) return { text: dayAndMinute(when), more: exactly(when) };
  return { text: plain(column, value), more: null };
}

function plain(column: Column, value: string): string {
  if (column.kind !== "boolean") return value;
  return value === "true" ? texts.users.yes : value === "false" ? texts.users.no : value;
}
