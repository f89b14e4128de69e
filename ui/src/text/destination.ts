// Where a secret was to go and where it would go, side by side: one line for each thing that is said of either.
import type { Aspect } from "../bindings/Aspect";
import type { Moved } from "../bindings/Moved";
import type { MovedSecret } from "../bindings/MovedSecret";

/** The name under which stands what a connection runs to reach its database: no secret's name has a slash. */
const WAY_IN = "directory/commands";

/** It is about what would run, and no secret. */
export const isWayIn = ({ secrets }: Moved): boolean => secrets.every(({ name }) => name === WAY_IN);

export interface Comparison {
  aspect: Aspect;
  before: string[];
  now: string[];
  changed: boolean;
}

/** In the order in which the new place says it; what only the old one says comes last. */
export function compared({ stored_for, now }: MovedSecret): Comparison[] {
  const facts = [...now.facts, ...(stored_for?.facts ?? [])];
  const aspects = [...new Set(facts.map(({ aspect }) => aspect))];
  return aspects.map((aspect) => {
    const of = (facts: MovedSecret["now"]["facts"]) =>
      facts.filter((fact) => fact.aspect === aspect).map(({ value }) => value);
    const [then, later] = [of(stored_for?.facts ?? []), of(now.facts)];
    const changed = stored_for !== null && JSON.stringify(then) !== JSON.stringify(later);
    return { aspect, before: then, now: later, changed };
  });
}
