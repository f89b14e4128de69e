// The Smart Actions as the legacy packages have them declared, in a file of the folder `configDir`.
const fields = [
  { field: 'Reason', type: 'String', isRequired: true, description: 'Why do you sign in as this customer?' },
  { field: 'Channel', type: 'Enum', enums: ['Phone', 'E-mail', 'Chat'] },
];

/** The form is filled in by the backend when it is opened. */
const load = ({ fields: shown }) => {
  shown.find(({ field }) => field === 'Channel').value = 'E-mail';
  return shown;
};

module.exports = [
  { name: 'Impersonate', type: 'single' },
  { name: 'Impersonate with reason', type: 'single', fields, hooks: { load } },
  { name: 'Impersonate as declared', type: 'single', fields },
  { name: 'Open as', type: 'single' },
  { name: 'Refuse', type: 'single' },
  { name: 'Say', type: 'single' },
  { name: 'Refresh', type: 'single' },
  { name: 'Nothing', type: 'single' },
  { name: 'Download', type: 'single', download: true },
];
