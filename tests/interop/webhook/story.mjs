// Checks a login endpoint against the whole contract of docs/webhook/README.md.
//
//   IMPERSONATION_KEY=… node story.mjs http://127.0.0.1:PORT [FILE_WITH_THE_SERVER'S_OUTPUT]
//
// With IMPERSONATION_PRIVATE_KEY (PEM: Ed25519, P-256 or RSA) instead, tokens are signed with that. APP_ORIGIN is
// the audience if it is not the address itself; with an https one, requests say that they came through a proxy.
import { constants, createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';

const [origin, outputFile] = process.argv.slice(2);
const audience = process.env.APP_ORIGIN ?? origin;
const path = process.env.IMPERSONATION_PATH ?? '/impersonate';
const secret = process.env.IMPERSONATION_KEY;
const privateKey = process.env.IMPERSONATION_PRIVATE_KEY && createPrivateKey(process.env.IMPERSONATION_PRIVATE_KEY);

// ── tokens ───────────────────────────────────────────────────────────────────────────────────────
const encoded = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const hmac = (hash, key) => (text) => createHmac(hash, key).update(text).digest('base64url');
const algorithmOf = (key) => ({ ed25519: 'EdDSA', ec: 'ES256', rsa: 'RS256' })[key.asymmetricKeyType];
const signer = (key) => (text) =>
  sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', Buffer.from(text), {
    key,
    dsaEncoding: 'ieee-p1363',
    padding: constants.RSA_PKCS1_PADDING,
  }).toString('base64url');
const ours = privateKey ? { alg: algorithmOf(privateKey), sign: signer(privateKey) } : { alg: 'HS256', sign: hmac('sha256', secret) };

const issued = []; // every token that was ever sent, to look for in the server's output
const signed = (claims, { alg, sign } = ours) => {
  const text = `${encoded({ alg, typ: 'JWT' })}.${encoded(claims)}`;
  issued.push(`${text}.${sign(text)}`);
  return issued.at(-1);
};
const seconds = (fromNow) => Math.floor(Date.now() / 1000) + fromNow;
const claims = (changes = {}) => ({
  iss: 'understudy',
  aud: audience,
  sub: '7',
  act: { sub: 'kim@support.example' },
  iat: seconds(0),
  exp: seconds(60),
  jti: randomUUID(),
  sid: randomUUID(),
  reason: 'ticket 12',
  ...changes, // undefined takes a claim away
});

// ── requests ─────────────────────────────────────────────────────────────────────────────────────
const request = async (method, target, { headers = {}, jar = {}, body } = {}) => {
  const cookie = Object.entries(jar).map(([name, value]) => `${name}=${value}`).join('; ');
  const response = await fetch(origin + target, {
    method,
    body,
    redirect: 'manual',
    headers: {
      ...(method === 'GET' ? {} : { origin: audience }),
      ...(cookie && { cookie }),
      ...(audience.startsWith('https:') && { 'x-forwarded-proto': 'https' }),
      ...headers,
    },
  });
  const text = await response.text();
  let json;
  try { json = JSON.parse(text); } catch { json = undefined; }
  const cookies = response.headers.getSetCookie().map((line) => {
    const [pair, ...attributes] = line.split(/;\s*/);
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    return { name, value, line, attributes: attributes.map((attribute) => attribute.toLowerCase()) };
  });
  const after = { ...jar };
  for (const { name, value } of cookies) after[name] = value;
  return { status: response.status, headers: response.headers, text, json, cookies, jar: after };
};
const signIn = (token, options = {}) =>
  request('POST', path, { ...options, headers: { authorization: `Bearer ${token}`, ...options.headers } });
const me = (jar) => request('GET', '/api/me', { jar });

// ── the story ────────────────────────────────────────────────────────────────────────────────────
const insist = (truth, otherwise) => {
  if (!truth) throw new Error(otherwise);
};
const signedIn = async (token, options) => {
  const answer = await signIn(token, options);
  insist(answer.status >= 200 && answer.status < 300, `signing in answered ${answer.status} ${answer.text}`);
  return answer;
};
const CAUSES = ['expired', 'not yet valid (clock skew)', 'wrong audience', 'used already', 'invalid signature'];
/** Refused with this status (and cause), and whatever cookie came along, nobody is signed in. */
const refused = (answer, status, causes = CAUSES) => {
  insist(answer.status === status, `answered ${answer.status} ${answer.text} instead of ${status}`);
  insist(typeof answer.json?.error === 'string', `no {"error": …} but ${answer.text}`);
  if (status === 401) insist([causes].flat().includes(answer.json.error), `said ${answer.text}, not ${causes}`);
  insist(answer.headers.get('date'), 'no Date header');
  return nobody(answer.jar);
};
const nobody = async (jar) => {
  const { status, text } = await me(jar);
  insist(status === 401, `/api/me answered ${status} ${text} instead of 401`);
};
const somebody = async (jar, readOnly = false) => {
  const { status, text, json, headers } = await me(jar);
  insist(status === 200, `/api/me answered ${status} ${text}`);
  insist(String(json.id) === '7', `/api/me is not user 7: ${text}`);
  insist(json.impersonated_by === 'kim@support.example' && json.read_only === readOnly, `/api/me says ${text}`);
  insist(/no-store/.test(headers.get('cache-control') ?? ''), '/api/me can be cached');
};

const story = {
  'nobody is signed in at first': () => nobody({}),

  'a valid token signs the customer in': async () => {
    const answer = await signedIn(signed(claims()));
    insist(answer.headers.get('date'), 'no Date header');
    insist(/no-store/.test(answer.headers.get('cache-control') ?? ''), 'the answer can be cached');
    await somebody(answer.jar);
  },
  'so it does with an empty body that claims to be JSON': async () =>
    somebody((await signedIn(signed(claims()), { headers: { 'content-type': 'application/json' } })).jar),
  'and with an empty reason': async () => somebody((await signedIn(signed(claims({ reason: '' })))).jar),
  'the cookie is HttpOnly, SameSite=Strict, Path=/, for this host alone, for an hour at most': async () => {
    const { cookies } = await signedIn(signed(claims()));
    insist(cookies.length > 0, 'no cookie was set');
    for (const { line, attributes } of cookies) {
      for (const wanted of ['httponly', 'samesite=strict', 'path=/']) insist(attributes.includes(wanted), `no ${wanted}: ${line}`);
      insist(!attributes.some((attribute) => attribute.startsWith('domain')), `a Domain: ${line}`);
      insist(attributes.includes('secure') === audience.startsWith('https:'), `Secure is wrong for ${audience}: ${line}`);
      const value = (name) => attributes.find((attribute) => attribute.startsWith(`${name}=`))?.slice(name.length + 1);
      const life = value('max-age') ?? (value('expires') && (Date.parse(value('expires')) - Date.now()) / 1000);
      insist(life === undefined || (life > 3500 && life <= 3601), `lives ${life} seconds: ${line}`);
    }
  },

  'a token works once': async () => {
    const token = signed(claims());
    const { jar } = await signedIn(token);
    await refused(await signIn(token), 401, 'used already');
    await somebody(jar);
  },
  'and once only when sent ten times at the same moment': async () => {
    const token = signed(claims());
    const answers = await Promise.all(Array.from({ length: 10 }, () => signIn(token)));
    const accepted = answers.filter(({ status }) => status < 300);
    insist(accepted.length === 1, `accepted ${accepted.length} times`);
  },
  'and is remembered for as long as it is tolerated': async () => {
    const token = signed(claims({ iat: seconds(-70), exp: seconds(-10) }));
    await signedIn(token);
    await signedIn(signed(claims()));
    await refused(await signIn(token), 401, 'used already');
  },

  'expired': async () => refused(await signIn(signed(claims({ iat: seconds(-120), exp: seconds(-60) }))), 401, 'expired'),
  'from the future': async () =>
    refused(await signIn(signed(claims({ iat: seconds(60), exp: seconds(120) }))), 401, 'not yet valid (clock skew)'),
  'clocks ten seconds apart are tolerated': async () => {
    await signedIn(signed(claims({ iat: seconds(10), exp: seconds(70) })));
    await signedIn(signed(claims({ iat: seconds(-70), exp: seconds(-10) })));
  },
  'a life over five minutes': async () => refused(await signIn(signed(claims({ exp: seconds(301) }))), 401),
  'for another application': async () =>
    refused(await signIn(signed(claims({ aud: 'https://elsewhere.example' }))), 401, 'wrong audience'),
  'of another issuer': async () => refused(await signIn(signed(claims({ iss: 'somebody' }))), 401, 'invalid signature'),

  'signed with another key': async () => {
    const other = privateKey ? signer(otherKey()) : hmac('sha256', 'another key of at least 32 bytes!');
    await refused(await signIn(signed(claims(), { alg: ours.alg, sign: other })), 401, 'invalid signature');
  },
  'changed after signing': async () => {
    const [header, , signature] = signed(claims()).split('.');
    await refused(await signIn(`${header}.${encoded(claims({ sub: '8' }))}.${signature}`), 401, 'invalid signature');
  },
  'not signed: alg none': async () => {
    for (const alg of ['none', 'None', 'NONE'])
      await refused(await signIn(signed(claims(), { alg, sign: () => '' })), 401, 'invalid signature');
  },
  'another algorithm, even with the same key': async () => {
    const key = privateKey ? createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }) : secret;
    const others = { HS384: hmac('sha384', key), HS512: hmac('sha512', key), ...(privateKey && { HS256: hmac('sha256', key) }) };
    for (const [alg, sign] of Object.entries(others))
      await refused(await signIn(signed(claims(), { alg, sign })), 401, 'invalid signature');
  },
  'a claim missing': async () => {
    for (const name of Object.keys(claims())) await refused(await signIn(signed(claims({ [name]: undefined }))), 401);
  },
  'a claim of the wrong type': async () => {
    const wrong = { sub: 7, jti: 7, act: 'kim', sid: null, reason: {}, exp: 'tomorrow', iat: 'now' };
    for (const [name, value] of Object.entries(wrong)) await refused(await signIn(signed(claims({ [name]: value }))), 401);
    await refused(await signIn(signed(claims({ act: {} }))), 401);
  },
  'no token, or not a token': async () => {
    await refused(await request('POST', path), 401, 'invalid signature');
    for (const token of ['', 'x', 'a.b.c', '..', `${encoded('{}')}.${encoded('[]')}.`])
      await refused(await signIn(token), 401, 'invalid signature');
    const authorization = `Basic ${Buffer.from('ada@example.com:x').toString('base64')}`;
    await refused(await request('POST', path, { headers: { authorization } }), 401, 'invalid signature');
  },
  'a token anywhere else than in the Authorization header': async () => {
    const token = signed(claims());
    const headers = { 'content-type': 'application/json' };
    await refused(await request('POST', `${path}?token=${token}`), 401);
    await refused(await request('POST', path, { headers, body: JSON.stringify({ token, adminToken: secret, userId: 7 }) }), 401);
    const answer = await request('GET', path, { headers: { authorization: `Bearer ${token}` } });
    insist(answer.status >= 400, `GET answered ${answer.status}`);
    await nobody(answer.jar);
  },

  'administrators are refused': async () => refused(await signIn(signed(claims({ sub: '8' }))), 403),
  'unknown users are refused': async () => {
    for (const sub of ['9', '07', '7 ', ' 7', '7abc', '7.0', 'ada@example.com', '__proto__'])
      await refused(await signIn(signed(claims({ sub }))), 404);
  },

  'a session of its own, whatever cookie was there': async () => {
    const first = await signedIn(signed(claims()));
    const second = await signedIn(signed(claims()), { jar: first.jar });
    await nobody(first.jar);
    await somebody(second.jar);
    const planted = Object.fromEntries(Object.keys(first.jar).map((name) => [name, 'planted-by-somebody-else-0123456789']));
    await somebody((await signedIn(signed(claims()), { jar: planted })).jar);
    await nobody(planted);
  },

  'a read-only session only reads': async () => {
    const { jar } = await signedIn(signed(claims({ read_only: true })));
    await somebody(jar, true);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      for (const target of ['/api/me', '/anything', '/logout/more', ...(method === 'POST' ? [path] : [])]) {
        const { status } = await request(method, target, { jar });
        // Where nothing is to be found, some routers say so first.
        insist(status === 403 || (target !== path && (status === 404 || status === 405)), `${method} ${target} answered ${status}`);
      }
    for (const method of ['HEAD', 'OPTIONS']) {
      const { status } = await request(method, '/api/me', { jar });
      insist(status !== 403, `${method} answered ${status}`);
    }
    const { status } = await request('POST', '/logout', { jar });
    insist(status < 300, `/logout answered ${status}`);
    await nobody(jar);
  },
  'any other is not held back': async () => {
    const { jar } = await signedIn(signed(claims({ read_only: false })));
    const { status } = await request('POST', '/anything', { jar });
    insist(status === 404 || status === 405, `POST answered ${status}`);
  },

  'signing out ends this session on the server, and no other': async () => {
    const [one, other] = [await signedIn(signed(claims())), await signedIn(signed(claims()))];
    const { status, text } = await request('POST', '/logout', { jar: one.jar });
    insist(status >= 200 && status < 300, `/logout answered ${status} ${text}`);
    await nobody(one.jar);
    await somebody(other.jar);
  },
};

const otherKey = () =>
  ({
    ed25519: () => generateKeyPairSync('ed25519'),
    ec: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  })[privateKey.asymmetricKeyType]().privateKey;

if (outputFile) {
  story['one line of audit for a session, none for a refusal, and never the token'] = async () => {
    const kept = claims({ reason: 'a "quoted"\nline, naïve ✓' });
    const turnedAway = claims({ sub: '8' });
    await signedIn(signed(kept));
    await signIn(signed(turnedAway));
    await new Promise((done) => setTimeout(done, 300)); // the output passes through a pipe or a file
    const output = await readFile(outputFile, 'utf8');
    const lines = output.split('\n').filter((line) => line.includes(kept.sid));
    insist(lines.length === 1, `${lines.length} lines for one session`);
    const { impersonation, operator, reason, sid } = JSON.parse(lines[0]);
    insist(String(impersonation) === '7' && operator === kept.act.sub && reason === kept.reason && sid === kept.sid, lines[0]);
    insist(!output.includes(turnedAway.sid), 'a refusal looks like a session');
    insist(!issued.some((token) => output.includes(token.split('.')[1])), 'a token is in the output');
  };
}

let failed = 0;
for (const [name, check] of Object.entries(story)) {
  try {
    await check();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${error.message}`);
  }
}
console.log(`${Object.keys(story).length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
