import { ConfigError } from '../errors/usage-error';

/** A backup that can't be used, or only up to a place. Its message is one line for a person. */
export class BackupError extends ConfigError {
  override name = 'BackupError';
}

/** @param byte counted from 0, in the JSON as it is without gzip */
export function atByte(byte: number, complaint: string): BackupError {
  return new BackupError(`the backup ${complaint} (byte ${byte.toLocaleString('en')} of its JSON)`);
}
