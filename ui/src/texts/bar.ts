// Texts of the session bar.
export const bar = {};
