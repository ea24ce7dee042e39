import { z } from 'zod';
import { CAUSE_NAMES, KIND_NAMES, SEVERITIES, TO_DO } from '../divergences/vocabulary';
import type { GivenOf } from '../postgres/statements';
import { isRealDate } from '../values/event-time';
import type { COUNT_DIVERGENCES } from './divergence-pages';

/** `todo`: what is open and somebody has to act on. */
export const STATES = ['todo', 'open', 'resolved', 'all'] as const;

/** How far back the charts look, in hours. */
export const SPANS = { '24h': 24, '7d': 168, '30d': 720 } as const;
export type Span = keyof typeof SPANS;

/** What the table sorts by; a minus before it = the greatest first. */
export const SORTS = [
  'first_seen',
  'last_seen',
  'times_seen',
  'keys',
  'severity',
  'kind',
  'cause',
  'day',
] as const;

export const PAGE_SIZE = 25;
/** Beyond, a filter helps more than a page. */
const MAX_PAGE = 10_000;

const text = (maxLength: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    // Postgres holds no such text, so nothing matches it.
    .refine((value) => !value.includes('\0'))
    .nullable()
    .catch(null)
    .default(null);

const oneOf = (known: readonly string[]) =>
  text(40).transform((value) => (value !== null && known.includes(value) ? value : null));

const wholeNumber = (most: number) => z.coerce.number().int().min(1).max(most);

const schema = z.object({
  path: text(40),
  kind: oneOf(KIND_NAMES),
  cause: oneOf(CAUSE_NAMES),
  severity: oneOf(SEVERITIES),
  couple: text(2_000),
  day: text(10).transform((value) => (value !== null && isRealDate(value) ? value : null)),
  state: z.enum(STATES).catch('todo').default('todo'),
  sort: z
    .string()
    .refine((value) => SORTS.some((name) => value === name || value === `-${name}`))
    .catch('-first_seen')
    .default('-first_seen'),
  page: wholeNumber(MAX_PAGE).catch(1).default(1),
  span: z.enum(['24h', '7d', '30d']).catch('24h').default('24h'),
  /** The divergence whose story is open. */
  story: wholeNumber(Number.MAX_SAFE_INTEGER).nullable().catch(null).default(null),
});

/** What a viewer asked to see; all of it is in the address, so that it can be sent to others. */
export type ViewQuery = z.infer<typeof schema>;

/** Reads an address; what it can't read has its default. */
export function parseViewQuery(parameters: Readonly<Record<string, string>>): ViewQuery {
  return schema.parse(parameters);
}

/** The address that shows this, relative to the page, wherever that is served from. */
export function hrefOf(
  query: ViewQuery,
  changes: Partial<ViewQuery> = {},
  more: Readonly<Record<string, string>> = {},
): string {
  const parameters = new URLSearchParams();
  const defaults = parseViewQuery({});
  for (const [name, value] of Object.entries({ ...query, ...changes })) {
    if (value !== null && value !== defaults[name as keyof ViewQuery]) {
      parameters.set(name, String(value));
    }
  }
  for (const [name, value] of Object.entries(more)) parameters.set(name, value);
  return `?${parameters}`;
}

/** Which divergences are asked for, as the statements of divergence-pages.ts take it. */
export function filterOf(query: ViewQuery): GivenOf<typeof COUNT_DIVERGENCES> {
  const { path, kind, cause, severity, couple, day, state } = query;
  const { kinds, causes } = state === 'todo' ? TO_DO : { kinds: null, causes: null };
  const isOpen = state === 'all' ? null : state !== 'resolved';
  return { path, kind, cause, severity, shard: couple, day, isOpen, kinds, causes };
}
