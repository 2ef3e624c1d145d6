import { unreachable } from '../../base/assert.ts';
import { type StorageRefusalCode, type StorageRequest, type StorageResponse } from '../storage-protocol.ts';
import { type FenceToken, type VmId } from '../types.ts';
import { type DiskRow, exportsMax, isDiskName, isFenceToken, isVmId, newRow, writerOf } from './disk-row.ts';
import { type DiskExportsSettings, type StorageAct } from './exports-protocol.ts';

/** An act that has no number yet. */
export type PlannedAct = StorageAct extends infer Act
  ? Act extends unknown
    ? Omit<Act, 'actId'>
    : never
  : never;

export type DiskStep =
  /** The row is so from now on, undefined: gone. What follows waits until that is durable. */
  | { readonly kind: 'write'; readonly row: DiskRow | undefined }
  /** It is gone, and no disk is made under its name any more. */
  | { readonly kind: 'bury' }
  | { readonly kind: 'act'; readonly act: PlannedAct };

/** What is to be done for a request, one step after the other, and what is answered at its end. */
export interface DiskPlan {
  readonly kind: 'plan';
  readonly steps: readonly DiskStep[];
  /** `uri`: the one that the act `open` has brought. */
  readonly answer: StorageResponse | 'uri';
  /** What is taken back when an act fails; nothing, where to be asked again is as good. */
  readonly undo: readonly DiskStep[];
}

export type DiskVerdict = DiskPlan | Extract<StorageResponse, { readonly kind: 'refused' }>;

/** What is wrong with a request whatever there is. */
export function refusesShape(
  request: StorageRequest,
  settings: DiskExportsSettings,
): Extract<StorageResponse, { readonly kind: 'refused' }> | undefined {
  if (!isDiskName(request.disk)) {
    return refuse(
      'INVALID',
      `the disk's name ${JSON.stringify(request.disk.slice(0, 200))} must be one or two parts, apart by "/", of [A-Za-z0-9][A-Za-z0-9._-]*, of at most 63 and 160 characters`,
    );
  }
  if (request.kind === 'createDisk') {
    const { sizeBytes } = request;
    const { diskBytesMax } = settings;
    if (Number.isSafeInteger(sizeBytes) && sizeBytes > 0 && sizeBytes % sectorBytes === 0) {
      if (sizeBytes <= diskBytesMax) return undefined;
    }
    return refuse(
      'INVALID',
      `a disk of ${sizeBytes} bytes: it must be a multiple of ${sectorBytes}, at least ${sectorBytes} and at most ${diskBytesMax}`,
    );
  }
  if (request.vm !== undefined && !isVmId(request.vm))
    return refuse('INVALID', `${JSON.stringify(request.vm.slice(0, 200))} is not vm- and 32 hex digits`);
  if (!isFenceToken(request.fenceToken) && !(request.kind === 'deleteDisk' && request.vm === undefined))
    return refuse('INVALID', `the fencing token ${request.fenceToken} must be a whole number from 1`);
  return undefined;
}

/** Decides on a request while nothing else is under way for its disk. */
export function planRequest(
  request: StorageRequest,
  row: DiskRow | undefined,
  past: { readonly deleted: boolean },
): DiskVerdict {
  // Who asks so late has not heard of it; a disk that nobody knows of would be left over.
  if (request.kind === 'createDisk' && past.deleted)
    return refuse('NOT_FOUND', `the disk ${request.disk} was deleted, and its name is not used again`);
  if (request.kind === 'createDisk') return planCreate(request, row);
  if (request.kind === 'deleteDisk') return planDelete(request, row, past);
  if (row?.state !== 'there') return refuse('NOT_FOUND', `there is no disk ${request.disk}`);
  switch (request.kind) {
    case 'openExport':
      return request.activate ? planActivate(request, row) : planOpen(request, row);
    case 'fence':
      return planFence(request, row);
    case 'closeExport':
      return planClose(request, row);
    default:
      return unreachable(request);
  }
}

/** What a disk needs after a start of the storage node, so that it is as its row says. */
export function planRecovery(row: DiskRow): DiskPlan {
  switch (row.state) {
    case 'creating':
      return plan(createSteps(row), { kind: 'created' });
    case 'deleting':
      return plan(deleteSteps(row), { kind: 'deleted' });
    case 'there':
      return plan([activateStep(row), ...row.exports.map(({ fenceToken }) => openStep(row, fenceToken))], {
        kind: 'fenced',
      });
    default:
      return unreachable(row.state);
  }
}

const sectorBytes = 512;

function planCreate(
  request: Extract<StorageRequest, { readonly kind: 'createDisk' }>,
  row: DiskRow | undefined,
): DiskVerdict {
  const { disk, sizeBytes } = request;
  if (row === undefined) {
    const made = newRow(disk, sizeBytes);
    return {
      ...plan([{ kind: 'write', row: made }, ...createSteps(made)], { kind: 'created' }),
      undo: [{ kind: 'write', row: undefined }],
    };
  }
  if (row.state === 'deleting') return refuse('UNAVAILABLE', `the disk ${disk} is being deleted`);
  if (row.sizeBytes !== sizeBytes)
    return refuse('INVALID', `the disk ${disk} is there, with ${row.sizeBytes} bytes, not ${sizeBytes}`);
  return plan(row.state === 'creating' ? createSteps(row) : [], { kind: 'created' });
}

/** The fence: from here on `fenceToken` of `vm` writes, and nobody else. */
function planActivate(
  request: Extract<StorageRequest, { readonly kind: 'openExport' }>,
  row: DiskRow,
): DiskVerdict {
  const { vm, fenceToken } = request;
  if (isStale(row, vm, fenceToken)) return stale(row, fenceToken);
  const kept = row.vm === vm ? row.exports.filter((open) => open.fenceToken > fenceToken) : [];
  if (kept.length >= exportsMax) return tooMany(row);
  const exports = [...kept, { fenceToken, active: true }];
  const next: DiskRow = { ...row, vm, newest: fenceToken, exports };
  return plan(
    [
      ...changeSteps(row, next),
      activateStep(next),
      ...fencedSteps(row, fenceToken),
      openStep(next, fenceToken),
    ],
    'uri',
  );
}

/** Reads and connections only: the newest one goes on writing. */
function planOpen(
  request: Extract<StorageRequest, { readonly kind: 'openExport' }>,
  row: DiskRow,
): DiskVerdict {
  const { vm, fenceToken } = request;
  if (isStale(row, vm, fenceToken)) return stale(row, fenceToken);
  // Who takes a disk over has nothing to wait for, and what is on it is not his before.
  if (row.vm !== undefined && row.vm !== vm) return inUse(row);
  if (row.exports.some((open) => open.fenceToken === fenceToken))
    return plan([openStep(row, fenceToken)], 'uri');
  if (row.exports.length >= exportsMax) return tooMany(row);
  const next = { ...row, vm, exports: [...row.exports, { fenceToken, active: false }] };
  return plan([...changeSteps(row, next), openStep(next, fenceToken)], 'uri');
}

function planFence(request: Extract<StorageRequest, { readonly kind: 'fence' }>, row: DiskRow): DiskVerdict {
  const { vm, fenceToken } = request;
  const answer: StorageResponse = { kind: 'fenced' };
  // Nothing below the newest is written already; whether all of it has come to its end, activating again tells.
  if (isStale(row, vm, fenceToken) || fenceToken === row.newest) return plan([activateStep(row)], answer);
  const exports = row.vm === vm ? row.exports.filter((open) => open.fenceToken >= fenceToken) : [];
  const next = { ...row, vm, newest: fenceToken, exports };
  return plan([...changeSteps(row, next), activateStep(next), ...fencedSteps(row, fenceToken)], answer);
}

function planClose(
  request: Extract<StorageRequest, { readonly kind: 'closeExport' }>,
  row: DiskRow,
): DiskVerdict {
  const { disk, vm, fenceToken } = request;
  const closing = row.vm === vm ? row.exports.find((open) => open.fenceToken === fenceToken) : undefined;
  const close: DiskStep = {
    kind: 'act',
    act: { kind: 'close', disk, holder: { vm, fenceToken }, connections: 'end' },
  };
  if (closing === undefined) return plan([close], { kind: 'closed' });
  const next = { ...row, exports: row.exports.filter((open) => open !== closing) };
  const stop = closing.active ? [activateStep(next)] : [];
  return plan([...changeSteps(row, next), ...stop, close], { kind: 'closed' });
}

function planDelete(
  request: Extract<StorageRequest, { readonly kind: 'deleteDisk' }>,
  row: DiskRow | undefined,
  past: { readonly deleted: boolean },
): DiskVerdict {
  if (row === undefined) return plan(past.deleted ? [] : [{ kind: 'bury' }], { kind: 'deleted' });
  if (row.vm !== undefined) {
    // A token that nobody has had yet: whoever gives them out says that it belongs to nobody any more.
    const isAboveAll = !isStale(row, '', request.fenceToken);
    if (request.vm !== row.vm && (request.vm !== undefined || !isAboveAll)) return inUse(row);
    if (request.fenceToken < row.newest) return stale(row, request.fenceToken);
  }
  const next: DiskRow = { ...row, state: 'deleting', exports: [] };
  return plan([...changeSteps(row, next), ...deleteSteps(next)], { kind: 'deleted' });
}

/**
 * Whether this holder may not come any more. Tokens of a disk rise from owner to owner, too: who takes it over comes above all
 * that came before, those included that have only been opened.
 */
function isStale(row: DiskRow, vm: VmId, fenceToken: FenceToken): boolean {
  if (row.vm === undefined || row.vm === vm) return fenceToken < row.newest;
  return fenceToken <= row.newest || row.exports.some((open) => fenceToken <= open.fenceToken);
}

function stale(row: DiskRow, fenceToken: FenceToken): Extract<StorageResponse, { readonly kind: 'refused' }> {
  return refuse(
    'STALE_TOKEN',
    `token ${fenceToken} of the disk ${row.disk} is stale, the newest is ${row.newest} of ${row.vm ?? 'nobody'}`,
    row.newest,
  );
}

function inUse(row: DiskRow): DiskVerdict {
  return refuse('IN_USE', `the disk ${row.disk} belongs to ${row.vm ?? 'nobody'}, at token ${row.newest}`);
}

function tooMany(row: DiskRow): DiskVerdict {
  return refuse('UNAVAILABLE', `${exportsMax} exports of the disk ${row.disk} are open, which is the most`);
}

function createSteps(row: DiskRow): readonly DiskStep[] {
  const { disk, sizeBytes } = row;
  return [
    { kind: 'act', act: { kind: 'create', disk, sizeBytes } },
    { kind: 'write', row: { ...row, state: 'there' } },
  ];
}

function deleteSteps(row: DiskRow): readonly DiskStep[] {
  return [activateStep(row), { kind: 'act', act: { kind: 'delete', disk: row.disk } }, { kind: 'bury' }];
}

/** Nothing is written where nothing changes: a request that is asked again costs no sync. */
function changeSteps(row: DiskRow, next: DiskRow): readonly DiskStep[] {
  return JSON.stringify(row) === JSON.stringify(next) ? [] : [{ kind: 'write', row: next }];
}

function activateStep(row: DiskRow): DiskStep {
  return { kind: 'act', act: { kind: 'activate', disk: row.disk, writer: writerOf(row) } };
}

function openStep(row: DiskRow, fenceToken: FenceToken): DiskStep {
  const { disk, sizeBytes, vm } = row;
  return { kind: 'act', act: { kind: 'open', disk, sizeBytes, holder: { vm: vm ?? '', fenceToken } } };
}

/** Those that were open below `fenceToken` get no new connections; what the old ones ask is refused, so that they learn it. */
function fencedSteps(row: DiskRow, fenceToken: FenceToken): readonly DiskStep[] {
  const { disk, vm } = row;
  if (vm === undefined) return [];
  return row.exports
    .filter((open) => open.fenceToken < fenceToken)
    .map((open) => ({
      kind: 'act',
      act: { kind: 'close', disk, holder: { vm, fenceToken: open.fenceToken }, connections: 'refuse' },
    }));
}

function plan(steps: readonly DiskStep[], answer: StorageResponse | 'uri'): DiskPlan {
  return { kind: 'plan', steps, answer, undo: [] };
}

function refuse(
  code: StorageRefusalCode,
  message: string,
  newest?: FenceToken,
): Extract<StorageResponse, { readonly kind: 'refused' }> {
  return { kind: 'refused', code, message, newest };
}
