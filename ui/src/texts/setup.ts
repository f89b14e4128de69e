// Texts of setting things up: first run, connection editor, secrets, settings, a connection's menu.
export const setup = {};
