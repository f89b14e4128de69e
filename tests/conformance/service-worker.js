oninstall = () => skipWaiting();
onactivate = (event) => event.waitUntil(clients.claim());
onmessage = ({ data, source }) => source.postMessage(`${data} back`);
onfetch = (event) => {
  if (new URL(event.request.url).pathname === '/answered-by-worker') event.respondWith(new Response('by the worker'));
};
