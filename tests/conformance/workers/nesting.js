new Worker('/workers/plain.js').onmessage = ({ data }) => postMessage(data);
