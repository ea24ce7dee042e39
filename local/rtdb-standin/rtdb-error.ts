/** What went wrong, in the words of the SDKs' wire protocol; REST maps each to a status. */
export type RtdbErrorCode = 'invalid' | 'permission_denied' | 'datastale' | 'invalid_token';

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
