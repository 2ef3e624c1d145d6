import { between, type Prng } from '../../core/base/prng.ts';

/** Shapes and how often, in hundredths: most are small, few are large, some want much memory. */
const shapes = [
  { share: 46, vcpus: 1, memoryGib: '2' },
  { share: 24, vcpus: 2, memoryGib: '4' },
  { share: 14, vcpus: 4, memoryGib: '8' },
  { share: 8, vcpus: 8, memoryGib: '16' },
  { share: 5, vcpus: 2, memoryGib: '32' },
  { share: 3, vcpus: 8, memoryGib: '112' },
] as const;

/** How long, and how often, in hundredths: most live for minutes, those that do not live for days. */
const lives = [
  { share: 50, fromMinutes: 5, toMinutes: 60 },
  { share: 25, fromMinutes: 60, toMinutes: 480 },
  { share: 15, fromMinutes: 480, toMinutes: 2_880 },
  { share: 10, fromMinutes: 0, toMinutes: 0 },
] as const;

/** In seconds: three hours in which more come, three in which fewer do, in turns. */
const tideSeconds = 3 * 3_600;

/** A trace that nothing real went into, for whoever wants to see a replay. */
export function sampleTrace(prng: Prng, count: number): string {
  const lines = ['arrive_s,lifetime_s,vcpus,memory_gib'];
  let arriveSeconds = 0;
  while (lines.length <= count) {
    const rising = Math.floor(arriveSeconds / tideSeconds) % 2 === 0;
    // Some come in crowds, all of one shape.
    const crowd = prng.chance(1, 12) ? between(prng, 4, 12) : 1;
    arriveSeconds += between(prng, 1, rising ? 240 : 900);
    const { vcpus, memoryGib } = drawn(prng, shapes);
    for (let each = 0; each < crowd && lines.length <= count; each += 1)
      lines.push(`${arriveSeconds},${lifetime(prng)},${vcpus},${memoryGib}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Empty: it is still there at the end. */
function lifetime(prng: Prng): string {
  const { fromMinutes, toMinutes } = drawn(prng, lives);
  return toMinutes === 0 ? '' : String(between(prng, fromMinutes, toMinutes) * 60);
}

function drawn<Choice extends { readonly share: number }>(prng: Prng, choices: readonly Choice[]): Choice {
  let at = prng.below(100);
  for (const choice of choices) {
    if (at < choice.share) return choice;
    at -= choice.share;
  }
  return choices[0] as Choice;
}
