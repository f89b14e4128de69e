postMessage([typeof importScripts, self.isSecureContext]);
