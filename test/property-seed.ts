import fc from 'fast-check';

/**
 * The seed of every property: a tree that has passed passes again. `PHOTON_PROPERTY_SEED=random` (or a number) looks elsewhere:
 * what is found there is printed with its own seed, as ever, and becomes a test.
 */
const wanted = process.env['PHOTON_PROPERTY_SEED'] ?? '1';
if (wanted !== 'random') {
  const seed = Number(wanted);
  if (!Number.isInteger(seed))
    throw new Error(`PHOTON_PROPERTY_SEED is "${wanted}": a whole number, or "random"`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
