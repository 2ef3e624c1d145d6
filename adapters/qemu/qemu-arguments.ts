import { type DiskSpec, type NicSpec, type VmSpec } from '../../core/plasma/types.ts';
import { parseExportUri } from './export-uri.ts';
import { type NodeImage } from './node-images.ts';
import { type Accelerator } from './qemu-options.ts';
import { type VmDirectory } from './vm-directory.ts';
import { vmUuid } from './vm-names.ts';

/** Slots on the PCI bus. They are part of a guest's state: both ends of a migration give each device the same one. */
const firstNicSlot = 3;
const firstDiskSlot = 8;
const slots = 31;
export const nicsMax = firstDiskSlot - firstNicSlot;
export const disksMax = slots - firstDiskSlot;
/** A storage node that is away for less shows to the guest as slow. */
const reconnectS = 30;

export interface QemuLaunch {
  readonly directory: VmDirectory;
  readonly spec: VmSpec;
  readonly exports: Readonly<Record<string, string>>;
  /** By digest: of each that a local disk is on top of. */
  readonly images: ReadonlyMap<string, NodeImage>;
  readonly accelerator: Accelerator;
  readonly incoming: boolean;
}

/**
 * The command line. Nothing is left to QEMU's defaults that a file of the user's or the contents of a disk could change: no
 * configuration is read, no format is guessed, no backing file is followed that was not named here.
 */
export function qemuArguments(launch: QemuLaunch): readonly string[] {
  const { directory, spec, exports, images, accelerator, incoming } = launch;
  const pci = spec.nics.map((nic, at) => [...nicArguments(nic, at)]);
  const disks = spec.disks.flatMap((disk, at) => [
    '-blockdev',
    JSON.stringify(blockNode({ disk, at, directory, exports, images })),
    '-device',
    JSON.stringify({ ...diskDevice(disk, at), bootindex: at + 1 }),
  ]);
  const seed = { 'node-name': 'seed', driver: 'raw', 'read-only': true, file: fileNode(directory.seed) };
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-name', `guest=${directory.vm}`, '-uuid', vmUuid(directory.vm), '-pidfile', directory.pidFile],
    // What the other end of a migration needs to know ends with the state: there is nothing behind it that could be lost.
    ...[
      '-machine',
      `pc,accel=${accelerator},suppress-vmdesc=on`,
      '-cpu',
      accelerator === 'kvm' ? 'host' : 'max',
    ],
    ...['-smp', `${spec.cpus}`, '-m', `size=${Math.ceil(spec.memoryBytes / 1024)}k`],
    // It stands until it is told to run, and is still there for whoever asks why its guest has ended.
    ...['-S', '-action', 'reboot=reset,shutdown=pause,panic=pause'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-chardev', 'socket,id=qmp,path=qmp.sock,server=on,wait=off', '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', 'socket,id=serial,path=serial.sock,server=on,wait=off,logfile=console.log,logappend=on'],
    ...['-serial', 'chardev:serial', '-device', 'pvpanic'],
    ...disks,
    ...(spec.cloudInit === undefined
      ? []
      : ['-blockdev', JSON.stringify(seed), '-device', 'ide-cd,id=seed,drive=seed']),
    ...pci.flat(),
    ...(incoming ? ['-incoming', 'defer'] : []),
  ];
}

/** The name of the disk's node, for commands that change it. Names of nodes are too short for names of disks. */
export function diskNode(spec: VmSpec, disk: string): string {
  return `disk${spec.disks.findIndex(({ name }) => name === disk)}`;
}

export function diskDeviceId(disk: string): string {
  return `disk-${disk}`;
}

export function diskDevice(disk: DiskSpec, at: number): Readonly<Record<string, unknown>> {
  const addr = (firstDiskSlot + at).toString(16);
  return { driver: 'virtio-blk-pci', id: diskDeviceId(disk.name), drive: `disk${at}`, addr };
}

export interface BlockNodePlace {
  readonly disk: DiskSpec;
  readonly at: number;
  readonly directory: VmDirectory;
  readonly exports: Readonly<Record<string, string>>;
  readonly images: ReadonlyMap<string, NodeImage>;
}

export function blockNode(place: BlockNodePlace): Readonly<Record<string, unknown>> {
  const { disk, at, directory, exports, images } = place;
  const name = { 'node-name': `disk${at}` };
  if (disk.kind === 'shared') {
    const uri = exports[disk.name];
    if (uri === undefined) throw new Error(`nobody serves the shared disk ${disk.name}`);
    return { ...name, driver: 'nbd', ...parseExportUri(uri), 'reconnect-delay': reconnectS };
  }
  const overlay = {
    ...name,
    driver: 'qcow2',
    discard: 'unmap',
    file: fileNode(directory.overlay(disk.name)),
  };
  if (disk.image === undefined) return { ...overlay, backing: null };
  const image = images.get(disk.image);
  if (image === undefined) throw new Error(`the image ${disk.image} is not on this node`);
  const under = { driver: image.format, 'read-only': true, file: fileNode(image.path) };
  return { ...overlay, backing: image.format === 'qcow2' ? { ...under, backing: null } : under };
}

function fileNode(filename: string): Readonly<Record<string, unknown>> {
  return { driver: 'file', filename };
}

function nicArguments(nic: NicSpec, at: number): readonly string[] {
  const id = `nic${at}`;
  const backend =
    nic.kind === 'user'
      ? { type: 'user', id }
      : { type: 'tap', id, ifname: nic.tap, script: 'no', downscript: 'no' };
  const addr = (firstNicSlot + at).toString(16);
  const device = { driver: 'virtio-net-pci', id: `device-${id}`, netdev: id, mac: nic.mac, addr };
  return ['-netdev', JSON.stringify(backend), '-device', JSON.stringify(device)];
}
