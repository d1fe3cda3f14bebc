// What stands before the provider: counts requests per path, and fails them or holds them back when
// told to.

export class Traffic {
  #counts = {};
  #faults = new Map();
  #healed = Promise.withResolvers();

  get counts() {
    return this.#counts;
  }

  /** From now on requests for this path are answered so. */
  fault({ path, status, headers = {}, body = '' }) {
    this.#faults.set(path, (response) => response.writeHead(status, headers).end(body));
  }

  /** From now on requests for this path wait until all is healed. */
  hold({ path }) {
    const { promise } = this.#healed;
    this.#faults.set(path, (response, goOn) => promise.then(goOn));
  }

  heal() {
    this.#faults.clear();
    this.#healed.resolve();
    this.#healed = Promise.withResolvers();
  }

  /** Hands the request on, or answers in the provider's place. */
  pass(request, response, provider) {
    const { pathname } = new URL(request.url, 'http://any');
    this.#counts[pathname] = (this.#counts[pathname] ?? 0) + 1;
    const goOn = () => provider(request, response);
    const fault = this.#faults.get(pathname);
    if (fault) fault(response, goOn);
    else goOn();
  }
}
