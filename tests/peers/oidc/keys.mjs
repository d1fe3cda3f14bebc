// The signing keys: one current key per algorithm, and those that are published although they sign
// no longer. Nothing else changes what the provider signs with.

import { generateKeyPair, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';

import { ALGORITHMS } from './settings.mjs';

const generate = promisify(generateKeyPair);

const KINDS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
};

export class Keys {
  #current = [];
  #retired = [];

  static async fresh() {
    const keys = new Keys();
    await keys.rotate();
    return keys;
  }

  /** New keys sign from now on; the old ones stay published. */
  async rotate() {
    const fresh = await Promise.all(ALGORITHMS.map(key));
    this.#retired = [...this.#current, ...this.#retired];
    this.#current = fresh;
  }

  /** Only the keys that sign are published from now on. */
  withdraw() {
    this.#retired = [];
  }

  /** All that is published, private parts included. */
  get published() {
    return { keys: [...this.#current, ...this.#retired] };
  }

  /** The id of the key that signs by this algorithm. */
  signing(alg) {
    return this.#current.find((key) => key.alg === alg).kid;
  }

  /** What may be told: ids only. */
  describe() {
    const ids = (keys) => Object.fromEntries(keys.map(({ alg, kid }) => [alg, kid]));
    return { current: ids(this.#current), retired: this.#retired.map(({ kid }) => kid) };
  }
}

async function key(alg) {
  const [kind, options] = KINDS[alg];
  const { privateKey } = await generate(kind, options);
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg, use: 'sig' };
}
