const siteCharsMax = 160;

/** What differs from seed to seed in the words of a violation, and what stands there instead; in this order. */
const particulars: readonly (readonly [pattern: RegExp, instead: string])[] = [
  // An operation, as describeOperation words it: who asked what does not tell one bug from another.
  [/client \d+ call \d+ .*?\[\d+–[^\]]*\]/g, 'an operation'],
  [/\[[^\])]*\)/g, 'a range'],
  [/"[^"]*"|'[^']*'/g, '…'],
  // Numbers, ids, keys, hashes: every word with a digit in it.
  [/[\p{L}\p{N}_./:-]*\p{N}[\p{L}\p{N}_./:-]*/gu, '#'],
  [/#(?:[\s,;…]+#)+/g, '#'],
  [/\s+/g, ' '],
];

/**
 * What tells one failure of an invariant from another: the first line of its words without what only this run has in it.
 * Two seeds that show the same bug give the same; two bugs that break the same invariant in the same words do too.
 */
export function siteOf(words: string): string {
  const [first = ''] = words.split('\n', 1);
  let site = first;
  for (const [pattern, instead] of particulars) site = site.replace(pattern, instead);
  return site.trim().slice(0, siteCharsMax);
}
