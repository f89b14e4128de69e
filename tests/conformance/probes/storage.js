const requested = (request) => new Promise((done, fail) => {
  request.onsuccess = () => done(request.result);
  request.onerror = () => fail(request.error);
});

export const storage = {
  local_storage: () => { localStorage.setItem('a', '1'); return localStorage.getItem('a'); },
  session_storage: () => { sessionStorage.setItem('a', '1'); return sessionStorage.getItem('a'); },
  indexed_db: async () => {
    const opening = indexedDB.open('conformance', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('things', { keyPath: 'id' });
    const database = await requested(opening);
    const things = database.transaction('things', 'readwrite').objectStore('things');
    await requested(things.put({ id: 7, when: new Date(0), bytes: new Uint8Array([1, 2]), map: new Map([[1, 2]]) }));
    const { when, bytes, map } = await requested(things.get(7));
    database.close();
    return [when.toISOString(), bytes.length, map.get(1)];
  },
  cache_api: async () => {
    const cache = await caches.open('conformance');
    await cache.put('/cached', new Response('from the cache'));
    return (await cache.match('/cached')).text();
  },
  opfs: async () => {
    const folder = await navigator.storage.getDirectory();
    const file = await folder.getFileHandle('file', { create: true });
    if (typeof file.createWritable !== 'function') return file.kind;
    const writer = await file.createWritable();
    await writer.write('written');
    await writer.close();
    return (await file.getFile()).text();
  },
  storage_persisted: () => navigator.storage.persisted(),
  storage_has_a_quota: async () => (await navigator.storage.estimate()).quota > 0,
};
