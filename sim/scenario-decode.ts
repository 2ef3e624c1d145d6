import { type NodeId } from '../core/base/ids.ts';
import { defaultMemberConfig } from '../core/chainfire/settings.ts';
import { type BackupPlan, type RestorePlan } from './backup/plan.ts';
import { checkerNames } from './checkers/registry.ts';
import {
  boolean,
  type Decode,
  DecodeError,
  integer,
  listOf,
  number,
  object,
  oneOf,
  orUndefined,
  plainObject,
  recordOf,
  text,
  wrong,
} from './decode.ts';
import { faultKinds, faultShapes, fieldsOf, type FieldShape } from './fault-shapes.ts';
import { type Fault, type FaultKind } from './fault.ts';
import {
  type ClusterPlan,
  type Floors,
  type Scenario,
  type WorkloadOperation,
  type WorkloadPlan,
} from './types.ts';

/** More members than any cluster has, and what a file cannot ask a machine for by mistake. */
export const membersMax = 15;
const clientsMax = 10_000;
const durationUsMax = 100 * 3_600_000_000;

const nonNegative = integer(0);
const positive = integer(1);
const node = integer(1, membersMax) as unknown as Decode<NodeId>;

/** A fault of any kind, with the fields that its kind has. @throws DecodeError */
export function decodeFault(value: unknown, path: string): Fault {
  const given = plainObject(value, path);
  const kind = oneOf(faultKinds)(given['kind'], `${path}.kind`);
  const fields = fieldsOf(kind);
  const decoders: Record<string, Decode<unknown>> = { kind: text };
  for (const [field, shape] of fields) decoders[field] = decodeField(shape);
  const optional = fields.filter(([, shape]) => shape.optional === true).map(([field]) => field);
  return object<Record<string, unknown>>(decoders, { optional })(value, path) as unknown as Fault;
}

function decodeField(shape: FieldShape): Decode<unknown> {
  const decode = decodeShape(shape);
  return shape.optional === true ? orUndefined(decode) : decode;
}

function decodeShape(shape: FieldShape): Decode<unknown> {
  switch (shape.kind) {
    case 'time':
      return nonNegative;
    case 'length':
      return integer(shape.leastUs ?? 0);
    case 'node':
      return node;
    case 'nodes':
      return listOf(node, { least: 1, most: membersMax });
    case 'twoNodes':
      return listOf(node, { least: 2, most: 2 });
    case 'clients':
      return listOf(nonNegative, { least: 1, most: clientsMax });
    case 'ppm':
      return integer(shape.least, 1_000_000);
    case 'count':
      return integer(shape.least);
    case 'word':
      return oneOf(shape.words);
  }
}

/**
 * Settings that differ from the defaults. Which there are, and of what type, the defaults say; a setting that may be
 * undefined is allowed what the type says, since a default of undefined says nothing.
 */
function decodeConfig(value: unknown, path: string): ClusterPlan['config'] {
  return decodeLike(defaultMemberConfig, value, path, 'some') as ClusterPlan['config'];
}

function decodeLike(model: object, value: unknown, path: string, fields: 'some' | 'all'): object {
  const models = new Map<string, unknown>(Object.entries(model));
  const given = plainObject(value, path);
  if (fields === 'all') {
    for (const [field, held] of models) {
      if (held !== undefined && !Object.hasOwn(given, field))
        throw new DecodeError(`${path}.${field} is missing`);
    }
  }
  return Object.fromEntries(
    Object.entries(given).map(([field, held]) => {
      const own = `${path}.${field}`;
      if (!models.has(field)) {
        throw new DecodeError(`${own} is not known; allowed: ${[...models.keys()].join(', ')}`);
      }
      return [field, decodeSetting(models.get(field), held, own)];
    }),
  );
}

function decodeSetting(model: unknown, value: unknown, path: string): unknown {
  if (model === undefined) return value === null ? undefined : recordOf(number)(value, path);
  if (value === null) return undefined;
  if (typeof model === 'number') return number(value, path);
  if (typeof model === 'boolean') return boolean(value, path);
  if (typeof model === 'string') return text(value, path);
  if (typeof model === 'object' && model !== null && !Array.isArray(model)) {
    return decodeLike(model, value, path, 'all');
  }
  throw wrong(path, 'a setting that files can hold', value);
}

const decodeCluster = object<ClusterPlan>(
  {
    members: integer(1, membersMax),
    spares: orUndefined(integer(0, membersMax)),
    config: decodeConfig,
    throughCodec: boolean,
  },
  { optional: ['spares'] },
);

const operations: { readonly [Operation in WorkloadOperation]: Decode<number> } = {
  put: nonNegative,
  get: nonNegative,
  serializableGet: nonNegative,
  delete: nonNegative,
  compareAndSwap: nonNegative,
  txn: nonNegative,
  range: nonNegative,
  historicRange: nonNegative,
  historicTxn: nonNegative,
  compact: nonNegative,
  lease: nonNegative,
  watch: nonNegative,
  lock: nonNegative,
  upkeep: nonNegative,
  auth: nonNegative,
  namespace: nonNegative,
};

const decodeWorkload = object<WorkloadPlan>(
  {
    clients: integer(0, clientsMax),
    keys: positive,
    thinkUsMin: nonNegative,
    thinkUsMax: nonNegative,
    callTimeoutUs: positive,
    clientLifeUsMax: orUndefined(positive),
    valueBytesMax: orUndefined(positive),
    mix: object<WorkloadPlan['mix']>(operations as never, {
      optional: Object.keys(operations) as WorkloadOperation[],
    }),
  },
  { optional: ['clientLifeUsMax', 'valueBytesMax'] },
);

function decodeFloors(value: unknown, path: string): Floors {
  const { fired, ...counts } = plainObject(value, path);
  const decoded = recordOf(nonNegative)(counts, path);
  if (fired === undefined) return decoded;
  for (const kind of Object.keys(plainObject(fired, `${path}.fired`))) {
    if (!Object.hasOwn(faultShapes, kind)) {
      throw new DecodeError(`${path}.fired.${kind} is not known; allowed: ${faultKinds.join(', ')}`);
    }
  }
  return { ...decoded, fired: recordOf(nonNegative)(fired, `${path}.fired`) as Record<FaultKind, number> };
}

const revisionBumpMax = 100_000;

const decodeRestore = object<RestorePlan>({
  atUs: nonNegative,
  members: integer(1, membersMax),
  revisions: object<RestorePlan['revisions']>({
    bump: integer(0, revisionBumpMax),
    markCompacted: boolean,
  }),
  faults: listOf(decodeFault),
  durationUs: integer(1, durationUsMax),
});

const decodeBackups = object<BackupPlan>(
  {
    takers: integer(1, 8),
    everyUs: positive,
    chunkRowsMax: positive,
    chunkUsMax: nonNegative,
    restore: orUndefined(decodeRestore),
  },
  { optional: ['restore'] },
);

/** A whole plan, as `readableJson` wrote it. @throws DecodeError */
export const decodeScenario: Decode<Scenario> = object<Scenario>(
  {
    name: text,
    about: text,
    cluster: decodeCluster,
    workload: decodeWorkload,
    faults: listOf(decodeFault),
    backups: orUndefined(decodeBackups),
    checks: (value, path) =>
      value === 'all' ? 'all' : listOf(oneOf(checkerNames), { least: 1 })(value, path),
    durationUs: integer(1, durationUsMax),
    floors: decodeFloors as Decode<Floors | undefined> as never,
  },
  { optional: ['backups', 'floors'] },
);
