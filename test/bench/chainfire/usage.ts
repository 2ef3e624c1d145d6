import { readFileSync } from 'node:fs';

/** `sysconf(_SC_CLK_TCK)`, which Linux has fixed at 100 for programs. */
const ticksPerSecond = 100;

/** Memory of a process in bytes: pages of its own, and pages of files that it has mapped (which the system can take back). */
export interface Memory {
  readonly rssAnonBytes: number;
  readonly rssFileBytes: number;
}

/** CPU time of a process and all its threads since its start, in µs; to 10 ms. */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name before it may hold spaces, but ends in the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return (ticks * 1_000_000) / ticksPerSecond;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  return { rssAnonBytes: kib('RssAnon') * 1_024, rssFileBytes: kib('RssFile') * 1_024 };
}

/** The machine, for whoever compares figures. */
export function describeMachine(): string {
  const cpus = readFileSync('/proc/cpuinfo', 'latin1');
  const model = /^model name\s*:\s*(.+)$/m.exec(cpus)?.[1] ?? 'unknown processor';
  const count = cpus.match(/^processor\s*:/gm)?.length ?? 0;
  const memoryKib = Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1] ?? 0);
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'latin1').trim();
  return `${count} × ${model}, ${Math.round(memoryKib / 1_048_576)} GiB, Linux ${kernel}, Node ${process.version}`;
}

/** How much of the machine others use, in cores: what spoils a measurement. */
export function busyCores(overMs: number): Promise<number> {
  const busy = (): number => {
    const fields =
      /^cpu +(.+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]?.split(' ').map(Number) ?? [];
    const all = fields.slice(0, 8).reduce((sum, value) => sum + value, 0);
    return all - (fields[3] ?? 0) - (fields[4] ?? 0);
  };
  const before = busy();
  return new Promise((resolve) => {
    setTimeout(() => resolve((busy() - before) / ticksPerSecond / (overMs / 1_000)), overMs);
  });
}
