import {
  boolean,
  type Decode,
  DecodeError,
  integer,
  listOf,
  matching,
  object,
  orUndefined,
  parseJson,
  text,
} from './decode.ts';
import { fieldsOf } from './fault-shapes.ts';
import { readableJson } from './readable-json.ts';
import { type Repro, type ReproOrigin, type ReproViolation } from './repro.ts';
import { decodeFault, decodeScenario } from './scenario-decode.ts';
import { type Scenario } from './types.ts';

const seed = integer(0);
const count = integer(0);
const hash = matching(/^[0-9a-f]{16}$/, 'a hash of 16 hex digits');

const decodeViolation = object<ReproViolation>({
  invariant: text,
  site: text,
  detail: text,
  atUs: count,
});

const decodeOrigin = object<ReproOrigin>({
  scenario: text,
  seed,
  faults: listOf(decodeFault),
  durationUs: count,
  clients: count,
  events: count,
});

const decodeFields = object<Repro>(
  {
    format: ((value, path) => {
      if (value !== 1)
        throw new DecodeError(`${path}: ${String(value)} is not a format known here; that is 1`);
      return 1;
    }) as Decode<1>,
    commit: orUndefined(matching(/^[0-9a-f]{7,64}$/, 'a commit')),
    dirty: boolean,
    sources: orUndefined(matching(/^[0-9a-f]{16,64}$/, 'a fingerprint in hex')),
    mutant: orUndefined(text),
    seed,
    scenario: decodeScenario,
    violation: decodeViolation,
    hash,
    events: count,
    original: orUndefined(decodeOrigin),
  },
  { optional: ['commit', 'sources', 'mutant', 'original'] },
);

export function encodeRepro(repro: Repro): string {
  return readableJson(repro);
}

/** @throws DecodeError which names the field that is wrong */
export function decodeRepro(json: string): Repro {
  const repro = decodeFields(parseJson(json), '');
  requireKnown(repro.scenario);
  return repro;
}

/** Faults speak of members and clients that there are. */
function requireKnown({ cluster, workload, faults }: Scenario): void {
  const machines = cluster.members + (cluster.spares ?? 0);
  faults.forEach((fault, position) => {
    const held = new Map<string, unknown>(Object.entries(fault));
    for (const [field, { kind }] of fieldsOf(fault.kind)) {
      const names = [held.get(field)].flat() as readonly number[];
      const path = `scenario.faults[${position}].${field}`;
      if (kind === 'clients') {
        const unknown = names.find((name) => name >= workload.clients);
        if (unknown === undefined) continue;
        throw new DecodeError(`${path}: ${unknown} is no client; the last is ${workload.clients - 1}`);
      }
      if (kind !== 'node' && kind !== 'nodes' && kind !== 'twoNodes') continue;
      const unknown = names.find((name) => name > machines);
      if (unknown === undefined) continue;
      throw new DecodeError(`${path}: ${unknown} is no member of a cluster on ${machines} machines`);
    }
  });
}
