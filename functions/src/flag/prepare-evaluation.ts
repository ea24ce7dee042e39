import { type EvaluateFlag, FLAG } from './flag-rule';
import type { ServerTemplate } from './server-template';

/**
 * Evaluation by firebase-admin, with the couple as the one who is randomized: the same couple is in or
 * out, whatever instance asks. About 2 microseconds for one percent condition when measured, as much
 * as looking a couple up in a map: so nothing is kept by couple.
 */
export async function prepareEvaluation(): Promise<(part: ServerTemplate) => EvaluateFlag> {
  const [{ getApps, initializeApp }, { getRemoteConfig }] = await Promise.all([
    import('firebase-admin/app'),
    import('firebase-admin/remote-config'),
  ]);
  const remoteConfig = getRemoteConfig(getApps()[0] ?? initializeApp());
  return (part) => {
    const template = remoteConfig.initServerTemplate();
    // It wants an etag, and does nothing with it.
    template.set(JSON.stringify({ ...part, etag: 'none' }));
    return (coupleId) => {
      const context = coupleId === null ? undefined : { randomizationId: coupleId };
      const value = template.evaluate(context).getValue(FLAG);
      return value.getSource() === 'remote' ? value.asString() : null;
    };
  };
}
