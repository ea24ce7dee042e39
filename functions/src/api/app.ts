import { Hono } from 'hono';
import { z } from 'zod';
import { userIdsOf } from '../identities/user-ids';
import { CANARY_COUPLE } from '../paths/quest-completions/canary-couple';
import { blameOf } from '../postgres/sqlstate';
import { query } from '../postgres/statements';
import { deadline, orAborted } from '../runtime/deadline';
import { MAX_BODY_BYTES } from '../runtime/request-body';
import { instantOfMillis } from '../values/event-time';
import { keyIssues } from '../values/rtdb-key';
import { type CompareDayContext, compareDay } from './compare-day';
import { completionsOfDay } from './day-rows';
import { openApiDocument } from './openapi';
import { fieldErrorsOf, problem, tooManyClaims, unavailable } from './problem';
import { completionsQuerySchema, coupleIdOf, parseClaimBody, rtdbKeySchema } from './requests';
import { SharedAnswers } from './shared-answers';
import { KeysBusyError, TokenError, type VerifyToken } from './token-verifier';

export interface ApiContext extends CompareDayContext {
  verifyToken: VerifyToken;
  /** Told of what was answered by 503. */
  onFailure?: (error: unknown) => void;
}

/** Paths as Hosting's rewrite sends them; the function's own URL leaves `/api` out. */
const CLAIM_PATH = '/sync/daily-quests/completion';
const READ_PATH = '/sync/daily-quests/completions';

/** How long a row that an event writes just now is waited for. */
const LOCK_WAIT = '500ms';
/** An answer within three seconds, whatever Postgres, RTDB and the issuer of the token do. */
const ANSWER_WITHIN_MS = 2_500;
const ALIVE_WITHIN_MS = 1_000;
/** How long a day that agreed needn't be compared again. */
const AGREED_FOR_MS = 2_000;
/** Of two users, by all the ids that RTDB may know them by. */
const MAX_COUPLES = 16;

/** An old phone's second write: migrations/20261128000002_quest_completions.sql. */
const CLAIM_BY_CLIENT = query({
  text: 'select mirror.claim_by_client($1, $2::date, $3, $4, $5, $6::timestamptz, $7) as verdict',
  params: {
    coupleId: 'text',
    dateKey: 'date',
    questId: 'text',
    userId: 'text',
    partnerId: 'text?',
    completedAt: 'timestamptz',
    /** Such as `500ms`. */
    lockWait: 'text',
  },
  row: { verdict: z.enum(['applied', 'duplicate', 'limited', 'erased']) },
});

const IS_ALIVE = query({ text: 'select 1 as is_alive', params: {}, row: {} });

type Variables = { signal: AbortSignal };

/** The endpoints that openapi.ts describes, on Web requests: no port is needed to test them. */
export function createApi(context: ApiContext): Hono {
  const app = new Hono<{ Variables: Variables }>();
  const comparisons = new SharedAnswers(AGREED_FOR_MS);
  const failed = (error: unknown) => {
    context.onFailure?.(error);
    return unavailable();
  };

  app.post(CLAIM_PATH, async (c) => {
    const body = await readJson(c.req.raw);
    if (body instanceof Response) return body;
    const subject = await authenticate(c.req.header('authorization'), context.verifyToken);
    if (subject instanceof Response) return subject;
    const claim = parseClaimBody(body.json, instantOfMillis(Date.now()) ?? '');
    if (!claim.ok) return problem(400, { errors: claim.errors });
    const { userId } = claim.leaf;
    if (userId !== subject) {
      const ids = await userIdsOf(subject, context.statements, c.var.signal);
      if (!ids.includes(userId)) {
        return problem(403, { detail: "the token's subject is not user_id" });
      }
    }
    if (claim.leaf.coupleId === CANARY_COUPLE) return problem(403, RESERVED);
    const claimed = { ...claim.leaf, completedAt: claim.completedAt, lockWait: LOCK_WAIT };
    try {
      const answer = await CLAIM_BY_CLIENT.one(context.statements, claimed, c.var.signal);
      const { verdict: status } = answer;
      return status === 'limited' ? tooManyClaims(new Date()) : c.json({ status });
    } catch (error) {
      if (blameOf(error) !== 'row') throw error;
      return problem(400, { detail: 'Postgres refuses this completion' });
    }
  });

  app.get(READ_PATH, async (c) => {
    const subject = await authenticate(c.req.header('authorization'), context.verifyToken);
    if (subject instanceof Response) return subject;
    const asked = completionsQuerySchema.safeParse(c.req.query());
    if (!asked.success) return problem(400, { errors: fieldErrorsOf(asked.error, 'query') });
    const { partner_id, date } = asked.data;
    const { signal } = c.var;
    const [users, partners] = await Promise.all([
      userIdsOf(subject, context.statements, signal),
      partner_id === '' ? [''] : userIdsOf(partner_id, context.statements, signal),
    ]);
    const couples = couplesOf(users, partners);
    if (couples.some(({ coupleId }) => coupleId === CANARY_COUPLE)) return problem(403, RESERVED);
    const errors = couples.flatMap(({ coupleId }) => keyIssues('partner_id', coupleId));
    if (errors.length > 0) return problem(400, { errors });
    const days = await Promise.all(
      couples.map(async ({ coupleId, users }) => {
        const [completions, isConsistent] = await Promise.all([
          completionsOfDay(context.statements, { coupleId, dateKey: date, users }, signal),
          comparisons.ask(`${date} ${coupleId}`, () =>
            compareDay(coupleId, date, context, deadline(ANSWER_WITHIN_MS)),
          ),
        ]);
        return { completions, isConsistent };
      }),
    );
    return c.json({
      completions: days.flatMap(({ completions }) => completions),
      consistent:
        users.length * partners.length <= MAX_COUPLES &&
        days.every(({ isConsistent }) => isConsistent),
    });
  });

  app.get('/healthz', async (c) => {
    const signal = deadline(ALIVE_WITHIN_MS);
    await orAborted(IS_ALIVE.run(context.statements, {}, signal), signal);
    return c.json({ status: 'ok' });
  });

  app.get('/openapi.json', (c) => c.json(openApiDocument()));

  for (const [path, allow] of Object.entries(ALLOWED)) {
    app.all(path, () => problem(405, { headers: { allow } }));
  }
  app.notFound(() => problem(404));
  app.onError(failed);

  const root = new Hono<{ Variables: Variables }>();
  root.use((c, next) => {
    const signal = deadline(ANSWER_WITHIN_MS);
    c.set('signal', signal);
    return orAborted(next(), signal);
  });
  root.route('/api', app).route('/', app);
  root.notFound(() => problem(404));
  root.onError(failed);
  return root as unknown as Hono;
}

/** Each in turn, as either may have had several ids; some at most. */
function couplesOf(
  users: readonly string[],
  partners: readonly string[],
): { coupleId: string; users: [string, string] }[] {
  return users
    .flatMap((user) => partners.map((partner): [string, string] => [user, partner]))
    .slice(0, MAX_COUPLES)
    .map((pair) => ({ coupleId: coupleIdOf(...pair), users: pair }));
}

const RESERVED = { detail: 'these ids are reserved' };

const ALLOWED = {
  [CLAIM_PATH]: 'POST',
  [READ_PATH]: 'GET',
  '/healthz': 'GET',
  '/openapi.json': 'GET',
};

/** A JSON body within the limit, or the problem with it. */
async function readJson(request: Request): Promise<{ json: unknown } | Response> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  if (type !== 'application/json' || encoding !== 'identity') {
    return problem(415, { detail: 'expected application/json, not compressed' });
  }
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.byteLength > MAX_BODY_BYTES) {
    return problem(413, { detail: `expected at most ${MAX_BODY_BYTES} bytes` });
  }
  try {
    return { json: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch {
    return problem(400, { errors: [{ field: 'body', message: 'expected JSON in UTF-8' }] });
  }
}

/**
 * The user of a request's bearer token, or the problem with it. Rejects where the keys can't be read:
 * that isn't the token's fault. Source of the header's form: RFC 6750.
 */
async function authenticate(
  header: string | undefined,
  verifyToken: VerifyToken,
): Promise<string | Response> {
  const token = /^Bearer +([\w~+/.=-]+) *$/i.exec(header ?? '')?.[1];
  if (token === undefined) {
    return problem(401, { headers: { 'www-authenticate': 'Bearer' } });
  }
  try {
    const subject = await verifyToken(token);
    // It becomes a part of paths; a user whose id RTDB doesn't allow as a key can't have completions.
    if (rtdbKeySchema.safeParse(subject).success) return subject;
    return problem(403, { detail: "the token's subject can't be a user's id" });
  } catch (error) {
    if (error instanceof KeysBusyError) return unavailable(error.retryAfterSeconds);
    if (!(error instanceof TokenError)) throw error;
    return problem(401, {
      detail: error.message,
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    });
  }
}
