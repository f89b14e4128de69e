import { probe } from '/report.js';
import { cookies } from '/probes/cookies.js';
import { documents } from '/probes/documents.js';
import { gestures } from '/probes/gestures.js';
import { media } from '/probes/media.js';
import { network } from '/probes/network.js';
import { platform } from '/probes/platform.js';
import { storage } from '/probes/storage.js';
import { workers } from '/probes/workers.js';

// Nobody is there to click in a window without a screen.
const isAlone = new URLSearchParams(location.search).has('alone');
await probe({ ...cookies, ...storage, ...workers, ...network, ...documents, ...media, ...platform });
if (!isAlone) await probe(gestures, 20_000);
location.replace('/isolated');
