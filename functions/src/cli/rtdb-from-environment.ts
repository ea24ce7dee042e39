import { rtdbConfig } from '../deploy/settings';
import { ConfigurationError } from '../errors/configuration-error';
import { ConfigError } from '../errors/usage-error';
import type { RtdbAccess } from '../rtdb/rtdb-client';
import type { CommandContext } from './context';

const EMULATOR_HINT =
  '; of an emulator: set FIREBASE_DATABASE_EMULATOR_HOST to its host:port, as npm start prints it';

/**
 * The RTDB that the environment names, as the functions find it: `FIREBASE_DATABASE_EMULATOR_HOST`,
 * `RTDB_URL`, or `RTDB_INSTANCE` and `RTDB_REGION`; in production with Application Default
 * Credentials.
 *
 * @throws ConfigError that names the variable and what was expected
 */
export function rtdbFromEnvironment(env: CommandContext['env']): RtdbAccess {
  try {
    return rtdbConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const hint = error.message.includes('FIREBASE_DATABASE_EMULATOR_HOST') ? '' : EMULATOR_HINT;
    throw new ConfigError(error.message + hint);
  }
}
