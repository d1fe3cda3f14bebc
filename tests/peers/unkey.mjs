// Runs calls on Unkey's official client. README.md says how.

import { Unkey } from '@unkey/api';

import { runCalls } from './calls.mjs';

await runCalls({
  create: (options) => new Unkey(options),
  errorFields: ['statusCode', 'contentType', 'body', 'meta', 'error'],
});
