/** A setting that is missing or can't be used. Its message never holds a setting's value. */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError';
}
