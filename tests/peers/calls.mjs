// Runs a script of calls against an official client, and prints what each came to.
//
// What goes in and what comes out is described in README.md. Each driver says only how its client is
// made, which of its errors' fields matter, and how to call what is not a plain method.

import { text } from 'node:stream/consumers';

/** Runs the script on standard input; one line of JSON per call on standard output. */
export async function runCalls({ create, special = {}, errorFields }) {
  const { options = {}, calls } = JSON.parse(await text(process.stdin));
  const client = create(options);
  const results = [];
  for (const { call, args = [] } of calls) {
    const run = special[call] ?? ((target, ...given) => method(target, call)(...given));
    const line = await outcome(call, errorFields, () => run(client, ...resolve(args, results)));
    results.push(line);
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

async function outcome(call, errorFields, run) {
  try {
    return { call, ok: true, value: plain(await run()) };
  } catch (error) {
    return { call, ok: false, error: { ...common(error), ...pick(error, errorFields) } };
  }
}

/** `apiKeys.verify` of a client, bound to the object that has it. */
function method(client, path) {
  const names = path.split('.');
  const last = names.pop();
  const owner = names.reduce((object, name) => object?.[name], client);
  if (typeof owner?.[last] !== 'function') throw new TypeError(`the client has no ${path}`);
  return owner[last].bind(owner);
}

/** Replaces `{"$": "0.value.secret"}` by what the first call answered there. */
function resolve(given, results) {
  if (Array.isArray(given)) return given.map((each) => resolve(each, results));
  if (given === null || typeof given !== 'object') return given;
  if (typeof given.$ === 'string') return reach(given.$, results);
  return Object.fromEntries(Object.entries(given).map(([name, each]) => [name, resolve(each, results)]));
}

function reach(path, results) {
  const found = path.split('.').reduce((object, name) => object?.[name], results);
  if (found === undefined) throw new TypeError(`no earlier call answered ${path}`);
  return found;
}

/** A value as JSON has it: class instances become what they hold, without what is private by name. */
function plain(value) {
  const text = JSON.stringify(value, (name, each) => (name.startsWith('_') ? undefined : each));
  return text === undefined ? null : JSON.parse(text);
}

function common(error) {
  const { name, message, cause } = error;
  return { type: error.constructor.name, name, message, cause: cause && String(cause) };
}

function pick(error, fields) {
  const known = fields.filter((field) => error[field] !== undefined);
  return Object.fromEntries(known.map((field) => [field, plain(error[field])]));
}
