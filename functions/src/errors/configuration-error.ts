/** A setting that is missing or can't be used. Its message never holds a value that may be a secret. */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError';
}
