export { proxy } from './impersonation.js';
