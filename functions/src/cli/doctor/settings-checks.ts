import { googleToken } from '../../deploy/google-token';
import { PARAMETERS, type ParameterName } from '../../deploy/parameters';
import { prepareEvaluation } from '../../deploy/prepare-evaluation';
import { complaintOf, type Environment, REMOTE_CONFIG, read } from '../../deploy/settings';
import type { FlagRule } from '../../flag/flag-rule';
import { lookAtRemoteConfig } from '../../flag/look-at-remote-config';
import { settingText } from '../../values/setting-text';
import { printable } from '../printable';
import { type Check, type Diagnosis, fail, ok, skipped, warn } from './check';

/** A terminal can wait longer than an event. */
const LOOK_TIMEOUT_MS = 10_000;

const NAMES = Object.keys(PARAMETERS) as ParameterName[];

/** Where they differ, what is checked here is not what the functions do. */
const SAME_HERE: readonly ParameterName[] = ['DATABASE_CA', 'RTDB_INSTANCE', 'RTDB_REGION'];

/**
 * What the `.env` files of a deployment set, by the reader of the functions. Pure.
 *
 * @param here the environment of the terminal
 */
export function parametersCheck(values: Environment, here: Environment): Diagnosis {
  const complaints = NAMES.flatMap((name) => complaintOf(values, name) ?? []);
  if (complaints.length > 0) {
    return fail(complaints.join('; '), 'correct it in the .env file of the project, and deploy');
  }
  const secret = NAMES.find((name) => PARAMETERS[name].kind === 'secret' && values[name]);
  if (secret !== undefined) {
    return fail(`${secret} is in an .env file`, `npx firebase functions:secrets:set ${secret}`);
  }
  const strange = Object.keys(values).filter(
    (name) => !Object.hasOwn(PARAMETERS, name) && !name.startsWith('FIREBASE_'),
  );
  if (strange.length > 0) {
    const names = strange.map(printable).join(', ');
    return warn(`nothing reads ${names}`, 'is it misspelt? README has the names');
  }
  const other = SAME_HERE.filter((name) => {
    const [there, text] = [settingText(values[name]), settingText(here[name])];
    return there !== '' && text !== '' && there !== text;
  });
  if (other.length === 0) return ok('each is what it should be');
  return warn(`the functions have another ${other.join(', ')} than this terminal`, 'set the same');
}

/** Who decides whether writes are mirrored, and what it says. Pure. */
export function flagCheck({ mode, source, paths, complaint }: FlagRule): Diagnosis {
  if (mode === 'off' && source === 'parameter' && complaint === null) {
    return warn(
      'off: nobody has turned it on',
      'when the other checks are ok, turn it on: docs/runbook.md, "The flag"',
    );
  }
  const flag = mode === 'percent' ? 'on for a part of the couples' : mode;
  const off = [...paths.off].join(', ');
  const state = off === '' ? flag : `${flag}, but not for ${off}`;
  const by = source === 'parameter' ? 'the parameter of the deployment' : 'Remote Config';
  if (complaint === null) return ok(`${state}, by ${by}`);
  return warn(`${state}, by ${by}: ${complaint}`, 'correct it in the server template');
}

export const SETTINGS_CHECKS: readonly Check[] = [
  {
    name: 'parameters',
    needs: null,
    run: async ({ deployment, env }) =>
      'manifest' in deployment ? parametersCheck(deployment.values, env) : deployment,
  },
  {
    name: 'flag',
    needs: null,
    run: async ({ deployment, env, isEmulator, declared }) => {
      if (!('manifest' in deployment)) return deployment;
      const { project, codebase, values } = deployment;
      if (isEmulator && !env.FIREBASE_REMOTE_CONFIG_URL_BASE) {
        return skipped('emulators have no Remote Config: the parameter decides');
      }
      return flagCheck(
        await lookAtRemoteConfig(null, {
          projectId: project,
          baseUrl: env.FIREBASE_REMOTE_CONFIG_URL_BASE || REMOTE_CONFIG,
          accessToken: googleToken(),
          paths: declared().paths.map(({ name }) => name),
          parameter: read(values, 'ENABLE_SUPABASE_DUAL_WRITE') ?? false,
          instance: codebase.instance,
          prepareEvaluation,
          timeoutMs: LOOK_TIMEOUT_MS,
        }),
      );
    },
  },
];
