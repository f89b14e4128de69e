// Colleagues in an account, in words.
import type { ColleagueSession } from "../bindings/ColleagueSession";
import { texts } from "../texts";
import { clockTime } from "./time";
import { shortName } from "./user";

/** Who is in the account. */
export const whoIsIn = (one: ColleagueSession): string =>
  (one.is_certain ? texts.team.isIn : texts.team.mayBeIn)(shortName(one.operator));

/** Since when, how, for what and where. */
export function howTheyAreIn({ mode, since, ticket, host }: ColleagueSession): string {
  const { how, ticket: forTicket, computer } = texts.team;
  const parts = [how(mode, clockTime(since))];
  if (ticket !== "") parts.push(forTicket(shortName(ticket)));
  if (host !== "") parts.push(computer(shortName(host)));
  // Each part stays on one line where there is room for it.
  return parts.map((part) => part.replaceAll(" ", "\u00a0")).join(" · ");
}

/** All of it, one colleague to a line. */
export const describeColleagues = (sessions: ColleagueSession[]): string =>
  sessions
    .map((one) =>
      [whoIsIn(one), `${howTheyAreIn(one)}.`, ...(one.is_certain ? [] : [texts.team.uncertain])].join(" "),
    )
    .join("\n");

const accountKey = (connection: string, user: string) => JSON.stringify([connection, user]);
const NOBODY: ColleagueSession[] = [];

/** Those who are in the same account, together. */
export function byAccount(sessions: ColleagueSession[]): Map<string, ColleagueSession[]> {
  const accounts = new Map<string, ColleagueSession[]>();
  for (const one of sessions) {
    const key = accountKey(one.connection, one.user);
    accounts.set(key, [...(accounts.get(key) ?? []), one]);
  }
  return accounts;
}

/** Those who are in this account, the oldest session first. */
export const inAccount = (accounts: Map<string, ColleagueSession[]>, connection: string, user: string) =>
  accounts.get(accountKey(connection, user)) ?? NOBODY;
