// Who there is: the customers' application's users, and the operators that Forest's server knows.
export const USERS = [
  { email: 'ada@example.com', name: 'Ada Moreau', role: 'customer' },
  { email: 'bo@example.com', name: 'Bo Lindqvist', role: 'customer' },
  { email: 'root@example.com', name: 'Rosa Admin', role: 'admin' },
  { email: 'chief@example.com', name: 'Chidi Chief', role: 'admin' },
];

// Permissions are a role's, and a role is found by the id in the token: which operator calls decides,
// or for the first of them OPERATOR_ROLE.
export const ROLES = { support: 1, trainee: 2, supervised: 3, approver: 4 };
export const OPERATORS = [
  {
    id: 1,
    firstName: 'Olga',
    lastName: 'Support',
    email: 'operator@example.com',
    roleId: ROLES[process.env.OPERATOR_ROLE ?? 'support'],
  },
  { id: 2, firstName: 'Tim', lastName: 'Trainee', email: 'trainee@example.com', roleId: ROLES.trainee },
  {
    id: 3,
    firstName: 'Sam',
    lastName: 'Supervised',
    email: 'supervised@example.com',
    roleId: ROLES.supervised,
  },
];
