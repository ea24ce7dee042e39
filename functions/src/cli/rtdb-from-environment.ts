import { type OwnRtdb, openRtdb } from '../deploy/from-environment';
import { ConfigurationError } from '../errors/mirror-error';
import type { CommandContext } from './context';

const EMULATOR_REMEDY =
  'for an emulator, set FIREBASE_DATABASE_EMULATOR_HOST to its host:port, as npm start prints it';

/**
 * The RTDB that the environment names, as the functions find it: `FIREBASE_DATABASE_EMULATOR_HOST`,
 * `RTDB_URL`, or `RTDB_INSTANCE` and `RTDB_REGION`; in production with Application Default
 * Credentials.
 *
 * @throws ConfigurationError that names the variable and what was expected
 */
export function rtdbFromEnvironment(env: CommandContext['env']): OwnRtdb {
  try {
    return openRtdb(env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    if (error.message.includes('FIREBASE_DATABASE_EMULATOR_HOST')) throw error;
    throw new ConfigurationError(error.message, { remedy: EMULATOR_REMEDY });
  }
}
