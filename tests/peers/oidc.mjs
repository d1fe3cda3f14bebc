// A real OpenID provider for the tests. Prints one line of JSON when it is ready, and lives until the
// pipe that is its standard input closes or it is told to terminate. README.md says what it knows.

import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { createServer } from 'node:http';

import { control } from './oidc/control.mjs';
import { Keys } from './oidc/keys.mjs';
import { buildProvider } from './oidc/provider.mjs';
import { createStore } from './oidc/store.mjs';
import { Traffic } from './oidc/traffic.mjs';

const keys = await Keys.fresh();
const store = createStore();
const traffic = new Traffic();
let provider; // replaced when the keys change: a provider takes its keys when it is built

const issuer = await listen((request, response) => traffic.pass(request, response, provider));
const rebuild = () => { provider = buildProvider(issuer, keys, store).callback(); };
rebuild();
const hand = await listen(control({ keys, traffic, rebuild }));

process.on('SIGTERM', () => process.exit(0));
// A pipe closes when the process that holds it dies, however it dies. Anything else says nothing.
if (fstatSync(0).isFIFO()) process.stdin.on('end', () => process.exit(0)).resume();
process.stdout.write(`${JSON.stringify({ issuer, control: hand })}\n`);

async function listen(handler) {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${server.address().port}`;
}
