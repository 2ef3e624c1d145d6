import { appendFileSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';

import { parseYaml, type Yaml } from './yaml-subset.ts';

/**
 * Stands where Firecracker would: it answers as the published description of its API says, and refuses what that does not allow:
 * paths, methods, properties, types, values, and the phase (`Pre-boot only.`, `Post-boot only.`) of each. What was asked is
 * written to `requests.log` in the directory that it was started in, what was wrong with it to `violations.log`. Its guest counts
 * on its console while it runs.
 */
const args = process.argv.slice(2);
const [id, socket] = ['--id', '--api-sock'].map((flag) => args[args.indexOf(flag) + 1]);
const api = parseYaml(readFileSync(process.env['PHOTON_FIRECRACKER_API'] ?? '', 'utf8'));
const knownFlags = new Set(['--id', '--api-sock']);
let state: 'Not started' | 'Running' | 'Paused' = 'Not started';
let bootable = false;
let tick = 0;

function at(node: Yaml | undefined, ...path: readonly string[]): Yaml | undefined {
  let found = node;
  for (const key of path) found = isMap(found) ? found[key] : undefined;
  return found;
}

function isMap(node: Yaml | undefined): node is { readonly [key: string]: Yaml } {
  return typeof node === 'object' && node !== null && !Array.isArray(node);
}

function resolved(schema: Yaml | undefined): Yaml | undefined {
  const reference = at(schema, '$ref');
  return typeof reference === 'string'
    ? at(api, 'definitions', reference.replace('#/definitions/', ''))
    : schema;
}

/** What is wrong with a value, by its schema. */
function faults(value: unknown, given: Yaml | undefined, where: string): readonly string[] {
  const schema = resolved(given);
  const allowed = at(schema, 'enum');
  if (Array.isArray(allowed) && !allowed.includes(value as string))
    return [`${where} is ${JSON.stringify(value)}`];
  const [minimum, maximum] = [at(schema, 'minimum'), at(schema, 'maximum')];
  switch (at(schema, 'type')) {
    case 'integer':
      if (!Number.isSafeInteger(value)) return [`${where} is no integer`];
      if (typeof minimum === 'number' && (value as number) < minimum) return [`${where} is below ${minimum}`];
      if (typeof maximum === 'number' && (value as number) > maximum) return [`${where} is above ${maximum}`];
      return [];
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${where} is no boolean`];
    case 'string':
      return typeof value === 'string' ? [] : [`${where} is no string`];
    case 'object': {
      if (typeof value !== 'object' || value === null) return [`${where} is no object`];
      const entries = Object.entries(value);
      const required = at(schema, 'required');
      const lacking = (Array.isArray(required) ? required : []).filter((key) => !(String(key) in value));
      return [
        ...lacking.map((key) => `${where}.${String(key)} is required`),
        ...entries.flatMap(([key, one]) => {
          const property = at(schema, 'properties', key);
          return property === undefined
            ? [`${where}.${key} is unknown`]
            : faults(one, property, `${where}.${key}`);
        }),
      ];
    }
    default:
      return [`${where} has a type that is not known here`];
  }
}

function operationOf(
  method: string,
  path: string,
): { readonly operation: Yaml; readonly id?: string } | undefined {
  for (const [template, methods] of Object.entries(at(api, 'paths') ?? {})) {
    const pattern = new RegExp(`^${template.replace(/\{[a-z_]+\}/, '([A-Za-z0-9_]+)')}$`);
    const match = pattern.exec(path);
    const operation = at(methods as Yaml, method.toLowerCase());
    if (match !== null && operation !== undefined)
      return match[1] === undefined ? { operation } : { operation, id: match[1] };
  }
  return undefined;
}

function judge(method: string, path: string, body: unknown): readonly string[] {
  const found = operationOf(method, path);
  if (found === undefined) return [`there is no ${method} ${path}`];
  const summary = String(at(found.operation, 'summary'));
  const parameters = at(found.operation, 'parameters');
  const inBody = (Array.isArray(parameters) ? parameters : []).find((one) => at(one, 'in') === 'body');
  const wrong = inBody === undefined ? [] : [...faults(body, at(inBody, 'schema'), 'body')];
  if (summary.includes('Pre-boot only') && state !== 'Not started') wrong.push('it is pre-boot only');
  if (summary.includes('Post-boot only') && state === 'Not started') wrong.push('it is post-boot only');
  if (found.id !== undefined && !Object.values(body as object).includes(found.id))
    wrong.push('the id in the path is another than that in the body');
  return wrong;
}

function carryOut(path: string, body: Record<string, unknown>): string | undefined {
  if (path === '/boot-source') bootable = true;
  if (path === '/actions' && body['action_type'] === 'InstanceStart') {
    if (!bootable || state !== 'Not started') return 'it cannot be started';
    state = 'Running';
  } else if (path === '/actions') {
    if (state !== 'Running') return 'its guest does not run';
    setTimeout(() => process.exit(0), 10);
  }
  if (path === '/vm') {
    if (state === 'Not started') return 'its guest has not started';
    state = body['state'] === 'Paused' ? 'Paused' : 'Running';
  }
  return undefined;
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of message.setEncoding('utf8')) text += String(chunk);
  return text;
}

async function answer(
  message: IncomingMessage,
): Promise<{ readonly status: number; readonly body: object | undefined }> {
  const { method = '', url = '' } = message;
  const text = await textOf(message);
  if (method === 'GET' && url === '/')
    return { status: 200, body: { app_name: 'Firecracker', id, state, vmm_version: 'published' } };
  const body = JSON.parse(text) as Record<string, unknown>;
  appendFileSync('requests.log', `${JSON.stringify({ method, path: url, body })}\n`);
  const wrong = judge(method, url, body);
  for (const one of wrong) appendFileSync('violations.log', `${method} ${url}: ${one}\n`);
  const fault = wrong[0] ?? carryOut(url, body);
  return fault === undefined
    ? { status: 204, body: undefined }
    : { status: 400, body: { fault_message: fault } };
}

for (const flag of args.filter((one) => one.startsWith('--')))
  if (!knownFlags.has(flag)) appendFileSync('violations.log', `unknown flag ${flag}\n`);
setInterval(() => {
  if (state !== 'Running') return;
  tick += 1;
  process.stdout.write(`t ${tick.toString(16).padStart(8, '0')}\r\n`);
}, 20);
createServer((message, response) => {
  void answer(message).then(({ status, body }) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  });
}).listen(socket);
