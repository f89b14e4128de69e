export { me as GET } from '../../../impersonation.js';
