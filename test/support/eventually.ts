export { type EventuallyOptions, eventually } from '../../local/eventually';
