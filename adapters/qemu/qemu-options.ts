import { type NodeImages } from './node-images.ts';

export type Accelerator = 'kvm' | 'tcg';

export interface QemuOptions {
  /** The agent's own directory: `vms/` in it belongs to this port. */
  readonly dataDir: string;
  readonly images: NodeImages;
  /** One that was seen to run a guest (`probeAccelerators`). */
  readonly accelerator: Accelerator;
  /**
   * An address of this node at which virtual machines wait for their state from other nodes, on a port that the system chooses.
   * Whoever reaches it can hand in a state: it belongs to a network of the nodes alone.
   */
  readonly migrationHost: string;
  /** Default `qemu-system-x86_64`, and `qemu-img` beside it. */
  readonly program?: string;
  readonly imageProgram?: string;
  /** How often a virtual machine is asked whether it answers. Default 2,000. */
  readonly pingEveryMs?: number;
  /** Within which QEMU answers; silent longer is `unresponsive`. Default 5,000. */
  readonly answerWithinMs?: number;
  /** What is kept of a console, twice this at most for a moment. Default 1 MiB. */
  readonly consoleBytesMax?: number;
}
