import { type PlasmaMutation, type PlasmaResponse } from '../../core/plasma/api.ts';

/** What a user wanted under one operation id, and every answer that he got: it may be asked many times. */
export interface AskedOperation {
  readonly user: number;
  readonly request: PlasmaMutation;
  readonly beganUs: number;
  readonly answers: { readonly atUs: number; readonly response: PlasmaResponse }[];
  /** It is asked until it is answered with something that is final. */
  over: boolean;
}

/** What users have asked and were told. */
export class PlasmaHistory {
  readonly operations: AskedOperation[] = [];
  /** Operations that were asked again after they were answered, and answered again. */
  repeated = 0;

  begin(user: number, request: PlasmaMutation, nowUs: number): AskedOperation {
    const asked: AskedOperation = { user, request, beganUs: nowUs, answers: [], over: false };
    this.operations.push(asked);
    return asked;
  }

  get committed(): number {
    return this.operations.filter(isCommitted).length;
  }
}

export function isCommitted({ answers }: AskedOperation): boolean {
  return answers.some(({ response }) => response.kind === 'committed');
}
