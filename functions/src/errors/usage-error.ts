/** Bad arguments: the person who typed the command can mend it. Exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** Something outside is missing, malformed or unreachable, so nothing was tried. Exit code 2. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}
