const key = { name: 'HMAC', hash: 'SHA-256' };
const date = new Date(Date.UTC(2026, 0, 31, 13, 5));

export const platform = {
  intl: () => [
    new Intl.DateTimeFormat('de-DE', { dateStyle: 'full', timeStyle: 'short', timeZone: 'Europe/Berlin' }).format(date),
    new Intl.NumberFormat('en-IN', { style: 'currency', currency: 'INR' }).format(1234567.891),
    ['z', 'ä', 'a'].sort(new Intl.Collator('sv').compare).join(''),
    new Intl.PluralRules('pl').select(5),
    new Intl.RelativeTimeFormat('fr').format(-1, 'day'),
  ],
  locale_of_dates: () => date.toLocaleString(),
  time_zone: () => [Intl.DateTimeFormat().resolvedOptions().timeZone, new Date(0).getTimezoneOffset()],
  language: () => [navigator.language, navigator.languages],
  navigator: () => ['vendor', 'platform', 'onLine', 'doNotTrack', 'pdfViewerEnabled', 'webdriver', 'maxTouchPoints', 'hardwareConcurrency']
    .map((name) => [name, navigator[name] ?? null]),
  apis: () => ['RTCPeerConnection', 'WebTransport', 'PaymentRequest', 'PublicKeyCredential', 'USB', 'showOpenFilePicker', 'EyeDropper', 'Notification', 'PushManager', 'IdleDetector', 'share', 'clipboard', 'mediaDevices', 'credentials']
    .map((name) => [name, name in window || name in navigator]),
  crypto_subtle: async () => {
    const secret = await crypto.subtle.importKey('raw', new Uint8Array(32), key, false, ['sign', 'verify']);
    const signature = await crypto.subtle.sign(key, secret, new Uint8Array([1]));
    return [await crypto.subtle.verify(key, secret, signature, new Uint8Array([1])), crypto.randomUUID().length];
  },
  broadcast_channel: () => new Promise((done) => {
    const [one, another] = [new BroadcastChannel('c'), new BroadcastChannel('c')];
    another.onmessage = ({ data }) => { one.close(); another.close(); done(data); };
    one.postMessage('heard');
  }),
  locks: () => navigator.locks.request('one', async (lock) => [lock.name, (await navigator.locks.query()).held.length]),
  structured_clone: () => structuredClone(new Map([['a', new Set([1])]])).get('a').has(1),
  notification_permission: () => ('Notification' in window ? Notification.permission : 'absent'),
  permissions: () => Promise.all(['geolocation', 'notifications', 'camera', 'clipboard-read', 'persistent-storage'].map(async (name) => {
    try { return [name, (await navigator.permissions.query({ name })).state]; } catch (error) { return [name, error.name]; }
  })),
  geolocation: () => new Promise((done) => {
    navigator.geolocation.getCurrentPosition(() => done('found'), ({ code }) => done(code === 1 ? 'denied' : 'unavailable'));
  }),
  camera: () => navigator.mediaDevices.getUserMedia({ video: true }).then(() => 'shown'),
  wake_lock: async () => ('wakeLock' in navigator ? (await navigator.wakeLock.request()).type : 'absent'),
  link_relations: () => ['prefetch', 'preload', 'preconnect', 'modulepreload']
    .map((relation) => [relation, document.createElement('link').relList.supports(relation)]),
  scheduling: () => [typeof requestIdleCallback, typeof scheduler, typeof queueMicrotask],
};
