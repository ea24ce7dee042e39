import { settingText } from '../../values/setting-text';
import { type Check, type Diagnosis, fail, ok, warn } from './check';
import type { Deployment } from './deployment';

const SECRET = 'QUEST_MIRROR_DATABASE_URL';
const BINDING = `FIREBASE_SECRET_REF_${SECRET}`;
/** A name, and a version where one is pinned; firebase-tools reads it so. */
const REFERENCE =
  /^(?:projects\/[a-z0-9-]+\/secrets\/)?([A-Za-z0-9_-]+)(?:(?::|\/versions\/)[a-z0-9_-]+)?$/;

type Bound = Pick<Deployment, 'codebase' | 'values' | 'envFile'>;

/**
 * The secret of Secret Manager that holds the URL of Postgres, as the functions' files bind it; null where the
 * binding is not one. Pure.
 *
 * Source: firebase-tools, `build.js` (`applyKitSecretRefPrefix`, `parseSecretRef`).
 */
export function boundSecret({ codebase, values }: Bound): string | null {
  const binding = settingText(values[BINDING]);
  if (binding === '') return `${codebase.instance === null ? '' : codebase.prefix}${SECRET}`;
  return REFERENCE.exec(binding)?.[1] ?? null;
}

/** Which secret holds the URL of Postgres, and whether the CLI can set it. Pure. */
export function secretCheck(deployment: Bound): Diagnosis {
  const { codebase, envFile } = deployment;
  const secret = boundSecret(deployment);
  if (secret === null) {
    // What stands there may be a secret by mistake.
    return fail(
      `${BINDING} in ${envFile} names no secret`,
      `write ${BINDING}=${SECRET}, and the URL into that secret`,
    );
  }
  const isByDefault = settingText(deployment.values[BINDING]) === '';
  if (codebase.instance !== null && isByDefault) {
    return warn(
      `nothing binds it, so it would be ${secret}, which functions:secrets:set refuses to set`,
      `add ${BINDING}=${SECRET} to ${envFile}, and set ${SECRET}`,
    );
  }
  return ok(`the functions read ${secret}`);
}

export const SECRET_CHECK: Check = {
  name: 'secret',
  needs: null,
  run: async ({ deployment }) => ('manifest' in deployment ? secretCheck(deployment) : deployment),
};
