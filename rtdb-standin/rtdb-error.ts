/** What went wrong, in the words of the SDKs' wire protocol; REST maps each to a status. */
export type RtdbErrorCode =
  | 'invalid'
  | 'permission_denied'
  | 'datastale'
  | 'invalid_token'
  | 'write_too_big';

export const WRITE_TOO_BIG =
  'Data to write exceeds the maximum size that can be modified with a single request.';

/** A refusal that the client is told about, as opposed to a fault of the stand-in. */
export class RtdbError extends Error {
  constructor(
    readonly code: RtdbErrorCode,
    message: string,
  ) {
    super(message);
    this.name = 'RtdbError';
  }
}
