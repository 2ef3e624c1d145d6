import { type Authorizer } from '../../../core/plasma/authorizer.ts';

const agents = 'photon://plasma/';

/** Processes of this system, by their certificates, and nobody else. */
export const onlyPlasma: Authorizer = {
  refuses: ({ identity }) =>
    identity.startsWith(agents)
      ? undefined
      : `only processes with a certificate for ${agents}<node> may ask, not ${identity === '' ? 'one that shows none' : identity}`,
};

/** For a storage node without TLS: whoever reaches it. */
export const everybody: Authorizer = { refuses: () => undefined };
