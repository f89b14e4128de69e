export { logout as POST } from '../../impersonation.js';
