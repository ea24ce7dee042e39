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

/** What a `jsonb` column holds, as pg parsed it: `z.json()` would drop a key named `__proto__`. */
export const jsonColumn = z.custom<Json>();
