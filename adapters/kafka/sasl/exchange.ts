import { type Credentials, scramMechanisms } from './credentials.ts';
import { PlainExchange } from './plain.ts';
import { ScramExchange } from './scram.ts';
import { type SaslExchange } from './step.ts';

export const saslMechanisms = ['PLAIN', ...scramMechanisms] as const;
export type SaslMechanism = (typeof saslMechanisms)[number];

export function isSaslMechanism(name: string): name is SaslMechanism {
  return (saslMechanisms as readonly string[]).includes(name);
}

export function openExchange(mechanism: SaslMechanism, credentials: Credentials): SaslExchange {
  return mechanism === 'PLAIN' ? new PlainExchange(credentials) : new ScramExchange(mechanism, credentials);
}
