import { type SystemKind } from '../systems.ts';
import { type MachineNoise } from './yardstick.ts';

export type SystemName = SystemKind['name'];

/** One figure of one system. */
export interface Figure {
  readonly what: string;
  readonly unit: 'MB' | 's' | 'ms' | 'a second' | 'leases' | 'cores' | 'calls';
  readonly value: number;
  /** What is to be reached by ours, where something is. */
  readonly atMost?: number;
  readonly atLeast?: number;
  /** Of a delay: what the machine itself did in the same seconds. */
  readonly noise?: MachineNoise;
}

export interface PartResults {
  readonly part: string;
  readonly system: SystemName;
  readonly seconds: number;
  readonly figures: readonly Figure[];
}

/** A delay above its bound says nothing where the machine alone has delayed others by half of that. */
const noiseShare = 0.5;

export type Verdict = 'met' | 'missed' | 'noise' | '';

export function verdictOf({ value, atMost, atLeast, noise }: Figure): Verdict {
  if (atMost === undefined && atLeast === undefined) return '';
  if (value <= (atMost ?? Infinity) && value >= (atLeast ?? -Infinity)) return 'met';
  const worstMs = Math.max(noise?.idle.worstMs ?? 0, noise?.disk.worstMs ?? 0);
  return atMost !== undefined && worstMs >= atMost * noiseShare ? 'noise' : 'missed';
}

/** A row a figure, ours beside etcd's, as Markdown. */
export function figureTable(results: readonly PartResults[]): string {
  const head = ['', 'wanted', 'ours', 'etcd', 'ratio', 'idle loop / disk, worst ms', ''];
  const rows: string[][] = [];
  for (const part of new Set(results.map((each) => each.part))) {
    const of = (name: SystemName): readonly Figure[] =>
      results.find((each) => each.part === part && each.system === name)?.figures ?? [];
    const ours = of('photon');
    const theirs = of('etcd');
    for (const what of new Set([...ours, ...theirs].map((figure) => figure.what))) {
      const our = ours.find((figure) => figure.what === what);
      const their = theirs.find((figure) => figure.what === what);
      rows.push(rowOf(`${part}: ${what}`, our, their));
    }
  }
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, at) => (at === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

function rowOf(what: string, our: Figure | undefined, their: Figure | undefined): string[] {
  const figure = our ?? their;
  const ratio =
    our === undefined || their === undefined || their.value === 0
      ? '–'
      : (our.value / their.value).toFixed(2);
  const noise = our?.noise;
  return [
    `${what}${figure === undefined ? '' : `, ${figure.unit}`}`,
    wantedOf(figure),
    numberText(our?.value),
    numberText(their?.value),
    ratio,
    noise === undefined ? '' : `${numberText(noise.idle.worstMs)} / ${numberText(noise.disk.worstMs)}`,
    our === undefined ? '' : verdictOf(our),
  ];
}

function wantedOf(figure: Figure | undefined): string {
  if (figure?.atMost !== undefined) return `≤ ${figure.atMost}`;
  return figure?.atLeast === undefined ? '' : `≥ ${figure.atLeast}`;
}

function numberText(value: number | undefined): string {
  if (value === undefined) return '–';
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
