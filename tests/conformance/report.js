const describe = (error) => `fails: ${error?.name ?? typeof error}`;

/**
 * Tries features one after the other, and tells the server of each what it did or how it failed. `patience` is longer
 * than any of them takes in a browser that can do it.
 */
export async function probe(features, patience = 5_000) {
  for (const [name, run] of Object.entries(features)) {
    const late = new Promise((done) => { setTimeout(() => done('nothing happens'), patience); });
    const found = await Promise.race([Promise.resolve().then(run).catch(describe), late]);
    await fetch(`/told/feature/${name}`, { method: 'POST', body: JSON.stringify(found ?? null) });
  }
}

/** The first event of this name. */
export const event = (target, name) => new Promise((done) => { target.addEventListener(name, done, { once: true }); });

/** What the first message of a worker, port or socket says. */
export const message = async (target) => (await event(target, 'message')).data;

/** A digest of what may be long. */
export async function digest(text) {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(hash)].slice(0, 6).map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export const textOf = async (url, init) => (await fetch(url, init)).text();
export const jsonOf = async (url, init) => (await fetch(url, init)).json();
