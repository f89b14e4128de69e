// Signed tokens (HS256 or HS512) of the stand-ins whose products hand out JWTs.
import { createHmac } from 'node:crypto';

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signs with one key and reads back what that key signed, while it counts. */
export function jwt(key, alg = 'HS256') {
  const mac = (text) =>
    createHmac(alg === 'HS512' ? 'sha512' : 'sha256', key)
      .update(text)
      .digest('base64url');
  return {
    signed(claims) {
      const text = `${encoded({ alg, typ: 'JWT' })}.${encoded(claims)}`;
      return `${text}.${mac(text)}`;
    },
    read(token) {
      const [head, body, signature] = (token ?? '').split('.');
      if (!body || signature !== mac(`${head}.${body}`)) return undefined;
      const claims = JSON.parse(Buffer.from(body, 'base64url'));
      return claims.exp && claims.exp <= now() ? undefined : claims;
    },
  };
}

export const now = () => Math.floor(Date.now() / 1000);
