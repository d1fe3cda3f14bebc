// Who may ask the provider for what. Everything here is a fixture: these secrets open nothing else.

import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** How the provider signs. Each has a resource whose tokens are signed so. */
export const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];

export const SCOPES = ['chat', 'admin', 'models:read'];

export const DEFAULT_LIFE_S = 600;

/** What a token may be asked for; `https://api.example/opaque` is the one whose tokens are opaque. */
export function resourceServer(resource) {
  const shared = { scope: SCOPES.join(' '), audience: resource };
  const name = resource.replace('https://api.example/', '');
  if (name === 'opaque') return { ...shared, accessTokenFormat: 'opaque' };
  const alg = ALGORITHMS.find((known) => known.toLowerCase() === name);
  return alg && { ...shared, accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
}

const SHARED = {
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  scope: SCOPES.join(' '),
};

export const CLIENTS = [
  {
    ...SHARED,
    client_id: 'app-basic',
    client_secret: 'test-secret-of-app-basic',
    token_endpoint_auth_method: 'client_secret_basic',
  },
  {
    ...SHARED,
    client_id: 'app-post',
    client_secret: 'test-secret-of-app-post',
    token_endpoint_auth_method: 'client_secret_post',
  },
  {
    ...SHARED,
    // Both need encoding before they are joined by a colon (RFC 6749, section 2.3.1).
    client_id: 'app:odd +%',
    client_secret: 'test:secret of+app&odd%2F',
    token_endpoint_auth_method: 'client_secret_basic',
  },
  {
    ...SHARED,
    client_id: 'app-key',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: ['ES256', 'RS256', 'EdDSA'].map(publicKey) },
  },
];

function publicKey(alg) {
  const name = `app-key-${alg.toLowerCase()}`;
  const pem = readFileSync(new URL(`../keys/${name}.pem`, import.meta.url));
  return { ...createPublicKey(pem).export({ format: 'jwk' }), kid: name, alg, use: 'sig' };
}
