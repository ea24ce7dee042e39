import type { FindFirst } from '../flag/flag-rule';
import type { Json } from '../values/json';

const PARAMETER = 'flag';
const NONE = '-1';

/**
 * Evaluation by firebase-admin, with the couple as the one who is randomized: the same couple is in or
 * out, whatever instance asks. About 2 microseconds for one percent condition when measured, as much
 * as looking a couple up in a map: so nothing is kept by couple.
 *
 * It gets a template of our own making: names of the real one would be keys of its objects.
 */
export async function prepareEvaluation(): Promise<(conditions: readonly Json[]) => FindFirst> {
  const [{ getApps, initializeApp }, { getRemoteConfig }] = await Promise.all([
    import('firebase-admin/app'),
    import('firebase-admin/remote-config'),
  ]);
  const remoteConfig = getRemoteConfig(getApps()[0] ?? initializeApp());
  return (conditions) => {
    const template = remoteConfig.initServerTemplate();
    const values = conditions.map((_, index) => [`c${index}`, { value: String(index) }]);
    const parameter = {
      defaultValue: { value: NONE },
      conditionalValues: Object.fromEntries(values),
    };
    template.set(
      JSON.stringify({
        conditions: conditions.map((condition, index) => ({ name: `c${index}`, condition })),
        parameters: { [PARAMETER]: parameter },
        // It wants one, and does nothing with it.
        etag: 'none',
      }),
    );
    return (coupleId) => {
      const context = coupleId === null ? undefined : { randomizationId: coupleId };
      return Number(template.evaluate(context).getValue(PARAMETER).asString());
    };
  };
}
