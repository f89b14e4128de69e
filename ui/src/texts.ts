// Every text of the UI, in one place, so that a translation replaces these files and nothing else.
// Sentences about what went wrong come from Rust with the error; here are only their titles.
import { bar } from "./texts/bar";
import { console } from "./texts/console";
import { destination } from "./texts/destination";
import { setup } from "./texts/setup";
import { shared } from "./texts/shared";

export { locale } from "./texts/shared";

export const texts = { ...shared, ...console, setup, bar, destination };
