import { type Prng } from '../../base/prng.ts';

/** The readable part of a member id; the rest of a long name would only make every record longer. */
const nameCharsMax = 200;
const two32 = 4_294_967_296;

/** A name that no other member ever has: the client's, and 128 random bits as a UUID is written. */
export function newMemberId(name: string, prng: Prng): string {
  let hex = '';
  for (let count = 0; count < 4; count += 1) hex += prng.below(two32).toString(16).padStart(8, '0');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return [name.slice(0, nameCharsMax), ...parts].join('-');
}
