import { onValueWritten } from 'firebase-functions/v2/database';
import { TRIGGER_OPTIONS } from './trigger-options';

/** The ceiling: what the runtime takes when the handler returns at once, and logs nothing. */
export const doNothing = onValueWritten(TRIGGER_OPTIONS, () => {});
