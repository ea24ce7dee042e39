import { MirrorError } from '../errors/mirror-error';
import { SETUP_REMEDIES } from '../errors/setup-remedies';
import { sqlstateOf } from '../postgres/sqlstate';
import { printable } from './printable';

/** A store failed while it was read, or says nothing of what is asked, so there is no answer. */
export class CannotTellError extends MirrorError {
  override name = 'CannotTellError';

  constructor(problem: string, cause?: unknown, remedy?: string) {
    super(problem, { code: 'CANNOT_TELL', remedy, cause });
  }
}

/**
 * For verbs whose exit code 1 is an answer: whatever goes wrong while they read is none, so it
 * becomes an error of one line with exit code 2.
 *
 * @throws CannotTellError; errors that a person can act on stay as they are
 */
export async function readStores<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof MirrorError ? error : cannotTell(error);
  }
}

function cannotTell(error: unknown): CannotTellError {
  const message = error instanceof Error ? error.message : String(error);
  const line = printable(message.split('\n')[0] ?? '').replace(/\.$/, '');
  const sqlstate = sqlstateOf(error);
  if (sqlstate === null) return new CannotTellError(`Can't tell: ${line}.`, error);
  const known = SETUP_REMEDIES.get(sqlstate);
  if (known) return new CannotTellError(`Can't tell: ${known.problem}`, error, known.remedy);
  return new CannotTellError(`Can't tell: Postgres answered SQLSTATE ${sqlstate}: ${line}.`, error);
}
