import type { ClientBase } from 'pg';
import { z } from 'zod';
import type { Json } from '../values/json';

/** Whatever runs one statement, as a transaction of its own. */
export interface Statements {
  /**
   * The rows, not parsed. Rejects with pg's error, or a `ConnectError`; with the signal's reason where
   * that was aborted before the statement could be sent.
   */
  run(text: string, values: unknown[], signal?: AbortSignal): Promise<unknown[]>;
}

/** Runs them on a connection that somebody else opens and closes; in his transaction, where he began one. */
export function statementsOn(client: ClientBase): Statements {
  return { run: async (text, values) => (await client.query(text, values)).rows as unknown[] };
}

/** What a `jsonb` column holds, as pg parsed it: `z.json()` would drop a key named `__proto__`. */
export const jsonColumn = z.custom<Json>();

/** What a parameter takes, by its type in Postgres. */
interface ParameterValues {
  text: string;
  'text[]': readonly string[];
  integer: number;
  'integer[]': readonly number[];
  bigint: number | string;
  'bigint[]': readonly (number | string)[];
  'double precision': number;
  boolean: boolean;
  /** `YYYY-MM-DD` */
  date: string;
  'date[]': readonly string[];
  /** An instant; text keeps microseconds, a `Date` has none. */
  timestamptz: string | Date;
  interval: string;
  jsonb: Json;
}

/** A parameter's type in Postgres; with `?` it may be null. */
export type ParameterType = keyof ParameterValues | `${keyof ParameterValues}?`;

type ParameterValue<Type extends ParameterType> = Type extends keyof ParameterValues
  ? ParameterValues[Type]
  : Type extends `${infer Some extends keyof ParameterValues}?`
    ? ParameterValues[Some] | null
    : never;

type Parameters = Readonly<Record<string, ParameterType>>;
type Given<Params extends Parameters> = {
  readonly [Name in keyof Params]: ParameterValue<Params[Name]>;
};
/** Left out where there are none. */
type Arguments<Params extends Parameters> = keyof Params extends never
  ? [given?: Record<string, never>, signal?: AbortSignal]
  : [given: Given<Params>, signal?: AbortSignal];

interface QueryParts<Params extends Parameters, Shape extends z.ZodRawShape> {
  /** Constant, with `$1`, `$2` … in the order of `params`. */
  text: string;
  params: Params;
  /** The columns of its rows, named in camelCase; the statement names them in snake_case. */
  row: Shape;
}

/** One statement with what goes in and what comes out. Each method rejects as {@link Statements.run} does. */
export class Query<Params extends Parameters, Shape extends z.ZodRawShape> {
  readonly text: string;
  readonly params: Params;
  /** Of a row, as the statement names them. */
  readonly columns: readonly string[];
  readonly #parameters: readonly (readonly [name: string, isJson: boolean])[];
  /** The names of a row's columns: in the statement, and in the code. */
  readonly #names: readonly (readonly [column: string, name: string])[];
  readonly #row: z.ZodObject<Shape>;

  constructor({ text, params, row }: QueryParts<Params, Shape>) {
    this.text = text;
    this.params = params;
    this.#parameters = Object.entries(params).map(([name, type]) => [
      name,
      type === 'jsonb' || type === 'jsonb?',
    ]);
    this.#names = Object.keys(row).map((name) => [snakeCase(name), name]);
    this.columns = this.#names.map(([column]) => column);
    this.#row = z.object(row);
  }

  /** All rows. Not `async`: every batch of events passes here, and `await` takes a promise more. */
  all(
    statements: Statements,
    ...[given, signal]: Arguments<Params>
  ): Promise<z.output<z.ZodObject<Shape>>[]> {
    return statements
      .run(this.text, this.#values(given), signal)
      .then((rows) => rows.map((row) => this.#parse(row)));
  }

  /** The one row of a statement that has one. */
  async one(
    statements: Statements,
    ...given: Arguments<Params>
  ): Promise<z.output<z.ZodObject<Shape>>> {
    const [row, ...more] = await this.all(statements, ...given);
    if (row === undefined || more.length > 0) {
      throw new Error(`expected one row from Postgres, got ${row === undefined ? 0 : 'more'}`);
    }
    return row;
  }

  /** The first row; null where there is none. */
  async first(
    statements: Statements,
    ...given: Arguments<Params>
  ): Promise<z.output<z.ZodObject<Shape>> | null> {
    const [row = null] = await this.all(statements, ...given);
    return row;
  }

  /** For a statement whose rows nobody needs; how many it answered, which is 0 without `returning`. */
  async run(statements: Statements, ...[given, signal]: Arguments<Params>): Promise<number> {
    return (await statements.run(this.text, this.#values(given), signal)).length;
  }

  #values(given: Given<Params> | Record<string, never> | undefined): unknown[] {
    const values = (given ?? {}) as Readonly<Record<string, unknown>>;
    return this.#parameters.map(([name, isJson]) => encoded(values[name], isJson));
  }

  #parse(row: unknown): z.output<z.ZodObject<Shape>> {
    const columns = row as Readonly<Record<string, unknown>>;
    const named: Record<string, unknown> = {};
    for (const [column, name] of this.#names) named[name] = columns[column];
    return this.#row.parse(named);
  }
}

/** What a query takes. */
export type GivenOf<Some> = Some extends Query<infer Params, z.ZodRawShape> ? Given<Params> : never;

/** What a query's rows hold. */
export type RowOf<Some> =
  Some extends Query<Parameters, infer Shape> ? z.output<z.ZodObject<Shape>> : never;

/** Every query that was made: a test prepares each on the real schema. */
export const QUERIES: Query<Parameters, z.ZodRawShape>[] = [];

/**
 * One typed statement. Its text is constant: nothing is ever put into it.
 *
 * @example
 * const LAST_CANARY = query({
 *   text: 'select max(lag_ms) as lag_ms from canaries where path = $1',
 *   params: { path: 'text' },
 *   row: { lagMs: z.number().nullable() },
 * });
 * const { lagMs } = await LAST_CANARY.one(statements, { path: 'steps' });
 */
export function query<const Params extends Parameters, Shape extends z.ZodRawShape>(
  parts: QueryParts<Params, Shape>,
): Query<Params, Shape> {
  const made = new Query(parts);
  QUERIES.push(made as unknown as Query<Parameters, z.ZodRawShape>);
  return made;
}

/** pg would write a JSON array as one of Postgres', and a Date in the zone of this machine. */
function encoded(value: unknown, isJson: boolean): unknown {
  if (value === null) return null;
  if (isJson) return JSON.stringify(value);
  return value instanceof Date ? value.toISOString() : value;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
