import { type PlasmaMutation, type PlasmaRefusal, type PlasmaRefusalCode } from '../api.ts';
import { type Generation, type VmId } from '../types.ts';

export type MutationOf<Kind extends PlasmaMutation['kind']> = Extract<
  PlasmaMutation,
  { readonly kind: Kind }
>;

/** What a mutation has come to, in memory: it is so once the commit is made. */
export type Decision =
  | {
      readonly kind: 'decided';
      readonly vm: VmId | undefined;
      /** What is left to do: nothing; what an agent does when it carries this generation out; or what ends by name. */
      readonly awaits: 'nothing' | { readonly generation: Generation } | 'end';
    }
  | PlasmaRefusal;

export const decidedAtOnce: Decision = { kind: 'decided', vm: undefined, awaits: 'nothing' };

export function refusedWith(code: PlasmaRefusalCode, message: string): PlasmaRefusal {
  return { kind: 'refused', code, message, leader: undefined };
}
