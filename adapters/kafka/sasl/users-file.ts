import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { type ScramCredential, type ScramMechanism } from '../../../core/chronik/broker-view.ts';
import { credentialOf, type Credentials, iterationsMin, scramMechanisms } from './credentials.ts';

/** Users beyond this many belong into the cluster. */
const usersMax = 1_000;
const saltBytes = 16;

/**
 * Users of a file, with a line `name:password` each; empty lines and those that begin with `#` are left out. They are there
 * before the cluster is, which has no users until one of these has made them.
 */
export class FileUsers implements Credentials {
  readonly #byMechanism: ReadonlyMap<string, ScramCredential>;

  /** @throws Error naming the file and the line that cannot be used */
  static async read(file: string): Promise<FileUsers> {
    let content: string;
    try {
      content = readFileSync(file, 'utf8');
    } catch (error) {
      throw new Error(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
    }
    const derived = new Map<string, ScramCredential>();
    for (const { name, password } of usersIn(file, content)) {
      for (const mechanism of scramMechanisms) {
        const made = { salt: randomBytes(saltBytes), iterations: iterationsMin };
        derived.set(keyOf(name, mechanism), await credentialOf(mechanism, password, made));
      }
    }
    return new FileUsers(derived);
  }

  private constructor(byMechanism: ReadonlyMap<string, ScramCredential>) {
    this.#byMechanism = byMechanism;
  }

  scram(user: string, mechanism: ScramMechanism): ScramCredential | undefined {
    return this.#byMechanism.get(keyOf(user, mechanism));
  }
}

function keyOf(user: string, mechanism: ScramMechanism): string {
  return `${mechanism} ${user}`;
}

function usersIn(
  file: string,
  content: string,
): readonly { readonly name: string; readonly password: string }[] {
  const users = new Map<string, string>();
  for (const [at, line] of content.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    const password = line.slice(colon + 1);
    if (name === '' || password === '') {
      throw new Error(`${file}, line ${at + 1}: a user is name:password, neither of them empty`);
    }
    if (users.has(name)) throw new Error(`${file}, line ${at + 1}: ${name} is there twice`);
    users.set(name, password);
  }
  if (users.size > usersMax)
    throw new Error(`${file} has ${users.size} users, at most ${usersMax} are allowed`);
  return [...users].map(([name, password]) => ({ name, password }));
}
