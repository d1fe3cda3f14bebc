// Builds the OpenID provider for one set of keys.

import { Provider, errors } from 'oidc-provider';

import { CLIENTS, DEFAULT_LIFE_S, SCOPES, resourceServer } from './settings.mjs';

export function buildProvider(issuer, keys, store) {
  return new Provider(issuer, {
    adapter: store,
    jwks: keys.published,
    clients: CLIENTS,
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    scopes: SCOPES,
    responseTypes: [],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: (ctx, resource) => known(ctx, resource, keys),
      },
    },
    ttl: { ClientCredentials: (ctx) => wishes(ctx).lifeSeconds },
    extraTokenClaims: (ctx) => wishes(ctx).claims,
    formats: { customizers: { jwt: claim } },
  });
}

function known(ctx, resource, keys) {
  const server = resourceServer(resource);
  if (!server) throw new errors.InvalidTarget();
  if (server.jwt) server.jwt.sign.kid = keys.signing(server.jwt.sign.alg);
  return server;
}

/** Claims that the provider would set itself: another subject, a `nbf`, an `exp` that has passed. */
function claim(ctx, _token, jwt) {
  Object.assign(jwt.payload, wishes(ctx).claims);
}

/** What a test wants of this one token, as parameters of its token request that no standard knows. */
function wishes(ctx) {
  const { test_claims: claims, test_life_s: life } = ctx.oidc.body ?? {};
  return {
    claims: claims && JSON.parse(claims),
    lifeSeconds: life ? Number(life) : DEFAULT_LIFE_S,
  };
}
