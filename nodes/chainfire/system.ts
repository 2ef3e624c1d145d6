/** What a member's certificates and its directory are for: those of other systems are not taken for its own. */
export const chainfireSystem = 'chainfire';
