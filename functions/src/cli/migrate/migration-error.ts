import { DatabaseError } from 'pg';
import { MirrorError } from '../../errors/mirror-error';

/** A migration that is wrong, that Postgres refuses, or whose turn did not come. */
export class MigrationError extends MirrorError {
  override name = 'MigrationError';

  constructor(problem: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(problem, { code: 'MIGRATION_FAILED', ...options });
  }
}

interface FailedFile {
  name: string;
  sql: string;
  transactional: boolean;
}

/** One line: file and line, SQLSTATE, what Postgres says. */
export function migrationFailure(file: FailedFile, error: unknown): MigrationError {
  if (!(error instanceof DatabaseError)) {
    const message = error instanceof Error ? error.message : String(error);
    return new MigrationError(`${file.name}: ${message}`, { cause: error });
  }
  const parts = [
    `${file.name}${lineOf(file.sql, error.position)}: SQLSTATE ${error.code}: ${error.message}`,
    // Inside a DO block Postgres gives no position, but says where.
    error.position ? undefined : error.where?.split('\n')[0],
    error.hint && `hint: ${error.hint}`,
    !file.transactional &&
      'a failed "create index concurrently" may leave an invalid index to drop',
  ];
  return new MigrationError(parts.filter(Boolean).join('; '), { cause: error });
}

/** Postgres counts characters from 1, JavaScript UTF-16 units. */
function lineOf(sql: string, position: string | undefined): string {
  if (!position) return '';
  const before = Array.from(sql).slice(0, Number(position) - 1);
  return `:${before.filter((character) => character === '\n').length + 1}`;
}
