import { onValueWritten } from 'firebase-functions/v2/database';
import { COMPLETIONS, DOCUMENTS, triggerOptions } from './trigger-options';

/** The ceiling: what the runtime takes when the handler returns at once, and logs nothing. */
export const doNothing = onValueWritten(triggerOptions(COMPLETIONS), () => {});

/** The same for documents. */
export const doNothingWithDocuments = onValueWritten(triggerOptions(DOCUMENTS), () => {});
