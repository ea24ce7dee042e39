/** What is deployed: wiring only. */
export { mirrorQuestCompletion } from './mirror-quest-completion';
