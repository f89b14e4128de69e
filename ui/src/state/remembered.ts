// What this computer remembers of the console between two runs; a convenience, so failing to keep it is nothing.

type What = "connection" | "search" | "notes" | "zoom";

export function remember(what: What, value: string): void {
  try {
    localStorage.setItem(what, value);
  } catch {
    // Storage may be turned off.
  }
}

export function forget(what: What): void {
  try {
    localStorage.removeItem(what);
  } catch {
    // Storage may be turned off.
  }
}

export function remembered(what: What): string | null {
  try {
    return localStorage.getItem(what);
  } catch {
    return null;
  }
}
