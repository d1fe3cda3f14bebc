// Runs calls on Clerk's official backend client. README.md says how.

import { createClerkClient } from '@clerk/backend';

import { runCalls } from './calls.mjs';

await runCalls({
  create: (options) => createClerkClient({ telemetry: { disabled: true }, ...options }),
  special: { authenticateRequest },
  errorFields: ['status', 'code', 'reason', 'action', 'errors', 'clerkTraceId', 'retryAfter'],
});

/** What an application does with a request that carries a machine's credential. */
async function authenticateRequest(client, { url, method, headers }, options) {
  const state = await client.authenticateRequest(new Request(url, { method, headers }), options);
  const { status, tokenType, reason, message, isAuthenticated } = state;
  const auth = isAuthenticated ? state.toAuth() : null;
  return { status, tokenType, reason, message, isAuthenticated, auth };
}
