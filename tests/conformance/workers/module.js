import { answer } from '/workers/answer.js';
postMessage(answer);
