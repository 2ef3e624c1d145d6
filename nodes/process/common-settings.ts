import { required, withDefault } from '../../adapters/config/schema.ts';
import { memberNamePattern, oneOf, text } from '../../adapters/config/values.ts';

// Settings that processes of every system have.

export const logLevel = withDefault(
  oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
  'info',
  'Lines of the log below this level are left out',
);

export function processName(description: string) {
  return required(
    text({
      placeholder: '<name>',
      allowed: 'a name of 1 to 63 letters, digits, ".", "_" and "-" that begins with a letter or digit',
      pattern: memberNamePattern,
    }),
    description,
  );
}
