import { blameOf } from './sqlstate';
import type { Statements } from './statements';

/** A deadlock ends one of its two: so often in a row it is not this statement's luck. */
const TRIES = 4;

/**
 * Runs a statement again that another transaction was in the way of (a deadlock, a failed serialization): nothing of
 * it was done. For statements that each are a transaction of their own.
 */
export function repeatingConflicts(statements: Statements): Statements {
  return {
    async run(text, values, signal) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await statements.run(text, values, signal);
        } catch (error) {
          if (attempt === TRIES || blameOf(error) !== 'conflict') throw error;
        }
      }
    },
  };
}
