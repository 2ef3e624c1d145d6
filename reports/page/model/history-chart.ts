import { describeOperation } from '../../../sim/checkers/describe-operation.ts';
import { type Operation } from '../../../sim/types.ts';
import { type ClientHistory } from '../../evidence/client-history.ts';

/** An operation in the chart of the clients' history. Places along the axis are shares of its width. */
export interface OperationBar {
  readonly position: number;
  readonly row: number;
  readonly from: number;
  readonly to: number;
  /** Nobody knows how it ended, or whether: it may have taken effect at any time after its start. */
  readonly open: boolean;
  /** Its number in the longest partial order, from 1; undefined: it has no place in it. */
  readonly place: number | undefined;
  readonly isStuck: boolean;
  readonly isNamed: boolean;
  readonly text: string;
}

export interface HistoryChart {
  readonly clients: readonly number[];
  readonly fromUs: number;
  readonly toUs: number;
  readonly bars: readonly OperationBar[];
}

/** An open end is drawn so far, as a share of the whole. */
const marginShare = 0.03;

export function historyChart(operations: readonly Operation[], history: ClientHistory): HistoryChart {
  const shown = history.shown.flatMap((position) => {
    const operation = operations[position];
    return operation === undefined ? [] : [{ position, operation }];
  });
  const clients = [...new Set(shown.map(({ operation }) => operation.client))].toSorted(
    (left, right) => left - right,
  );
  const fromUs = Math.min(...shown.map(({ operation }) => operation.startUs));
  const latestUs = Math.max(...shown.map(({ operation }) => operation.endUs ?? operation.startUs));
  const toUs = latestUs + Math.max(1, (latestUs - fromUs) * marginShare);
  const share = (timeUs: number): number => (timeUs - fromUs) / (toUs - fromUs);
  const places = new Map(
    history.order.map((position, index) => [position, history.orderedBefore + index + 1]),
  );
  const bars = shown.map(({ position, operation }) => ({
    position,
    row: clients.indexOf(operation.client),
    from: share(operation.startUs),
    to: share(operation.endUs ?? toUs),
    open: operation.endUs === undefined,
    place: places.get(position),
    isStuck: history.stuck?.operation === position,
    isNamed: history.named.includes(position),
    text: describeOperation(operation),
  }));
  return { clients, fromUs, toUs, bars };
}
