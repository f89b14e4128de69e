import { jsonOf, textOf } from '/report.js';

const names = (text) => text.split('; ').filter(Boolean).map((pair) => pair.split('=')[0]).sort();

export const cookies = {
  cookies_sent: async () => {
    await textOf('/cookies/set');
    return jsonOf('/cookies/sent');
  },
  cookies_sent_without_credentials: () => jsonOf('/cookies/sent', { credentials: 'omit' }),
  document_cookie: () => {
    document.cookie = 'by_script=1; Path=/; SameSite=Lax';
    document.cookie = 'by_script_expired=1; Path=/; Max-Age=0';
    document.cookie = '__Host-by_script=1; Path=/; Secure';
    return names(document.cookie);
  },
  cookies_of_script_sent: async () => (await jsonOf('/cookies/sent')).filter((name) => name.includes('script')),
  cookie_store: async () => {
    if (!('cookieStore' in window)) return 'absent';
    await cookieStore.set('by_store', '1');
    return (await cookieStore.get('by_store')).value;
  },
  cookie_enabled: () => navigator.cookieEnabled,
};
