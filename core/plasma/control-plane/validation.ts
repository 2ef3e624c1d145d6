import { bytesPerMib } from '../../base/units.ts';
import { type PlasmaMutation } from '../api.ts';
import { type DiskSpec, type Labels, type Resources, type VmSpec } from '../types.ts';
import { asciiJson } from './json-shape.ts';

/** What names may look like; each text goes into refusals. */
const vmNamePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const nodeNamePattern = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;
const ownNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const operationIdPattern = /^[A-Za-z0-9._:-]{1,128}$/;
const labelPattern = /^[A-Za-z0-9._/-]{0,63}$/;
const diskNamePattern = /^[a-z0-9-]{1,32}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const macPattern = /^52:54:00(:[0-9a-f]{2}){3}$/;

const labelsMax = 64;
const disksMax = 16;
const sharedDisksMax = 8;
const nicsMax = 8;
const rulesMax = 16;
const cpusMax = 1_024;
const priorityMax = 1_000;
const memoryBytesMin = bytesPerMib;
/** As JSON, user data of cloud-init above all. */
const specBytesMax = 100_000;

/** @returns what is wrong with it and what is allowed; undefined: nothing */
export function wrongNames({ project, operationId }: PlasmaMutation): string | undefined {
  if (!vmNamePattern.test(project))
    return `the project ${quoted(project)} does not match ${vmNamePattern.source}`;
  if (!operationIdPattern.test(operationId)) {
    return `the operation id ${quoted(operationId)} does not match ${operationIdPattern.source}`;
  }
  return undefined;
}

export function wrongNodeName(name: string): string | undefined {
  return nodeNamePattern.test(name)
    ? undefined
    : `the node ${quoted(name)} does not match ${nodeNamePattern.source}`;
}

/** Of images, shared disks and snapshots. */
export function wrongOwnName(what: string, name: string): string | undefined {
  return ownNamePattern.test(name)
    ? undefined
    : `the ${what} ${quoted(name)} does not match ${ownNamePattern.source}`;
}

export function wrongDigest(digest: string): string | undefined {
  return digestPattern.test(digest)
    ? undefined
    : `the digest ${quoted(digest)} is not sha256: and 64 hex digits`;
}

export function wrongSize(what: string, bytes: number): string | undefined {
  return isCount(bytes) && bytes > 0
    ? undefined
    : `the size of ${what} is ${bytes}, and must be a whole number above 0`;
}

export function wrongLabels(what: string, labels: Labels): string | undefined {
  const entries = Object.entries(labels);
  if (entries.length > labelsMax)
    return `${what} has ${entries.length} labels, and at most ${labelsMax} are allowed`;
  for (const [name, value] of entries) {
    if (name === '' || !labelPattern.test(name) || !labelPattern.test(value)) {
      return `the label ${quoted(name)}=${quoted(value)} of ${what} does not match ${labelPattern.source}, or has no name`;
    }
  }
  return undefined;
}

export function wrongResources({ cpuMilli, memoryBytes, diskBytes }: Resources): string | undefined {
  if (isCount(cpuMilli) && isCount(memoryBytes) && isCount(diskBytes)) return undefined;
  return 'the capacity is not in whole numbers from 0';
}

export function wrongSpec(spec: VmSpec, project: string): string | undefined {
  return (
    wrongScalars(spec, project) ??
    wrongLabels('the virtual machine', spec.labels) ??
    wrongLabels('the node selector', spec.nodeSelector) ??
    wrongDisks(spec.disks) ??
    wrongNics(spec) ??
    wrongRules(spec) ??
    wrongLength(spec)
  );
}

function wrongScalars(spec: VmSpec, project: string): string | undefined {
  if (!vmNamePattern.test(spec.name))
    return `the name ${quoted(spec.name)} does not match ${vmNamePattern.source}`;
  if (spec.project !== project) {
    return `the specification is of project ${quoted(spec.project)}, the request of ${quoted(project)}`;
  }
  if (!isCount(spec.cpus) || spec.cpus < 1 || spec.cpus > cpusMax) {
    return `cpus is ${spec.cpus}, and must be from 1 to ${cpusMax}`;
  }
  if (!isCount(spec.memoryBytes) || spec.memoryBytes < memoryBytesMin) {
    return `memoryBytes is ${spec.memoryBytes}, and must be at least ${memoryBytesMin}`;
  }
  if (!isCount(spec.priority) || spec.priority > priorityMax) {
    return `priority is ${spec.priority}, and must be from 0 to ${priorityMax}`;
  }
  return undefined;
}

function wrongDisks(disks: readonly DiskSpec[]): string | undefined {
  if (disks.length > disksMax) return `${disks.length} disks are given, and at most ${disksMax} are allowed`;
  const names = new Set<string>();
  const shared = new Set<string>();
  for (const disk of disks) {
    const wrong = wrongDisk(disk);
    if (wrong !== undefined) return wrong;
    if (names.has(disk.name)) return `two disks are named ${quoted(disk.name)}`;
    names.add(disk.name);
    if (disk.sharedDisk === undefined) continue;
    if (shared.has(disk.sharedDisk)) return `the shared disk ${quoted(disk.sharedDisk)} is given twice`;
    shared.add(disk.sharedDisk);
  }
  if (shared.size > sharedDisksMax)
    return `${shared.size} shared disks are given, and at most ${sharedDisksMax} are allowed`;
  return undefined;
}

export function wrongDisk(disk: DiskSpec): string | undefined {
  const { name, kind, image, sharedDisk, sizeBytes } = disk;
  if (!diskNamePattern.test(name)) return `the disk ${quoted(name)} does not match ${diskNamePattern.source}`;
  if (kind === 'shared' && (sharedDisk === undefined || image !== undefined)) {
    return `the disk ${name} is shared: it names a shared disk, and no image`;
  }
  if (kind === 'local' && sharedDisk !== undefined)
    return `the disk ${name} is local: it names no shared disk`;
  if (image !== undefined) return wrongDigest(image) ?? wrongSize(`the disk ${name}`, sizeBytes);
  return wrongSize(`the disk ${name}`, sizeBytes);
}

function wrongNics({ nics }: VmSpec): string | undefined {
  if (nics.length > nicsMax)
    return `${nics.length} network cards are given, and at most ${nicsMax} are allowed`;
  const names = new Set<string>();
  for (const { name, kind, tap, mac } of nics) {
    if (!diskNamePattern.test(name))
      return `the network card ${quoted(name)} does not match ${diskNamePattern.source}`;
    if (names.has(name)) return `two network cards are named ${quoted(name)}`;
    names.add(name);
    if ((kind === 'tap') !== (tap !== undefined))
      return `the network card ${name} is of kind ${kind}: tap belongs to tap alone`;
    if (tap !== undefined && !/^[A-Za-z0-9._-]{1,15}$/.test(tap))
      return `the interface ${quoted(tap)} is no name of one`;
    if (!macPattern.test(mac)) return `the address ${quoted(mac)} does not match ${macPattern.source}`;
  }
  return undefined;
}

function wrongRules({ affinity }: VmSpec): string | undefined {
  if (affinity.length > rulesMax)
    return `${affinity.length} rules are given, and at most ${rulesMax} are allowed`;
  for (const { topology, matches } of affinity) {
    if (topology === '' || !labelPattern.test(topology))
      return `the topology ${quoted(topology)} is no label's name`;
    const wrong = wrongLabels('a rule', matches);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function wrongLength(spec: VmSpec): string | undefined {
  const { length } = asciiJson(spec);
  return length <= specBytesMax
    ? undefined
    : `the specification comes to ${length} bytes, and at most ${specBytesMax} are allowed`;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function quoted(value: string): string {
  return JSON.stringify(value.slice(0, 140));
}
