// What stands before the provider: counts requests per path, and delays or fails them when told to.

import { setTimeout as delay } from 'node:timers/promises';

export class Traffic {
  #counts = {};
  #faults = new Map();

  get counts() {
    return this.#counts;
  }

  /** From now on requests for this path wait, and are answered with the status if there is one. */
  fault({ path, delay_ms: delayMs = 0, status, headers = {}, body = '' }) {
    this.#faults.set(path, { delayMs, status, headers, body });
  }

  heal() {
    this.#faults.clear();
  }

  /** Hands the request on, or answers in the provider's place. */
  async pass(request, response, provider) {
    const { pathname } = new URL(request.url, 'http://any');
    this.#counts[pathname] = (this.#counts[pathname] ?? 0) + 1;
    const fault = this.#faults.get(pathname);
    if (fault) await delay(fault.delayMs);
    if (fault?.status) response.writeHead(fault.status, fault.headers).end(fault.body);
    else provider(request, response);
  }
}
