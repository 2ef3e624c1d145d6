import { type Resources } from '../types.ts';

/** One number for each resource and slot, apart by resource: a search reads one after the other. */
export class ResourceColumns {
  cpuMilli: Float64Array;
  memoryBytes: Float64Array;
  diskBytes: Float64Array;

  constructor(slots: number) {
    this.cpuMilli = new Float64Array(slots);
    this.memoryBytes = new Float64Array(slots);
    this.diskBytes = new Float64Array(slots);
  }

  at(slot: number): Resources {
    return {
      cpuMilli: this.cpuMilli[slot] as number,
      memoryBytes: this.memoryBytes[slot] as number,
      diskBytes: this.diskBytes[slot] as number,
    };
  }

  set(slot: number, { cpuMilli, memoryBytes, diskBytes }: Resources): void {
    this.cpuMilli[slot] = cpuMilli;
    this.memoryBytes[slot] = memoryBytes;
    this.diskBytes[slot] = diskBytes;
  }

  grown(slots: number): ResourceColumns {
    const grown = new ResourceColumns(slots);
    grown.cpuMilli.set(this.cpuMilli);
    grown.memoryBytes.set(this.memoryBytes);
    grown.diskBytes.set(this.diskBytes);
    return grown;
  }
}
