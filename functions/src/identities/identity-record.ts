import { CANARY_IDS } from '../paths/quest-completions/canary-couple';
import { MAX_KEY_BYTES, REFUSED_IN_KEY } from '../values/rtdb-key';
import { isStorable } from '../values/storable';

/** A user as RTDB and as the app's own tables and tokens know them. */
export interface Identity {
  rtdbUserId: string;
  appUserId: string;
}

/** An identity, or what is wrong with the line and what was expected. */
export type ParsedIdentity = ({ ok: true } & Identity) | { ok: false; problem: string };

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Reads one line of an import. Pure.
 *
 * A UUID's letters become small ones, as tokens and Postgres write them; RTDB's keys stay as they are.
 */
export function parseIdentity(fields: Readonly<Record<string, string>>): ParsedIdentity {
  const { rtdb_user_id: rtdbUserId = '', app_user_id: appUserId = '' } = fields;
  const problem =
    problemOf('rtdb_user_id', rtdbUserId) ??
    problemOf('app_user_id', appUserId) ??
    (REFUSED_IN_KEY.test(rtdbUserId)
      ? 'rtdb_user_id: expected a key of RTDB, without . $ # [ ] / and control characters'
      : null) ??
    (CANARY_IDS.includes(rtdbUserId) ? 'rtdb_user_id: this id is reserved for the canary' : null);
  if (problem !== null) return { ok: false, problem };
  return {
    ok: true,
    rtdbUserId,
    appUserId: UUID.test(appUserId) ? appUserId.toLowerCase() : appUserId,
  };
}

function problemOf(field: string, id: string): string | null {
  if (id === '') return `${field}: expected an id, not nothing`;
  if (!isStorable(id)) return `${field}: expected text without U+0000`;
  // What a decoder puts in place of bytes that aren't UTF-8.
  if (id.includes('\uFFFD')) return `${field}: expected UTF-8`;
  if (Buffer.byteLength(id) > MAX_KEY_BYTES) {
    return `${field}: expected at most ${MAX_KEY_BYTES} bytes`;
  }
  return null;
}
