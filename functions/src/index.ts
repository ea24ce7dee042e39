/** What is deployed: wiring only. */
import './framework-errors';

export { mirrorQuestCompletion } from './mirror-quest-completion';

// An instance runs one function, and the platform names it in FUNCTION_TARGET (discovery names
// none). Mirrors start most often: they do without what the others load, about 45 ms and 8 MB.
if (process.env.FUNCTION_TARGET !== 'mirrorQuestCompletion') {
  Object.assign(
    exports,
    require('./reconcile-functions'),
    require('./api-function'),
    require('./dashboard-function'),
  );
}
