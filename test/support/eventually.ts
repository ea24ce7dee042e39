export { eventually } from '../../local/eventually';
