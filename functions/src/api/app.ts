import { OpenAPIHono } from '@hono/zod-openapi';
import type { Hono, MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
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
import { fieldErrorsOf, problem, refuse, tooManyClaims, unavailable } from './problem';
import { coupleIdOf, parseClaim, rtdbKeySchema } from './requests';
import { CLAIM, describe, HEALTH, READ } from './routes';
import { SharedAnswers } from './shared-answers';
import { KeysBusyError, TokenError, type VerifyToken } from './token-verifier';

export interface ApiContext extends CompareDayContext {
  verifyToken: VerifyToken;
  /** Told of what was answered by 503. */
  onFailure?: (error: unknown) => void;
}

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

type Env = { Variables: { signal: AbortSignal; subject: string } };

/** The endpoints of routes.ts, on Web requests: no port is needed to test them. */
export function createApi(context: ApiContext): Hono {
  const app = new OpenAPIHono<Env>({
    defaultHook: (result) => {
      if (result.success) return undefined;
      const root = result.target === 'json' ? 'body' : result.target;
      return problem(400, { errors: fieldErrorsOf(result.error, root) });
    },
  });
  const comparisons = new SharedAnswers(AGREED_FOR_MS);
  const onError = (error: unknown) => {
    if (error instanceof HTTPException) return error.getResponse();
    context.onFailure?.(error);
    return unavailable();
  };
  const authenticated: MiddlewareHandler<Env> = async (c, next) => {
    c.set('subject', await authenticate(c.req.header('authorization'), context.verifyToken));
    return next();
  };

  // Before what the routes check of a request.
  app.on('POST', CLAIM.path, expectJson, authenticated);
  app.on('GET', READ.path, authenticated);

  app.openapi(CLAIM, async (c) => {
    const claim = parseClaim(c.req.valid('json'), instantOfMillis(Date.now()) ?? '');
    if (!claim.ok) return refuse(400, { errors: claim.errors });
    const { leaf, completedAt } = claim;
    await expectOwn(leaf.userId, c.var.subject, context, c.var.signal);
    if (leaf.coupleId === CANARY_COUPLE) return refuse(403, RESERVED);
    const claimed = { ...leaf, completedAt, lockWait: LOCK_WAIT };
    const status = await claimOnce(claimed, context, c.var.signal);
    if (status === 'limited') throw new HTTPException(429, { res: tooManyClaims(new Date()) });
    return c.json({ status }, 200);
  });

  app.openapi(READ, async (c) => {
    const { partner_id, date } = c.req.valid('query');
    const { signal, subject } = c.var;
    const [users, partners] = await Promise.all([
      userIdsOf(subject, context.statements, signal),
      partner_id === '' ? [''] : userIdsOf(partner_id, context.statements, signal),
    ]);
    const couples = couplesOf(users, partners);
    if (couples.some(({ coupleId }) => coupleId === CANARY_COUPLE)) return refuse(403, RESERVED);
    const errors = couples.flatMap(({ coupleId }) => keyIssues('partner_id', coupleId));
    if (errors.length > 0) return refuse(400, { errors });
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
    const consistent =
      users.length * partners.length <= MAX_COUPLES &&
      days.every(({ isConsistent }) => isConsistent);
    return c.json({ completions: days.flatMap(({ completions }) => completions), consistent }, 200);
  });

  app.openapi(HEALTH, async (c) => {
    const signal = deadline(ALIVE_WITHIN_MS);
    await orAborted(IS_ALIVE.run(context.statements, {}, signal), signal);
    return c.json({ status: 'ok' as const }, 200);
  });

  let document: object | null = null;
  app.get('/openapi.json', (c) => {
    document ??= describe(app);
    return c.json(document);
  });

  for (const [path, allow] of Object.entries(ALLOWED)) {
    app.all(path, () => problem(405, { headers: { allow } }));
  }
  app.notFound(() => problem(404));
  app.onError(onError);

  const root = new OpenAPIHono<Env>();
  root.use((c, next) => {
    const signal = deadline(ANSWER_WITHIN_MS);
    c.set('signal', signal);
    return orAborted(next(), signal);
  });
  // As Hosting's rewrite sends them; the function's own URL leaves `/api` out.
  root.route('/api', app).route('/', app);
  root.notFound(() => problem(404));
  root.onError(onError);
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
  [CLAIM.path]: 'POST',
  [READ.path]: 'GET',
  [HEALTH.path]: 'GET',
  '/openapi.json': 'GET',
};

/** Refuses a claim in another's name; a token's subject may be known to RTDB by other ids. */
async function expectOwn(
  userId: string,
  subject: string,
  { statements }: ApiContext,
  signal: AbortSignal,
): Promise<void> {
  if (userId === subject) return;
  const ids = await userIdsOf(subject, statements, signal);
  if (!ids.includes(userId)) refuse(403, { detail: "the token's subject is not user_id" });
}

async function claimOnce(
  claimed: Parameters<typeof CLAIM_BY_CLIENT.one>[1],
  { statements }: ApiContext,
  signal: AbortSignal,
) {
  try {
    return (await CLAIM_BY_CLIENT.one(statements, claimed, signal)).verdict;
  } catch (error) {
    if (blameOf(error) !== 'row') throw error;
    return refuse(400, { detail: 'Postgres refuses this completion' });
  }
}

/** Refuses anything but a JSON body within the limit, before anybody asks whose it is. */
const expectJson: MiddlewareHandler<Env> = async (c, next) => {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  const encoding = c.req.header('content-encoding') ?? 'identity';
  if (type !== 'application/json' || encoding !== 'identity') {
    return problem(415, { detail: 'expected application/json, not compressed' });
  }
  const bytes = new Uint8Array(await c.req.arrayBuffer());
  if (bytes.byteLength > MAX_BODY_BYTES) {
    return problem(413, { detail: `expected at most ${MAX_BODY_BYTES} bytes` });
  }
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return problem(400, { errors: [{ field: 'body', message: 'expected JSON in UTF-8' }] });
  }
  return next();
};

/**
 * The user of a request's bearer token; refuses what is none. Rejects where the keys can't be read: that isn't the
 * token's fault. Source of the header's form: RFC 6750.
 */
async function authenticate(header: string | undefined, verifyToken: VerifyToken): Promise<string> {
  const token = /^Bearer +([\w~+/.=-]+) *$/i.exec(header ?? '')?.[1];
  if (token === undefined) return refuse(401, { headers: { 'www-authenticate': 'Bearer' } });
  const subject = await verifyToken(token).catch((error: unknown) => {
    if (error instanceof KeysBusyError) {
      throw new HTTPException(503, { res: unavailable(error.retryAfterSeconds) });
    }
    if (!(error instanceof TokenError)) throw error;
    return refuse(401, {
      detail: error.message,
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    });
  });
  // It becomes a part of paths; a user whose id RTDB doesn't allow as a key can't have completions.
  if (rtdbKeySchema.safeParse(subject).success) return subject;
  return refuse(403, { detail: "the token's subject can't be a user's id" });
}
