import { setTimeout as delay } from 'node:timers/promises';
import type { CompletionLeaf } from '../functions/src/paths/quest-completions/completion-path';
import type { KeepAliveHttp } from './keep-alive-http';

const PATH = '/api/sync/daily-quests/completion';
const RETRY_MS = 100;
const GIVE_UP_AFTER = 600;

/**
 * An old phone's second write, sent to the API: again while that answers 503 (Postgres is away).
 *
 * @param port where an instance of the API listens
 */
export async function claimByClient(
  { dateKey, questId, userId, partnerId }: CompletionLeaf,
  port: number,
  http: KeepAliveHttp,
): Promise<void> {
  const claim = {
    quest_id: questId,
    user_id: userId,
    partner_id: partnerId,
    // The phone's local time, which names no offset; the day is the one that is played.
    timestamp: `${dateKey}T${new Date().toISOString().slice(11, -1)}`,
  };
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${tokenOf(userId)}`,
  };
  for (let attempt = 1; ; attempt += 1) {
    const body = JSON.stringify(claim);
    const status = await http.send({ method: 'POST', port, path: PATH, headers, body });
    if (status === 200) return;
    if (status !== 0 && status !== 503) throw new Error(`the API answered a claim with ${status}`);
    if (attempt === GIVE_UP_AFTER) throw new Error('the API answered no claim');
    await delay(RETRY_MS);
  }
}

/** An ID token as the auth emulator makes them: unsigned. */
function tokenOf(userId: string): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    ...{ iss: 'https://securetoken.google.com/demo-quests', aud: 'demo-quests', sub: userId },
    ...{ iat: now, exp: now + 3_600 },
  };
  return `${encoded({ alg: 'none', typ: 'JWT' })}.${encoded(claims)}.`;
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
