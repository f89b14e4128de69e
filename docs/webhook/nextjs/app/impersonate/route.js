export { impersonate as POST } from '../../impersonation.js';
