import { type Hypervisor, type HypervisorAct, type HypervisorReport } from '../../core/plasma/hypervisor.ts';
import { type FenceToken, type VmId } from '../../core/plasma/types.ts';
import { type QemuOptions } from './qemu-options.ts';

/**
 * The hypervisor port on QEMU. Each virtual machine is a process of its own in a session of its own, which outlives the agent;
 * everything of one under one token is below `DIR/vms/{vm}.{token}/`.
 */
export class QemuHypervisor implements Hypervisor {
  onReport: (report: HypervisorReport) => void = () => undefined;

  private constructor() {
    throw new Error('not there yet');
  }

  /** Rejects with a message for operators when QEMU or the directory cannot be used. */
  static open(_options: QemuOptions): Promise<QemuHypervisor> {
    return Promise.reject(new Error('not there yet'));
  }

  act(_act: HypervisorAct): void {
    throw new Error('not there yet');
  }

  close(): void {
    throw new Error('not there yet');
  }

  /** Where the serial console of a virtual machine is: a unix socket for one reader and writer, and what it has said lately. */
  console(_vm: VmId, _fenceToken: FenceToken): { readonly socketPath: string; readonly logPath: string } {
    throw new Error('not there yet');
  }
}
