// The tests' hand on the provider, on a port of its own. README.md lists the requests.

import { json } from 'node:stream/consumers';

export function control({ keys, traffic, rebuild }) {
  const actions = {
    'GET /counts': () => traffic.counts,
    'GET /keys': () => keys.describe(),
    'POST /rotate': async () => { await keys.rotate(); rebuild(); return keys.describe(); },
    'POST /withdraw': () => { keys.withdraw(); rebuild(); return keys.describe(); },
    'POST /fault': async (request) => { traffic.fault(await json(request)); return {}; },
    'POST /hold': async (request) => { traffic.hold(await json(request)); return {}; },
    'POST /heal': () => { traffic.heal(); return {}; },
  };
  return async (request, response) => {
    const action = actions[`${request.method} ${request.url}`];
    try {
      const [status, answer] = action ? [200, await action(request)] : [404, { known: Object.keys(actions) }];
      reply(response, status, answer);
    } catch (error) {
      reply(response, 400, { error: error.message });
    }
  };
}

function reply(response, status, answer) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}
