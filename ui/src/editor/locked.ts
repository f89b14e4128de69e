// Whether the connection can only be looked at, for every field of its form.
import { createContext } from "svelte";

export const [useLocked, provideLocked] = createContext<() => boolean>();
