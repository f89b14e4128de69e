import { event, message, textOf } from '/report.js';

const source = 'postMessage([typeof WorkerGlobalScope, self.isSecureContext, location.protocol])';

export const workers = {
  dedicated_worker: () => message(new Worker('/workers/plain.js')),
  module_worker: () => message(new Worker('/workers/module.js', { type: 'module' })),
  nested_worker: () => message(new Worker('/workers/nesting.js')),
  blob_worker: () => message(new Worker(URL.createObjectURL(new Blob([source])))),
  worker_opfs: () => message(new Worker('/workers/files.js')),
  shared_worker: () => {
    const { port } = new SharedWorker('/workers/shared.js');
    port.start();
    return message(port);
  },
  service_worker: async () => {
    const claimed = event(navigator.serviceWorker, 'controllerchange');
    await navigator.serviceWorker.register('/service-worker.js');
    await claimed;
    return textOf('/answered-by-worker');
  },
  service_worker_message: async () => {
    const { active } = await navigator.serviceWorker.ready;
    const answered = message(navigator.serviceWorker);
    active.postMessage('hello');
    return answered;
  },
  message_channel: () => {
    const { port1, port2 } = new MessageChannel();
    port2.start();
    port1.postMessage({ date: new Date(0) });
    return message(port2).then(({ date }) => date.getTime());
  },
};
