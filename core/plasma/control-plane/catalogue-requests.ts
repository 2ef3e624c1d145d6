import { type Decision, decidedAtOnce, type MutationOf, refusedWith } from './decision.ts';
import { type Memory } from './memory.ts';
import { ownKey } from './rows.ts';
import { exceeded, nothingUsed, sum } from './usage.ts';
import { wrongDigest, wrongOwnName, wrongSize } from './validation.ts';
import { vmNamed } from './vm-requests.ts';

/** Decides what users want of images, shared disks and quotas: rows of the catalogue. */
export function decideOnCatalogue(
  memory: Memory,
  request: MutationOf<'imageAdd' | 'imageRemove' | 'sharedDiskCreate' | 'sharedDiskDelete' | 'quotaSet'>,
): Decision {
  switch (request.kind) {
    case 'imageAdd':
      return addImage(memory, request);
    case 'imageRemove':
      return removeImage(memory, request);
    case 'sharedDiskCreate':
      return createDisk(memory, request);
    case 'sharedDiskDelete':
      return deleteDisk(memory, request);
    case 'quotaSet':
      return setQuota(memory, request);
  }
}

function addImage(memory: Memory, request: MutationOf<'imageAdd'>): Decision {
  const { project, name, digest, format, fileBytes, virtualBytes } = request;
  const wrong =
    wrongOwnName('image', name) ??
    wrongDigest(digest) ??
    wrongSize('the file', fileBytes) ??
    wrongSize('the image', virtualBytes);
  if (wrong !== undefined) return refusedWith('INVALID', wrong);
  if (memory.working.images.has(ownKey(project, name))) {
    return refusedWith('ALREADY_EXISTS', `there is an image ${name} in ${project}`);
  }
  const would = sum(memory.usage.of(project), { ...nothingUsed, imageBytes: fileBytes });
  const over = exceeded(memory.working.quotas.get(project)?.quota, would);
  if (over !== undefined) return refusedWith('QUOTA_EXCEEDED', over);
  memory.put('images', { project, name, digest, format, fileBytes, virtualBytes });
  return decidedAtOnce;
}

function removeImage(memory: Memory, { project, name }: MutationOf<'imageRemove'>): Decision {
  const image = memory.working.images.get(ownKey(project, name));
  if (image === undefined) return refusedWith('NOT_FOUND', `there is no image ${name} in ${project}`);
  const uses = memory.working.vmsOfProject(project);
  const user = uses.find(({ spec }) => spec.disks.some((disk) => disk.image === image.digest));
  if (user !== undefined) {
    return refusedWith('FAILED_PRECONDITION', `the image ${name} is used by ${user.spec.name}`);
  }
  memory.remove('images', ownKey(project, name));
  return decidedAtOnce;
}

const sectorBytes = 512;

function createDisk(memory: Memory, request: MutationOf<'sharedDiskCreate'>): Decision {
  const { project, disk: name, sizeBytes } = request;
  const wrong = wrongOwnName('shared disk', name) ?? wrongSize(`the shared disk ${name}`, sizeBytes);
  if (wrong !== undefined) return refusedWith('INVALID', wrong);
  // What storage nodes refuse would be found out only when somebody is to run on it.
  if (sizeBytes % sectorBytes !== 0) {
    return refusedWith(
      'INVALID',
      `the size of the shared disk ${name} is ${sizeBytes}, and must be a multiple of ${sectorBytes}`,
    );
  }
  if (memory.working.disks.has(ownKey(project, name))) {
    return refusedWith('ALREADY_EXISTS', `there is a shared disk ${name} in ${project}`);
  }
  const would = sum(memory.usage.of(project), { ...nothingUsed, diskBytes: sizeBytes });
  const over = exceeded(memory.working.quotas.get(project)?.quota, would);
  if (over !== undefined) return refusedWith('QUOTA_EXCEEDED', over);
  const onStorage = newStorageName(memory, project, name);
  memory.put('disks', { project, name, onStorage, sizeBytes, fenceToken: 0 });
  return decidedAtOnce;
}

/**
 * A name that no disk has ever had on the storage node: whoever still holds a token of one that was deleted, or asks for it
 * late, reaches that one or nothing.
 */
function newStorageName(memory: Memory, project: string, name: string): string {
  const { disks, deletedDisks } = memory.working;
  const { revision } = memory.batch;
  for (let turn = 0; ; turn += 1) {
    // More than one of a name in one commit, or an older disk that has such a name of its own.
    const candidate = turn === 0 ? `${name}.${revision}` : `${name}.${revision}-${turn}`;
    const key = ownKey(project, candidate);
    if (!deletedDisks.has(key) && disks.get(key)?.onStorage !== candidate) return candidate;
  }
}

/** The disk is gone with this commit; its data when the storage node, asked after it, has said so. */
function deleteDisk(memory: Memory, request: MutationOf<'sharedDiskDelete'>): Decision {
  const { project, disk: name, operationId: operation } = request;
  const disk = memory.working.disks.get(ownKey(project, name));
  if (disk === undefined) return refusedWith('NOT_FOUND', `there is no shared disk ${name} in ${project}`);
  const user = memory.working.vmOfDisk(project, name);
  if (user !== undefined) {
    return refusedWith('FAILED_PRECONDITION', `the shared disk ${name} belongs to ${vmNamed(memory, user)}`);
  }
  const { onStorage, sizeBytes } = disk;
  const fenceToken = disk.fenceToken + 1;
  memory.remove('disks', ownKey(project, name));
  memory.put('deletedDisks', { project, name, onStorage, sizeBytes, fenceToken, operation });
  return { kind: 'decided', vm: undefined, awaits: 'end' };
}

function setQuota(memory: Memory, { project, quota }: MutationOf<'quotaSet'>): Decision {
  const { vmsMax, cpusMax, memoryBytesMax, diskBytesMax, imageBytesMax } = quota;
  for (const bound of [vmsMax, cpusMax, memoryBytesMax, diskBytesMax, imageBytesMax]) {
    if (bound !== undefined && (!Number.isSafeInteger(bound) || bound < 0)) {
      return refusedWith('INVALID', `a bound of the quota is ${bound}, and must be a whole number from 0`);
    }
  }
  // What is used already would be above it from the first moment.
  const over = exceeded(quota, memory.usage.of(project));
  if (over !== undefined) return refusedWith('FAILED_PRECONDITION', `more is used already: ${over}`);
  memory.put('quotas', { project, quota });
  return decidedAtOnce;
}
