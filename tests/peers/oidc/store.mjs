// Where the provider keeps tokens: a map that outlives the provider itself, so that an opaque token
// stays good when the keys are rotated. Ended with the process, hence without a bound.

export function createStore() {
  const rows = new Map();
  return (model) => new Rows(rows, model);
}

/** The rows of one of the provider's models. Sessions and grants of users are never made here. */
class Rows {
  constructor(rows, model) {
    this.rows = rows;
    this.model = model;
  }

  #name(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    this.rows.set(this.#name(id), payload);
  }

  async find(id) {
    return this.rows.get(this.#name(id));
  }

  async destroy(id) {
    this.rows.delete(this.#name(id));
  }
}
