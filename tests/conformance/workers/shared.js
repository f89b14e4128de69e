onconnect = ({ ports: [port] }) => port.postMessage(typeof SharedWorkerGlobalScope);
