import { readFileSync } from 'node:fs';

import { JwtKeys } from '../../adapters/auth/jwt.ts';
import { JwtTokens, SimpleTokens, type TokenProvider } from '../../adapters/auth/token-provider.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { type ChainfireSettings } from './settings.ts';

/** What the settings say of tokens. @throws ConfigError */
export function tokenProvider(
  settings: Pick<ChainfireSettings, 'authToken' | 'authTokenTtlMs' | 'authJwtMethod' | 'authJwtKey'>,
): TokenProvider {
  const { authToken, authTokenTtlMs, authJwtMethod, authJwtKey } = settings;
  if (authToken === 'simple') {
    if (authJwtKey === undefined) return new SimpleTokens();
    throw new ConfigError(
      'auth_jwt_key is given, and auth_token is "simple"; it must be "jwt" to use the key',
    );
  }
  if (authJwtKey === undefined) {
    throw new ConfigError(
      'auth_token is "jwt", and auth_jwt_key is not given; it must name the file with the key',
    );
  }
  try {
    const keys = new JwtKeys(authJwtMethod, readFileSync(authJwtKey));
    return new JwtTokens(keys, Math.ceil((authTokenTtlMs * usPerMs) / usPerSecond));
  } catch (error) {
    const reason = (error as Error).message;
    throw new ConfigError(`auth_jwt_key: ${authJwtKey}: ${reason}`, { cause: error });
  }
}
