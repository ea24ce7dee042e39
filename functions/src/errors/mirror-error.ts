/** Which error it is, for programs and logs. They stay as they are; docs/errors.md says what each means. */
export const ERROR_CODES = [
  'BAD_USAGE',
  'BAD_CONFIGURATION',
  'PROJECT_NOT_READY',
  'OTHER_RTDB',
  'POSTGRES_UNREACHABLE',
  'POSTGRES_FAILED',
  'RTDB_NOT_READ',
  'BACKUP_NOT_READ',
  'CANNOT_TELL',
  'MIGRATION_FAILED',
  'CANARY_ROUND_FAILED',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

interface ErrorParts {
  code: ErrorCode;
  /** What to do about it, as an imperative; it follows the problem in the message. */
  remedy?: string | undefined;
  cause?: unknown;
}

/**
 * An error that a person can act on: one line that says what is wrong and, where that is known, what
 * helps. It holds no secret, and nothing of a row.
 */
export abstract class MirrorError extends Error {
  override name = 'MirrorError';
  readonly code: ErrorCode;
  /** The message without the remedy. */
  readonly problem: string;
  /** Null where nothing is known to help. */
  readonly remedy: string | null;

  constructor(problem: string, { code, remedy, ...options }: ErrorParts) {
    super(remedy === undefined ? problem : `${problem}; ${remedy}`, options);
    this.code = code;
    this.problem = problem;
    this.remedy = remedy ?? null;
  }
}

/** Bad arguments: the person who typed the command can fix it. */
export class UsageError extends MirrorError {
  override name = 'UsageError';

  constructor(problem: string) {
    super(problem, { code: 'BAD_USAGE' });
  }
}

/**
 * A setting, a declaration or a file that the work needs is missing or can't be used, so nothing was
 * tried. Its message never holds a value that may be a secret.
 */
export class ConfigurationError extends MirrorError {
  override name = 'ConfigurationError';

  constructor(
    problem: string,
    { code = 'BAD_CONFIGURATION', ...details }: Partial<ErrorParts> = {},
  ) {
    super(problem, { code, ...details });
  }
}
