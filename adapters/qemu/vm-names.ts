import { type FenceToken, type VmId } from '../../core/plasma/types.ts';

const vmPattern = /^vm-([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/;

/** What stands where QEMU wants a UUID. */
export function vmUuid(vm: VmId): string {
  const digits = vmPattern.exec(vm);
  if (digits === null) throw new Error(`a virtual machine is called vm- and 32 hex digits, not ${vm}`);
  return digits.slice(1).join('-');
}

export function vmDirectoryName(vm: VmId, fenceToken: FenceToken): string {
  vmUuid(vm);
  if (!Number.isSafeInteger(fenceToken) || fenceToken < 0)
    throw new Error(`a fence token is a natural number, not ${fenceToken}`);
  return `${vm}.${fenceToken}`;
}

/** Undefined: it is not ours. */
export function parseVmDirectoryName(
  name: string,
): { readonly vm: VmId; readonly fenceToken: FenceToken } | undefined {
  const [, vm, token] = /^(vm-[0-9a-f]{32})\.(0|[1-9][0-9]*)$/.exec(name) ?? [];
  const fenceToken = Number(token);
  if (vm === undefined || !Number.isSafeInteger(fenceToken)) return undefined;
  return { vm, fenceToken };
}
