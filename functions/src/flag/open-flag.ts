import { googleToken } from '../runtime/google-token';
import { outsideRequest } from '../runtime/outside-request';
import { type FlagRule, ruleOfParameter } from './flag-rule';
import { FlagWatch, type FlagWatchOptions } from './flag-watch';
import { createFlagLog } from './log-flag';
import { lookAtRemoteConfig, REMOTE_CONFIG } from './look-at-remote-config';

/**
 * Whether there is a Remote Config to look at: on Google's platform, or where a base URL names another
 * (the variable is firebase-admin's). The emulators and a bare runtime have neither credentials nor a
 * template; there the parameter decides.
 */
function remoteConfigUrl(env: NodeJS.ProcessEnv): string | null {
  if (env.FIREBASE_REMOTE_CONFIG_URL_BASE) return env.FIREBASE_REMOTE_CONFIG_URL_BASE;
  return env.K_SERVICE && env.FUNCTIONS_EMULATOR !== 'true' ? REMOTE_CONFIG : null;
}

/**
 * What the flag says now, by one look.
 *
 * @param parameter ENABLE_SUPABASE_DUAL_WRITE of the deployment
 * @param paths the names of all paths
 */
export function createLook(
  env: NodeJS.ProcessEnv,
  parameter: boolean,
  paths: readonly string[],
): (known: FlagRule | null) => Promise<FlagRule> {
  const log = createFlagLog();
  const baseUrl = remoteConfigUrl(env);
  const accessToken = googleToken();
  const projectId = env.GCLOUD_PROJECT ?? '';
  return async (known) => {
    const rule =
      baseUrl === null
        ? ruleOfParameter(parameter)
        : await outsideRequest(() =>
            lookAtRemoteConfig(known, { projectId, baseUrl, accessToken, parameter, paths }),
          );
    log(rule);
    return rule;
  };
}

/**
 * The flag of one function instance, which mirrors one path.
 *
 * @param names of that path, and of all
 */
export function openFlag(
  env: NodeJS.ProcessEnv,
  parameter: boolean,
  { path, paths }: { path: string; paths: readonly string[] },
  onChanges: FlagWatchOptions['onChanges'],
): FlagWatch {
  return new FlagWatch({
    path,
    look: createLook(env, parameter, paths),
    now: Date.now,
    onChanges,
  });
}
